"""One race of this project against peers, inside the environment of those peers.

`python -m tests.benchmarks.peer_race MESSAGES SEED REPEATS NAME...` prints one JSON object: for each peer
how many times as long as ours it took, by repeat, and the CPU microseconds a message of both.
"""

import json
import sys
from typing import Any

from tests.benchmarks.ours import Check, Ours
from tests.benchmarks.peer_engines import ENGINES
from tests.benchmarks.rounds import Lane, race
from tests.benchmarks.stream import BUSY, make_stream

_OURS = "ours"


def main(messages: int, seed: int, repeats: int, names: list[str]) -> dict[str, Any]:
    """Race the named engines against ours with the lazy check; raises if a book is wrong at the end."""
    stream = make_stream(BUSY, messages, seed)
    lanes = [Lane(_OURS, stream, lambda own: Ours(own, Check.LAZY))]
    lanes += [Lane(name, stream, ENGINES[name]) for name in names]
    found = race(lanes, repeats)
    return {
        name: {
            "ratios": [theirs / ours for theirs, ours in zip(found.ns[name], found.ns[_OURS], strict=True)],
            "us": found.us(name).median,
            "ours_us": found.us(_OURS).median,
        }
        for name in names
    }


if __name__ == "__main__":
    count, number, turns, *wanted = sys.argv[1:]
    print(json.dumps(main(int(count), int(number), int(turns), wanted)))  # noqa: T201 - its answer
