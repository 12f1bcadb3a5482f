"""Ladders in planner units: order, merging, lots, fees level by level."""

from random import Random

import pytest

from engine.core.planner.ladder import fee_fraction, fill_at, lots_to_reach, rungs, tidy_levels
from engine.domain.book import Level
from engine.domain.fees import FREE, FeeCurve, taker_fee
from engine.domain.market import Side
from engine.domain.units import FEE_STEP, LOT, Price, Rounding, Size, Usdc, divide, parse_size
from tests.support.planner import leg, levels


def test_tidy_levels_sorts_asks_cheapest_first_and_bids_dearest_first():
    mixed = levels([("0.33", "5"), ("0.30", "8"), ("0.31", "1")])

    assert [level.price for level in tidy_levels(mixed, Side.BUY)] == [3_000, 3_100, 3_300]
    assert [level.price for level in tidy_levels(mixed, Side.SELL)] == [3_300, 3_100, 3_000]


def test_tidy_levels_adds_equal_prices_and_drops_what_cannot_trade():
    messy = [
        Level(Price(3_000), parse_size("1.5")),
        Level(Price(3_000), parse_size("0.25")),
        Level(Price(3_100), Size(0)),
        Level(Price(0), parse_size("9")),
        Level(Price(10_000), parse_size("9")),
    ]

    assert tidy_levels(messy, Side.BUY) == (Level(Price(3_000), parse_size("1.75")),)


def test_tidy_levels_of_nothing_is_empty():
    assert tidy_levels([], Side.BUY) == ()


def test_rungs_carry_what_the_levels_before_cost():
    found = list(rungs(leg([("0.30", "80"), ("0.31", "100"), ("0.33", "500")]), Rounding.UP))

    assert [(rung.start, rung.end, rung.price) for rung in found] == [
        (0, 8_000, 3_000),
        (8_000, 18_000, 3_100),
        (18_000, 68_000, 3_300),
    ]
    # 80 x 0.30 = 24.00, then 100 x 0.31 = 31.00 more; fees 0.672 and 0.8556.
    assert [rung.raw for rung in found] == [0, 24_000_000, 55_000_000]
    assert [rung.fee for rung in found] == [0, 672_000, 1_527_600]


def test_rungs_floor_every_level_to_whole_lots_and_skip_dust():
    found = list(rungs(leg([("0.30", "0.009999"), ("0.31", "1.019999")]), Rounding.UP))

    assert [(rung.start, rung.end, rung.price) for rung in found] == [(0, 101, 3_100)]


@pytest.mark.parametrize(
    ("side", "pairs"),
    [
        (Side.BUY, [("0.31", "1"), ("0.30", "1")]),
        (Side.BUY, [("0.31", "1"), ("0.31", "1")]),
        (Side.SELL, [("0.30", "1"), ("0.31", "1")]),
    ],
)
def test_rungs_of_a_ladder_out_of_order_are_a_broken_invariant(side, pairs):
    with pytest.raises(AssertionError, match="best first"):
        list(rungs(leg(pairs, side=side), Rounding.UP))


def test_rungs_are_walked_lazily():
    """A level past the last one asked for is never read."""
    walk = rungs(leg([("0.30", "1"), ("0.20", "1")]), Rounding.UP)

    assert next(walk).price == 3_000


@pytest.mark.parametrize("rounding", list(Rounding))
def test_fee_fraction_agrees_with_the_venues_curve_on_every_size(rounding):
    for seed in range(400):
        rng = Random(seed)
        curve = FeeCurve(rng.randint(0, 1_000_000), rng.randint(0, 4))
        price, lots = Price(rng.randint(1, 9_999)), rng.randint(1, 10**7)

        steps, per = fee_fraction(curve, price)

        ours = FEE_STEP * divide(lots * steps, per, rounding)
        assert ours == taker_fee(curve, price, Size(lots * LOT), rounding), f"seed {seed}"


def test_fill_at_within_the_first_level_touches_it_alone():
    fill = fill_at(leg([("0.45", "120"), ("0.46", "300")]), 12_000, Rounding.UP)

    assert fill is not None
    assert (fill.touch, fill.worst) == (4_500, 4_500)
    assert (fill.raw, fill.fee) == (54_000_000, 1_188_000)


def test_fill_at_one_lot_deeper_touches_the_next_level_and_rounds_its_fee_up():
    fill = fill_at(leg([("0.45", "120"), ("0.46", "300")]), 12_001, Rounding.UP)

    assert fill is not None
    assert (fill.touch, fill.worst) == (4_500, 4_600)
    # 0.01 x 0.46 = 0.0046; fee 0.00009936, rounded up to 0.0001.
    assert (fill.raw, fill.fee) == (54_004_600, 1_188_100)


def test_fill_at_rounding_down_charges_what_is_complete():
    fill = fill_at(leg([("0.46", "300")]), 1, Rounding.DOWN)

    assert fill is not None
    assert fill.fee == 90


def test_fill_at_walks_bids_downwards():
    fill = fill_at(leg([("0.40", "1"), ("0.35", "9")], side=Side.SELL, fee=FREE), 300, Rounding.UP)

    assert fill is not None
    assert (fill.touch, fill.worst, fill.raw) == (4_000, 3_500, 1_100_000)


def test_fill_at_more_than_there_is_gives_nothing():
    assert fill_at(leg([("0.45", "1")]), 101, Rounding.UP) is None
    assert fill_at(leg([]), 1, Rounding.UP) is None


@pytest.mark.parametrize(
    ("notional", "lots"),
    [(0, 0), (1, 1), (3_000, 1), (3_001, 2), (24_000_000, 8_000), (24_000_001, 8_001), (24_003_101, 8_002)],
)
def test_lots_to_reach_is_the_smallest_size_that_costs_so_much(notional, lots):
    assert lots_to_reach(leg([("0.30", "80"), ("0.31", "100")]), Usdc(notional)) == lots


def test_lots_to_reach_beyond_the_ladder_is_none():
    assert lots_to_reach(leg([("0.30", "1")]), Usdc(300_000)) == 100
    assert lots_to_reach(leg([("0.30", "1")]), Usdc(300_001)) is None


def test_lots_to_reach_shows_what_a_long_shot_forces():
    """A dollar at 0.3 cents is 333.34 shares (strategy 1.6)."""
    assert lots_to_reach(leg([("0.003", "5000")], tick="0.001"), Usdc(1_000_000)) == 33_334
