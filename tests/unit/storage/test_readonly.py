import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from engine.domain.ids import EventId
from engine.domain.market import Side
from engine.domain.order import Fill, OrderRecord, OrderState, Settlement
from engine.domain.ticket import TicketState
from engine.domain.units import Ms, Size, Usdc
from engine.ports import Store, StoreError
from storage.files import open_storage
from storage.readonly import (
    LedgerStatus,
    OrderLine,
    SchemaLine,
    StoredRules,
    TicketLine,
    read_rules,
    read_schemas,
    read_status,
)
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW
from tests.unit.storage.rows import read, tamper
from tests.unit.storage.store_contract import send

DAY_START = NOW - NOW % 86_400_000


async def test_status_of_a_fresh_desk_is_empty(storage, lock):
    assert read_status(lock.folder, NOW) == LedgerStatus(
        halted=None, frozen_events=(), tickets=(), orders=(), fills_today=0, spent_today=Usdc(0)
    )


async def fill_the_ledger(store: Store) -> tuple[OrderRecord, Fill]:
    await store.save_ticket(builders.ticket("T-OPEN"), None)
    await store.save_ticket(replace(builders.ticket("T-GONE"), state=TicketState.DROPPED), None)
    _, pairs = await send(store, "T-SENT", legs=3)
    first, second, third = (record for record, _ in pairs)
    await store.save_progress(
        [
            replace(first, state=OrderState.FILLED, filled=Size(200_000_000)),
            replace(second, state=OrderState.UNKNOWN, filled=Size(5)),
            replace(third, state=OrderState.DEAD),
        ],
        [builders.fill(first)],
    )
    await store.save_halt("killed by ben")
    await store.save_freeze(EventId("35090"), "a leg was missed")
    return second, builders.fill(first)


async def test_status_tells_what_is_open_halted_and_spent(storage, lock):
    unknown, fill = await fill_the_ledger(storage.store)

    status = read_status(lock.folder, NOW)

    assert (status.halted, status.frozen_events) == ("killed by ben", ("35090",))
    assert status.tickets == (
        TicketLine("T-OPEN", "dutch", "dry", "ben", Ms(NOW + 45_000)),
        TicketLine("T-SENT", "dutch", "sending", "ben", Ms(0)),
    )
    assert status.orders == (
        OrderLine(unknown.order_id, "T-SENT", 1, "unknown", "BUY", Size(200_000_000), Size(5), 1),
    )
    assert (status.fills_today, status.spent_today) == (1, fill.cash + fill.fee)


async def test_status_is_the_same_once_the_desk_has_stopped(lock, clock):
    async with open_storage(lock, clock) as storage:
        await fill_the_ledger(storage.store)
        running = read_status(lock.folder, NOW)

    assert read_status(lock.folder, NOW) == running


async def test_lifted_halt_is_not_shown(storage, lock):
    await storage.store.save_halt("killed")
    await storage.store.save_halt(None)

    assert read_status(lock.folder, NOW).halted is None


@pytest.mark.parametrize(
    ("change", "spent"),
    [
        ({}, 1_100),
        ({"settlement": Settlement.CONFIRMED}, 1_100),
        ({"settlement": Settlement.FAILED}, 0),
        ({"side": Side.SELL}, 100),
        ({"matched_ms": Ms(DAY_START)}, 1_100),
        ({"matched_ms": Ms(DAY_START - 1)}, 0),
        ({"matched_ms": Ms(DAY_START + 86_400_000 - 1)}, 1_100),
        ({"matched_ms": Ms(DAY_START + 86_400_000)}, 0),
    ],
)
async def test_day_counts_purchases_and_fees_of_its_own_utc_hours(storage, lock, change, spent):
    _, pairs = await send(storage.store, legs=1)
    fill = replace(builders.fill(pairs[0][0]), cash=Usdc(1_000), fee=Usdc(100), **change)

    await storage.store.save_progress([], [fill])

    assert read_status(lock.folder, NOW).spent_today == spent


async def test_reader_sees_one_moment_and_never_writes(storage, lock):
    before = (lock.folder / "ledger.db-wal").read_bytes()

    read_status(lock.folder, NOW)
    read_schemas(lock.folder)

    assert (lock.folder / "ledger.db-wal").read_bytes() == before


async def test_schemas_tell_what_the_files_have_and_what_the_program_knows(storage, lock):
    assert read_schemas(lock.folder) == (SchemaLine("ledger.db", 8, 8), SchemaLine("market.db", 2, 2))

    tamper(lock.folder / "ledger.db", "DELETE FROM migrations")

    assert read_schemas(lock.folder)[0] == SchemaLine("ledger.db", 0, 8)


async def test_rules_tell_event_newest_review_and_freeze(storage, lock):
    event = builders.event()
    await storage.store.save_catalogue([event], NOW)
    assert read_rules(lock.folder, event.code) == StoredRules(event, None, None)
    for review in (builders.review("[1]"), builders.review("[2]")):
        await storage.store.save_review(review)
    await storage.store.save_rules_freeze(builders.rules_freeze())

    assert read_rules(lock.folder, event.code) == StoredRules(
        event, builders.review("[2]"), builders.rules_freeze()
    )
    assert read_rules(lock.folder, "nothing") is None


async def test_event_that_waits_for_a_review_is_among_the_frozen(storage, lock):
    await storage.store.save_freeze(EventId("35090"), "a leg was missed")
    await storage.store.save_rules_freeze(builders.rules_freeze())
    await storage.store.save_rules_freeze(builders.rules_freeze(event_id="35091"))

    assert read_status(lock.folder, NOW).frozen_events == ("35090", "35091")


async def test_ledger_of_the_version_before_reviews_is_still_read(storage, lock):
    event = builders.event()
    await storage.store.save_catalogue([event], NOW)
    await storage.store.save_freeze(EventId("35090"), "a leg was missed")
    for sql in ("DROP VIEW v_review", "DROP TABLE rules_freezes", "DROP TABLE reviews"):
        tamper(lock.folder / "ledger.db", sql)

    assert read_status(lock.folder, NOW).frozen_events == ("35090",)
    assert read_rules(lock.folder, event.code) == StoredRules(event, None, None)


def test_folder_without_a_ledger_is_refused_and_stays_empty(tmp_path):
    with pytest.raises(StoreError, match=r"expected ledger.db in .*, found none: no desk has run there"):
        read_status(tmp_path, NOW)

    assert list(tmp_path.iterdir()) == []


def test_file_that_is_no_ledger_is_refused_with_the_next_step(tmp_path):
    (tmp_path / "ledger.db").write_text("a letter " * 500)

    with pytest.raises(StoreError, match="restore the newest backup"):
        read_status(tmp_path, NOW)


def test_ledger_without_tables_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.execute("CREATE TABLE other (n INTEGER)")

    with pytest.raises(StoreError, match="no such table"):
        read_status(tmp_path, NOW)


async def test_folder_name_may_hold_what_a_url_would_misread(tmp_path, clock):
    from storage.lock import hold_folder

    with hold_folder(tmp_path / "100% desk?#1") as lock:
        async with open_storage(lock, clock) as storage:
            await storage.store.save_halt("killed")

            assert read_status(lock.folder, NOW).halted == "killed"
            assert read(lock.folder / "ledger.db", "SELECT reason FROM halts") == [{"reason": "killed"}]
