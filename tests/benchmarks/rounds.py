"""Fair races in one process: lanes run interleaved, the order rotates, ratios are taken per round.

Time is the process's own CPU time, because the machine is shared; the garbage collector is off while it runs.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from tests.benchmarks.stream import Stream

SLICE = 1_000
"""Frames that one lane takes before the next one has its turn: some tens of milliseconds."""


class Engine(Protocol):
    """What races: made and filled with the first books before the clock runs."""

    def take(self, frames: Sequence[bytes], times: Sequence[int], /) -> None:
        """Do the work that is timed."""
        ...

    def verify(self, stream: Stream, /) -> None:
        """Raise if the work was not done right."""
        ...


@dataclass(frozen=True, slots=True)
class Lane:
    """One contender on one stream; a new engine for each round."""

    name: str
    stream: Stream
    make: Callable[[Stream], Engine]


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the smallest and the largest of what was measured."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Race:
    """CPU nanoseconds of each lane by round, all lanes having taken equally many frames."""

    frames: int
    ns: dict[str, list[int]]
    engines: dict[str, Engine]
    """Those of the last round, verified."""

    def ratio(self, upper: str, lower: str) -> Spread:
        """How many times as long as `lower` the lane `upper` took, per round."""
        return spread([a / b for a, b in zip(self.ns[upper], self.ns[lower], strict=True)])

    def us(self, name: str) -> Spread:
        """Microseconds a frame."""
        return spread([ns / self.frames / 1_000 for ns in self.ns[name]])


def spread(values: Sequence[float]) -> Spread:
    """Return median, smallest and largest."""
    return Spread(statistics.median(values), min(values), max(values))


@contextmanager
def no_collection() -> Iterator[None]:
    """Hold the garbage collector off for the body of the block, after one run of it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def race(lanes: Sequence[Lane], rounds: int) -> Race:
    """Let every lane take its whole stream once a round, slice by slice in turn."""
    frames = len(lanes[0].stream.frames)
    assert all(len(lane.stream.frames) == frames for lane in lanes), "expected streams of one length"
    ns: dict[str, list[int]] = {lane.name: [] for lane in lanes}
    engines: dict[str, Engine] = {}
    for number in range(rounds):
        engines.clear()
        engines.update((lane.name, lane.make(lane.stream)) for lane in lanes)
        spent = dict.fromkeys(ns, 0)
        with no_collection():
            for turn, start in enumerate(range(0, frames, SLICE), start=number):
                first = turn % len(lanes)
                for lane in (*lanes[first:], *lanes[:first]):
                    stream, end = lane.stream, start + SLICE
                    raws, times = stream.frames[start:end], stream.times[start:end]
                    began = time.process_time_ns()
                    engines[lane.name].take(raws, times)
                    spent[lane.name] += time.process_time_ns() - began
        for lane in lanes:
            engines[lane.name].verify(lane.stream)
            ns[lane.name].append(spent[lane.name])
    return Race(frames, ns, engines)
