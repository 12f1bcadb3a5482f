from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from engine.domain.book import Level
from engine.domain.history import KeptSnapshot
from engine.domain.units import Ms, Price
from engine.ports import StoreError
from storage.files import open_storage
from storage.readonly import read_snapshots
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW, snapshot
from tests.unit.storage.rows import read, tamper
from tests.unit.storage.shapes import CLEAN, shapes


def kept(folder, seed: object = 0, since: int = 0, until: int = 2**62) -> tuple[KeptSnapshot, ...]:
    return read_snapshots(folder, builders.token(seed), since_ms=Ms(since), until_ms=Ms(until))


async def test_book_comes_back_as_it_was_after_a_restart(lock, clock):
    deep = snapshot(depth=2_000)
    async with open_storage(lock, clock) as storage:
        await storage.store.save_snapshots([deep])

    assert kept(lock.folder) == (deep,)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(side=shapes(tuple[Level, ...], CLEAN))
async def test_levels_of_any_size_come_back_exactly(storage, lock, side):
    book = replace(snapshot(), bids=(), asks=tuple(level for level in side if level.price > 0))

    await storage.store.save_snapshots([book])

    assert kept(lock.folder) == (book,)


async def test_range_holds_its_start_and_not_its_end_oldest_first(storage, lock):
    books = [snapshot(received_ms=NOW + minute * 60_000) for minute in (3, 1, 2, 0)]
    await storage.store.save_snapshots([*books, snapshot("another")])

    found = kept(lock.folder, since=NOW + 60_000, until=NOW + 180_000)

    assert [book.received_ms - NOW for book in found] == [60_000, 120_000]


async def test_second_book_of_one_millisecond_replaces_the_first(storage, lock):
    await storage.store.save_snapshots([snapshot(), snapshot(shift=5)])

    assert kept(lock.folder) == (snapshot(shift=5),)


async def test_one_bad_row_stores_nothing_of_its_batch(storage, lock):
    bad = replace(snapshot("bad"), tick=Price(0))

    with pytest.raises(StoreError, match="a rule of the database refused the row"):
        await storage.store.save_snapshots([snapshot(), bad, snapshot("later")])

    assert kept(lock.folder) == ()


async def test_view_shows_names_touch_and_depth(storage, lock):
    event = builders.event()
    await storage.store.save_catalogue([event], NOW)
    book = replace(snapshot(depth=3), token_id=event.markets[1].no)
    one_sided = replace(snapshot("unlisted"), bids=())
    await storage.store.save_snapshots([book, one_sided])

    rows = read(lock.folder / "market.db", "SELECT * FROM v_snapshot ORDER BY code DESC")

    assert rows[0] | {"bids": "", "asks": ""} == {
        "code": "fed5",
        "name": event.markets[1].name,
        "answer": "NO",
        "token_id": book.token_id,
        "received_ms": NOW,
        "venue_ms": NOW - 250,
        "hash": book.hash,
        "tick": 10,
        "best_bid": 3_100,
        "best_ask": 3_110,
        "bid_levels": 3,
        "ask_levels": 3,
        "bids": "",
        "asks": "",
    }
    assert rows[0]["bids"] == "[[3100,50000000],[3090,50000001],[3080,50000002]]"
    assert (rows[1]["code"], rows[1]["best_bid"], rows[1]["bid_levels"], rows[1]["ask_levels"]) == (
        (None, None, 0, 2)
    )


async def test_range_is_read_through_the_index(storage, lock):
    plan = read(
        lock.folder / "market.db",
        "EXPLAIN QUERY PLAN SELECT * FROM book_snapshots WHERE token_id = 't' AND received_ms >= 1",
    )

    assert "book_snapshots_by_token (token_id=? AND received_ms>?)" in plan[0]["detail"]


async def test_books_never_touch_the_ledger(storage, lock):
    before = (lock.folder / "ledger.db-wal").read_bytes()

    await storage.store.save_snapshots([snapshot(seed) for seed in range(100)])

    assert (lock.folder / "ledger.db-wal").read_bytes() == before


async def test_row_changed_by_a_stranger_is_told_when_it_is_read(storage, lock):
    await storage.store.save_snapshots([snapshot()])
    tamper(lock.folder / "market.db", "UPDATE book_snapshots SET bids = '[[1,'")

    with pytest.raises(StoreError, match=r"market\.db was changed by another program"):
        kept(lock.folder)


async def test_market_file_of_an_older_program_is_told_by_its_schema(storage, lock):
    tamper(lock.folder / "market.db", "DELETE FROM migrations WHERE number = 2")

    with pytest.raises(
        StoreError, match=r"market.db has schema 1, this program reads 2: run `dutchdesk migrate"
    ):
        kept(lock.folder)
