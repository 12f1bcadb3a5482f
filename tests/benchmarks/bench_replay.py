"""A recording from its zstd file to books, against the same frames from memory through the same feed core.

The recording is made by the desk's recorder. Both lanes do the desk's check once a second of exchange time
and take turns, some hundred frames each; the books of both are compared at the end.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from engine.core.feed.inlet import Checked, FeedInput, Heard, Linked, Tracked
from engine.domain.units import Ms
from engine.runtime.replay import Replay
from engine.venue.wire import decode_books, decode_market
from storage.recorder import Limits, Recorder
from storage.recording import Opened, read_recording
from tests.benchmarks.goals import SEED, Figure, Run
from tests.benchmarks.ours import ALL, CHECK_MS, LINE, Ours, expect_tops, tracked
from tests.benchmarks.rounds import Spread, no_collection, spread
from tests.benchmarks.stream import BUSY, START_MS, Stream, make_stream
from tests.support.recordings import head

FRAMES_AT_ONCE = 500
"""Before the other lane has its turn: a busy neighbour meets both."""


@dataclass(frozen=True, slots=True)
class Times:
    """CPU nanoseconds by round, for one stream."""

    memory: list[int]
    replay: list[int]
    frames: int
    file_bytes: int

    def share(self) -> Spread:
        """Return the replay's speed as a share of the speed from memory, by round."""
        return spread([memory / replay for memory, replay in zip(self.memory, self.replay, strict=True)])


def measure(run: Run) -> Mapping[str, Figure]:
    """G14."""
    stream = make_stream(BUSY, run.messages, run.seed)
    with tempfile.TemporaryDirectory() as folder:
        files = record_stream(stream, Path(folder))
        times = race_recording(stream, files, run.rounds)
    us = [spread([ns / times.frames / 1_000 for ns in lane]).median for lane in (times.memory, times.replay)]
    size = times.file_bytes / times.frames
    note = (
        f"{times.frames:,} msgs of {stream.bytes_per_frame} B, {size:.0f} B each in the file: "
        f"{us[1]:.1f} us against {us[0]:.1f} us from memory; {run.rounds} rounds"
    )
    return {"G14": Figure(times.share(), note)}


def record_stream(stream: Stream, folder: Path) -> tuple[Path, ...]:
    """Write a stream as the recorder would have, with a check once a second."""
    about = msgspec.structs.replace(head("bench", START_MS), tokens_per_connection=ALL)
    recorder = Recorder(folder, about, Limits(waiting_bytes=1 << 40))
    for entry in inputs_of(stream):
        recorder.write(entry)
    recorder.close()
    assert recorder.failed is None, recorder.failed
    return tuple(recorder.files)


def inputs_of(stream: Stream) -> Iterator[FeedInput]:
    """Everything that `Ours` does with a stream, as inputs."""
    start_ms, due_ms = Ms(START_MS), START_MS + CHECK_MS
    yield Tracked(start_ms, tuple(tracked(stream.markets)))
    yield Linked(start_ms, LINE, up=True)
    for raw in stream.dump:
        yield Heard(start_ms, LINE, raw)
    for raw, at_ms in zip(stream.frames, stream.times, strict=True):
        yield Heard(Ms(at_ms), LINE, raw)
        if at_ms >= due_ms:
            yield Checked(Ms(at_ms))
            due_ms = at_ms + CHECK_MS


def race_recording(stream: Stream, files: tuple[Path, ...], rounds: int) -> Times:
    """Let both lanes take the whole stream once a round, in turns."""
    times = Times([], [], len(stream.frames), sum(file.stat().st_size for file in files))
    for number in range(rounds):
        memory, replay = Ours(stream), Replay(decode_market, decode_books)
        steps = replay_steps(replay, files, len(stream.dump))
        next(steps)  # up to the first books, which are not timed in memory either
        spent = [0, 0]
        with no_collection():
            for turn, start in enumerate(range(0, len(stream.frames), FRAMES_AT_ONCE), start=number):
                end = start + FRAMES_AT_ONCE
                raws, at = stream.frames[start:end], stream.times[start:end]
                for lane in (0, 1) if turn % 2 == 0 else (1, 0):
                    began = time.process_time_ns()
                    if lane == 0:
                        memory.take(raws, at)
                    else:
                        next(steps, None)
                    spent[lane] += time.process_time_ns() - began
            began = time.process_time_ns()
            for _ in steps:
                pass
            spent[1] += time.process_time_ns() - began
        memory.verify(stream)
        expect_tops(tops_of(replay), stream)
        times.memory.append(spent[0])
        times.replay.append(spent[1])
    return times


def replay_steps(replay: Replay, files: tuple[Path, ...], dumps: int) -> Iterator[None]:
    """Replay up to the first books, and then so many frames a step."""
    ahead = dumps + 2  # what is watched, the link, the first books
    for piece in read_recording(files):
        if isinstance(piece, Opened):
            replay.begin(piece.head.tokens_per_connection)
        elif isinstance(piece, list):
            start = 0
            while start < len(piece):
                size = ahead or FRAMES_AT_ONCE
                replay.take(piece[start : start + size])
                ahead -= min(ahead, len(piece) - start)
                start += size
                if not ahead:
                    yield


def tops_of(replay: Replay) -> dict[str, tuple[int, int]]:
    """Best bid and best ask of every token, from a proven book."""
    books = replay.books()
    return {token: (book.bids[0].price, book.asks[0].price) for token, book in books.items() if book}


def main() -> None:
    """Print the figure alone."""
    for key, figure in measure(Run(quick=False, seed=SEED, say=click.echo)).items():
        low, high = figure.spread.low, figure.spread.high
        click.echo(f"{key}: {figure.spread.median:.2f} ({low:.2f} to {high:.2f}); {figure.note}")


if __name__ == "__main__":
    main()
