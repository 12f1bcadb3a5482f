from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polymarket._internal.actions.orders.limit import _compute_limit_order_amounts

from engine.domain.market import TICKS, Side
from engine.domain.units import PRICE_ONE, Price, Size
from engine.venue.amounts import Amounts, limit_amounts

ticks = st.sampled_from(sorted(TICKS))


def test_buy_gives_collateral_for_shares_floored_to_two_decimals():
    """The worked example of protocol 4.2: 10.123 shares at 0.52."""
    amounts = limit_amounts(Side.BUY, Price(5200), Size(10_123_000), Price(100))

    assert amounts == Amounts(maker=5_262_400, taker=10_120_000)


def test_sell_gives_shares_for_collateral():
    amounts = limit_amounts(Side.SELL, Price(5200), Size(10_123_000), Price(100))

    assert amounts == Amounts(maker=10_120_000, taker=5_262_400)


@given(data=st.data(), tick=ticks, side=st.sampled_from(Side), micro=st.integers(10_000, 10**13))
def test_amounts_equal_the_official_clients_for_every_tick_price_and_size(data, tick, side, micro):
    steps = data.draw(st.integers(1, PRICE_ONE // tick - 1))
    price = Price(steps * tick)

    ours = limit_amounts(side, price, Size(micro), tick)

    theirs = _compute_limit_order_amounts(
        price=Decimal(price) / 10_000,
        size=Decimal(micro) / 1_000_000,
        side=side.value,
        tick_size=(Decimal(tick) / 10_000).normalize(),
    )
    assert (ours.maker, ours.taker) == theirs


@given(data=st.data(), tick=ticks, lots=st.integers(1, 10**9))
def test_collateral_is_exact_on_the_grid(data, tick, lots):
    price = Price(data.draw(st.integers(1, PRICE_ONE // tick - 1)) * tick)

    amounts = limit_amounts(Side.BUY, price, Size(lots * 10_000), tick)

    assert amounts.maker * PRICE_ONE == price * amounts.taker


@pytest.mark.parametrize(
    ("price", "size", "tick", "complaint"),
    [
        (5250, 10_000_000, 100, "on the grid"),
        (0, 10_000_000, 100, "on the grid"),
        (10_000, 10_000_000, 100, "on the grid"),
        (9_995, 10_000_000, 10, "on the grid"),
        (5200, 9_999, 100, "at least 0.01 share"),
        (5200, 10_000_000, 20, "one of the venue's ticks"),
    ],
)
def test_amounts_refuse_what_no_plan_may_contain(price, size, tick, complaint):
    with pytest.raises(AssertionError, match=complaint):
        limit_amounts(Side.BUY, Price(price), Size(size), Price(tick))
