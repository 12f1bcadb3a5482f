import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.ports import StoreError
from storage.profile import Durability, open_database, sqlite_version
from tests.unit.storage.rows import tamper


async def pragma(path: Path, durability: Durability, name: str) -> object:
    database = await open_database(path, durability)
    try:
        async with database.transaction() as transaction:
            row = await transaction.row(f"PRAGMA {name}")
    finally:
        await database.close()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 5000), ("trusted_schema", 0)],
)
async def test_file_is_opened_with_the_desk_profile(tmp_path, name, value):
    assert await pragma(tmp_path / "ledger.db", Durability.FULL, name) == value


@pytest.mark.parametrize(("durability", "level"), [(Durability.FULL, 2), (Durability.NORMAL, 1)])
async def test_synchronous_follows_the_file(tmp_path, durability, level):
    assert await pragma(tmp_path / "x.db", durability, "synchronous") == level


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
async def test_new_file_and_its_log_are_readable_by_the_owner_alone(tmp_path):
    database = await open_database(tmp_path / "ledger.db", Durability.FULL)
    async with database.transaction() as transaction:
        await transaction.run("CREATE TABLE t (n INTEGER) STRICT")

    modes = {entry.name: entry.stat().st_mode & 0o777 for entry in tmp_path.iterdir()}
    await database.close()

    assert modes.keys() == {"ledger.db", "ledger.db-wal", "ledger.db-shm"}
    assert set(modes.values()) == {0o600}


async def test_text_file_in_place_of_the_database_is_refused_and_kept(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_text("this is a letter, not a database. " * 200)
    before = path.read_bytes()

    with pytest.raises(StoreError, match=r"ledger.db: the file is not a database or is damaged: keep it"):
        await open_database(path, Durability.FULL)

    assert path.read_bytes() == before


def filled(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT) STRICT")
        connection.execute("CREATE INDEX t_text ON t (text)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(n, f"row {n} " * 20) for n in range(300)])
    return path.read_bytes()


@pytest.mark.parametrize("seed", range(12))
async def test_page_of_garbage_is_refused_and_nothing_is_repaired(tmp_path, seed):
    path = tmp_path / "ledger.db"
    whole = filled(path)
    rng = random.Random(seed)
    page = rng.randrange(1, len(whole) // 4096)
    damaged = whole[: page * 4096] + rng.randbytes(4096) + whole[(page + 1) * 4096 :]
    path.write_bytes(damaged)

    with pytest.raises(StoreError, match="damaged") as refused:
        await open_database(path, Durability.FULL)

    assert "restore the newest backup" in str(refused.value), f"seed {seed}"
    assert path.read_bytes() == damaged, f"seed {seed}"


async def test_market_file_is_not_read_through_at_a_start_and_its_damage_is_met_when_used(tmp_path):
    """Gigabytes of history must not keep a desk from cancelling what rests."""
    path = tmp_path / "market.db"
    whole = filled(path)
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))

    database = await open_database(path, Durability.NORMAL)
    with pytest.raises(StoreError, match=r"market\.db: the file is damaged"):
        async with database.transaction() as transaction:
            await transaction.rows("SELECT text FROM t")
    await database.close()


async def test_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "ledger.db"
    whole = filled(path)
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(StoreError, match="restore the newest backup"):
        await open_database(path, Durability.FULL)


async def test_missing_folder_is_refused_with_what_to_check(tmp_path):
    with pytest.raises(StoreError, match=r"cannot be opened for writing .*: check folder and owner"):
        await open_database(tmp_path / "absent" / "ledger.db", Durability.FULL)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permission bits bind")
async def test_read_only_file_is_refused_with_what_to_check(tmp_path):
    path = tmp_path / "ledger.db"
    filled(path)
    path.chmod(0o400)

    with pytest.raises(StoreError, match="cannot be opened for writing"):
        await open_database(path, Durability.FULL)


async def test_garbled_tail_of_the_log_costs_only_what_was_never_synced(tmp_path):
    """A torn last frame is dropped by its checksum; everything before it stands."""
    path = tmp_path / "ledger.db"
    database = await open_database(path, Durability.FULL)
    async with database.transaction() as transaction:
        await transaction.run("CREATE TABLE t (n INTEGER) STRICT")
        await transaction.run("INSERT INTO t VALUES (1)")
    copy = tmp_path / "crashed.db"
    copy.write_bytes(path.read_bytes())
    wal = (tmp_path / "ledger.db-wal").read_bytes()
    (tmp_path / "crashed.db-wal").write_bytes(wal + b"\x5a" * 3000)
    await database.close()

    reopened = await open_database(copy, Durability.FULL)
    async with reopened.transaction() as transaction:
        rows = await transaction.rows("SELECT n FROM t")
    await reopened.close()

    assert [row["n"] for row in rows] == [1]


async def test_foreign_key_is_enforced(tmp_path):
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE a (n INTEGER PRIMARY KEY) STRICT")
        connection.execute("CREATE TABLE b (n INTEGER REFERENCES a (n)) STRICT")
    tamper(path, "INSERT INTO b VALUES (7)")
    database = await open_database(path, Durability.NORMAL)

    with pytest.raises(StoreError, match="FOREIGN KEY"):
        async with database.transaction() as transaction:
            await transaction.run("INSERT INTO b VALUES (8)")
    await database.close()


def test_library_too_old_for_strict_tables_is_refused():
    with pytest.raises(StoreError, match=r"expected SQLite 3\.37\.0 or newer, found 3\.36\.5"):
        sqlite_version((3, 36, 5))


@pytest.mark.parametrize(("version", "warned"), [((3, 40, 1), True), ((3, 51, 2), True), ((3, 51, 3), False)])
def test_library_with_the_log_reset_bug_is_reported(version, warned):
    report = sqlite_version(version)

    assert report.version == ".".join(map(str, version))
    assert (report.warning is not None) == warned
