"""Skew, half-spread and rebate."""

from dataclasses import replace

import pytest

from engine.core.spread.toxicity import UNMEASURED, Adverse
from engine.core.spread.width import expected_adverse, half_spread, rebate, skew
from engine.domain.units import Ms, Size
from tests.support.quote_pricing import CENT, HALF, KNOBS, MARKET, TICK, shares


def delta(sigma=0, measured=UNMEASURED, rebate_micro=0, **knobs) -> int:
    return half_spread(
        replace(KNOBS, **knobs), tick=TICK, sigma=sigma, measured=measured, rebate_micro=rebate_micro
    )


def test_rebate_is_a_quarter_of_a_cent_at_one_half_and_none_without_fees():
    paying = replace(MARKET, fee_rate_e6=40_000, rebate_pct=25)

    assert rebate(paying, HALF) == 2_500
    assert rebate(paying, 100_000) == 900
    assert rebate(MARKET, HALF) == 0
    assert rebate(replace(paying, fee_rate_e6=250_000, fee_exponent=2, rebate_pct=20), HALF) == 3_125


def test_half_spread_is_the_largest_of_its_three_terms():
    knobs = {"min_half_spread_ticks": 1, "k_vol_pct": 100, "adverse_micro": 15_000}

    assert delta(0, **{**knobs, "adverse_micro": 0}) == CENT
    assert delta(12_000, **{**knobs, "adverse_micro": 0}) == 12_000
    assert delta(12_000, **knobs) == 15_000
    assert delta(12_000, rebate_micro=2_500, **knobs) == 12_500
    assert delta(12_000, rebate_micro=9_000, **knobs) == 12_000


def test_half_spread_is_rounded_up_to_a_whole_micro():
    assert delta(10_001, k_vol_pct=101, min_half_spread_ticks=0) == 10_102  # 10101.01


def test_measured_fills_take_over_from_the_operators_figure():
    knobs = replace(KNOBS, adverse_micro=8_000)
    expected = [expected_adverse(knobs, Adverse(2_000, fills)) for fills in (0, 8, 24)]

    assert expected == [8_000, 5_000, 3_500]


@pytest.mark.parametrize("held", [-1_000, -500, -1, 0, 1, 500, 1_000])
def test_skew_leans_against_the_inventory(held):
    knobs = replace(KNOBS, skew_milliticks=3_000, gamma_pct=50, jump_micro=40_000)
    moved_by = skew(knobs, tick=TICK, fair=HALF, sigma=CENT, net=shares(held), left_ms=Ms(3_600_000))

    assert moved_by == held * 45  # (3 ticks + half a cent + a cent) x held / 1000


def test_skew_is_full_at_the_limit_and_stays_there():
    knobs = replace(KNOBS, skew_milliticks=3_000)
    at, past = (
        skew(knobs, tick=TICK, fair=HALF, sigma=0, net=net, left_ms=None)
        for net in (knobs.inventory_max, Size(5 * knobs.inventory_max))
    )

    assert at == past == 3 * CENT


def test_unknown_end_counts_as_the_last_hour():
    knobs = replace(KNOBS, jump_micro=40_000)
    unknown, hour, day = (
        skew(knobs, tick=TICK, fair=HALF, sigma=0, net=knobs.inventory_max, left_ms=left)
        for left in (None, Ms(3_600_000), Ms(86_400_000))
    )

    assert unknown == hour > day > 0
