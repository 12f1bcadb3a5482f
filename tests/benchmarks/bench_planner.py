"""Plan time on joint ladders of 50 levels with the 4 % curve, and detection, against other walks."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from engine.core.planner.ladder import LegInput
from engine.core.planner.optimum import Optimum, best_size
from engine.core.planner.segments import SCALE, Objective
from engine.domain.book import Level
from engine.domain.fees import FeeCurve
from engine.domain.market import Side
from engine.domain.units import FEE_STEP, LOT, PRICE_ONE, USDC_ONE, Price, Rounding, Size, Usdc
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.rounds import no_collection, spread
from tests.benchmarks.walkers import SET_COST, Ladder, early_stop, heap_walk, rewalk

LEGS = (2, 10, 40, 128)
REWALK_MAX = 10
"""Legs beyond which walking anew at every breakpoint takes minutes."""
LEVELS = 50
EDGE = 300
"""Net edge of a set at the touch in 1e-4 USDC: 3 %."""
UPDATES = 2_000
FEE = FeeCurve(40_000, 1)
TERMS = Objective(
    payout=Usdc(USDC_ONE),
    lot=Size(LOT),
    fee_rounding=Rounding.UP,
    fee_bps=0,
    slippage_ticks=0,
    safety_per_set=Usdc(0),
    fixed_cost=Usdc(0),
    carry_ppm=0,
    min_profit=Usdc(0),
    max_capital=None,
    max_sets=None,
    max_leg=None,
)
COSTS = [price * 10**6 + 4 * price * (PRICE_ONE - price) for price in range(PRICE_ONE + 1)]
"""All-in cost of a share by price, in 1e-10 USDC: exact, 0.04 x p (1 - p) is a whole number of them."""
assert COSTS[5_000] == 51 * SET_COST // 100


@dataclass(frozen=True, slots=True)
class Books:
    """The same event for every contender, in the words that each likes best."""

    legs: tuple[LegInput, ...]
    decimals: tuple[Ladder, ...]
    integers: tuple[tuple[tuple[int, int], ...], ...]


Plan = Callable[[Books], object]
PLANS: Mapping[str, Plan] = {
    "ours": lambda books: best_size(books.legs, TERMS),
    "early": lambda books: early_stop(books.decimals),
    "heap": lambda books: heap_walk(books.integers, COSTS),
    "rewalk": lambda books: rewalk(books.decimals),
}


def measure(run: Run) -> Mapping[str, Figure]:
    """Plan time with an edge and with none, and a full sum on every change of a best ask."""
    found: dict[str, Figure] = {}
    events = 3 if run.quick else 10
    for count in LEGS:
        edge = [make_books(Random(f"{run.seed}/{count}/{n}"), count, edge=EDGE) for n in range(events)]
        none = [make_books(Random(f"{run.seed}/{count}/{n}"), count, edge=-100) for n in range(events)]
        names = ["ours", "early", "heap", *(["rewalk"] if count <= REWALK_MAX else [])]
        for books in edge:
            _verify(books, names)
        noted = f"{events} events of {count} x {LEVELS} levels"
        with_edge = _race(edge, names[:3], run.rounds, repeats=1)
        # The re-walk takes a hundred times as long and leaves the machine's caches cold: a race of its own.
        beside = _race(edge, [names[0], *names[3:]], run.rounds, repeats=1)
        without = _race(none, names[:3], run.rounds, repeats=50)
        sums = _sum_race(edge[0], Random(run.seed), run.rounds)
        ratios = [(f"plan-{name}-{count}", with_edge, name) for name in names[1:3]]
        ratios += [(f"plan-{name}-{count}", beside, name) for name in names[3:]]
        ratios += [(f"none-{name}-{count}", without, name) for name in names[1:3]]
        ratios += [(f"sum-decimal-{count}", sums, "decimal")]
        for key, times, name in ratios:
            pairs = zip(_means(times[name]), _means(times["ours"]), strict=True)
            found[key] = Figure(spread([theirs / ours for theirs, ours in pairs]), noted)
        for key, times in (
            (f"plan-us-{count}", with_edge),
            (f"none-us-{count}", without),
            (f"sum-us-{count}", sums),
        ):
            found[key] = Figure(spread(_means(times["ours"])), noted)
        found[f"plan-p95-{count}"] = Figure(spread([_p95(each) for each in with_edge["ours"]]), noted)
    return found


def make_books(rng: Random, count: int, *, edge: int) -> Books:
    """An event whose set costs 1 - edge at the touch, fees included; levels one to five ticks apart."""
    weights = [rng.randint(5, 100) for _ in range(count)]
    most, target = 9_990 * 10**4, (PRICE_ONE - edge) * 10**6
    # Prices in the proportions of the weights, as dear as the target allows; the last tick goes to the first.
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        cost = sum(COSTS[_price(weight, weights, middle)] for weight in weights)
        low, high = (middle, high) if cost <= target else (low, middle)
    integers = []
    for weight in weights:
        price, levels = _price(weight, weights, low), []
        for _ in range(LEVELS):
            levels.append((price, rng.randint(500, 50_000)))
            price += rng.choice((1, 2, 5))
        integers.append(tuple(levels))
    return Books(
        legs=tuple(_leg(levels) for levels in integers),
        decimals=tuple(
            [(Decimal(price).scaleb(-4), Decimal(lots).scaleb(-2)) for price, lots in levels]
            for levels in integers
        ),
        integers=tuple(integers),
    )


def _price(weight: int, weights: Sequence[int], whole: int) -> int:
    return max(1, min(9_700, whole * weight // (sum(weights) * 10**4)))


def _leg(levels: Sequence[tuple[int, int]]) -> LegInput:
    sized = tuple(Level(Price(price), Size(lots * LOT)) for price, lots in levels)
    return LegInput(Side.BUY, sized, Price(1), FEE, Size(0), None, Usdc(0))


def _verify(books: Books, names: Sequence[str]) -> None:
    """All contenders must find the same profit, but for ours rounding the fee of every level up."""
    best = best_size(books.legs, TERMS)
    assert isinstance(best, Optimum), f"expected a plan with an edge of {EDGE}, found {best}"
    ours = Decimal(best.objective) / (SCALE * USDC_ONE)
    theirs = {
        "early": early_stop(books.decimals),
        "heap": Decimal(heap_walk(books.integers, COSTS)).scaleb(-12),
    }
    if "rewalk" in names:
        theirs["rewalk"] = rewalk(books.decimals)
    slack = Decimal(FEE_STEP * LEVELS * len(books.legs)) / USDC_ONE
    for name, profit in theirs.items():
        assert 0 <= profit - ours <= slack, f"{name} found {profit}, ours {ours}"
    assert len(set(theirs.values())) == 1, f"expected one profit, found {theirs}"


def _race(
    events: Sequence[Books], names: Sequence[str], rounds: int, *, repeats: int
) -> dict[str, list[list[float]]]:
    """Microseconds a plan, by contender, round and event; they take turns, and who follows whom changes."""
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for number in range(rounds):
        for each in found.values():
            each.append([])
        with no_collection():
            for turn, books in enumerate(events, start=number):
                first = turn // 2 % len(names)
                lineup = [*names[first:], *names[:first]]
                for name in lineup if turn % 2 else reversed(lineup):
                    plan = PLANS[name]
                    began = time.process_time_ns()
                    for _ in range(repeats):
                        plan(books)
                    found[name][-1].append((time.process_time_ns() - began) / 1_000 / repeats)
    return found


def _means(rounds: Sequence[Sequence[float]]) -> list[float]:
    return [sum(each) / len(each) for each in rounds]


def _p95(values: Sequence[float]) -> float:
    """The smallest value that 95 % do not exceed."""
    return sorted(values)[-(-len(values) * 95 // 100) - 1]


def _sum_race(books: Books, rng: Random, rounds: int) -> dict[str, list[list[float]]]:
    """Microseconds from a changed best ask to knowing whether a set pays: every leg added up again.

    "ours" is the full sum over integers that a detector has to beat; the table of all-in costs is its own.
    """
    tops, ones = [ladder[0][0] for ladder in books.integers], Decimal(1)
    changes = [(rng.randrange(len(tops)), rng.choice((-1, 1))) for _ in range(UPDATES)]
    found: dict[str, list[list[float]]] = {"ours": [], "decimal": []}
    for _ in range(rounds):
        with no_collection():
            present, hits = list(tops), 0
            began = time.process_time_ns()
            for leg, move in changes:
                present[leg] = max(1, present[leg] + move)
                hits += sum([COSTS[price] for price in present]) < SET_COST
            found["ours"].append([(time.process_time_ns() - began) / 1_000 / UPDATES])
            prices, again = [Decimal(price).scaleb(-4) for price in tops], 0
            moves = [(leg, Decimal(move).scaleb(-4)) for leg, move in changes]
            least, rate = Decimal("0.0001"), Decimal("0.04")
            began = time.process_time_ns()
            for leg, step in moves:
                prices[leg] = max(least, prices[leg] + step)
                again += sum([price + rate * price * (ones - price) for price in prices]) < 1
            found["decimal"].append([(time.process_time_ns() - began) / 1_000 / UPDATES])
        assert hits == again, f"expected the same verdicts, found {hits} and {again}"
    return found
