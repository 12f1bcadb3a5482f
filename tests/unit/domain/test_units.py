"""Money as integers: what is parsed, what is printed, which way a fraction goes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.domain.units import (
    LOT,
    PRICE_ONE,
    Price,
    Rounding,
    Size,
    Usdc,
    complement,
    divide,
    format_cents,
    format_price,
    format_scaled,
    format_size,
    format_usdc,
    is_on_grid,
    notional,
    parse_price,
    parse_scaled,
    parse_size,
    parse_usdc,
)

PRICES = st.integers(1, PRICE_ONE - 1).map(Price)
SIZES = st.integers(0, 10**15).map(Size)


@pytest.mark.parametrize(
    ("text", "price"),
    [("0.52", 5_200), ("0.5", 5_000), ("0.001", 10), ("0.0001", 1), ("0.9999", 9_999), ("0.820", 8_200)],
)
def test_parse_price_plain_decimal_counts_ten_thousandths(text, price):
    assert parse_price(text) == price


@pytest.mark.parametrize("text", ["0", "1", "0.0", "1.0", "1.5", "0.00001", "0.52001", "12"])
def test_parse_price_outside_zero_and_one_or_too_fine_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse_price(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-1",
        "+1",
        "1e3",
        "1E3",
        "NaN",
        "inf",
        "1_000",
        "0x10",
        " 1",
        "1 ",
        "1.2.3",
        "\u0661",
        "\u00b2",
        "1,5",
    ],
)
def test_parse_scaled_anything_but_a_plain_number_is_refused(text):
    with pytest.raises(ValueError, match="plain decimal"):
        parse_scaled(text, 6)


def test_parse_scaled_endless_digits_are_refused_before_they_cost_time():
    with pytest.raises(ValueError, match="plain decimal"):
        parse_scaled("1" * 5_000, 6)


def test_parse_scaled_message_shows_what_was_found_but_not_all_of_a_flood():
    with pytest.raises(ValueError, match="plain decimal") as caught:
        parse_scaled("x" * 10_000, 6)

    assert len(str(caught.value)) < 120


def test_parse_scaled_zeros_beyond_the_scale_are_no_loss():
    assert parse_scaled("0.820000", 2) == 82


def test_parse_scaled_a_digit_beyond_the_scale_is_refused_not_rounded():
    with pytest.raises(ValueError, match="at most 2 decimals"):
        parse_scaled("0.825", 2)


@pytest.mark.parametrize(
    ("text", "size"), [("5", 5_000_000), ("12.25", 12_250_000), ("0.000001", 1), ("0", 0)]
)
def test_parse_size_counts_micro_shares(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(("text", "amount"), [("176.06376", 176_063_760), ("0.00001", 10), ("1", 1_000_000)])
def test_parse_usdc_counts_micro_dollars(text, amount):
    assert parse_usdc(text) == amount


@given(PRICES)
def test_price_printed_and_read_again_is_the_same_price(price):
    assert parse_price(format_price(price)) == price


@given(SIZES)
def test_size_printed_and_read_again_is_the_same_size(size):
    assert parse_size(format_size(size)) == size


@given(SIZES)
def test_usdc_printed_and_read_again_is_the_same_amount(amount):
    assert parse_usdc(format_usdc(Usdc(amount))) == amount


@given(st.integers(-(10**12), 10**12), st.integers(1, 8), st.integers(0, 8))
def test_format_scaled_never_loses_a_digit(value, decimals, at_least):
    text = format_scaled(value, decimals, at_least=at_least)

    sign = -1 if text.startswith("-") else 1
    assert sign * parse_scaled(text.removeprefix("-"), max(decimals, at_least)) == value * 10 ** max(
        0, at_least - decimals
    )


@pytest.mark.parametrize(
    ("price", "text"), [(3_100, "0.310"), (3_101, "0.3101"), (10, "0.001"), (9_900, "0.990")]
)
def test_format_price_shows_at_least_three_decimals(price, text):
    assert format_price(Price(price)) == text


@pytest.mark.parametrize(
    ("size", "text"), [(200_000_000, "200"), (12_250_000, "12.25"), (0, "0"), (1, "0.000001")]
)
def test_format_size_shows_no_useless_zero(size, text):
    assert format_size(Size(size)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(5_180_000, "5.18"), (176_063_760, "176.06376"), (1_000_000, "1.00"), (-10, "-0.00001")],
)
def test_format_usdc_is_exact_with_at_least_two_decimals(amount, text):
    assert format_usdc(Usdc(amount)) == text


@pytest.mark.parametrize(
    ("amount", "rounding", "text"),
    [
        (5_181_000, Rounding.DOWN, "5.18"),
        (5_181_000, Rounding.UP, "5.19"),
        (5_180_000, Rounding.UP, "5.18"),
        (-5_181_000, Rounding.DOWN, "-5.18"),
        (-5_181_000, Rounding.UP, "-5.19"),
        (-1, Rounding.DOWN, "0.00"),
        (0, Rounding.UP, "0.00"),
    ],
)
def test_format_cents_moves_the_magnitude_the_way_it_is_told(amount, rounding, text):
    assert format_cents(Usdc(amount), rounding) == text


@given(st.integers(0, 10**30), st.integers(1, 10**15))
@example(0, 1)
def test_divide_up_and_down_enclose_the_exact_quotient(numerator, denominator):
    down = divide(numerator, denominator, Rounding.DOWN)
    up = divide(numerator, denominator, Rounding.UP)

    assert down * denominator <= numerator <= up * denominator
    assert up - down == (numerator % denominator != 0)


@pytest.mark.parametrize(("numerator", "denominator"), [(-1, 2), (1, 0), (1, -1)])
def test_divide_outside_its_domain_is_an_error_of_ours(numerator, denominator):
    with pytest.raises(AssertionError, match="expected"):
        divide(numerator, denominator, Rounding.DOWN)


@given(PRICES, st.integers(0, 10**9))
def test_notional_of_whole_lots_is_exact_in_both_directions(price, lots):
    size = Size(lots * LOT)

    assert notional(price, size, Rounding.UP) == notional(price, size, Rounding.DOWN)
    assert notional(price, size, Rounding.UP) * PRICE_ONE == price * size


@given(PRICES, SIZES)
def test_notional_of_yes_and_no_together_is_the_size_within_a_micro_dollar(price, size):
    both_up = notional(price, size, Rounding.UP) + notional(complement(price), size, Rounding.UP)
    both_down = notional(price, size, Rounding.DOWN) + notional(complement(price), size, Rounding.DOWN)

    assert both_down <= size <= both_up <= both_down + 2


@pytest.mark.parametrize(
    ("price", "tick", "on"),
    [(5_200, 100, True), (5_250, 100, False), (5_250, 10, True), (100, 100, True), (9_900, 100, True)],
)
def test_is_on_grid_knows_multiples_of_the_tick(price, tick, on):
    assert is_on_grid(Price(price), Price(tick)) is on


@pytest.mark.parametrize(("price", "tick"), [(0, 100), (10_000, 100), (9_999, 10_000)])
def test_is_on_grid_keeps_one_tick_from_both_ends(price, tick):
    assert not is_on_grid(Price(price), Price(tick))


@given(PRICES)
def test_complement_twice_is_the_price_again(price):
    assert complement(complement(price)) == price
    assert complement(price) + price == PRICE_ONE
