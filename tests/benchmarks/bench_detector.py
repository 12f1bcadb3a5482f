"""One change of a best ask until it is known whether its event may pay: our detector, and two full sums.

The reference lines are what a bot without a detector does with every change: add up all outcomes again, in
integers from a table of all-in costs, or in Decimal with the fee worked out anew (strategy 7).
"""

import gc
import random
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from engine.core.dutch.detector import BPS_ONE, SHARE_SCALE, Costs, Detector
from engine.core.dutch.params import DutchParams
from engine.core.feed.market import Touch
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup
from engine.domain.units import PRICE_ONE, Price
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.rounds import spread
from tests.support.builders import FEE, event, market, terms
from tests.support.desk_run import dutch_params

SIZES = (2, 10, 40, 128)
TICK = Price(10)
Changes = Sequence[tuple[int, Price]]
Work = Callable[[Changes], bool]


class Tops:
    """Best prices by token."""

    def __init__(self) -> None:
        self.at: dict[TokenId, Touch] = {}

    def touch(self, token_id: TokenId) -> Touch:
        return self.at[token_id]


def measure(run: Run) -> Mapping[str, Figure]:
    """CPU nanoseconds a change at each number of outcomes, and how many times as long the full sums take."""
    figures: dict[str, Figure] = {}
    for size in SIZES:
        changes = some_changes(size, run.messages, run.seed)
        group, params = some_event(size), dutch_params(safety_per_set=2_000)
        works = {"ours": ours(group, params), "full": full(size, params), "decimal": in_decimal(size)}
        ns: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(run.rounds):
            verdicts = set()
            for name, work in works.items():
                took, verdict = timed(work, changes)
                ns[name].append(took / len(changes))
                verdicts.add(verdict)
            assert len(verdicts) == 1, f"the lanes disagree at {size} outcomes: {verdicts}"
        noted = f"{len(changes):,} changes, {size} outcomes"
        figures[f"detector-{size}"] = Figure(spread(ns["ours"]), noted)
        for name in ("full", "decimal"):
            ratio = spread([theirs / own for theirs, own in zip(ns[name], ns["ours"], strict=True)])
            figures[f"detector-{name}-{size}"] = Figure(ratio, f"{spread(ns[name]).median:,.0f} ns a change")
    return figures


def timed(work: Work, changes: Changes) -> tuple[int, bool]:
    """Return CPU nanoseconds, and whether the event may pay at the end."""
    gc.collect()
    gc.disable()
    began = time.process_time_ns()
    verdict = work(changes)
    took = time.process_time_ns() - began
    gc.enable()
    return took, verdict


def some_changes(size: int, count: int, seed: int) -> list[tuple[int, Price]]:
    """Best asks that add up to about a dollar, so that the event comes and goes across the hurdle."""
    rng = random.Random(f"{seed}/{size}")
    fair = PRICE_ONE // size
    return [
        (
            rng.randrange(size),
            Price(max(TICK, (fair + rng.randrange(-fair // 3 - TICK, fair // 4)) // TICK * TICK)),
        )
        for _ in range(count)
    ]


def some_event(size: int) -> EventGroup:
    return event("x", (), markets=tuple(market(f"M{n}", "x", terms=terms(tick=TICK)) for n in range(size)))


def ours(group: EventGroup, params: DutchParams) -> Work:
    """The detector: one market's part out, its new part in."""
    tops, detector = Tops(), Detector()
    for found in group.markets:
        tops.at[found.yes] = (TICK, Price(PRICE_ONE // len(group.markets)))
        tops.at[found.no] = (TICK, Price(PRICE_ONE - TICK))
    detector.watch([group], params, tops)
    ids = [(found.condition_id, found.yes) for found in group.markets]
    touched: set[str] = set()

    def work(changes: Changes) -> bool:
        at, update, hot = tops.at, detector.update, detector.hot
        for number, price in changes:
            condition_id, yes = ids[number]
            at[yes] = (TICK, price)
            touched.clear()
            touched.add(condition_id)
            update(touched, tops)  # type: ignore[arg-type]
        return bool(hot)

    return work


def full(size: int, params: DutchParams) -> Work:
    """Every outcome added up again, from a table of all-in costs in integers."""
    costs = Costs(FEE, TICK, params)
    hurdle = (SHARE_SCALE // 1_000_000) * (1_000_000 - params.safety_per_set)
    asks = [Price(PRICE_ONE // size)] * size

    def work(changes: Changes) -> bool:
        pays = False
        for number, price in changes:
            asks[number] = price
            pays = sum([costs[ask] for ask in asks]) < hurdle
        return pays

    return work


def in_decimal(size: int) -> Work:
    """Every outcome added up again, prices and fees in Decimal."""
    rate, one = Decimal(FEE.rate) / 1_000_000, Decimal(1)
    hurdle = one - Decimal("0.002")
    asks = [Decimal(PRICE_ONE // size) / BPS_ONE] * size

    def work(changes: Changes) -> bool:
        pays = False
        for number, price in changes:
            asks[number] = Decimal(price) / BPS_ONE
            pays = sum(ask + rate * ask * (one - ask) for ask in asks) < hurdle
        return pays

    return work
