"""Which orders should rest: their tokens, prices and sizes, and why a side has none."""

from dataclasses import replace

from engine.core.spread.market_view import Room
from engine.domain.market import Side
from engine.domain.quote import Held, QuoteSide, RewardMode, Suppressed, Target
from engine.domain.units import SIZE_ONE, USDC_ONE, Price, Size, Usdc
from tests.support.quote_pricing import (
    AMPLE,
    ASKS,
    BIDS,
    HALF,
    MARKET,
    REWARDS,
    ladder,
    prices,
    quoted,
    reasons,
    seen,
    shares,
    sizes,
)


def asks_of(found) -> list[Target]:
    return [one for one in found if isinstance(one, Target) and one.side is QuoteSide.ASK]


def test_plain_market_gets_a_purchase_of_yes_and_one_of_no():
    bid, ask = quoted()

    assert bid == Target(QuoteSide.BID, 0, MARKET.yes, Side.BUY, Price(4_900), Price(4_900), shares(100))
    assert ask == Target(QuoteSide.ASK, 0, MARKET.no, Side.BUY, Price(5_100), Price(4_900), shares(100))


def test_ask_sells_yes_while_all_of_it_is_held_else_buys_no():
    enough, short = seen(sellable=shares(100)), seen(sellable=Size(shares(100) - 1))

    (sale,) = asks_of(quoted(view=enough))
    assert (sale.token_id, sale.order_side, sale.price) == (MARKET.yes, Side.SELL, sale.yes)
    (purchase,) = asks_of(quoted(view=short))
    assert (purchase.token_id, purchase.order_side, purchase.price) == (MARKET.no, Side.BUY, 4_900)


def test_layers_sell_what_is_held_and_buy_no_beyond_it():
    found = asks_of(quoted(view=seen(sellable=shares(250)), max_layers=3))

    assert [one.order_side for one in found] == [Side.SELL, Side.SELL, Side.BUY]
    assert [one.yes for one in found] == [5_100, 5_200, 5_300]
    assert [one.price for one in found] == [5_100, 5_200, 4_700]


def test_without_cash_for_no_what_is_held_is_sold():
    broke = seen(sellable=Size(30_129_999), ask_room=replace(AMPLE, cash=Usdc(0)))

    (sale,) = asks_of(quoted(view=broke))
    assert (sale.order_side, sale.size) == (Side.SELL, 30_120_000), "whole lots of 0.01 share"


def test_cash_bounds_purchases_to_the_micro_dollar():
    five = Usdc(5 * 49 * USDC_ONE // 100)

    assert sizes(view=seen(bid_room=Room(five, shares(1_000))))[0] == [5]
    assert sizes(view=seen(bid_room=Room(Usdc(five - 1), shares(1_000))))[0] == []


def test_layers_share_the_room_and_say_when_it_ends():
    tight = seen(bid_room=replace(AMPLE, shares=shares(204)))

    assert sizes(view=tight, max_layers=4)[0] == [100, 100]
    assert reasons(view=tight, max_layers=4) == [Suppressed(QuoteSide.BID, Held.MINIMUM)]
    assert sizes(view=seen(bid_room=replace(AMPLE, shares=shares(205))), max_layers=4)[0] == [100, 100, 5]


def test_adding_side_shrinks_but_not_below_the_minimum():
    told = [sizes(view=seen(net=shares(net)))[0] for net in (0, 300, 900, 970)]

    assert told == [[100], [70], [10], [5]]


def test_no_fair_value_means_no_quote():
    nothing = [Suppressed(None, Held.NO_FAIR_VALUE)]

    assert reasons(view=seen(fair=None)) == nothing
    assert reasons(view=seen(asks=())) == nothing
    assert reasons(min_level_size=shares(501)) == nothing


def test_prices_are_rounded_away_from_the_skewed_fair_value():
    assert prices(view=seen(fair=HALF + 1), min_half_spread_ticks=2) == ([48], [53])
    assert prices(view=seen(fair=HALF - 1), min_half_spread_ticks=2) == ([47], [52])


def test_post_only_stays_a_tick_from_the_other_side():
    above = seen(bids=ladder("0.49 x 500"), asks=ladder("0.50 x 500"), fair=600_000)

    assert prices(view=above, improve_ticks=9) == ([49], [61])
    jumped = seen(bids=ladder("0.40 x 500"), asks=ladder("0.44 x 500"), fair=600_000)
    assert prices(view=jumped, improve_ticks=9)[0] == [43]


def test_own_quotes_that_would_meet_step_back_both():
    wide = seen(bids=ladder("0.45 x 500"), asks=ladder("0.55 x 500"), fair=HALF)

    assert prices(view=wide, improve_ticks=9, min_half_spread_ticks=0) == ([49], [51])


def test_target_that_would_meet_a_live_quote_of_ours_waits_for_it_to_go():
    assert prices(view=seen(own_ask=Price(5_000))) == ([49], [51])
    assert prices(view=seen(own_ask=Price(4_900))) == ([], [51])
    assert reasons(view=seen(own_bid=Price(5_100))) == [Suppressed(QuoteSide.ASK, Held.SELF_MATCH)]


def test_side_without_a_price_inside_the_grid_says_so():
    low = seen(bids=ladder("0.01 x 500"), asks=ladder("0.02 x 500"), fair=15_000)

    assert reasons(view=low, min_half_spread_ticks=2) == [Suppressed(QuoteSide.BID, Held.EDGE)]
    assert prices(view=low, min_half_spread_ticks=2) == ([], [4])


def test_regime_that_only_reduces_sells_no_more_than_is_held():
    long = seen(net=shares(40), reduce_only=True)

    assert sizes(view=long) == ([], [40])
    assert sizes(view=long, max_layers=3) == ([], [40])
    assert sizes(view=seen(reduce_only=True)) == ([], [])
    assert sizes(view=seen(net=shares(-40), reduce_only=True)) == ([40], [])


def test_rewards_do_not_keep_inventory_from_going():
    scoring = replace(MARKET, rewards=replace(REWARDS, min_size=shares(90)))
    long = seen(net=shares(40), reduce_only=True)

    assert sizes(scoring, long, reward_mode=RewardMode.ONLY) == ([], [40])


def test_layers_outside_the_band_are_left_out_when_only_rewards_count():
    rewarded = replace(MARKET, rewards=REWARDS)
    found = quoted(rewarded, max_layers=4, reward_mode=RewardMode.ONLY)

    assert prices(rewarded, max_layers=4, reward_mode=RewardMode.ONLY) == ([49, 48], [51, 52])
    assert [one.why for one in found if isinstance(one, Suppressed)] == [Held.BAND, Held.BAND]


def test_band_is_measured_from_the_mid_of_scoring_orders():
    """Small orders move our own mid, not the venue's: 0.48 is three cents from 0.51, not two from 0.50."""
    rewarded = replace(MARKET, rewards=REWARDS)
    dust = seen(bids=ladder("0.48 x 500"), asks=ladder("0.52 x 19.99", "0.54 x 500"))

    assert prices(rewarded, dust, reward_mode=RewardMode.ONLY) == ([], [52])
    assert prices(rewarded, seen(bids=BIDS, asks=ASKS), reward_mode=RewardMode.ONLY) == ([49], [51])


def test_sizes_are_whole_lots():
    assert [one.size for one in quoted(base_size=Size(12_345_678)) if isinstance(one, Target)] == [
        12_340_000
    ] * 2
    assert quoted(base_size=Size(SIZE_ONE)) != ()
