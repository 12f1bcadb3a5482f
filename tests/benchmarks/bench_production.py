"""The same race on the mix of recorded production streams: large books, slow markets, many checks."""

from collections.abc import Mapping

from tests.benchmarks.bench_book import figures, lanes_of, notes
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.rounds import race
from tests.benchmarks.stream import PRODUCTION, make_stream

_SHARE = 2
"""Half the length of the main stream: the books are twice as large."""


def measure(run: Run) -> Mapping[str, Figure]:
    """Ours against decode and the Decimal bot at production's own rate."""
    stream = make_stream(PRODUCTION, run.messages // _SHARE, run.seed)
    found = race(lanes_of(stream), run.rounds)
    noted = notes(stream, found)
    ratios = {
        "production-decode": ("decode", "lazy"),
        "production-decimal": ("decimal", "lazy"),
        "production-every": ("every", "lazy"),
        "production-none": ("none", "lazy"),
    }
    return figures(found, noted, ratios) | {"production-us": Figure(found.us("lazy"), noted)}
