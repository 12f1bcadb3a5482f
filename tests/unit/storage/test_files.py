import sqlite3
from contextlib import closing

import pytest

from engine.ports import StoreError
from storage.files import open_storage
from storage.lock import hold_folder
from storage.migrate import migrate, shipped
from storage.profile import Durability, open_database
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW
from tests.unit.storage.rows import tamper


async def test_first_opening_migrates_both_files_and_the_next_none(lock, clock):
    async with open_storage(lock, clock) as first:
        assert first.migrated == (
            "ledger/0001_init",
            "ledger/0002_reviews",
            "ledger/0003_execution",
            "ledger/0004_evidence",
            "ledger/0005_standing_grants",
            "ledger/0006_chain_acts",
            "ledger/0007_repairs",
            "ledger/0008_quotes",
            "market/0001_init",
            "market/0002_history",
        )
        assert first.sqlite.version == sqlite3.sqlite_version
    async with open_storage(lock, clock) as second:
        assert second.migrated == ()


async def test_ledger_of_the_first_schema_goes_on_with_what_it_held(lock, clock):
    ledger = await open_database(lock.folder / "ledger.db", Durability.FULL)
    await migrate(ledger, shipped("ledger")[:1], NOW)
    await ledger.close()
    tamper(lock.folder / "ledger.db", "INSERT INTO freezes VALUES ('35090', 'a leg was missed', 1)")

    async with open_storage(lock, clock) as storage:
        assert storage.migrated == (
            "ledger/0002_reviews",
            "ledger/0003_execution",
            "ledger/0004_evidence",
            "ledger/0005_standing_grants",
            "ledger/0006_chain_acts",
            "ledger/0007_repairs",
            "ledger/0008_quotes",
            "market/0001_init",
            "market/0002_history",
        )
        restored = await storage.store.load(NOW)

    assert restored.frozen_events == (("35090", "a leg was missed"),)
    assert (restored.reviews, restored.rules_freezes) == ((), ())


async def test_install_secret_is_made_once_and_differs_per_folder(lock, clock, tmp_path):
    async with open_storage(lock, clock) as first:
        secret = first.install_secret
    async with open_storage(lock, clock) as again:
        assert again.install_secret == secret
    with hold_folder(tmp_path / "another") as other:
        async with open_storage(other, clock) as elsewhere:
            assert elsewhere.install_secret != secret
    assert len(secret) == 32


async def test_install_secret_is_not_printed(storage):
    assert repr(storage.install_secret) not in repr(storage)


async def test_clean_closing_leaves_no_log_behind(lock, clock):
    async with open_storage(lock, clock) as storage:
        await storage.store.save_halt("killed")

    assert {f.name for f in lock.folder.iterdir()} == {"ledger.db", "market.db", "desk.lock"}


async def test_files_are_closed_when_the_desk_fails(lock, clock):
    with pytest.raises(RuntimeError, match="ours"):
        async with open_storage(lock, clock) as storage:
            raise RuntimeError("ours")

    with pytest.raises(StoreError, match="the desk is stopping"):
        await storage.store.save_halt("too late")


async def test_released_lock_opens_nothing(tmp_path, clock):
    lock = hold_folder(tmp_path)
    lock.release()

    with pytest.raises(AssertionError, match="to be held"):
        async with open_storage(lock, clock):
            pass
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("emptied", [True, False])
async def test_lost_ledger_of_a_used_folder_is_not_begun_anew(lock, clock, emptied):
    async with open_storage(lock, clock):
        pass
    ledger = lock.folder / "ledger.db"
    if emptied:
        ledger.write_bytes(b"")
    else:
        ledger.unlink()

    with pytest.raises(StoreError, match=r"ledger.db is missing or empty .* restore the newest backup"):
        async with open_storage(lock, clock):
            pass


async def test_lost_market_file_is_begun_anew(lock, clock):
    async with open_storage(lock, clock) as storage:
        await storage.store.save_ticket(builders.ticket(), None)
    (lock.folder / "market.db").unlink()

    async with open_storage(lock, clock) as storage:
        assert storage.migrated == ("market/0001_init", "market/0002_history")
        assert len((await storage.store.load(NOW)).tickets) == 1


async def test_row_that_points_nowhere_refuses_the_start(lock, clock):
    async with open_storage(lock, clock):
        pass
    tamper(lock.folder / "ledger.db", "INSERT INTO signed (order_id, body) VALUES ('0xgone', x'00')")

    with pytest.raises(StoreError, match=r"a row of signed points to a missing row of orders"):
        async with open_storage(lock, clock):
            pass


async def test_damaged_ledger_refuses_the_start_and_is_left_as_it_is(lock, clock):
    async with open_storage(lock, clock):
        pass
    path = lock.folder / "ledger.db"
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 3 : 4096 * 4] = b"\xa5" * 4096
    path.write_bytes(damaged)

    with pytest.raises(StoreError, match="restore the newest backup"):
        async with open_storage(lock, clock):
            pass

    assert path.read_bytes() == damaged


async def test_ledger_of_a_newer_program_refuses_the_start(lock, clock):
    async with open_storage(lock, clock):
        pass
    tamper(
        lock.folder / "ledger.db",
        "INSERT INTO migrations (number, name, checksum, applied_ms) VALUES (99, '0099_later', ?, 1)",
        "0" * 64,
    )

    with pytest.raises(StoreError, match="written by a newer version"):
        async with open_storage(lock, clock):
            pass


async def test_edited_migration_refuses_the_start(lock, clock):
    async with open_storage(lock, clock):
        pass
    tamper(lock.folder / "market.db", "UPDATE migrations SET checksum = ?", "0" * 64)

    with pytest.raises(StoreError, match=r"market.db: migration 0001_init differs"):
        async with open_storage(lock, clock):
            pass


async def test_desk_writes_while_a_stranger_only_reads(storage, lock):
    with closing(sqlite3.connect(lock.folder / "ledger.db")) as reader:
        reader.execute("SELECT * FROM halts").fetchall()
        await storage.store.save_halt("killed")

        assert reader.execute("SELECT reason FROM halts").fetchall() == [("killed",)]
