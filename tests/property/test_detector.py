"""The detector never hides a plan: whenever the planner finds one, the event was hot before.

Random events, fees, ticks, knobs and books, changed book by book, so that the sums are the incremental ones.
With every change they are compared with sums made from nothing.
"""

import random
from dataclasses import replace

import pytest

from engine.core.dutch.detector import Detector
from engine.core.dutch.event_plan import plan_dutch
from engine.core.dutch.params import DutchParams
from engine.core.dutch.sheet import Room
from engine.core.feed.market import Touch
from engine.domain.book import LiveBook
from engine.domain.fees import FeeCurve
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup
from engine.domain.plan import Plan
from engine.domain.units import PRICE_ONE, Price, Size, Usdc, complement
from tests.support.builders import NOW, event, levels, live_book, market, shares, terms, usdc
from tests.support.desk_run import dutch_params

SEEDS = range(60)
CHANGES = 60
RICH = Room(ticket=usdc(100_000), day=usdc(100_000), wallet=usdc(100_000))


class Shelf:
    """Books by token, whose best prices are all that the detector may see."""

    def __init__(self) -> None:
        self.books: dict[TokenId, LiveBook] = {}

    def touch(self, token_id: TokenId) -> Touch:
        book = self.books.get(token_id)
        if book is None:
            return None, None
        bid = book.bids[0].price if book.bids else None
        return bid, book.asks[0].price if book.asks else None


def some_params(rng: random.Random) -> DutchParams:
    return dutch_params(
        fee_bps=rng.choice([0, 0, 10, 100]),
        slippage_ticks=rng.choice([0, 0, 1, 2]),
        safety_per_set=Usdc(rng.choice([0, 0, 1, 2_000, 20_000])),
        fixed_cost=Usdc(rng.choice([0, 0, 20_000])),
        min_profit=Usdc(1),
        carry_rate_e6=rng.choice([0, 50_000]),
        days_locked=rng.choice([0, 30]),
        lot=Size(10_000),
    )


def some_event(rng: random.Random) -> EventGroup:
    tick = Price(rng.choice([1, 10, 25, 50, 100]))
    size = rng.choice([1, 2, 3, 5, 9])
    markets = tuple(
        market(f"M{n}", "x", terms=terms(tick=tick, fee=some_fee(rng), min_size=shares(rng.choice([0, 5]))))
        for n in range(size)
    )
    if size == 1:
        markets = (replace(markets[0], neg_risk=False, neg_risk_id=""),)
        return event("x", (), neg_risk=False, neg_risk_id="", markets=markets)
    return event("x", (), markets=markets)


def some_fee(rng: random.Random) -> FeeCurve:
    return FeeCurve(rate=rng.choice([0, 1, 20_000, 40_000, 250_000]), exponent=rng.choice([0, 1, 1, 2, 3]))


def change(rng: random.Random, shelf: Shelf, group: EventGroup) -> int:
    """Give one market two new books near the fair price, mirrored or not; returns which."""
    number = rng.randrange(len(group.markets))
    chosen = group.markets[number]
    tick = chosen.terms.tick
    # Near 1/N less what the fees may take, so that events come and go across the hurdle.
    parts = max(2, len(group.markets))
    middle = max(tick, PRICE_ONE // parts - rng.choice([0, 50, 150, 400]))
    ask = Price(min(PRICE_ONE - tick, max(2 * tick, (middle + rng.randrange(-200, 200)) // tick * tick)))
    bid = Price(max(tick, ask - tick * rng.choice([1, 1, 2, 5])))
    asks = levels(
        *((p, rng.choice([0.5, 7, 80, 900])) for p in sorted({ask, min(PRICE_ONE - tick, ask + tick)}))
    )
    bids = levels(*((p, 300) for p in sorted({bid, max(tick, bid - tick)}, reverse=True)))
    shelf.books[chosen.yes] = live_book(chosen, chosen.yes, asks if rng.random() > 0.03 else (), bids)
    no_asks = [(complement(level.price) + rng.choice([0, 0, 0, tick]), 300) for level in bids]
    if len(group.markets) == 1 and rng.random() < 0.7:
        no_asks = [(max(tick, complement(ask) - rng.randrange(0, 400) // tick * tick), 300)]
    no_asks = [(min(PRICE_ONE - tick, price), size) for price, size in no_asks]
    merged = dict(no_asks)
    shelf.books[chosen.no] = live_book(
        chosen, chosen.no, levels(*sorted(merged.items())), levels((max(tick, complement(ask)), 300))
    )
    return number


def planned(group: EventGroup, shelf: Shelf, params: DutchParams) -> Plan | None:
    found = plan_dutch(group, shelf.books, wanted=None, params=params, room=RICH, now_ms=NOW)
    return found if isinstance(found, Plan) else None


@pytest.mark.parametrize("seed", SEEDS)
def test_every_plan_was_announced_by_the_detector(seed: int) -> None:
    rng = random.Random(seed)
    params, group, shelf, detector = some_params(rng), some_event(rng), Shelf(), Detector()
    detector.watch([group], params, shelf)

    for turn in range(CHANGES):
        number = change(rng, shelf, group)
        due = detector.update([group.markets[number].condition_id], shelf)
        fresh = Detector()
        fresh.watch([group], params, shelf)

        assert detector.hot == fresh.hot, f"seed {seed}, change {turn}: the sums have drifted"
        assert due == detector.hot, f"seed {seed}, change {turn}"
        if planned(group, shelf, params) is not None:
            assert detector.hot, f"seed {seed}, change {turn}: a plan that was hidden"


def test_the_random_events_hold_plans_and_the_detector_spares_most_planning() -> None:
    plans = fired = cold = 0
    for seed in SEEDS:
        rng = random.Random(seed)
        params, group, shelf, detector = some_params(rng), some_event(rng), Shelf(), Detector()
        detector.watch([group], params, shelf)
        for _ in range(CHANGES):
            number = change(rng, shelf, group)
            detector.update([group.markets[number].condition_id], shelf)
            plans += planned(group, shelf, params) is not None
            fired += bool(detector.hot)
            cold += not detector.hot

    assert plans > 100, f"expected plans among the random books, found {plans}"
    assert cold > 500, f"expected quiet books, found {cold}"
    assert fired >= plans


def test_an_outcome_that_nobody_offers_makes_no_set() -> None:
    group, shelf, detector = event(), Shelf(), Detector()
    for chosen in group.markets:
        shelf.books[chosen.yes] = live_book(chosen, chosen.yes, levels((3_000, 500)))
    detector.watch([group], dutch_params(), shelf)
    assert detector.hot == {group.event_id}

    gone = group.markets[1]
    shelf.books[gone.yes] = live_book(gone, gone.yes, ())

    assert detector.update([gone.condition_id], shelf) == set()
    assert detector.hot == set()


def test_bids_above_a_dollar_are_announced_whichever_token_shows_them() -> None:
    for shown in ("yes", "no"):
        group, shelf, detector = event(), Shelf(), Detector()
        for chosen in group.markets:
            if shown == "yes":
                shelf.books[chosen.yes] = live_book(chosen, chosen.yes, (), levels((3_700, 500)))
            else:
                shelf.books[chosen.no] = live_book(chosen, chosen.no, levels((6_300, 500)), ())
        detector.watch([group], dutch_params(), shelf)

        assert detector.hot == {group.event_id}, shown


def test_events_that_left_the_catalogue_are_forgotten() -> None:
    group, shelf, detector = event(), Shelf(), Detector()
    for chosen in group.markets:
        shelf.books[chosen.yes] = live_book(chosen, chosen.yes, levels((3_000, 500)))
    detector.watch([group], dutch_params(), shelf)

    detector.watch([], dutch_params(), shelf)

    assert detector.hot == set()
    assert detector.update([group.markets[0].condition_id], shelf) == set()
