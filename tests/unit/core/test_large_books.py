"""Books of 2,000 levels a side on the finest grid: decoded, proven, changed, restored and planned on."""

import random

import pytest

from engine.core.feed.feeds import Feeds
from engine.core.state import Desk
from engine.core.trading.dutch_flow import plan_now
from engine.core.trading.watch import catalogue_read
from engine.domain.events import CatalogueRead
from engine.domain.plan import Plan
from engine.domain.units import Ms, Price
from engine.domain.views import Gate
from engine.venue.wire import decode_market
from tests.support.builders import NOW, WALLET, event, market, terms
from tests.support.desk_run import settings
from tests.support.feed_bench import LINE, FeedBench
from tests.support.gates import shut
from tests.support.market_stream import ReferenceVenue

LEVELS = 2_000


def large(middle: int = 4_500, **fields: object) -> ReferenceVenue:
    """A venue with 2,000 bids below and 2,000 asks above a price, on the tick 0.0001."""
    venue = ReferenceVenue(tick=1, **fields)  # type: ignore[arg-type]
    for step in range(1, LEVELS + 1):
        venue.bids[middle - step] = f"{step % 700 + 1}.5"
        venue.asks[middle + step] = f"{step % 700 + 1}.25"
    return venue


def test_two_thousand_levels_a_side_are_live_and_equal():
    bench = FeedBench(large())

    for token in (bench.venue.yes, bench.venue.no):
        book = bench.assert_equals_venue(token)
        assert (len(book.bids), len(book.asks)) == (LEVELS, LEVELS)


@pytest.mark.parametrize("seed", range(2))
def test_two_thousand_levels_a_side_follow_their_changes(seed: int):
    rng = random.Random(seed)
    bench = FeedBench(large())
    for number in range(40):
        side = rng.choice(("BUY", "SELL"))
        levels = bench.venue.bids if side == "BUY" else bench.venue.asks
        best = max(levels) if side == "BUY" else min(levels)
        bench.send(
            bench.change(side, rng.choice((best, *rng.sample(list(levels), 3))), rng.choice(("0", "7")))
        )
        if number % 10 == 9:
            bench.assert_equals_venue()

    assert bench.resyncs == 0, f"seed {seed}"


def test_two_thousand_levels_a_side_are_restored_over_rest():
    bench = FeedBench(large())
    bench.change("BUY", 4_000, "77")
    bench.send(bench.change("SELL", 5_000, "88"))
    bench.check()
    assert bench.take_fetches()

    bench.answer_truly()

    bench.assert_equals_venue()


def test_event_of_books_with_two_thousand_levels_a_side_is_planned():
    fine = terms(tick=Price(1))
    group = event(
        outcomes=(), markets=tuple(market(name, "fed3", terms=fine) for name in ("Cut", "Hold", "Hike"))
    )
    desk = Desk(settings=settings(group), feeds=Feeds(), balance=WALLET)
    shut(desk, Gate.RUN)
    at_ms = Ms(NOW + 220)
    catalogue_read(desk, CatalogueRead(at_ms, at_ms, (group,), 0))
    desk.feeds.link(LINE, up=True, at_ms=at_ms)
    for found in group.markets:
        venue = large(3_000, now_ms=NOW, condition=found.condition_id, yes=found.yes, no=found.no)
        for frame in decode_market(venue.dump()):
            desk.feeds.apply(LINE, frame, at_ms)

    plan = plan_now(desk, group, None, at_ms)

    assert isinstance(plan, Plan), plan
    for leg in plan.legs:
        assert leg.touch == 3_001
        assert leg.size <= leg.depth
