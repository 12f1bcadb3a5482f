"""Which outcomes a basket of NO takes where a cap, a thin offer or a late book binds."""

import pytest

from engine.core.dutch import plan_kind
from engine.domain.fees import FREE
from engine.domain.plan import Plan, PlanKind
from engine.domain.units import parse_size
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

    plan = plan_of(*thin, max_residual=usdc("12"))

    assert isinstance(plan, Plan)
    assert [leg.name for leg in plan.legs] == ["NO O1", "NO O2", "NO O3"]
    assert plan.size == parse_size("10")


def test_thin_outcome_does_not_make_a_capped_basket_take_dear_ones():
    plan = plan_of(*basket(9, CHEAP | {0: ("0.55", "2")}), allowed=room(ticket="100"))

    assert isinstance(plan, Plan)
    assert (len(plan.legs), plan.size) == (3, parse_size("55"))
