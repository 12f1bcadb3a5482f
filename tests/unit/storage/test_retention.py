"""What retention takes out, against a plain reading of the rule; and what it leaves alone."""

import random
from collections.abc import Iterable

import pytest

from engine.domain.history import DAY_MS, HOUR_MS, Pruned
from engine.domain.units import Ms
from storage import retention
from storage.files import Storage
from storage.readonly import read_prunable, read_reusable_bytes, read_snapshots
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW, snapshot
from tests.unit.storage.rows import read

MINUTE_MS = 60_000


async def taken(storage: Storage, at_ms: Ms) -> Pruned:
    return sum([part async for part in storage.store.prune_history(at_ms)], Pruned())


def remaining(folder, seed: object = 0) -> list[int]:
    books = read_snapshots(folder, builders.token(seed), since_ms=Ms(0), until_ms=Ms(2**62))
    return [book.received_ms for book in books]


def rule(times: Iterable[int], now: int) -> list[int]:
    """The rule in other words: all of the last day, the first of each hour of 30 days, of each older day."""
    kept: dict[tuple[int, int], int] = {}
    for time in sorted(times):
        age = now - time
        width = 1 if age <= DAY_MS else HOUR_MS if age <= 30 * DAY_MS else DAY_MS
        first = next((t for t in sorted(times) if t // width == time // width), time)
        if first == time:
            kept[width, time // width] = time
    return sorted(kept.values())


async def test_everything_of_the_last_day_stays(storage, lock):
    times = [NOW - DAY_MS + minute * MINUTE_MS for minute in range(1_440)]
    await storage.store.save_snapshots([snapshot(received_ms=time) for time in times])

    assert await taken(storage, NOW) == Pruned(snapshots=0, catalogue_reads=0)
    assert remaining(lock.folder) == times


async def test_older_than_a_day_leaves_the_first_of_each_hour(storage, lock):
    hour = NOW - 3 * DAY_MS - (NOW % HOUR_MS)
    times = [hour + minute * MINUTE_MS for minute in (7, 8, 59, 60, 61, 119)]
    await storage.store.save_snapshots([snapshot(received_ms=time) for time in times])

    assert (await taken(storage, NOW)).snapshots == 4
    assert remaining(lock.folder) == [hour + 7 * MINUTE_MS, hour + 60 * MINUTE_MS]


@pytest.mark.parametrize("seed", range(6))
async def test_what_stays_is_what_the_rule_says_and_a_second_time_nothing_goes(storage, lock, seed):
    draw = random.Random(seed)
    tokens = ("a", "b", "c")
    times = {
        token: sorted({NOW - draw.choice((2, 40, 90)) * draw.randrange(DAY_MS) for _ in range(150)})
        for token in tokens
    }
    books = [snapshot(token, received_ms=time) for token in tokens for time in times[token]]
    await storage.store.save_snapshots(books)

    announced = read_prunable(lock.folder, NOW)
    removed = await taken(storage, NOW)

    left = {token: remaining(lock.folder, token) for token in tokens}
    assert left == {token: rule(times[token], NOW) for token in tokens}, f"seed {seed}"
    assert announced == removed
    assert removed.snapshots == len(books) - sum(map(len, left.values()))
    assert await taken(storage, NOW) == Pruned(0, 0)


async def test_thinning_day_by_day_ends_where_thinning_at_once_does(storage, lock):
    """A row that stays as the first of its hour may still be the first of its day."""
    times = [NOW + hour * HOUR_MS + 5 for hour in range(24 * 4)]
    await storage.store.save_snapshots([snapshot(received_ms=time) for time in times])
    end = NOW + 40 * DAY_MS

    for day in range(1, 41):
        await taken(storage, Ms(NOW + day * DAY_MS))

    assert remaining(lock.folder) == rule(times, end)
    assert len(remaining(lock.folder)) == 5


async def test_many_tokens_are_pruned_in_several_commits(storage, lock, monkeypatch):
    monkeypatch.setattr(retention, "TOKENS_PER_COMMIT", 2)
    old = NOW - 2 * DAY_MS - (NOW % HOUR_MS)
    books = [snapshot(seed, received_ms=old + second) for seed in range(5) for second in range(3)]
    await storage.store.save_snapshots(books)

    parts = [part.snapshots async for part in storage.store.prune_history(NOW)]

    assert parts == [0, 0, 4, 4, 2]  # signed bytes, catalogue reads, then books
    assert all(remaining(lock.folder, seed) == [old] for seed in range(5))


async def test_reads_of_a_month_ago_go_unless_something_was_last_listed_by_them(storage, lock):
    month_ago = NOW - 31 * DAY_MS
    await storage.store.save_catalogue(
        [builders.event("1", "fed5"), builders.event("2", "cup", ())], month_ago
    )
    await storage.store.save_catalogue([builders.event("1", "fed5")], Ms(month_ago + 1))
    await storage.store.save_catalogue([builders.event("1", "fed5")], Ms(month_ago + 2))
    await storage.store.save_catalogue([builders.event("1", "fed5")], NOW)

    assert await taken(storage, NOW) == Pruned(snapshots=0, catalogue_reads=2)

    path = lock.folder / "market.db"
    assert [row["at_ms"] for row in read(path, "SELECT at_ms FROM catalogue_reads")] == [month_ago, NOW]
    assert read(path, "PRAGMA foreign_key_check") == []


async def test_market_status_is_never_thinned(storage, lock):
    await storage.store.save_catalogue([builders.event()], Ms(NOW - 400 * DAY_MS))
    before = read(lock.folder / "market.db", "SELECT * FROM market_status")

    await taken(storage, NOW)

    assert before
    assert read(lock.folder / "market.db", "SELECT * FROM market_status") == before


async def test_counting_changes_nothing(storage, lock):
    old = NOW - 2 * DAY_MS - (NOW % HOUR_MS)
    await storage.store.save_snapshots([snapshot(received_ms=old), snapshot(received_ms=old + 1)])

    assert read_prunable(lock.folder, NOW) == Pruned(snapshots=1, catalogue_reads=0)
    assert len(remaining(lock.folder)) == 2


async def test_room_of_what_went_is_used_again(storage, lock):
    old = NOW - 2 * DAY_MS - (NOW % HOUR_MS)
    await storage.store.save_snapshots([snapshot(received_ms=old + n, depth=50) for n in range(500)])
    path = lock.folder / "market.db"
    pages = read(path, "PRAGMA page_count")[0]["page_count"]

    await taken(storage, NOW)
    free = read_reusable_bytes(lock.folder)
    await storage.store.save_snapshots([snapshot(received_ms=NOW + n, depth=50) for n in range(400)])

    assert free > 500_000
    assert read(path, "PRAGMA page_count")[0]["page_count"] == pages
