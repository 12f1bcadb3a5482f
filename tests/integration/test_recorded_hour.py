"""What was recorded replays to the same effects and the same books as the live run, every time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.feed.inlet import BooksAnswered, BooksRefused, Checked, Heard, Linked, Tracked
from engine.runtime.replay import books_digest
from storage.recorder import Limits
from tests.support import tree
from tests.support.recorded_hour import Recorded, record_run
from tests.support.recordings import replayed

REPLAY = """
import sys
from pathlib import Path
from engine.runtime.replay import books_digest
from tests.support.recordings import replayed
replay = replayed(*map(Path, sys.argv[1:]))
print(replay.tally.digest(), books_digest(replay.books()))
"""


def assert_replays_equal(live: Recorded) -> None:
    for _ in range(2):
        replay = replayed(*live.files)
        assert replay.tally.total == live.inputs
        assert replay.tally.effects == live.effects
        assert replay.status().resyncs == live.resyncs
        assert replay.tally.digest() == live.effects_hash
        books = replay.books()
        assert sum(book is not None for book in books.values()) == live.books_live
        assert books_digest(books) == live.books_hash


@pytest.mark.parametrize("seed", [1, 2])
async def test_recorded_minutes_replay_twice_as_they_were_live(tmp_path: Path, seed: int):
    live = await record_run(tmp_path, seconds=120, seed=seed, limits=Limits(file_ms=30_000))

    assert len(live.files) == 5, f"seed {seed}"
    assert live.resyncs > 0, f"seed {seed}"
    assert live.books_live > 20, f"seed {seed}"
    assert_replays_equal(live)
    kinds = set(replayed(*live.files).tally.inputs)
    assert {Tracked, Linked, Heard, Checked, BooksAnswered} <= kinds <= {*kinds, BooksRefused}


async def test_replay_in_another_process_with_another_hash_seed_is_the_same(tmp_path: Path):
    live = await record_run(tmp_path, seconds=60, seed=3)
    told = {
        subprocess.run(  # noqa: ASYNC221 - nothing else runs on this loop
            [sys.executable, "-c", REPLAY, *map(str, live.files)],
            cwd=tree.ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert told == {f"{live.effects_hash} {live.books_hash}\n"}


@pytest.mark.slow
async def test_recorded_hour_replays_twice_as_it_was_live(tmp_path: Path):
    live = await record_run(tmp_path, seconds=3_600, seed=1)

    assert live.inputs > 100_000
    assert live.resyncs > 20
    assert_replays_equal(live)
