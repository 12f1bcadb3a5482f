"""What a book says a share is worth, and what it says without ourselves in it."""

from dataclasses import replace

import pytest

from engine.core.spread.fair_value import agree, cut_mid, within_grid, without_own
from engine.core.spread.flow import Flow, imbalance, traded
from engine.domain.ids import OrderId, TokenId
from engine.domain.market import Side
from engine.domain.quote import LiveQuote, QuoteSide, QuoteState
from engine.domain.units import Ms, Price, Size, complement
from tests.support.quote_pricing import ASKS, BIDS, HALF, MARKET, TICK, fair, ladder, shares


def live(side: QuoteSide, yes: int, left: int, **fields) -> LiveQuote:
    plain = LiveQuote(
        order_id=OrderId("1"),
        side=side,
        layer=0,
        token_id=MARKET.yes,
        order_side=Side.BUY,
        yes=Price(yes),
        size=shares(left),
        left=shares(left),
        state=QuoteState.RESTING,
        acked_ms=Ms(0),
    )
    changed: LiveQuote = replace(plain, **fields)
    return changed


def test_own_bid_is_taken_out_by_what_is_left_of_it():
    partly = live(QuoteSide.BID, 4_900, 40, size=shares(100))

    assert without_own(ladder("0.49 x 50", "0.48 x 7"), QuoteSide.BID, [partly]) == ladder(
        "0.49 x 10", "0.48 x 7"
    )


def test_own_purchase_of_no_is_taken_out_of_the_asks_at_its_mirrored_price():
    bought = live(QuoteSide.ASK, 5_200, 30, token_id=TokenId("22"))
    assert complement(bought.yes) == 4_800

    assert without_own(ladder("0.51 x 5", "0.52 x 30"), QuoteSide.ASK, [bought]) == ladder("0.51 x 5")
    assert without_own(BIDS, QuoteSide.BID, [bought]) == BIDS


@pytest.mark.parametrize("state", QuoteState)
def test_own_quote_counts_in_every_state(state):
    alone = live(QuoteSide.BID, 5_000, 30, state=state)

    assert without_own(ladder("0.50 x 30", "0.49 x 9"), QuoteSide.BID, [alone]) == ladder("0.49 x 9")


def test_several_own_orders_of_one_level_add_up_and_never_go_below_nothing():
    two = [live(QuoteSide.BID, 4_900, 30), live(QuoteSide.BID, 4_900, 30)]

    assert without_own(ladder("0.49 x 100"), QuoteSide.BID, two) == ladder("0.49 x 40")
    assert without_own(ladder("0.49 x 50"), QuoteSide.BID, two) == ()


def test_mid_needs_a_level_of_enough_size_on_both_sides():
    small = ladder("0.49 x 1")

    assert cut_mid(small, ASKS, shares(2)) is None
    assert cut_mid((), ASKS, Size(0)) is None
    assert fair(bids=()) is None
    assert cut_mid(ladder("0.4915 x 1"), ladder("0.492 x 1"), Size(0)) == 491_750


def test_deeper_side_pulls_the_price_towards_the_thinner_one():
    assert fair(ladder("0.49 x 900"), ladder("0.51 x 100"), micro_weight_pct=100) == 508_000
    assert fair(ladder("0.49 x 100"), ladder("0.51 x 900"), micro_weight_pct=100) == 492_000


def test_fair_value_stays_a_tick_inside():
    low = fair(
        ladder("0.01 x 1"), ladder("0.02 x 900"), micro_weight_pct=100, flow_weight_pct=100, flow_milli=-1_000
    )

    assert low == 10_000
    assert within_grid(999_999, TICK) == 990_000
    assert within_grid(HALF, TICK) == HALF


def test_siblings_without_any_spread_are_left_alone():
    assert agree([600_000, 500_000], [0, 0], 100) == (600_000, 500_000)
    assert agree([], [], 100) == ()


def test_siblings_that_sum_to_less_than_one_are_raised():
    assert agree([400_000, 500_000], [10_000, 30_000], 100) == (425_000, 575_000)


LIFE = Ms(10_000)


def flow_of(*trades: tuple[int, Side, int], at_ms: int) -> int:
    """The imbalance at a time, after trades of (time, taker's side, shares)."""
    flow = Flow()
    for when, taker, size in trades:
        flow = traded(flow, taker, shares(size), at_ms=Ms(when), halflife_ms=LIFE)
    return imbalance(flow, at_ms=Ms(at_ms), halflife_ms=LIFE)


def test_flow_is_one_sided_after_one_trade_and_balanced_after_its_opposite():
    assert flow_of(at_ms=1_000) == 0
    assert flow_of((1_000, Side.BUY, 7), at_ms=1_000) == 1_000
    assert flow_of((1_000, Side.SELL, 7), at_ms=1_000) == -1_000
    assert flow_of((1_000, Side.BUY, 7), (1_000, Side.SELL, 7), at_ms=1_000) == 0


def test_flow_of_long_ago_counts_for_less():
    assert flow_of((0, Side.BUY, 100), (10_000, Side.SELL, 100), at_ms=10_000) == -333  # 50 against 100


def test_flow_fades_while_nobody_trades():
    one = (0, Side.BUY, 100)

    assert [flow_of(one, at_ms=at) for at in (0, 10_000, 30_000, 9_000_000)] == [1_000, 500, 125, 0]
