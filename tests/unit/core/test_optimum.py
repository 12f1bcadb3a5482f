"""The optimiser on cases worked out by hand: sizes, money to the micro-dollar, what binds, why not."""

from fractions import Fraction

import pytest

from engine.core.planner.optimum import NoTrade, Optimum, Reason, best_size
from engine.core.planner.search import Bound
from engine.core.planner.segments import SCALE
from engine.domain.book import Level
from engine.domain.fees import FREE, FeeCurve
from engine.domain.market import Side
from engine.domain.units import Rounding, format_price, format_usdc, parse_size
from tests.support.planner import WORKED_ASKS, leg, objective
from tests.support.planner_oracle import Worth

DOLLAR = SCALE * 10**6


def found(legs, **terms) -> Optimum:
    best = best_size(legs, objective(**terms))
    assert isinstance(best, Optimum), best
    return best


def refused(legs, **terms) -> NoTrade:
    best = best_size(legs, objective(**terms))
    assert isinstance(best, NoTrade), best
    return best


def pair(yes: str, no: str, size: str = "100", **changes):
    return [leg([(yes, size)], **changes), leg([(no, size)], **changes)]


@pytest.mark.parametrize("lot", ["1", "0.01"])
def test_worked_example_of_the_strategy_is_met_to_the_micro_dollar(lot):
    """All of its fees (1.188 + 0.59616, 0.672 + 0.8556, 1.152) are whole steps: rounding adds nothing."""
    best = found([leg(asks) for asks in WORKED_ASKS], lot=lot, safety="0.002", fixed="0.02")

    assert best.size == parse_size("180")
    assert best.objective == 2_556_240 * SCALE
    assert format_usdc(best.net) == "2.55624"
    assert best.outlay == 177_083_760 * SCALE
    assert [format_price(fill.worst) for fill in best.fills] == ["0.460", "0.310", "0.200"]
    assert [fill.fee for fill in best.fills] == [1_784_160, 1_527_600, 1_152_000]
    assert [fill.raw for fill in best.fills] == [81_600_000, 55_000_000, 36_000_000]
    # The second leg's level of 0.31 ends at 180: the next one costs more than the set pays.
    assert (best.bound, best.bound_leg) == (Bound.EDGE, 1)


def test_free_pair_takes_the_whole_depth():
    best = found(pair("0.40", "0.55", fee=FREE))

    assert (best.lots, best.net) == (10_000, 5_000_000)
    assert (best.bound, best.bound_leg) == (Bound.DEPTH, 0)


def test_level_that_just_breaks_even_is_left_alone():
    """Between equal objectives the smaller size wins."""
    legs = [leg([("0.40", "10"), ("0.45", "10")], fee=FREE), leg([("0.55", "100")], fee=FREE)]

    assert found(legs).lots == 1_000


def test_level_that_pays_a_hundredth_of_a_cent_per_set_is_taken():
    legs = [leg([("0.40", "10"), ("0.4499", "10")], fee=FREE), leg([("0.55", "100")], fee=FREE)]

    best = found(legs)

    assert best.lots == 2_000
    assert best.net == 500_000 + 1_000


def test_fee_rounding_can_make_one_lot_less_the_better_size():
    """The last lot adds a few micro-dollars of edge, but sometimes a whole step of ten more in fee."""
    curve = FeeCurve(40_133, 1)
    legs = [
        leg([("0.4750", "0.07")], fee=curve, tick="0.0001"),
        leg([("0.5046", "0.07")], fee=curve, tick="0.0001"),
    ]
    terms = objective()
    worths = [Worth(legs, terms, lots).objective for lots in range(1, 8)]

    best = found(legs)

    assert Fraction(best.objective, DOLLAR) == max(worths)
    assert best.lots == worths.index(max(worths)) + 1


def test_objective_that_only_rounding_breaks_is_refused():
    """Without rounding the pair would gain 0.8 micro a set; a step of 10 micro eats it."""
    legs = pair("0.4900", "0.4900", "0.01", fee=FeeCurve(40_000, 1))

    assert refused(legs).reason is Reason.NO_EDGE
    assert found(legs, fee_rounding=Rounding.DOWN).lots == 1


def test_fees_rounded_down_can_pay_again_behind_a_level_that_does_not():
    """Twenty-one lots at 0.0101 lose 12 micro-dollars, then seven levels of one lot each pay no fee."""
    asks = [("0.0100", "0.05"), ("0.0101", "0.21"), *((f"0.0{price}", "0.01") for price in range(102, 109))]
    legs = [leg(asks, fee=FeeCurve(90_000, 1), tick="0.0001")]

    best = found(legs, payout="0.0109", fee_rounding=Rounding.DOWN)

    assert (best.lots, best.net) == (33, 21)


@pytest.mark.parametrize(("cheap", "lots"), [("1.01", 101), ("1.37", 250)])
def test_flat_segment_of_a_billion_shares_is_searched_within_one_period(cheap, lots):
    """Edge exactly zero after fees and safety: only the rounding of fees tells the sizes apart."""
    legs = [leg([("0.40", cheap), ("0.49", "1000000000")]), leg([("0.49", "1000000000")])]
    terms = objective(safety="0.000008")

    best = found(legs, safety="0.000008")

    worths = [Worth(legs, terms, size).objective for size in range(1, 400)]
    assert Fraction(best.objective, DOLLAR) == max(worths)
    assert best.lots == lots == worths.index(max(worths)) + 1


def test_faint_slope_over_a_billion_shares_is_followed_to_its_last_period():
    legs = [leg([("0.40", "1.01"), ("0.49", "1000000000")]), leg([("0.49", "1000000000")])]
    terms = objective(safety="0.000007")

    best = found(legs, safety="0.000007")

    depth = 100_000_000_000
    near = {lots: Worth(legs, terms, lots).objective for lots in range(depth - 300, depth + 1)}
    assert Fraction(best.objective, DOLLAR) == max(near.values())
    assert best.lots == min(lots for lots, worth in near.items() if worth == max(near.values()))


def test_no_edge_reads_nothing_but_the_best_level():
    class Watched(tuple[Level, ...]):
        __slots__ = ()
        reads = 0

        def __iter__(self):
            for level in tuple.__iter__(self):
                Watched.reads += 1
                yield level

        def __getitem__(self, place):
            assert place == 0, "expected the best level alone"
            return tuple.__getitem__(self, place)

    legs = []
    for number in range(128):
        asks = [(f"0.0{number % 3 + 1}{step:02}", "100") for step in range(50)]
        one = leg(asks, tick="0.0001")
        legs.append(
            type(one)(one.side, Watched(one.levels), one.tick, one.fee, one.min_size, None, one.min_notional)
        )

    assert refused(legs).reason is Reason.NO_EDGE
    assert Watched.reads == 0


@pytest.mark.parametrize(
    ("terms", "cost"),
    [
        ({"fee_bps": 100}, 0.01 * 95),
        ({"slippage_ticks": 1}, 0.02 * 100),
        ({"safety": "0.003"}, 0.003 * 100),
        ({"fixed": "0.75"}, 0.75),
        ({"carry_ppm": 10_000}, 0.01 * 95),
        ({"carry_ppm": 10_000, "fixed": "1", "slippage_ticks": 1}, 1 + 2 + 0.01 * (95 + 1 + 2)),
    ],
)
def test_each_cost_comes_off_the_objective(terms, cost):
    """100 sets of a free pair at 0.95 earn 5 dollars before buffers."""
    assert found(pair("0.40", "0.55", fee=FREE), **terms).net == 5_000_000 - round(cost * 10**6)


def test_buffers_gate_every_unit_and_not_the_average():
    """The second level earns 1 cent a set, the safety takes 2: it stays out though the whole still pays."""
    legs = [leg([("0.40", "10"), ("0.44", "10")], fee=FREE), leg([("0.55", "100")], fee=FREE)]

    assert found(legs, safety="0.005").lots == 2_000
    assert found(legs, safety="0.02").lots == 1_000


def test_selling_a_set_that_must_be_made_walks_bids_and_locks_its_cost():
    legs = [
        leg([("0.60", "50"), ("0.50", "50")], side=Side.SELL, fee=FREE),
        leg([("0.45", "80")], side=Side.SELL, fee=FREE),
    ]

    best = found(legs, payout="-1")

    assert (best.lots, best.net) == (5_000, 2_500_000)
    assert best.outlay == 50 * DOLLAR


def test_carry_is_charged_on_locked_collateral_too():
    legs = [leg([("0.60", "50")], side=Side.SELL, fee=FREE), leg([("0.45", "80")], side=Side.SELL, fee=FREE)]

    assert found(legs, payout="-1", carry_ppm=1_000).net == 2_500_000 - 50_000


def test_proceeds_of_sell_legs_do_not_fund_the_bought_ones():
    legs = [leg([("0.20", "100")], fee=FREE), leg([("0.90", "100")], side=Side.SELL, fee=FREE)]

    best = found(legs, payout="0", max_capital="5")

    assert (best.lots, best.outlay) == (2_500, 5 * DOLLAR)
    assert best.bound is Bound.CAPITAL


@pytest.mark.parametrize(
    ("leg_changes", "terms", "lots", "bound", "bound_leg"),
    [
        ({"max_size": "30"}, {}, 3_000, Bound.LEG_SIZE, 0),
        ({}, {"max_sets": "12.34"}, 1_234, Bound.SETS, None),
        ({}, {"max_leg": "11"}, 2_000, Bound.LEG_NOTIONAL, 1),
        ({}, {"max_capital": "19"}, 2_000, Bound.CAPITAL, None),
        ({}, {"max_capital": "19.0094"}, 2_000, Bound.CAPITAL, None),
        ({}, {"max_capital": "19.0095"}, 2_001, Bound.CAPITAL, None),
        ({}, {"lot": "30"}, 9_000, Bound.DEPTH, 0),
        ({}, {"lot": "7", "max_sets": "50"}, 4_900, Bound.SETS, None),
    ],
)
def test_each_cap_bounds_the_size_and_is_named(leg_changes, terms, lots, bound, bound_leg):
    best = found(pair("0.40", "0.55", fee=FREE, **leg_changes), **terms)

    assert (best.lots, best.bound, best.bound_leg) == (lots, bound, bound_leg)


def test_cap_behind_the_edge_is_not_what_limits():
    legs = [leg([("0.40", "10"), ("0.50", "90")], fee=FREE), leg([("0.55", "100")], fee=FREE)]

    best = found(legs, max_sets="50")

    assert (best.lots, best.bound, best.bound_leg) == (1_000, Bound.EDGE, 0)


def test_cap_on_a_legs_cost_counts_deeper_levels_at_their_own_price():
    """Eleven of the second leg cost 6.05, ten of the first 4.00 and one more 0.43."""
    legs = [leg([("0.40", "10"), ("0.43", "90")], fee=FREE), leg([("0.55", "100")], fee=FREE)]

    assert found(legs, max_leg="6.05").lots == 1_100
    assert found(legs[:1], payout="0.44", max_leg="4.43").lots == 1_100
    assert found(legs[:1], payout="0.44", max_leg="4.4299").lots == 1_099


def test_cap_on_a_legs_proceeds_is_the_same_whatever_lies_behind_it():
    """The level behind begins beyond the cap, and says nothing about it."""
    near, deep = [("0.50", "10")], [("0.50", "10"), ("0.20", "50")]

    for bids in (near, deep):
        best = found([leg(bids, side=Side.SELL, fee=FREE)], payout="0", max_leg="3.05")
        assert (best.lots, best.bound) == (610, Bound.LEG_NOTIONAL)


def test_minimum_beyond_the_best_size_is_accepted_while_it_pays():
    """The optimum is 10; a minimum of 15 costs 5 sets at a loss of 1 cent each and still leaves 45 cents."""
    legs = [leg([("0.40", "10"), ("0.46", "90")], fee=FREE), leg([("0.55", "100")], fee=FREE, min_size="15")]

    best = found(legs)

    assert (best.lots, best.net) == (1_500, 450_000)


def test_minimum_so_large_that_nothing_is_left_is_no_edge():
    legs = [leg([("0.40", "10"), ("0.46", "90")], fee=FREE), leg([("0.55", "100")], fee=FREE, min_size="60")]

    refusal = refused(legs)

    assert (refusal.reason, refusal.lots_min) == (Reason.NO_EDGE, 6_000)


def test_dollar_minimum_of_a_long_shot_is_a_lower_bound_on_every_leg():
    cheap = leg([("0.003", "5000")], tick="0.001", fee=FREE, min_notional="1")
    legs = [cheap, leg([("0.90", "5000")], fee=FREE)]

    refusal = refused(legs, max_sets="333.33")

    assert (refusal.reason, refusal.lots_min) == (Reason.MIN_SIZE, 33_334)
    assert found(legs, max_sets="333.34").lots == 33_334


def test_minimums_are_rounded_up_to_the_lot():
    legs = pair("0.40", "0.55", fee=FREE, min_size="15.01")

    assert refused(legs, lot="10", max_sets="19").lots_min == 2_000


def test_ladder_too_thin_for_its_dollar_names_the_leg():
    legs = [leg([("0.40", "100")], fee=FREE), leg([("0.10", "9")], fee=FREE, min_notional="1")]

    refusal = refused(legs)

    assert (refusal.reason, refusal.leg, refusal.lots_min) == (Reason.MIN_SIZE, 1, 0)


@pytest.mark.parametrize(
    "terms", [{"max_sets": "0"}, {"max_leg": "0"}, {"max_capital": "0"}, {"lot": "1", "max_sets": "0.99"}]
)
def test_cap_below_one_lot_leaves_no_capacity(terms):
    assert refused(pair("0.40", "0.55", fee=FREE), **terms).reason is Reason.CAPS


def test_empty_leg_is_named():
    refusal = refused([leg([("0.40", "100")]), leg([("0.10", "0.009")])])

    assert (refusal.reason, refusal.leg) == (Reason.EMPTY_LEG, 1)


def test_no_edge_tells_what_a_set_earns_at_the_touch():
    """0.50 + 0.49 leave 1 cent, the fees 1.9996 cents take it."""
    refusal = refused(pair("0.50", "0.49"))

    assert (refusal.reason, refusal.net) == (Reason.NO_EDGE, -9_996)


def test_edge_that_the_fixed_cost_eats_is_no_edge():
    refusal = refused(pair("0.40", "0.55", "10", fee=FREE), fixed="0.50")

    assert (refusal.reason, refusal.net) == (Reason.NO_EDGE, 50_000)


def test_profit_below_the_minimum_is_told_with_the_best_there_is():
    refusal = refused(pair("0.40", "0.55", "10", fee=FREE), min_profit="0.500001")

    assert (refusal.reason, refusal.net) == (Reason.MIN_PROFIT, 500_000)
    assert found(pair("0.40", "0.55", "10", fee=FREE), min_profit="0.50").net == 500_000


@pytest.mark.parametrize(("yes", "no"), [("0.0001", "0.9997"), ("0.9997", "0.0001")])
def test_extreme_prices_are_planned_like_any_other(yes, no):
    best = found(pair(yes, no, fee=FREE, tick="0.0001"))

    assert (best.lots, best.net) == (10_000, 20_000)


def test_single_leg_is_a_plan_as_well():
    assert found([leg([("0.97", "10")], fee=FREE)]).net == 300_000


def test_two_hundred_legs_are_planned():
    legs = [leg([("0.0040", "600"), ("0.0049", "400")], tick="0.0001", fee=FREE) for _ in range(200)]

    best = found(legs)

    assert (best.lots, best.net) == (100_000, 120 * 10**6 + 8 * 10**6)


def test_falling_bids_with_a_fee_steeper_than_their_price_are_searched_to_the_end():
    """Fee and buffer of the dear bid eat more than it brings; the cheap one behind it pays (strategy 3.6)."""
    bids = [("0.60", "1"), ("0.05", "10")]
    legs = [leg(bids, side=Side.SELL, fee=FeeCurve(1_000_000, 2))]
    terms = objective(payout="0", fee_bps=9_200)

    worths = {lots: Worth(legs, terms, lots).objective for lots in range(1, 1_101)}
    best = found(legs, payout="0", fee_bps=9_200)

    assert worths[100] < 0 < worths[1_100] == max(worths.values())
    assert (best.lots, Fraction(best.objective, DOLLAR)) == (1_100, worths[1_100])
