"""Properties of strategy section 6 on arbitrary ladders: what must not matter, what can only do harm."""

from dataclasses import replace
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.core.dutch.event_plan import plan_dutch, tokens_of
from engine.core.planner.ladder import LegInput, tidy_levels
from engine.core.planner.optimum import NoTrade, Optimum, best_size
from engine.core.planner.search import Bound
from engine.core.planner.segments import SCALE
from engine.domain.book import Level
from engine.domain.fees import FREE, FeeCurve
from engine.domain.market import Side
from engine.domain.plan import Plan
from engine.domain.units import FEE_STEP, LOT, PRICE_ONE, Price, Size, Usdc, complement
from tests.support.planner import NOW, book, group, market, objective, params, room, worked

unhurried = settings(deadline=None)
"""How long an example takes says nothing here: other work shares the machine."""

curves = st.builds(FeeCurve, st.sampled_from([0, 20_000, 40_000, 70_000, 250_000]), st.integers(0, 2))
sizes = st.integers(1, 40_000).map(lambda lots: Size(lots * LOT))


@st.composite
def ladders(draw, *, side=Side.BUY, curve=curves, dearest=6_000):
    prices = draw(st.lists(st.integers(1, dearest), min_size=1, max_size=6, unique=True))
    levels = tidy_levels([Level(Price(price), draw(sizes)) for price in prices], side)
    return LegInput(side, levels, Price(10), draw(curve), Size(0), None, Usdc(0))


legs_of = st.lists(ladders(dearest=3_500), min_size=1, max_size=4)
free_legs = st.lists(ladders(curve=st.just(FREE), dearest=3_500), min_size=1, max_size=4)


def worth(legs, terms) -> int:
    best = best_size(legs, terms)
    return best.objective if isinstance(best, Optimum) else 0


def same(left: Optimum | NoTrade, right: Optimum | NoTrade) -> bool:
    if isinstance(left, Optimum) and isinstance(right, Optimum):
        return (left.lots, left.objective, left.outlay) == (right.lots, right.objective, right.outlay)
    return type(left) is type(right)


@unhurried
@given(legs_of, st.randoms(use_true_random=False))
def test_order_of_levels_and_of_legs_does_not_matter(legs, rng):
    shuffled = [
        replace(one, levels=tidy_levels(rng.sample(one.levels, len(one.levels)), one.side)) for one in legs
    ]
    rng.shuffle(shuffled)

    assert same(best_size(legs, objective()), best_size(shuffled, objective()))


@unhurried
@given(legs_of, st.integers(1, 39_999))
def test_splitting_a_level_does_not_matter(legs, cut):
    first = legs[0].levels[0]
    part = Size(min(cut * LOT, first.size))
    pieces = [Level(first.price, part), *legs[0].levels[1:], Level(first.price, Size(first.size - part))]
    split = [replace(legs[0], levels=tidy_levels(pieces, Side.BUY)), *legs[1:]]

    assert same(best_size(legs, objective()), best_size(split, objective()))


@unhurried
@given(st.lists(ladders(dearest=3_500), min_size=1, max_size=4), sizes, st.integers(1_000, 60_000))
def test_levels_beyond_the_edge_do_not_matter(legs, size, edge):
    """The payout is a little above the touch, so that the walk ends on the books and not at their end."""
    terms = replace(objective(), payout=Usdc(sum(one.levels[0].price for one in legs) * 100 + edge))
    deeper_ends = [Level(Price(4_500), Size(10**12))]
    legs = [replace(one, levels=(*one.levels, *deeper_ends)) for one in legs]
    best = best_size(legs, terms)
    assume(isinstance(best, Optimum))
    assert isinstance(best, Optimum)
    assert best.bound is Bound.EDGE
    deeper = [
        replace(one, levels=(*one.levels, Level(Price(one.levels[-1].price + 1), size))) for one in legs
    ]

    assert same(best, best_size(deeper, terms))


@unhurried
@given(legs_of, st.integers(0, 300), st.integers(0, 300))
def test_more_buffer_never_raises_the_objective(legs, little, more):
    for knob in ("fee_bps", "slippage_ticks", "carry_ppm"):
        less = worth(legs, objective(**{knob: little}))
        assert worth(legs, objective(**{knob: little + more})) <= less


@unhurried
@given(legs_of, st.integers(0, 20_000), st.integers(0, 20_000))
def test_more_safety_or_fixed_cost_never_raises_the_objective(legs, little, more):
    safety = [replace(objective(), safety_per_set=Usdc(amount)) for amount in (little, little + more)]
    fixed = [replace(objective(), fixed_cost=Usdc(amount)) for amount in (little, little + more)]

    for less, dearer in (safety, fixed):
        assert worth(legs, dearer) <= worth(legs, less)


@unhurried
@given(legs_of, st.integers(0, 500_000))
def test_dearer_fee_schedule_never_raises_the_objective(legs, more):
    dearer = [replace(one, fee=replace(one.fee, rate=one.fee.rate + more)) for one in legs]

    assert worth(dearer, objective()) <= worth(legs, objective())


@unhurried
@given(legs_of, st.data())
def test_less_depth_never_raises_the_objective_beyond_rounding(legs, data):
    """Rounding can favour it by less than two steps: on the level gone, and on the last one before."""
    victim = data.draw(st.integers(0, len(legs) - 1))
    gone = data.draw(st.integers(0, len(legs[victim].levels) - 1))
    left = tuple(level for number, level in enumerate(legs[victim].levels) if number != gone)
    thinner = [replace(one, levels=left) if number == victim else one for number, one in enumerate(legs)]

    assert worth(thinner, objective()) <= worth(legs, objective()) + 2 * FEE_STEP * SCALE


@unhurried
@given(free_legs, st.integers(2, 50), st.integers(0, 100_000))
def test_scaling_all_sizes_scales_size_and_gain(legs, factor, fixed):
    """Without rounding, lots, minimums and caps; the fixed cost stays what it is."""
    grown = [
        replace(one, levels=tuple(Level(level.price, Size(level.size * factor)) for level in one.levels))
        for one in legs
    ]
    terms = replace(objective(), fixed_cost=Usdc(fixed))
    small, large = best_size(legs, terms), best_size(grown, terms)
    assume(isinstance(small, Optimum))

    assert isinstance(small, Optimum)
    assert isinstance(large, Optimum)
    assert large.lots == small.lots * factor
    assert large.objective + fixed * SCALE == (small.objective + fixed * SCALE) * factor


@unhurried
@given(st.lists(ladders(side=Side.SELL, dearest=9_000), min_size=1, max_size=4))
def test_selling_a_set_equals_buying_no_on_everything(legs):
    """ask(NO) = 1 - bid(YES), the fee curve is symmetric: one trade, two ways (strategy 3.7)."""
    mirror = [
        replace(one, side=Side.BUY, levels=tuple(Level(complement(x.price), x.size) for x in one.levels))
        for one in legs
    ]
    sell = best_size(legs, objective(payout="-1"))
    no_set = best_size(mirror, replace(objective(), payout=Usdc((len(legs) - 1) * 10**6)))

    if isinstance(sell, Optimum) and isinstance(no_set, Optimum):
        assert (sell.lots, sell.objective) == (no_set.lots, no_set.objective)
        return
    assert isinstance(sell, NoTrade)
    assert isinstance(no_set, NoTrade)


@unhurried
@given(legs_of, st.integers(1, 2_000), st.integers(1, 10**8))
def test_optimum_stays_within_every_cap_it_is_given(legs, cap_cents, capital):
    terms = replace(
        objective(),
        max_sets=Size(cap_cents * LOT * 10),
        max_leg=Usdc(cap_cents * 10_000),
        max_capital=Usdc(capital),
    )
    best = best_size(legs, terms)
    assume(isinstance(best, Optimum))

    assert isinstance(best, Optimum)
    assert best.size <= cap_cents * LOT * 10
    assert max(fill.raw for fill in best.fills) <= cap_cents * 10_000
    assert best.outlay <= capital * SCALE
    assert best.objective > 0


@st.composite
def scenes(draw):
    """An event near the money with books on its tick, and terms that may bind anywhere."""
    rng = Random(draw(st.integers(0, 10**9)))
    count = rng.randint(2, 5)
    event = group(*(market(f"Outcome {number}") for number in range(count)))
    books = {}
    for asset in tokens_of(event):
        price = max(1, 100 // count - rng.randint(0, 6))
        asks = [(f"0.{price + step:02}", str(rng.randint(20, 400))) for step in range(rng.randint(1, 4))]
        bids = [(f"0.{price - step:02}", str(rng.randint(1, 500))) for step in range(1, min(price, 4))]
        books[asset] = book(event, asset, asks, bids)
    terms = params(
        lot=Size(rng.choice((LOT, 100 * LOT))),
        fee_bps=rng.choice((0, 10)),
        slippage_ticks=rng.choice((0, 0, 1)),
        min_profit=Usdc(rng.choice((0, 500_000))),
        stress_levels=rng.randint(0, 2),
        max_leg_loss=Usdc(rng.randint(1, 60) * 10**6),
        max_residual=Usdc(rng.randint(10, 400) * 10**6),
        success_pct=rng.choice((60, 80, 95, 100)),
    )
    return event, books, terms, room(ticket=str(rng.randint(1, 300)), day=str(rng.randint(1, 300)))


@unhurried
@given(scenes())
def test_every_plan_keeps_every_promise(scene):
    """Caps, budgets, grid, minimums, sums and odds of any plan that comes out."""
    event, books, terms, space = scene
    plan = plan_dutch(event, books, wanted=None, params=terms, room=space, now_ms=NOW)
    assume(isinstance(plan, Plan))
    assert isinstance(plan, Plan)

    assert plan.margin.net > 0
    assert plan.margin.net >= terms.min_profit
    assert plan.spend_max <= min(space.ticket, space.day, space.wallet)
    assert plan.risk.bound <= terms.max_leg_loss
    assert plan.risk.hard <= terms.max_residual
    assert plan.risk.bound <= plan.risk.hard
    profit = plan.margin.if_held - plan.margin.fixed
    assert terms.success_pct * profit > (100 - terms.success_pct) * plan.risk.bound
    assert plan.size % terms.lot == 0
    for leg in plan.legs:
        assert leg.size == plan.size >= 5 * 10**6
        assert leg.raw >= 10**6
        assert leg.touch <= leg.worst <= leg.limit <= PRICE_ONE - leg.tick
        assert leg.limit % leg.tick == 0
        assert leg.depth >= leg.size
        assert leg.raw + leg.fee_paid <= leg.outlay_max
    assert plan.margin.raw == sum(leg.raw for leg in plan.legs)
    assert plan.margin.fee == sum(leg.fee_paid for leg in plan.legs)


@unhurried
@given(st.permutations(range(3)), st.integers(1, 10**6))
def test_plan_id_survives_reordering_and_restart(order, epoch):
    event, books, terms = worked()
    turned = replace(event, markets=tuple(event.markets[place] for place in order))
    again = {asset: replace(found, epoch=epoch) for asset, found in books.items()}

    first = plan_dutch(event, books, wanted=None, params=terms, room=room(), now_ms=NOW)
    second = plan_dutch(turned, again, wanted=None, params=terms, room=room(), now_ms=NOW)

    assert isinstance(first, Plan)
    assert isinstance(second, Plan)
    assert first.plan_id == second.plan_id
