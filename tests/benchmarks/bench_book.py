"""Raw bytes to updated top of book on the busy mix: ours in three modes, the decode floor, the usual bots."""

from collections.abc import Mapping
from functools import partial

from tests.benchmarks.bots import Decode, decimal_bot, float_bot, orjson_bot
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.ours import Check, Ours
from tests.benchmarks.rounds import Lane, Race, race
from tests.benchmarks.stream import BUSY, Stream, make_stream


def measure(run: Run) -> Mapping[str, Figure]:
    """G1, G2 and the lines beside them."""
    stream = make_stream(BUSY, run.messages, run.seed)
    lanes = lanes_of(stream)
    if (orjson := orjson_bot()) is not None:
        lanes.append(Lane("orjson", stream, orjson))
    else:
        run.say("orjson is not installed: its row is left out")
    lanes.append(Lane("float", stream, float_bot))
    found = race(lanes, run.rounds)
    noted = notes(stream, found)
    ratios = {"G1": ("decode", "lazy"), "G2": ("decimal", "lazy"), "book-float": ("float", "lazy")}
    ratios |= {"book-every": ("every", "lazy"), "book-none": ("none", "lazy")}
    if orjson is not None:
        ratios["book-orjson"] = ("orjson", "lazy")
    return figures(found, noted, ratios) | {"book-us": Figure(found.us("lazy"), noted)}


def lanes_of(stream: Stream) -> list[Lane]:
    """Ours in three modes, the decode floor and the Decimal bot."""
    ours = [Lane(check.name.lower(), stream, partial(Ours, check=check)) for check in Check]
    return [*ours, Lane("decode", stream, Decode), Lane("decimal", stream, decimal_bot)]


def figures(found: Race, noted: str, ratios: Mapping[str, tuple[str, str]]) -> dict[str, Figure]:
    """One figure for each ratio of two lanes."""
    return {key: Figure(found.ratio(*lanes), noted) for key, lanes in ratios.items()}


def notes(stream: Stream, found: Race) -> str:
    """Tell how long and how large the stream was, and how often the lazy lane compared checksums."""
    lazy = found.engines["lazy"]
    assert isinstance(lazy, Ours), "the lazy lane is ours"
    per_thousand = 1_000 * lazy.checks // len(stream.frames)
    return (
        f"{len(stream.frames):,} msgs of {stream.bytes_per_frame} B at {stream.mix.rate:,}/s, "
        f"{per_thousand} checks per 1,000, 0 mismatches"
    )
