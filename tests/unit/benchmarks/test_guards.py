"""What no benchmark would notice on a small run: work per message that grows with the number of tokens."""

import sys
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from tests.benchmarks.ours import Ours
from tests.benchmarks.stream import BUSY, LAG_MS, START_MS, Stream, make_stream

SEED = 7


def steps_of(stream: Stream, tracked: Stream) -> int:
    """Bytecodes that ours executes for the frames of a stream while it tracks the tokens of another."""
    engine = Ours(tracked)
    count = 0

    def count_opcode(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return count_opcode

    sys.settrace(count_opcode)
    try:
        engine.take(stream.frames, [START_MS + LAG_MS] * len(stream.frames))
    finally:
        sys.settrace(None)
    return count


@pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger or a coverage tool is tracing")
def test_message_costs_as_many_steps_whether_two_tokens_are_tracked_or_six_hundred():
    small = make_stream(replace(BUSY, markets=1, rate=10_000), 60, SEED)
    large = make_stream(replace(BUSY, markets=300, rate=10_000), 0, SEED)
    # The small stream's market stands in the large one as well, with the books that its frames follow on.
    mixed = replace(large, markets=(*small.markets, *large.markets[1:]), dump=(*large.dump, *small.dump))

    steps_of(small, small)  # what is made once and kept is made now

    few, many = (steps_of(small, tracked) for tracked in (small, mixed))
    assert few == many, f"expected the same work for a message however many tokens are tracked, seed {SEED}"
    assert few > 100 * len(small.frames), "the work was not counted"
