"""Shares, cash and fee of our part of a trade, against figures worked out by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.fills import fills_of
from engine.domain.account import MakerMatch, VenueTrade
from engine.domain.fees import FREE, FeeCurve
from engine.domain.ids import OrderId, TokenId, TradeId
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.units import PRICE_ONE, Ms, Price, Size
from tests.support.venue_orders import CONDITION, INTENT, batch, record

ORDER = record(batch(1)[0])
FREE_ORDER = replace(ORDER, intent=replace(ORDER.intent, fee=FREE))
YES = INTENT.token_id
NO = TokenId("52114319501245915516055106046884209969926127482827954674443846427813813222426")
SOMEBODY, ANYBODY = OrderId("0x" + "2b" * 32), OrderId("0x" + "3c" * 32)


def maker(price: int, size: int, token: TokenId = YES, order_id: OrderId = SOMEBODY) -> MakerMatch:
    return MakerMatch(order_id, token, Side.SELL if token == YES else Side.BUY, Price(price), Size(size))


def trade(*makers: MakerMatch, taker: OrderId = ORDER.order_id, token: TokenId = YES) -> VenueTrade:
    return VenueTrade(
        trade_id=TradeId("t1"),
        condition_id=CONDITION,
        taker_order_id=taker,
        token_id=token,
        side=Side.BUY,
        size=Size(sum(m.size for m in makers)),
        matched_ms=Ms(1_790_000_001_000),
        settlement=Settlement.MATCHED,
        makers=makers,
    )


def test_taker_pays_each_makers_price_and_a_fee_floored_per_match():
    """4 at 0.50 and 3 at 0.52, rate 0.04: 3.56 of cash, fees 0.04 and 0.029952 cut to 0.02995."""
    fill = fills_of(trade(maker(5000, 4_000_000), maker(5200, 3_000_000)), ORDER)

    assert fill is not None
    assert (fill.size, fill.cash, fill.fee) == (7_000_000, 3_560_000, 40_000 + 29_950)
    assert (fill.trade_id, fill.order_id, fill.token_id, fill.side) == ("t1", ORDER.order_id, YES, Side.BUY)
    assert (fill.settlement, fill.matched_ms) == (Settlement.MATCHED, 1_790_000_001_000)


def test_taker_minted_with_a_maker_on_the_complement_pays_the_mirrored_price():
    """A bid of 0.48 on NO sells us YES at 0.52; transfer and mint may stand in one trade."""
    fill = fills_of(trade(maker(4800, 5_000_000, NO), maker(5200, 5_000_000)), FREE_ORDER)

    assert fill is not None
    assert (fill.size, fill.cash, fill.fee) == (10_000_000, 5_200_000, 0)


def test_fee_is_taken_at_the_takers_own_price():
    """At 0.90 for the taker the fee is rate x 0.09 a share, at 0.50 it is rate x 0.25."""
    dear = fills_of(trade(maker(1000, 10_000_000, NO)), ORDER)
    even = fills_of(trade(maker(5000, 10_000_000, NO)), ORDER)

    assert dear is not None
    assert even is not None
    assert (dear.cash, dear.fee) == (9_000_000, 36_000)
    assert (even.cash, even.fee) == (5_000_000, 100_000)


def test_maker_gets_its_own_price_and_pays_no_fee():
    fill = fills_of(
        trade(
            maker(5100, 4_000_000, order_id=ORDER.order_id), maker(5000, 9_000_000), taker=ANYBODY, token=NO
        ),
        ORDER,
    )

    assert fill is not None
    assert (fill.size, fill.cash, fill.fee) == (4_000_000, 2_040_000, 0)


def test_order_that_stands_in_a_trade_twice_gets_the_sum():
    own = maker(5100, 4_000_000, order_id=ORDER.order_id)

    fill = fills_of(trade(own, replace(own, size=Size(1_000_000)), taker=ANYBODY), ORDER)

    assert fill is not None
    assert (fill.size, fill.cash) == (5_000_000, 2_550_000)


def test_trade_that_does_not_name_the_order_is_no_fill():
    assert fills_of(trade(maker(5000, 1_000_000), taker=ANYBODY), ORDER) is None


@pytest.mark.parametrize("settlement", Settlement)
def test_settlement_is_carried_over(settlement):
    fill = fills_of(replace(trade(maker(5000, 1_000_000)), settlement=settlement), ORDER)

    assert fill is not None
    assert fill.settlement is settlement


def test_cash_is_rounded_down_per_match():
    """A millionth of a share at 0.5 costs half a micro-dollar: nothing is booked for it, twice."""
    fill = fills_of(trade(maker(5000, 1), maker(5000, 1)), ORDER)

    assert fill is not None
    assert (fill.size, fill.cash) == (2, 0)


matches = st.lists(
    st.builds(
        maker,
        price=st.integers(1, PRICE_ONE - 1),
        size=st.integers(1, 10**10),
        token=st.sampled_from([YES, NO]),
    ),
    min_size=1,
    max_size=6,
)


@given(makers=matches, rate=st.integers(0, 250_000), exponent=st.integers(0, 2))
def test_taker_never_pays_more_than_a_dollar_a_share_and_fees_stay_on_the_venues_step(makers, rate, exponent):
    order = replace(ORDER, intent=replace(ORDER.intent, fee=FeeCurve(rate, exponent)))

    fill = fills_of(trade(*makers), order)

    assert fill is not None
    assert fill.size == sum(m.size for m in makers)
    assert 0 <= fill.cash <= fill.size
    assert fill.fee % 10 == 0
    assert fill.fee * 1_000_000 <= fill.size * rate


@given(makers=matches)
def test_both_views_of_one_mint_pay_for_the_whole_set(makers):
    """Our cash and the complement holders' cash make one dollar a share, but for the roundings."""
    ours = fills_of(trade(*makers), FREE_ORDER)
    mirror = replace(FREE_ORDER, intent=replace(FREE_ORDER.intent, token_id=NO))
    theirs = fills_of(trade(*makers, token=NO), mirror)

    assert ours is not None
    assert theirs is not None
    assert 0 <= ours.size - ours.cash - theirs.cash <= 2 * len(makers)
