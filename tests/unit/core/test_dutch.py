"""Plans of whole events: legs and limits, margin, what is spent at most."""

from dataclasses import replace

import pytest

from engine.core.dutch.draft import draft_at
from engine.core.dutch.event_plan import tokens_of
from engine.core.dutch.legs import candidates_of
from engine.domain.fees import FREE, taker_fee
from engine.domain.market import rules_hash, terms_hash
from engine.domain.plan import PlanKind
from engine.domain.units import (
    Price,
    Rounding,
    format_price,
    format_usdc,
    notional,
    parse_price,
    parse_size,
)
from tests.support.planner import (
    FOUR_PERCENT,
    NOW,
    books_of,
    group,
    lone,
    market,
    params,
    planned,
    usdc,
    worked,
)

RAIN = ((("0.40", "300"), ("0.42", "300")), (("0.50", "250"), ("0.53", "900")))
"""Asks of a pair: 0.90 at the touch."""


def test_worked_example_becomes_a_plan_of_its_event():
    plan = planned(*worked())

    assert (plan.kind, plan.code, plan.size) == (PlanKind.BUY_SET, "rate3", parse_size("180"))
    assert [leg.name for leg in plan.legs] == ["Hold", "Cut", "Hike"]
    assert [leg.number for leg in plan.legs] == [0, 1, 2]
    assert [format_price(leg.touch) for leg in plan.legs] == ["0.450", "0.300", "0.200"]
    assert [format_price(leg.worst) for leg in plan.legs] == ["0.460", "0.310", "0.200"]
    assert {leg.size for leg in plan.legs} == {parse_size("180")}
    assert plan.touch_sum == parse_price("0.95")
    assert plan.limited_by == "edge: above 0.310 Cut costs more than the set pays"
    assert (plan.planned_ms, plan.books_ms) == (NOW, NOW - 100)


def test_margin_of_the_worked_example_adds_up_line_by_line():
    margin = planned(*worked()).margin

    assert format_usdc(margin.payout) == "180.00"
    assert format_usdc(margin.raw) == "172.60"
    assert format_usdc(margin.fee) == "4.46376"
    assert format_usdc(margin.safety) == "0.36"
    assert format_usdc(margin.fixed) == "0.02"
    assert (margin.slippage, margin.buffer, margin.carry) == (0, 0, 0)
    assert format_usdc(margin.net) == "2.55624"
    assert format_usdc(margin.if_held) == "2.93624"


def test_every_buffer_appears_in_the_margin_and_is_rounded_up():
    event = group(*(market(name, end_date="") for name in ("Hold", "Cut", "Hike")), end_date="")
    terms = params(
        slippage_ticks=1, fee_bps=7, carry_rate_e6=40_000, days_locked=30, safety_per_set=1, min_profit=0
    )
    cheap = books_of(event, [(("0.30", "33.33"),), (("0.30", "80"),), (("0.20", "90"),)])
    terms = replace(terms, lot=parse_size("0.01"))

    margin = planned(event, cheap, terms).margin

    sets = margin.payout
    assert sets == usdc("33.33")
    assert margin.slippage == 3 * 100 * 3_333
    assert margin.buffer == -(-margin.raw * 7 // 10_000)
    assert margin.safety == 34
    # 4 % a year for 30 days are 3,288 millionths (rounded up) of everything laid out.
    outlay = margin.raw + margin.fee + margin.slippage + margin.fixed
    assert margin.carry == -(-outlay * 3_288 // 1_000_000)
    assert margin.net == sets - outlay - margin.buffer - margin.safety - margin.carry


def test_pair_is_merged_at_once_and_carries_nothing():
    event = lone()
    books = books_of(event, RAIN)

    plan = planned(event, books, params(carry_rate_e6=500_000, days_locked=365))

    assert plan.kind is PlanKind.BUY_PAIR
    assert [leg.name for leg in plan.legs] == ["YES", "NO"]
    assert [leg.token_id for leg in plan.legs] == [event.markets[0].yes, event.markets[0].no]
    assert plan.margin.carry == 0


def test_set_of_two_equals_a_pair_on_the_same_books():
    two = group(market("Yes side"), market("No side"))
    pair = lone()

    as_set = planned(two, books_of(two, RAIN), params())
    as_pair = planned(pair, books_of(pair, RAIN), params())

    assert as_set.size == as_pair.size
    assert as_set.margin == as_pair.margin
    assert as_set.risk == as_pair.risk


def test_tokens_of_a_group_are_its_yes_tokens():
    event = group()

    assert tokens_of(event) == tuple(child.yes for child in event.markets)


def test_limit_is_the_worst_level_plus_the_slippage_ticks():
    event = group()
    books = books_of(event, [(("0.40", "90"), ("0.41", "90")), (("0.25", "170"),), (("0.15", "99"),)])

    plan = planned(event, books, params(slippage_ticks=2))

    assert [format_price(leg.worst) for leg in plan.legs] == ["0.410", "0.250", "0.150"]
    assert [format_price(leg.limit) for leg in plan.legs] == ["0.430", "0.270", "0.170"]


def test_depth_counts_what_is_on_offer_up_to_the_limit():
    event = group()
    deep = (("0.40", "90"), ("0.41", "7"), ("0.42", "5"), ("0.43", "1"))
    books = books_of(event, [deep, (("0.25", "170"),), (("0.15", "90"),)])

    plan = planned(event, books, params(slippage_ticks=2))

    assert plan.legs[0].depth == parse_size("102")


def test_limit_stops_a_tick_below_one():
    event = lone()
    candidates = candidates_of(event, books_of(event, [(("0.97", "10"),), (("0.01", "10"),)]))

    draft = draft_at(candidates, 500, params(slippage_ticks=9), kind=PlanKind.BUY_PAIR)

    assert [format_price(leg.limit) for leg in draft.legs] == ["0.990", "0.100"]


@pytest.mark.parametrize("ticks", [0, 1, 2])
def test_spend_max_covers_any_fill_within_the_limits(ticks):
    """Every share at any price up to the limit, with its own fee: never above the card's bound."""
    event, books, terms = worked(
        slippage_ticks=ticks, min_profit=0, safety_per_set=0, fixed_cost=usdc("0.01")
    )
    books = books_of(event, [(("0.40", "90"), ("0.43", "90")), (("0.25", "70"),), (("0.15", "99"),)])

    plan = planned(event, books, terms)

    assert plan.spend_max == sum(leg.outlay_max for leg in plan.legs) + usdc("0.01")
    for leg in plan.legs:
        for price in range(100, leg.limit + 1, 100):
            fee = taker_fee(leg.fee, Price(price), leg.size, Rounding.UP)
            assert notional(Price(price), leg.size, Rounding.UP) + fee <= leg.outlay_max


def test_spend_max_takes_the_dearest_fee_below_a_limit_above_one_half():
    event = lone()
    plan = planned(event, books_of(event, [(("0.80", "100"),), (("0.10", "100"),)]), params(min_profit=0))

    dear = plan.legs[0]
    assert dear.outlay_max == usdc("80") + taker_fee(FOUR_PERCENT, Price(5_000), dear.size, Rounding.UP)


def test_more_legs_than_a_batch_are_planned_and_shown():
    children = [market(f"Name {number}", fee=FREE) for number in range(20)]
    event = group(*children)
    books = books_of(event, [(("0.04", "100"),)] * 20)

    plan = planned(event, books, params(success_pct=100))

    assert len(plan.legs) == 20


def test_plan_carries_both_hashes_of_its_event():
    event, books, terms = worked()

    plan = planned(event, books, terms)

    assert plan.rules_hash == rules_hash(event)
    assert plan.terms_hash == terms_hash(event)
