"""The planner's file format against a second planner that tries every size, on random cases of all kinds.

`python -m tests.campaigns.planner_cases --cases 2000 --seed 1`. Compared are size, objective, profit before
buffers, capital and every leg's limit, notional and fee; a slice of it runs in `tests/property`.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

from bot.cli.dutch_plan import as_plain
from engine.core.planner.case_reading import read_cases
from engine.core.planner.formula import is_steep
from engine.core.planner.ladder import LegInput
from engine.core.planner.plan_case import answer_case, formula_of_case, legs_of_case
from tests.support.case_oracle import MICRO, Sized, best_of, random_plain_case


@dataclass
class Tally:
    """What was compared, and how far apart the two were."""

    cases: int = 0
    trades: Counter[str] = field(default_factory=Counter)
    """By kind and rounding; those that trade."""
    reasons: Counter[str] = field(default_factory=Counter)
    steep: int = 0
    """Trades with a leg whose all-in ladder may fall."""
    largest: Fraction = Fraction(0)
    """Difference of objectives in micro-dollars."""
    differences: list[str] = field(default_factory=list)


def compare(tally: Tally, plain: Mapping[str, Any], name: str) -> None:
    """Answer one case both ways and note every field that differs."""
    (case,) = read_cases(plain)
    told, best = as_plain(answer_case(case)), best_of(plain)
    tally.cases += 1
    tally.reasons[told["reason"]] += 1
    if best is not None:
        tally.trades[f"{plain['kind']}, {plain['params']['fee_rounding']}"] += 1
        legs: list[LegInput] = legs_of_case(case)
        tally.steep += any(is_steep(leg, formula_of_case(case)) for leg in legs)
    expected = Fraction(0) if best is None else best.objective * MICRO
    tally.largest = max(tally.largest, abs(Fraction(told["objective_micro"]) - expected))
    tally.differences += [f"{name}: {words}" for words in _unlike(told, best)]


def _unlike(told: Mapping[str, Any], best: Sized | None) -> list[str]:
    wanted: dict[str, Any] = {
        "trade": best is not None,
        "size": Fraction(0) if best is None else best.size,
        "objective_micro": Fraction(0) if best is None else best.objective * MICRO,
        "profit_before_buffers_micro": Fraction(0) if best is None else best.before_buffers * MICRO,
        "cash_outlay_micro": Fraction(0) if best is None else best.outlay * MICRO,
        "limit_prices": [] if best is None else [leg.worst for leg in best.legs],
        "leg_notional_micro": [] if best is None else [leg.raw * MICRO for leg in best.legs],
        "leg_fee_micro": [] if best is None else [leg.fee * MICRO for leg in best.legs],
    }
    found = {
        key: [Fraction(one) for one in value] if isinstance(value, list) else _exact(value)
        for key, value in told.items()
        if key in wanted
    }
    return [
        f"{key} {found[key]} and brute force {wanted[key]}" for key in wanted if found[key] != wanted[key]
    ]


def _exact(value: object) -> object:
    return Fraction(value) if isinstance(value, str) else value


def run(cases: int, seed: int) -> Tally:
    """Compare so many cases; each has a seed of its own, so one can be repeated alone."""
    tally = Tally()
    for number in range(seed, seed + cases):
        compare(tally, random_plain_case(Random(number), f"seed {number}"), f"seed {number}")
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    tally = run(asked.cases, asked.seed)
    seeds = f"seeds {asked.seed} to {asked.seed + asked.cases - 1}"
    trades = f"{tally.trades.total()} trades ({tally.steep} with a steep leg)"
    unlike = f"fields that differ: {len(tally.differences)}"
    lines = [
        f"{seeds}: {tally.cases} cases, {trades}, {time.monotonic() - began:.0f} s",
        f"largest difference of objectives: {tally.largest} micro-dollars; {unlike}",
        *(f"  {count:6d}  {name}" for name, count in sorted(tally.trades.items())),
        *(f"  {count:6d}  {name}" for name, count in tally.reasons.most_common()),
        *tally.differences[:5],
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(1 if tally.differences else 0)


if __name__ == "__main__":
    main()
