"""Which outcomes a basket of NO takes where a cap, a thin offer or a late book binds."""

from dataclasses import replace

import pytest

from engine.core.dutch.event_plan import plan_kind
from engine.domain.fees import FREE
from engine.domain.plan import Plan, PlanKind
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms, parse_size
from tests.support.planner import NOW, book, group, market, params, room, usdc


def basket(count, prices):
    """An event and a NO book per outcome: 300 on offer at 0.97 unless `prices` says another offer."""
    markets = [market(f"O{number}", fee=FREE) for number in range(count)]
    event = group(*markets)
    offers = {number: prices.get(number, ("0.97", "300")) for number in range(count)}
    return event, {m.no: book(event, m.no, (offers[i],)) for i, m in enumerate(markets)}


def plan_of(event, books, *, allowed=None, **changes):
    terms = params(**{"fixed_cost": 0, "safety_per_set": 0, "max_leg": usdc("5000")} | changes)
    return plan_kind(
        PlanKind.NO_SET, event, books, wanted=None, params=terms, room=allowed or room(), now_ms=NOW
    )


CHEAP = dict.fromkeys((1, 2, 3), ("0.60", "300"))


@pytest.mark.parametrize("count", [5, 9])
def test_cheapest_outcome_below_its_minimum_does_not_spoil_a_capped_basket(count):
    thin = basket(count, CHEAP | {0: ("0.55", "2")})

    plan = plan_of(*thin, allowed=room(ticket="18"))

    assert isinstance(plan, Plan)
    assert [leg.name for leg in plan.legs] == ["NO O1", "NO O2", "NO O3"]
    assert plan.size == parse_size("10")


def test_cap_on_what_a_basket_can_lose_counts_the_one_leg_that_pays_nothing():
    """20 sets at 0.60 each: whichever leg fills alone loses 12, any two lose 4."""
    plan = plan_of(*basket(5, CHEAP | {0: ("0.55", "2")}), max_residual=usdc("12"))

    assert isinstance(plan, Plan)
    assert (len(plan.legs), plan.size) == (3, parse_size("20"))
    assert plan.risk.hard == usdc("12")


def test_thin_outcome_does_not_make_a_capped_basket_take_dear_ones():
    plan = plan_of(*basket(9, CHEAP | {0: ("0.55", "2")}), allowed=room(ticket="100"))

    assert isinstance(plan, Plan)
    assert (len(plan.legs), plan.size) == (3, parse_size("55"))


ALIKE = dict.fromkeys(range(5), ("0.60", "300"))


def late(event, books, *numbers):
    for number in numbers:
        no = event.markets[number].no
        books[no] = replace(books[no], confirmed_ms=Ms(NOW - 3_000))
    return books


def test_one_lagging_book_is_left_out_of_a_basket_that_does_not_need_it():
    event, books = basket(5, ALIKE)

    plan = plan_of(event, late(event, books, 0))

    assert isinstance(plan, Plan)
    assert [leg.name for leg in plan.legs] == ["NO O1", "NO O2", "NO O3", "NO O4"]


def test_basket_with_one_book_in_step_tells_the_skew():
    event, books = basket(5, ALIKE)

    refusal = plan_of(event, late(event, books, 0, 1, 2, 3))

    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.BOOK_SKEW


def test_one_off_grid_book_is_left_out_of_a_basket_that_does_not_need_it():
    plan = plan_of(*basket(5, ALIKE | {0: ("0.605", "300")}))

    assert isinstance(plan, Plan)
    assert [leg.name for leg in plan.legs] == ["NO O1", "NO O2", "NO O3", "NO O4"]


def test_basket_that_needs_its_off_grid_book_tells_the_tick():
    refusal = plan_of(*basket(2, {0: ("0.405", "300"), 1: ("0.40", "300")}))

    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.BOOK_TICK
