"""Cost per message against the number of tokens, at one message count and one total rate for all sizes."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from tests.benchmarks.bots import Decode
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.ours import Check, Ours
from tests.benchmarks.rounds import Lane, Race, race
from tests.benchmarks.stream import BUSY, make_stream

TOKENS = (2, 100, 1_000, 5_000)
RATE = 12_000
"""Messages a second, all tokens together: 5,000 tokens as busy as production's (48 a second over 20)."""
SLOW_RATE = 2_000
_MESSAGES = 36_000
_QUICK_MESSAGES = 12_000
"""Whole seconds of exchange time: in less than one the check by time would never be due."""
_QUICK_ROUNDS = 3


def measure(run: Run) -> Mapping[str, Figure]:
    """G8 and the sizes between; without check and the decode alone show where growth comes from."""
    smallest, largest = TOKENS[0], TOKENS[-1]
    messages = _QUICK_MESSAGES if run.quick else _MESSAGES
    lanes = []
    upper = {"G8": f"lazy {largest}", "growth-1000": "lazy 1000", "growth-100": "lazy 100"}
    for tokens in TOKENS:
        stream = make_stream(replace(BUSY, markets=tokens // 2, rate=RATE), messages, run.seed)
        lanes.append(Lane(f"lazy {tokens}", stream, Ours))
        if not run.quick and tokens in (smallest, largest):
            lanes.append(Lane(f"none {tokens}", stream, partial(Ours, check=Check.NONE)))
            lanes.append(Lane(f"decode {tokens}", stream, Decode))
    if not run.quick:
        slow = make_stream(replace(BUSY, markets=largest // 2, rate=SLOW_RATE), messages, run.seed)
        lanes.append(Lane("slow", slow, Ours))
        upper |= {
            "growth-none": f"none {largest}",
            "growth-decode": f"decode {largest}",
            "growth-slow": "slow",
        }
    found = race(lanes, _QUICK_ROUNDS if run.quick else run.rounds)
    return {key: _figure(found, name, smallest) for key, name in upper.items()}


def _figure(found: Race, name: str, smallest: int) -> Figure:
    kind = name.split(maxsplit=1)[0].replace("slow", "lazy")
    engine = found.engines[name]
    checks = f", {1_000 * engine.checks // found.frames} checks per 1,000" if isinstance(engine, Ours) else ""
    rate = SLOW_RATE if name == "slow" else RATE
    return Figure(found.ratio(name, f"{kind} {smallest}"), f"{found.frames:,} msgs at {rate:,}/s{checks}")
