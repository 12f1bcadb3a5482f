"""Memory of a tracked token: its feed, its book, its texts, after the first checksum was compared.

Counted with `tracemalloc`: what is still held once the raw frames and the decoded messages are gone. The
token's and the market's ids count, for the desk holds them.
"""

import gc
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.ours import Ours
from tests.benchmarks.rounds import spread
from tests.benchmarks.stream import BUSY, Mix, make_stream

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Shape:
    tick: int
    levels: int
    markets: int
    planned: bool = False
    """A planner has asked for the levels, which the feed then keeps until the book changes."""


SHAPES: Mapping[str, _Shape] = {
    "G15": _Shape(tick=100, levels=31, markets=50),
    "memory-planned": _Shape(tick=100, levels=31, markets=50, planned=True),
    "memory-cent-full": _Shape(tick=100, levels=49, markets=50),
    "memory-mill-31": _Shape(tick=10, levels=31, markets=50),
    "memory-mill-100": _Shape(tick=10, levels=100, markets=25),
    "memory-fine-2000": _Shape(tick=1, levels=2_000, markets=3),
}


def measure(run: Run) -> Mapping[str, Figure]:
    """G15 and the finer ticks."""
    return {key: _figure(shape, run.seed) for key, shape in SHAPES.items()}


def _figure(shape: _Shape, seed: int) -> Figure:
    mix = replace(BUSY, markets=shape.markets, tick=shape.tick, levels=(shape.levels, shape.levels))
    rounds = [_kib_per_token(mix, seed + turn, planned=shape.planned) for turn in range(_ROUNDS)]
    return Figure(spread(rounds), f"{shape.markets * 2} tokens")


def _kib_per_token(mix: Mix, seed: int, *, planned: bool) -> float:
    stream = make_stream(mix, 0, seed)
    Ours(stream).verify(stream)  # whatever is made once for all engines is made now
    gc.collect()
    tracemalloc.start()
    try:
        engine = Ours(stream)
        engine.compare()
        if planned:
            engine.verify(stream)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held / len(stream.tops) / 1024
