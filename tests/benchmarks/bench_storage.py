"""Books into `market.db` through the desk's own writer, against bare sqlite3 on the same disk.

Ours begins with books as the core hands them over: conflation, rows made of levels, one transaction a batch,
an event for every batch. The bare line is a loop of `executemany` of 1,000 rows that lie ready. Both files
have the same table, index and profile, and grow alike; batches take turns: a busy neighbour meets both.
Time is the wall's, because a disk is waited for: `rounds` says why the other benchmarks take CPU time.
"""

import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click

from engine.clock import ManualClock
from engine.domain.book import Level
from engine.domain.events import Event, SnapshotsKept
from engine.domain.history import KeptSnapshot
from engine.domain.ids import TokenId
from engine.domain.units import Ms, Price, Size
from engine.metrics import Metrics
from engine.runtime.history import BATCH_MAX, History
from engine.runtime.supervise import TaskSet
from storage.db import SqlValue
from storage.files import MARKET_FILE, Storage, open_storage
from storage.lock import hold_folder
from storage.snapshots import snapshot_row
from tests.benchmarks.goals import SEED, Figure, Run
from tests.benchmarks.rounds import no_collection, spread

LEVELS = 20
"""Levels a side: between the quiet markets and the busy ones of the recorded event."""
MINUTE_MS = 60_000
BARE = """
INSERT INTO book_snapshots (token_id, received_ms, venue_ms, hash, tick, best_bid, best_ask, bids, asks)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
Row = tuple[SqlValue, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """Nanoseconds of each lane by round, and the rows of a round."""

    rows: int
    ours: list[int]
    bare: list[int]


def measure(run: Run) -> Mapping[str, Figure]:
    """G13: rows a second of ours as a share of the bare line's, per round."""
    found = asyncio.run(
        race_writers(batches=4 if run.quick else 20, rounds=max(run.rounds, 5), seed=run.seed)
    )
    share = spread([bare / ours for ours, bare in zip(found.ours, found.bare, strict=True)])
    rates = (spread([found.rows * 1e9 / ns for ns in lane]).median for lane in (found.ours, found.bare))
    ours, bare = (f"{rate / 1_000:,.0f}k" for rate in rates)
    note = f"{found.rows:,} rows of {2 * LEVELS} levels a round: {ours} rows/s, bare {bare}; wall time"
    return {"G13": Figure(share, note)}


async def race_writers(*, batches: int, rounds: int, seed: int) -> Times:
    """Write so many batches a round with both; asserts at the end that both files hold the same."""
    draw = random.Random(seed)
    tokens = [TokenId(str(draw.getrandbits(256))) for _ in range(BATCH_MAX)]
    with tempfile.TemporaryDirectory() as folder, hold_folder(Path(folder) / "desk") as lock:
        async with open_storage(lock, ManualClock()) as storage:
            ours = Ours(storage)
            with closing(_bare_file(lock.folder / MARKET_FILE, Path(folder) / "bare.db")) as bare:
                times = Times(batches * BATCH_MAX, [], [])
                minutes = iter(range(batches * (rounds + 1)))
                await _round(ours, bare, tokens, draw, minutes, batches)  # untimed: files and caches begin
                for number in range(rounds):
                    took = await _round(
                        ours, bare, tokens, draw, minutes, batches, ours_first=bool(number % 2)
                    )
                    times.ours.append(took[0])
                    times.bare.append(took[1])
                count = "SELECT count(*), sum(length(bids) + length(asks)) FROM book_snapshots"
                with closing(sqlite3.connect(lock.folder / MARKET_FILE)) as written:
                    stored = written.execute(count).fetchone()
                assert stored == bare.execute(count).fetchone(), "expected the same rows in both files"
    return times


class Ours:
    """The desk's writer on its real storage, without the rest of the desk."""

    def __init__(self, storage: Storage) -> None:
        self._tasks = TaskSet(Metrics())
        self._events: list[Event] = []
        self._history = History(
            store=storage.store,
            clock=ManualClock(),
            tasks=self._tasks,
            post=self._events.append,
            stopping=lambda: False,
        )

    async def take(self, books: list[KeptSnapshot]) -> int:
        """Keep a batch; return the nanoseconds until it is committed."""
        self._events.clear()
        began = time.perf_counter_ns()
        self._history.keep(books)
        await self._tasks.settle(60)
        took = time.perf_counter_ns() - began
        kept = [event.kept for event in self._events if isinstance(event, SnapshotsKept)]
        assert kept == [len(books)], f"expected one batch of {len(books)} books, was {kept}"
        return took


async def _round(  # noqa: PLR0917 - a benchmark's own loop
    ours: Ours,
    bare: sqlite3.Connection,
    tokens: list[TokenId],
    draw: random.Random,
    minutes: Iterator[int],
    batches: int,
    *,
    ours_first: bool = True,
) -> tuple[int, int]:
    """Let both lanes write the same batches in turn; return the nanoseconds of each."""
    spent = [0, 0]
    with no_collection():
        for turn in range(batches):
            books = list(_books(tokens, draw, next(minutes)))
            rows = [snapshot_row(book) for book in books]
            lanes = (0, 1) if ours_first == (turn % 2 == 0) else (1, 0)
            for lane in lanes:
                spent[lane] += await ours.take(books) if lane == 0 else _take_bare(bare, rows)
    return spent[0], spent[1]


def _take_bare(bare: sqlite3.Connection, rows: list[Row]) -> int:
    began = time.perf_counter_ns()
    bare.execute("BEGIN IMMEDIATE")
    bare.executemany(BARE, rows)
    bare.execute("COMMIT")
    return time.perf_counter_ns() - began


def _books(tokens: list[TokenId], draw: random.Random, minute: int) -> Iterator[KeptSnapshot]:
    at_ms = Ms(1_790_000_000_000 + minute * MINUTE_MS)
    for token in tokens:
        middle = draw.randrange(2_500, 7_500, 10)
        yield KeptSnapshot(
            token_id=token,
            received_ms=at_ms,
            venue_ms=Ms(at_ms - draw.randrange(60_000)),
            hash=f"{draw.getrandbits(160):040x}",
            tick=Price(10),
            bids=_side(middle, -10, draw),
            asks=_side(middle + 10, 10, draw),
        )


def _side(best: int, step: int, draw: random.Random) -> tuple[Level, ...]:
    return tuple(
        Level(Price(best + step * n), Size(draw.randrange(1, 10_000) * 1_000_000)) for n in range(LEVELS)
    )


def _bare_file(like: Path, path: Path) -> sqlite3.Connection:
    """Make a file with our table and index, opened with our profile."""
    with closing(sqlite3.connect(like)) as ours:
        scripts = ours.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'book_snapshots' AND type IN ('table', 'index')"
        ).fetchall()
    bare = sqlite3.connect(path, isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = NORMAL")
    for (script,) in scripts:
        bare.execute(script)
    return bare


def main() -> None:
    """Print the figure alone."""
    for key, figure in measure(Run(quick=False, seed=SEED, say=click.echo)).items():
        low, high = figure.spread.low, figure.spread.high
        click.echo(f"{key}: {figure.spread.median:.2f} ({low:.2f} to {high:.2f}); {figure.note}")


if __name__ == "__main__":
    main()
