"""Rounding always speaks against us, and exact figures stay exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.figures import (
    average_price,
    cost,
    exact,
    exact_gain,
    gain,
    lasting,
    left,
    loss,
    percent,
    proceeds,
    short_shares,
    span,
)
from engine.domain.units import Ms, Size, Usdc, parse_usdc

AMOUNTS = st.integers(min_value=0, max_value=10**13)


def test_cost_fraction_of_a_cent_rounds_up() -> None:
    assert cost(Usdc(5_180_001)) == "5.19"


def test_proceeds_fraction_of_a_cent_rounds_down() -> None:
    assert proceeds(Usdc(5_189_999)) == "5.18"


def test_gain_small_profit_is_not_rounded_to_more() -> None:
    assert gain(Usdc(6_029_999)) == "+6.02"


def test_gain_loss_is_rounded_to_more_loss() -> None:
    assert gain(Usdc(-600_001)) == "-0.61"


def test_loss_bound_is_negative_and_rounded_up() -> None:
    assert loss(Usdc(14_200_001)) == "-14.21"
    assert loss(Usdc(0)) == "0.00"


@given(AMOUNTS)
def test_exact_any_amount_reads_back_to_itself(amount: int) -> None:
    assert parse_usdc(exact(Usdc(amount))) == amount
    assert exact_gain(Usdc(amount))[0] == "+"


@given(AMOUNTS)
def test_cost_and_proceeds_any_amount_enclose_it(amount: int) -> None:
    assert parse_usdc(proceeds(Usdc(amount))) <= amount <= parse_usdc(cost(Usdc(amount)))


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (6_020, 187_000, "3.2 %"),
        (-6_020, 187_000, "-3.3 %"),
        (0, 5, "0.0 %"),
        (5, 0, "-"),
        (40, 1_000, "4.0 %"),
    ],
)
def test_percent_rounds_against_us(part: int, whole: int, shown: str) -> None:
    assert percent(part, whole) == shown


@pytest.mark.parametrize(
    ("micro", "shown"),
    [
        (200_000_000, "200"),
        (12_259_999, "12.25"),
        (99_999_999_999, "99999.99"),
        (100_000_000_000, "100k"),
        (1_234_567_000_000, "1.23M"),
    ],
)
def test_short_shares_rounds_down_and_stays_short(micro: int, shown: str) -> None:
    assert short_shares(Size(micro)) == shown


def test_average_price_rounds_up() -> None:
    assert average_price(Usdc(60_200_001), Size(200_000_000)) == "0.3011"


def test_average_price_of_nothing_is_a_dash() -> None:
    assert average_price(Usdc(0), Size(0)) == "-"


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (-5, "0 ms"),
        (850, "850 ms"),
        (45_999, "45 s"),
        (18 * 60_000, "18 min"),
        (26 * 3_600_000, "26 h"),
        (3 * 86_400_000, "3 days"),
    ],
)
def test_span_names_the_largest_unit(ms: int, shown: str) -> None:
    assert span(ms) == shown


def test_left_after_the_end_is_now() -> None:
    assert left(Ms(1_000), Ms(1_000)) == "now"
    assert left(Ms(46_000), Ms(1_000)) == "in 45 s"


def test_ninety_minutes_asked_for_are_not_called_an_hour():
    assert [lasting(minutes * 60_000) for minutes in (30, 60, 90, 120)] == ["30 min", "1 h", "90 min", "2 h"]
