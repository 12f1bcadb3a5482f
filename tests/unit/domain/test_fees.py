"""The venue's taker fee: the documented figures, and bounds that hold however an order is matched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.fees import FREE, RATE_ONE, FeeCurve, outlay_bound, taker_fee
from engine.domain.units import FEE_STEP, PRICE_ONE, Price, Rounding, Size, complement, notional
from tests.support.builders import shares

CURVES = st.builds(FeeCurve, rate=st.integers(0, RATE_ONE), exponent=st.integers(0, 4))
PRICES = st.integers(1, PRICE_ONE - 1).map(Price)
SIZES = st.integers(0, 10**12).map(Size)


@pytest.mark.parametrize(
    ("rate", "price", "size", "fee"),
    [
        (40_000, 5_000, 100, 1_000_000),  # the worked example of protocol 8.1: one dollar
        (70_000, 5_000, 100, 1_750_000),
        (50_000, 5_000, 1, 12_500),
        (40_000, 1_000, 200, 720_000),
        (40_000, 9_000, 200, 720_000),
        (0, 5_000, 1_000_000, 0),
    ],
)
def test_taker_fee_of_the_documented_schedules(rate, price, size, fee):
    curve = FeeCurve(rate=rate, exponent=1)

    assert taker_fee(curve, Price(price), shares(size), Rounding.DOWN) == fee
    assert taker_fee(curve, Price(price), shares(size), Rounding.UP) == fee


def test_taker_fee_of_the_legacy_curve_uses_its_exponent():
    legacy = FeeCurve(rate=250_000, exponent=2)

    assert taker_fee(legacy, Price(5_000), shares(100), Rounding.DOWN) == 1_562_500


def test_taker_fee_below_the_smallest_charge_is_nothing_at_the_venue_and_a_step_in_a_plan():
    curve = FeeCurve(rate=40_000, exponent=1)
    dust = Size(500)  # half a thousandth of a share

    assert taker_fee(curve, Price(5_000), dust, Rounding.DOWN) == 0
    assert taker_fee(curve, Price(5_000), dust, Rounding.UP) == FEE_STEP


@given(CURVES, PRICES, SIZES)
def test_taker_fee_rounded_either_way_is_within_one_step(curve, price, size):
    down = taker_fee(curve, price, size, Rounding.DOWN)
    up = taker_fee(curve, price, size, Rounding.UP)

    assert down % FEE_STEP == up % FEE_STEP == 0
    assert 0 <= up - down <= FEE_STEP


@given(CURVES, PRICES, SIZES)
def test_taker_fee_is_the_same_on_the_complement(curve, price, size):
    assert taker_fee(curve, price, size, Rounding.UP) == taker_fee(
        curve, complement(price), size, Rounding.UP
    )


@given(CURVES, PRICES, SIZES, st.integers(0, 10**12))
def test_taker_fee_grows_with_the_size(curve, price, size, more):
    assert taker_fee(curve, price, size, Rounding.DOWN) <= taker_fee(
        curve, price, Size(size + more), Rounding.DOWN
    )


@given(PRICES, SIZES)
def test_taker_fee_of_a_free_market_is_zero_even_rounded_up(price, size):
    assert taker_fee(FREE, price, size, Rounding.UP) == 0


@given(CURVES, PRICES, st.lists(st.tuples(PRICES, SIZES), min_size=1, max_size=8))
def test_outlay_bound_is_never_exceeded_by_any_matches_at_or_below_the_limit(curve, limit, matches):
    matches = [(Price(min(price, limit)), size) for price, size in matches]
    whole = Size(sum(size for _, size in matches))

    paid = sum(notional(price, size, Rounding.DOWN) for price, size in matches)
    fees = sum(taker_fee(curve, price, size, Rounding.DOWN) for price, size in matches)

    assert paid + fees <= outlay_bound(curve, limit, whole)


@given(CURVES, PRICES, SIZES, st.integers(0, 10**9))
def test_outlay_bound_grows_with_the_size(curve, limit, size, more):
    assert outlay_bound(curve, limit, size) <= outlay_bound(curve, limit, Size(size + more))


def test_outlay_bound_above_one_half_counts_the_dearest_fee():
    curve = FeeCurve(rate=40_000, exponent=1)

    assert outlay_bound(curve, Price(9_000), shares(100)) == 90_000_000 + 1_000_000


@pytest.mark.parametrize(("rate", "exponent"), [(-1, 1), (RATE_ONE + 1, 1), (0, -1), (0, 5)])
def test_fee_curve_outside_what_is_known_is_refused(rate, exponent):
    with pytest.raises(ValueError, match="expected"):
        FeeCurve(rate=rate, exponent=exponent)
