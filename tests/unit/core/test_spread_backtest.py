"""Quoting a recording: orders wait in queues and arrive late, money adds up, the same answer every time."""

import json
from dataclasses import replace

import pytest

from engine.core.backtest.our_quoter import OurQuoter
from engine.core.backtest.spread_run import SpreadBacktest, SpreadTerms
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import BooksAnswered, FeedInlet, Heard
from engine.core.spread.queue_models import QueueModel
from engine.domain.ids import TokenId
from engine.domain.quote import QuoteSide, RewardTerms
from engine.domain.quoting import Glance, Quoted
from engine.domain.units import SIZE_ONE, Ms, Price, Size
from engine.venue.wire import decode_books, decode_market
from tests.support.plain_quoters import FixedWidth, NaiveRefresh
from tests.support.planner import group, market, usdc
from tests.support.quote_pricing import shares
from tests.support.quoted_recording import BUDGET, QUIET, one_market, quoted, run_of
from tests.support.recorded_event import START, RecordedEvent
from tests.support.recordings import LINE

UPPER = QueueModel.PROBABILISTIC
SECOND = 1_000
BAND = RewardTerms(max_spread=Price(600), min_size=shares(50), daily=usdc("100"), others_milli=0)


def resting(*, wait_ms: int = 5_000) -> RecordedEvent:
    """Our orders have joined the queues of 100 shares at 0.45 and 0.55."""
    recording = one_market()
    recording.wait(wait_ms)
    return recording


def fills(run: Quoted) -> list[tuple[QuoteSide, int, int]]:
    """Side, cents and shares."""
    return [(e.side, e.yes // 100, e.size // SIZE_ONE) for e in run.executions]


def at(run: Quoted, second: int) -> Glance:
    (found,) = [glance for glance in run.trail if glance.at_ms == START + second * SECOND]
    return found


def test_quote_fills_by_what_trades_leave_of_its_queue_and_not_before():
    recording = resting()
    recording.trade(0, "0.45", "100", taker="SELL")
    recording.wait(1_000)
    before = len(recording.inputs)
    recording.level(0, "0.45", "60", side="BUY")
    recording.trade(0, "0.45", "30", taker="SELL")
    recording.wait(1_000)

    result = quoted(recording, min_change_ticks_bid=9)
    assert fills(run_of(result)) == [(QuoteSide.BID, 45, 30)]

    recording.inputs = recording.inputs[:before]
    assert fills(run_of(quoted(recording, min_change_ticks_bid=9))) == []


def test_cancels_ahead_of_us_count_for_the_upper_bound_alone():
    recording = resting()
    recording.level(0, "0.45", "500", side="BUY")
    recording.wait(100)
    recording.level(0, "0.45", "300", side="BUY")
    recording.wait(5_000)
    recording.trade(0, "0.45", "90", taker="SELL")
    recording.wait(1_000)

    result = quoted(recording)

    assert fills(run_of(result)) == []
    (fill,) = fills(run_of(result, UPPER))
    assert fill[:2] == (QuoteSide.BID, 45)


def test_order_does_not_trade_before_its_latency_is_over():
    first = resting(wait_ms=2_100)
    first.trade(0, "0.45", "250", taker="SELL")
    first.wait(2_000)
    later = resting(wait_ms=2_400)
    later.trade(0, "0.45", "250", taker="SELL")
    later.wait(2_000)

    assert fills(run_of(quoted(first))) == []
    assert fills(run_of(quoted(later))) == [(QuoteSide.BID, 45, 100)]
    assert fills(run_of(quoted(later, latency_ms=Ms(500)))) == []


def test_cancel_does_not_take_effect_before_its_latency_is_over():
    """The bid moves away from a trade that comes 100 ms after the decision, and is met by it."""
    recording = resting()
    recording.level(0, "0.55", "0")
    recording.wait(100)
    recording.level(0, "0.45", "0", side="BUY")
    recording.wait(100)
    recording.trade(0, "0.44", "100", taker="SELL")
    recording.wait(2_000)

    late, early = quoted(recording), quoted(recording, latency_ms=Ms(0))

    assert fills(run_of(late)) == [(QuoteSide.BID, 45, 100)]
    assert fills(run_of(early)) == []


def test_split_tells_the_spread_from_what_came_after_it():
    recording = resting()
    recording.trade(0, "0.45", "250", taker="SELL")
    recording.wait(20_000)
    recording.level(0, "0.43", "0", side="BUY")
    recording.level(0, "0.54", "100")
    recording.wait(60_000)

    run = run_of(quoted(recording, soft_pct=1))

    # Fair 0.50 at the fill; then 0.44 / 0.55, so 0.495 after 10 s; then 0.44 / 0.54, so 0.49 ever after.
    assert run.split.captured == usdc("5")
    assert run.split.markouts == (usdc("-0.50"), usdc("-1"), usdc("-1"))
    assert run.split.mark == usdc("-1")
    assert run.split.net == usdc("4")
    assert [run.split.after(horizon) for horizon in range(3)] == [usdc("4.50"), usdc("4"), usdc("4")]


def test_estimated_rebates_and_rewards_are_told_apart_and_in_no_sum():
    recording = resting()
    recording.trade(0, "0.45", "250", taker="SELL")
    recording.wait(60_000)

    plain, paid = run_of(quoted(recording)), run_of(quoted(recording, rewards=BAND))

    # 4 % x 0.45 x 0.55 x 25 % of 100 shares.
    assert plain.split.rebates == usdc("0.2475")
    assert (plain.split.rewards, plain.quietness.banded) == (0, 0)
    assert paid.split.rewards > 0
    assert paid.quietness.banded == paid.quietness.seconds
    assert 0 < paid.quietness.in_band <= paid.quietness.quoted
    assert plain.split.net == plain.split.captured + plain.split.mark


def test_order_outside_the_reward_band_or_below_its_size_does_not_count_as_in_it():
    recording = resting(wait_ms=10_000)

    narrow = run_of(quoted(recording, rewards=replace(BAND, max_spread=Price(400))))
    large = run_of(quoted(recording, rewards=replace(BAND, min_size=shares(101))))

    assert narrow.quietness.quoted == large.quietness.quoted > 0
    assert narrow.quietness.in_band == large.quietness.in_band == 0


def test_money_and_shares_at_the_last_fair_value_are_what_the_split_says():
    recording = resting()
    recording.trade(0, "0.45", "250", taker="SELL")
    recording.wait(3_000)
    recording.trade(0, "0.55", "250", taker="BUY")
    recording.wait(3_000)

    run = run_of(quoted(recording, min_change_ticks_ask=9, soft_pct=10))

    assert [side for side, _, _ in fills(run)] == [QuoteSide.BID, QuoteSide.ASK]
    assert run.trail[-1].profit == run.split.net


def test_pairs_of_both_tokens_become_cash_again():
    """Both quotes are buys; without the cash of merged pairs the budget would end the buying."""
    recording = resting()
    for _ in range(4):
        recording.trade(0, "0.45", "250", taker="SELL")
        recording.trade(0, "0.55", "250", taker="BUY")
        recording.wait(4_000)
        recording.level(0, "0.45", "100", side="BUY")
        recording.level(0, "0.55", "100")
        recording.wait(4_000)

    run = run_of(quoted(recording, budget=usdc("110")))

    bought = sum(e.size * (e.yes if e.side is QuoteSide.BID else 10_000 - e.yes) for e in run.executions)
    assert bought // 10_000 > usdc("300")
    assert run.split.net > usdc("30")


def test_no_quote_stands_while_the_book_is_doubtful_and_none_before_it_has_recovered():
    recording = resting()
    recording.link(up=False)
    recording.wait(3_000)
    recording.link(up=True)
    recording.wait(5_000)

    run = run_of(quoted(recording))

    assert at(run, 5).bid is not None
    assert [at(run, second).bid for second in (7, 8)] == [None, None]
    assert at(run, 12).bid is not None


def test_change_of_the_tick_takes_everything_off():
    recording = resting()
    venue = recording.venues[0]
    raw = venue.change_tick(10)
    recording.inputs.append(Heard(Ms(recording.now_ms), LINE, raw))
    recording.inputs.append(Heard(Ms(recording.now_ms), LINE, venue.dump()))
    recording.wait(4_000)

    run = run_of(quoted(recording))

    assert run.quietness.cancelled >= 2
    assert at(run, 9).bid == 4_500


def test_what_rests_is_cancelled_when_a_run_ends():
    recording = resting()
    backtest = SpreadBacktest(_terms())
    backtest.know([recording.event])
    for _ in range(2):
        backtest.begin(FeedInlet(Feeds(), decode_market, decode_books))
        backtest.take(recording.inputs)

    run = run_of(backtest.finish())

    # Both runs place a bid and an ask: had the first pair stayed, nothing would have been left to place.
    assert (run.quietness.placed, run.quietness.refused) == (4, 0)


def _terms() -> SpreadTerms:
    return SpreadTerms(
        knobs=QUIET,
        makers=(("ours", OurQuoter),),
        budget=BUDGET,
        latency_ms=Ms(250),
        look_ms=Ms(100),
        rebate_pct=25,
        rewards=None,
    )


def test_same_recording_gives_the_same_result():
    recording = resting()
    recording.trade(0, "0.45", "250", taker="SELL")
    recording.wait(3_000)

    assert quoted(recording) == quoted(recording)


def test_market_without_known_fees_is_left_out_by_name():
    recording = resting()
    (rain,) = recording.event.markets
    terms = replace(rain.terms, fee=None)
    recording.event = replace(recording.event, markets=(replace(rain, terms=terms),))

    result = quoted(recording)

    assert result.markets == ()
    assert result.left_out == (("rain Rain", "its fees are not known"),)


def test_fixed_width_stands_its_ticks_from_the_mid_whatever_it_holds():
    recording = resting()
    recording.trade(0, "0.47", "250", taker="SELL")
    recording.wait(5_000)

    run = run_of(quoted(recording, lambda knobs, at_ms: FixedWidth(knobs, at_ms, ticks=3)))

    assert (at(run, 4).bid, at(run, 4).ask) == (4_700, 5_300)
    assert fills(run) == [(QuoteSide.BID, 47, 100)]
    assert (at(run, 10).bid, at(run, 10).ask) == (4_700, 5_300)


def test_fixed_width_takes_its_quotes_off_a_doubtful_book():
    recording = resting()
    recording.link(up=False)
    recording.wait(3_000)

    run = run_of(quoted(recording, lambda knobs, at_ms: FixedWidth(knobs, at_ms, ticks=3)))

    assert at(run, 5).bid is not None
    assert at(run, 8).bid is None


def test_naive_refresh_cancels_and_places_anew_every_interval():
    recording = resting(wait_ms=30_500)

    run = run_of(quoted(recording, lambda knobs, _: NaiveRefresh(knobs, interval_ms=Ms(5_000), ticks=None)))

    assert (at(run, 4).bid, at(run, 4).ask) == (4_500, 5_500)
    assert 12 <= run.quietness.placed <= 14
    assert run.quietness.cancelled == run.quietness.placed - 2


def test_naive_refresh_loses_its_place_in_the_queue():
    recording = resting(wait_ms=4_000)
    for _ in range(6):
        recording.trade(0, "0.45", "80", taker="SELL")
        recording.wait(100)
        recording.level(0, "0.45", "100", side="BUY")
        recording.wait(5_900)

    kept = run_of(quoted(recording))
    lost = run_of(quoted(recording, lambda knobs, _: NaiveRefresh(knobs, interval_ms=Ms(5_000), ticks=None)))

    assert fills(kept)
    assert fills(lost) == []


@pytest.mark.parametrize("ticks", [None, 5])
def test_naive_refresh_stops_the_adding_side_at_the_inventory_limit(ticks: int | None):
    recording = resting()
    for _ in range(8):
        recording.trade(0, "0.44", "500", taker="SELL")
        recording.wait(300)
        recording.level(0, "0.45", "100", side="BUY")
        recording.wait(5_700)

    run = run_of(quoted(recording, lambda knobs, _: NaiveRefresh(knobs, interval_ms=Ms(5_000), ticks=ticks)))

    assert run.net == shares(300)
    assert run.quietness.net_max == shares(300)


def test_rules_that_held_something_back_are_counted_by_their_word():
    recording = resting()
    recording.level(0, "0.46", "100", side="BUY")
    recording.wait(2_000)

    run = run_of(quoted(recording, min_change_ticks_bid=3))

    assert dict(run.suppressed)["min_change"] > 0


def test_variance_of_the_inventory_is_over_time():
    run = run_of(quoted(resting()))
    held = replace(run.quietness, seconds=4, net_sum=200 * SIZE_ONE, net_squares=20_000 * SIZE_ONE * SIZE_ONE)

    assert held.net_variance == 20_000 // 4 - 50 * 50
    assert replace(held, seconds=0).net_variance == 0
    assert run.net == Size(0)


def test_book_read_after_a_lost_change_is_the_one_that_orders_queue_in():
    """The level shrank to 40 shares unheard; who joins it after the read waits behind 40, not behind 100."""
    recording = resting()
    venue = recording.venues[0]
    venue.put("BUY", 4_500, "40")
    recording.level(0, "0.44", "301", side="BUY")
    recording.wait(1_000)
    tokens = (TokenId(venue.yes), TokenId(venue.no))
    body = json.dumps([venue.book(token) for token in tokens]).encode()
    # The first answer is to the routine probe that was under way, the second to the doubt.
    recording.inputs += [BooksAnswered(Ms(recording.now_ms), tokens, (body,))] * 2
    recording.wait(5_000)
    recording.trade(0, "0.45", "50", taker="SELL")
    recording.wait(1_000)

    assert fills(run_of(quoted(recording, min_change_ticks_bid=9))) == [(QuoteSide.BID, 45, 10)]


def test_exclusive_outcomes_agree_on_a_sum_of_one_dollar_if_the_knob_says_so():
    event = group(market("Rain"), market("Sun"), code="sky")
    asks = (("0.55", "100"),), (("0.65", "100"),)
    recording = RecordedEvent(asks, event, bids_under=("0.46", "0.56"))
    recording.wait(3_000)

    alone, agreed = quoted(recording), quoted(recording, sibling_pct=100)

    assert sorted(run.trail[-1].fair for run in alone.of("ours", "conservative")) == [500_000, 600_000]
    assert sorted(run.trail[-1].fair for run in agreed.of("ours", "conservative")) == [450_000, 550_000]


def test_flow_of_certain_trades_moves_the_fair_value_and_uncertain_ones_do_not():
    told, untold = resting(), resting()
    told.trade(0, "0.55", "1", taker="BUY")
    untold.trade(0, "0.55", "1", taker="")
    for recording in (told, untold):
        recording.wait(1_000)

    moved, still = (run_of(quoted(recording, flow_weight_pct=100)) for recording in (told, untold))

    assert moved.trail[-1].fair > still.trail[-1].fair == 500_000
