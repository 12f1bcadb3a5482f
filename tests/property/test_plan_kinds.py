"""What holds between the kinds of plans, and what a bound on loss promises, on random books."""

from dataclasses import replace
from itertools import combinations, product
from random import Random

import pytest

from engine.core.dutch.eligibility import ineligible, kinds_of
from engine.core.dutch.event_plan import plan_kind
from engine.core.dutch.leg_risk import LegStake, SaleStake, mixed_risk, probe_risk, sale_risk
from engine.core.dutch.legs import candidate_of, wants_of
from engine.core.dutch.sheet import Sheet, limits_of
from engine.core.dutch.sizing import size_plan
from engine.core.order_terms import lot_of
from engine.domain.book import LiveBook
from engine.domain.fees import FREE, FeeCurve
from engine.domain.ids import TokenId
from engine.domain.market import Side, rules_hash
from engine.domain.order import TimeInForce
from engine.domain.plan import Plan, PlanKind
from engine.domain.refusal import Refusal
from engine.domain.units import USDC_ONE, Price, Usdc, parse_size
from tests.support.planner import NOW, book, group, market, mirrored, params, room

SEEDS = range(120)


def scene(rng: Random, count: int, *, fee: FeeCurve):
    """An event whose YES bids add up to about one, with the NO books that mirror them.

    Some have an outcome that few believe in, or that few bid for: a basket may do better without it.
    """
    event = group(*(market(f"Outcome {number}", fee=fee) for number in range(count)))
    far = rng.choice((None, 0, count - 1))
    books: dict[TokenId, LiveBook] = {}
    for number, child in enumerate(event.markets):
        top = max(3, 108 // count + rng.randint(-4, 4)) if number != far else rng.randint(1, 6)
        top += 6 * (far is not None and number != far)
        deep = (5, 20) if number == far else (10, 300)
        bids = [
            (f"0.{top - step:02}", str(rng.randint(*deep))) for step in range(min(top, rng.randint(1, 3)))
        ]
        yes = book(event, child.yes, ((f"0.{top + 1:02}", "50"),), bids)
        books |= {child.yes: yes, child.no: mirrored(yes, child.no)}
    return event, books


def terms_of(rng: Random):
    return params(
        safety_per_set=Usdc(rng.choice((0, 2_000))),
        fixed_cost=Usdc(0),
        slippage_ticks=rng.choice((0, 1)),
        fee_bps=0,
        min_profit=Usdc(0),
        success_pct=100,
        max_leg=Usdc(10**12),
    )


def planned(kind, event, books, terms, *, space=None, held=None):
    return plan_kind(
        kind, event, books, wanted=None, params=terms, room=space or room(), now_ms=NOW, held=held or {}
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_selling_held_sets_leaves_what_a_whole_basket_of_no_leaves(seed):
    rng = Random(seed)
    event, books = scene(rng, rng.randint(2, 4), fee=FREE)
    terms = terms_of(rng)
    held = {child.yes: parse_size("100000") for child in event.markets}

    sale = planned(PlanKind.SELL_SET, event, books, terms, held=held)
    basket = planned(PlanKind.NO_SET, event, books, terms)

    if isinstance(sale, Plan) and isinstance(basket, Plan) and len(basket.legs) == len(event.markets):
        assert sale.margin.net == basket.margin.net, f"seed {seed}"
        assert sale.size == basket.size, f"seed {seed}"
    elif isinstance(sale, Plan) and sale.size >= parse_size("5"):
        assert isinstance(basket, Plan), f"seed {seed}: {basket}"
        assert basket.margin.net >= sale.margin.net, f"seed {seed}: a part of the outcomes is never worse"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_basket_is_the_best_of_all_choices_of_outcomes(seed):
    """Every choice of two or more is planned as an event of its own; none leaves more, caps or not."""
    rng = Random(seed)
    event, books = scene(rng, rng.randint(3, 5), fee=FeeCurve(rng.choice((0, 40_000)), 1))
    terms = terms_of(rng)
    space = room(ticket=str(rng.choice((40, 150, 10_000))))
    choices = [c for count in range(2, len(event.markets) + 1) for c in combinations(event.markets, count)]
    best = max(all_of(replace(event, markets=chosen), books, terms, space) for chosen in choices)

    found = planned(PlanKind.NO_SET, event, books, terms, space=space)

    assert (found.margin.net if isinstance(found, Plan) else 0) == best, f"seed {seed}"


def all_of(event, books, terms, space) -> int:
    """What a basket of NO on every outcome leaves, 0 if it does not pay."""
    candidates = tuple(candidate_of(want, books) for want in wants_of(event, PlanKind.NO_SET))
    limits = limits_of(terms, space)
    sized = size_plan(Sheet(event.code, PlanKind.NO_SET, candidates, terms, limits, terms.success_pct), None)
    return 0 if isinstance(sized, Refusal) else sized.draft.margin.net


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_card_says_adds_up_for_every_kind(seed):
    rng = Random(seed)
    event, books = scene(rng, rng.randint(2, 5), fee=FeeCurve(rng.choice((0, 40_000)), 1))
    held = {child.yes: parse_size("200") for child in event.markets}
    terms = terms_of(rng)
    for kind in (PlanKind.NO_SET, PlanKind.SELL_SET, PlanKind.CONVERT):
        plan = planned(kind, event, books, terms, held=held)
        if isinstance(plan, Refusal):
            assert plan.text.startswith("expected "), f"seed {seed}"
            continue
        m = plan.margin
        bought = sum(leg.raw for leg in plan.legs if leg.side is Side.BUY)
        sold = sum(leg.raw for leg in plan.legs if leg.side is Side.SELL)
        assert m.raw == bought - sold, f"seed {seed}"
        assert m.payout == plan.size * plan.per_set // USDC_ONE, f"seed {seed}"
        costs = m.fee + m.slippage + m.buffer + m.safety + m.carry + m.fixed
        assert m.net == m.payout - m.raw - costs > 0, f"seed {seed}"
        assert plan.spend_max == sum(leg.outlay_max for leg in plan.legs), f"seed {seed}"
        for leg in plan.legs:
            if leg.side is Side.SELL:
                assert leg.limit <= leg.worst <= leg.touch, f"seed {seed}"
                assert leg.proceeds_min <= leg.raw - leg.fee_paid, f"seed {seed}"
                assert leg.limit * leg.size % 1_000_000 == 0, f"seed {seed}: more than four decimals"
            assert leg.depth >= leg.size, f"seed {seed}"


@pytest.mark.parametrize("seed", range(300))
def test_no_pattern_of_filled_sales_loses_more_than_the_bounds(seed):
    """Loss against keeping sets worth `value`: what is sold, and the rest dumped or worthless."""
    rng = Random(seed)
    value = Usdc(rng.randint(50, 200) * USDC_ONE)
    sales = some_sales(rng, value)
    risk = sale_risk(sales, value=value)
    probed = probe_risk(sales, payout=Usdc(-value))
    for pattern in patterns(len(sales)):
        sold = sum(sale.planned for sale, hit in zip(sales, pattern, strict=True) if hit)
        dumped = sum(sale.dumped for sale, hit in zip(sales, pattern, strict=True) if not hit)
        assert not any(pattern) or value - sold - dumped <= risk.bound, f"seed {seed}, {pattern}"
        assert not any(pattern) or value - sold <= risk.hard, f"seed {seed}, {pattern}"
        if any(pattern) and pattern == tuple(sorted(pattern, reverse=True)):
            assert value - sold - dumped <= probed.bound <= risk.bound, f"seed {seed}, {pattern}"
            assert value - sold <= probed.hard <= risk.hard, f"seed {seed}, {pattern}"
    assert 0 <= risk.bound <= risk.hard, f"seed {seed}"


@pytest.mark.parametrize("seed", range(300))
def test_no_pattern_of_a_conversion_loses_more_than_the_bounds(seed):
    """Sales follow the conversion of everything bought; before it only what was bought can be dumped."""
    rng = Random(seed)
    buys = [
        LegStake(Usdc(cost := rng.randint(1, 90) * USDC_ONE), Usdc(rng.randint(0, cost)))
        for _ in range(rng.randint(1, 4))
    ]
    payout = Usdc((len(buys) - 1) * 90 * USDC_ONE)
    sales = some_sales(rng, Usdc(90 * USDC_ONE))
    risk = mixed_risk(buys, sales, payout=payout)
    outlay = sum(stake.outlay for stake in buys)
    for pattern in patterns(len(buys)):
        paid = sum(stake.outlay for stake, hit in zip(buys, pattern, strict=True) if hit)
        back = sum(stake.proceeds for stake, hit in zip(buys, pattern, strict=True) if hit)
        assert paid - back <= risk.bound, f"seed {seed}, {pattern}"
        assert paid <= risk.hard, f"seed {seed}, {pattern}"
    for pattern in patterns(len(sales)):
        sold = sum(sale.planned for sale, hit in zip(sales, pattern, strict=True) if hit)
        dumped = sum(sale.dumped for sale, hit in zip(sales, pattern, strict=True) if not hit)
        assert outlay - payout - sold - dumped <= risk.bound, f"seed {seed}, {pattern}"
        assert outlay - payout - sold <= risk.hard, f"seed {seed}, {pattern}"


def some_sales(rng: Random, value: Usdc) -> list[SaleStake]:
    count = rng.randint(2, 6)
    planned_each = [rng.randint(1, 2 * value // count) for _ in range(count)]
    return [SaleStake(Usdc(one), Usdc(rng.randint(0, one + one // 10))) for one in planned_each]


def patterns(count: int):
    return product((False, True), repeat=count)


@pytest.mark.parametrize("seed", range(40))
def test_no_plan_of_any_kind_where_a_fee_is_unknown(seed):
    """The guard refuses it for every kind; the planner takes nothing without its fee."""
    rng = Random(seed)
    event, _ = scene(rng, 3, fee=FREE)
    child = event.markets[0]
    unknown = replace(child, terms=replace(child.terms, fee=None))
    blind = replace(event, markets=(unknown, *event.markets[1:]))
    for kind in kinds_of(blind):
        assert ineligible(blind, {blind.event_id: rules_hash(blind)}, allow_other=True, kind=kind) is not None


@pytest.mark.parametrize("kind", [PlanKind.NO_SET, PlanKind.SELL_SET, PlanKind.CONVERT])
def test_plan_id_holds_whatever_the_order_and_changes_with_any_book(kind):
    event, books = scene(Random(1), 3, fee=FREE)
    terms = params(safety_per_set=0, success_pct=100)
    held = {child.yes: parse_size("50") for child in event.markets}
    turned = replace(event, markets=event.markets[::-1])
    first = planned(kind, event, books, terms, held=held)
    assert isinstance(first, Plan)
    used = first.legs[0].token_id
    other = books | {used: replace(books[used], hash="0" * 40)}

    again = planned(kind, turned, books, terms, held=held)
    changed = planned(kind, event, other, terms, held=held)

    assert isinstance(again, Plan)
    assert isinstance(changed, Plan)
    assert again.plan_id == first.plan_id
    assert changed.plan_id != first.plan_id


def test_each_kind_has_an_id_of_its_own():
    event, books = scene(Random(1), 3, fee=FREE)
    held = {child.yes: parse_size("50") for child in event.markets}
    terms = params(safety_per_set=0, success_pct=100)
    kinds = (PlanKind.NO_SET, PlanKind.SELL_SET, PlanKind.CONVERT)
    plans = [planned(kind, event, books, terms, held=held) for kind in kinds]

    assert len({plan.plan_id for plan in plans if isinstance(plan, Plan)}) == 3


@pytest.mark.parametrize(
    ("side", "kind", "tick", "shares"),
    [
        (Side.BUY, TimeInForce.GTD, 100, "0.01"),
        (Side.BUY, TimeInForce.FOK, 100, "1"),
        (Side.BUY, TimeInForce.FOK, 50, "2"),
        (Side.BUY, TimeInForce.FAK, 25, "4"),
        (Side.BUY, TimeInForce.FOK, 10, "10"),
        (Side.BUY, TimeInForce.FOK, 1, "100"),
        (Side.SELL, TimeInForce.FAK, 100, "0.01"),
        (Side.SELL, TimeInForce.FAK, 10, "0.1"),
        (Side.SELL, TimeInForce.FAK, 1, "1"),
        (Side.SELL, TimeInForce.GTC, 1, "0.01"),
    ],
)
def test_lot_makes_every_price_on_the_tick_an_amount_the_venue_takes(side, kind, tick, shares):
    lot = lot_of(side, kind, Price(tick))

    assert lot == parse_size(shares)
    if kind in (TimeInForce.FAK, TimeInForce.FOK):
        step = 10_000 if side is Side.BUY else 100
        assert all(price * lot % (step * 10_000) == 0 for price in range(tick, 10_000, tick))
