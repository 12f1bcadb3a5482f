"""The quoting loop on the desk: what it places, replaces, takes off; no race leaves two orders."""

from dataclasses import replace

import pytest

from engine.core.exposure.risk import reserved
from engine.core.gate import Held
from engine.core.trading.quote_look import quote_stock
from engine.domain.account import CancelReply
from engine.domain.commands import Kill, StopSpread
from engine.domain.effects import CancelOrders, Count, RaiseAlert, SendBatch, ShowTicket
from engine.domain.events import BatchCommitted, BatchRefused, CancelFailed, PostAnswered
from engine.domain.failure import PostClass, RejectKind
from engine.domain.gate import Hold
from engine.domain.market import Side
from engine.domain.order import OrderState, Settlement
from engine.domain.rewards import RewardOffer
from engine.domain.units import Ms, Price, Size
from engine.domain.venue_state import VenueNote, VenueSign
from engine.domain.views import Gate
from tests.support.builders import (
    accepted,
    answer,
    binary,
    condition,
    levels,
    order,
    resting,
    shares,
    usdc,
)
from tests.support.desk_run import SPREAD, cancelled_ids, of_kind, only
from tests.support.gates import shut
from tests.support.quote_run import ASKS, BIDS, WAITS_MS, QuoteRun, maker_trade


@pytest.fixture
def run():
    return QuoteRun().start()


def counts(effects, metric="quotes_suppressed_total"):
    return [effect.label for effect in of_kind(effects, Count) if effect.metric == metric]


def quotes(run):
    """Side, price on YES and size left of everything the panel shows as a quote."""
    view = next(iter(run.desk.quoter.cards.values()))
    return [(quote.side.value, quote.yes, quote.left) for quote in view.quotes]


def gone(run, *orders):
    """Let the venue confirm these cancels, and a look-up prove the orders dead; returns what follows."""
    run.cancel_says(CancelReply.CANCELLED, *orders)
    return tuple(effect for each in orders for effect in run.look_up(each))


def moved(run, by=200):
    """Let the market move up: both quotes should follow."""
    run.lay(levels((4_500 + by, 500), (4_400 + by, 500)), levels((5_500 + by, 500), (5_600 + by, 500)))
    return run.later(5_000).touched()


def test_a_bid_and_an_ask_rest_at_the_touch_and_the_ask_buys_no(run):
    bid, ask = run.quoting()

    assert (bid.intent.token_id, bid.intent.side, bid.intent.price) == (run.market.yes, Side.BUY, 4_500)
    assert (ask.intent.token_id, ask.intent.side, ask.intent.price) == (run.market.no, Side.BUY, 4_500)
    assert reserved(run.desk) >= usdc(90)


def test_the_panel_of_a_book_that_has_not_stood_long_enough_says_that_it_waits(run):
    ticket = run.granted()
    run.later(WAITS_MS - 1).refreshed()

    view = run.desk.quoter.cards[ticket.ticket_id]

    assert (view.regime, view.why) == ("no quotes", "waits until the book has stood for 2 s")


def test_nothing_is_placed_before_the_book_has_stood_to_the_millisecond(run):
    run.granted()
    assert not of_kind(run.later(WAITS_MS - 1).refreshed(), SendBatch)
    assert of_kind(run.later(1).refreshed(), SendBatch)


def test_no_second_order_while_the_first_is_being_committed_or_posted(run):
    run.granted()
    batch = only(run.later(WAITS_MS).refreshed(), SendBatch)
    assert not of_kind(run.later(1_000).refreshed(), SendBatch)
    run.commit(batch)
    assert not of_kind(run.later(1_000).refreshed(), SendBatch)


def test_no_second_order_while_a_lost_post_is_not_proven_dead(run):
    orders = run.quoting()
    effects = run.answer(*(answer(each, PostClass.UNKNOWN, "timed out") for each in orders))

    assert cancelled_ids(effects) == {each.order_id for each in orders}, "whatever arrived is taken off"
    for _ in range(20):
        assert not of_kind(run.later(1_000).refreshed(), SendBatch)
    late = run.look_up(orders[0], rests=resting(run.order(orders[0])))
    assert cancelled_ids(late) == {orders[0].order_id}


def test_a_lost_post_that_is_proven_dead_gives_its_place_free(run):
    orders = run.quoting()
    run.answer(*(answer(each, PostClass.UNKNOWN, "timed out") for each in orders))
    run.later(61_000)
    run.cancel_says(CancelReply.NOT_FOUND, *orders)
    effects = [*run.read(), *run.later(WAITS_MS).refreshed()]

    assert all(run.order(each).state is OrderState.DEAD for each in orders)
    assert of_kind(effects, SendBatch)


def test_a_replace_is_cancel_then_proof_then_place(run):
    orders = run.resting()

    effects = moved(run)
    assert cancelled_ids(effects) == {each.order_id for each in orders}
    assert not of_kind(effects, SendBatch)
    assert not [e for e in run.later(500).refreshed() if isinstance(e, SendBatch | CancelOrders)]

    run.cancel_says(CancelReply.CANCELLED, *orders)
    first = only(run.look_up(orders[0]), SendBatch)
    assert [intent.price for intent in first.intents] == [4_700]
    run.commit(first)
    second = only(run.look_up(orders[1]), SendBatch)
    assert [intent.price for intent in second.intents] == [4_300]


def test_a_cancel_that_got_no_answer_is_repeated_and_nothing_takes_its_place(run):
    orders = run.resting()
    moved(run)
    ids = tuple(each.order_id for each in orders)

    run.step(CancelFailed(run.at_ms, ids, "timed out"))
    for _ in range(5):
        assert not of_kind(run.later(200).refreshed(), SendBatch)
    again = run.later(10_000).timer("cancels")

    assert cancelled_ids(again) == set(ids)


def test_a_quote_that_fills_while_it_is_cancelled_counts_and_is_not_placed_twice(run):
    bid, _ = run.resting()
    moved(run)

    run.hit(bid, 100)
    run.cancel_says(CancelReply.MATCHED, bid)
    run.look_up(bid, maker_trade(bid, shares(100)))

    assert run.order(bid).state is OrderState.FILLED
    grant = next(iter(run.desk.quoter.grants.values()))
    assert quote_stock(run.desk, grant.market) == (shares(100), 0)
    assert len(run.desk.fills) == 1


def test_a_partial_fill_alone_replaces_nothing_until_too_little_is_left(run):
    bid, _ = run.resting()
    assert bid.order_id not in cancelled_ids(run.later(5_000).hit(bid, 20))
    effects = run.later(5_000).hit(bid, 76, "trade-2")
    assert bid.order_id in cancelled_ids(effects), "4 shares are below the venue's minimum of 5"


def test_a_filled_bid_is_sold_once_it_is_settled(run):
    bid, ask = run.resting()
    run.hit(bid, 100)
    assert not any(i.side is Side.SELL for b in of_kind(run.effects, SendBatch) for i in b.intents)

    run.hit(bid, 100, settlement=Settlement.CONFIRMED)
    batches = [*of_kind(gone(run, ask), SendBatch), *of_kind(moved(run), SendBatch)]
    effects = gone(run, ask)
    sells = [i for b in [*batches, *of_kind(effects, SendBatch)] for i in b.intents if i.side is Side.SELL]

    assert [(intent.token_id, intent.size) for intent in sells] == [(run.market.yes, shares(100))]


def test_inventory_stays_within_its_limit_if_everything_that_rests_is_filled(run):
    """Bids fill one after the other: no order is placed that could take the net beyond the limit."""
    run = QuoteRun().start(balance=usdc(100_000))
    orders = list(run.resting())
    limit = next(iter(run.desk.quoter.grants.values())).knobs.inventory_max
    for turn in range(12):
        bids = [o for o in orders if o.intent.token_id == run.market.yes and not run.order(o).state.is_final]
        effects = []
        for bid in bids:
            effects += run.hit(bid, bid.intent.size / 1e6, f"trade-{turn}")
        effects += run.later(3_000).refreshed()
        for batch in of_kind(effects, SendBatch):
            placed = run.commit(batch)
            run.answer(*(accepted(each) for each in placed))
            orders += placed
        grant = next(iter(run.desk.quoter.grants.values()))
        yes, no = quote_stock(run.desk, grant.market)
        live = [run.order(o) for o in orders if not run.order(o).state.is_final]
        up = sum(
            o.remaining for o in live if o.intent.token_id == run.market.yes and o.intent.side is Side.BUY
        )
        assert yes - no + up <= limit, f"turn {turn}"
    assert yes - no >= limit * 6 // 10, "it did buy"


def test_what_was_matched_and_not_read_back_counts_as_inventory(run):
    bid, _ = run.quoting()
    run.answer(accepted(bid, shares(100)))

    grant = next(iter(run.desk.quoter.grants.values()))
    assert not run.desk.fills
    assert quote_stock(run.desk, grant.market)[0] == shares(100)


def test_quotes_bind_no_more_than_the_grant_allows():
    run = QuoteRun(spread=replace(SPREAD, resting_max=usdc(30))).start()
    orders = run.quoting()
    assert sum(each.intent.price * each.intent.size // 10_000 for each in orders) <= usdc(30)


def test_quotes_stay_within_the_caps_of_the_desk_and_trip_no_breaker():
    run = QuoteRun(day=60).start()
    orders = run.quoting()
    assert reserved(run.desk) <= usdc(57)
    assert run.desk.gate is Gate.RUN
    assert len(orders) == 2


# Races with the commit.


def test_a_grant_that_ends_while_its_quotes_are_committed_takes_them_off_with_the_commit(run):
    run.granted()
    batch = only(run.later(WAITS_MS).refreshed(), SendBatch)
    run.ask(StopSpread())
    orders = tuple(order(what=intent, last_send_ms=run.at_ms) for intent in batch.intents)

    effects = run.step(BatchCommitted(run.at_ms, batch.ticket, orders, batch.approved, batch.grant))

    assert cancelled_ids(effects) == {each.order_id for each in orders}
    late = run.answer(*(accepted(each) for each in orders))
    assert cancelled_ids(late) == {each.order_id for each in orders}, "the first cancel came too early"


def test_a_kill_while_quotes_are_committed_takes_them_off_with_the_commit(run):
    run.granted()
    batch = only(run.later(WAITS_MS).refreshed(), SendBatch)
    run.ask(Kill())
    orders = tuple(order(what=intent, last_send_ms=run.at_ms) for intent in batch.intents)

    effects = run.step(BatchCommitted(run.at_ms, batch.ticket, orders, batch.approved, batch.grant))

    assert cancelled_ids(effects) == {each.order_id for each in orders}


def test_a_pull_while_quotes_are_committed_takes_them_off_with_the_commit(run):
    run.granted()
    batch = only(run.later(WAITS_MS).refreshed(), SendBatch)
    run.books.shown.clear()
    orders = tuple(order(what=intent, last_send_ms=run.at_ms) for intent in batch.intents)

    effects = run.step(BatchCommitted(run.at_ms, batch.ticket, orders, batch.approved, batch.grant))

    assert cancelled_ids(effects) == {each.order_id for each in orders}


def test_a_commit_that_did_not_happen_leaves_nothing_behind(run):
    run.granted()
    batch = only(run.later(WAITS_MS).refreshed(), SendBatch)

    effects = run.step(BatchRefused(run.at_ms, batch.ticket, "the disk is full"))

    assert batch.ticket.ticket_id not in run.desk.tickets
    assert batch.ticket.ticket_id not in run.desk.committing
    assert "commit" in counts(effects)
    assert only(effects, SendBatch).ticket.ticket_id != batch.ticket.ticket_id, "tried again under a new id"


def test_a_halt_while_quotes_rest_leaves_none_to_place_when_it_is_lifted(run):
    orders = run.resting()
    shut(run.desk, Gate.HALTED)
    run.refreshed()
    shut(run.desk, Gate.RUN)
    assert not of_kind(gone(run, *orders), SendBatch)
    assert not of_kind(run.later(60_000).refreshed(), SendBatch)


# Hard pulls: in the step in which the cause is seen.


def test_a_book_that_is_lost_pulls_both_sides_and_quotes_come_back_after_it_has_stood(run):
    orders = run.resting()
    shown = dict(run.books.shown)
    run.books.shown.clear()

    effects = run.refreshed()
    assert cancelled_ids(effects) == {each.order_id for each in orders}
    assert counts(effects, "quotes_pulled_total") == ["stale"]

    run.books.shown = shown
    assert not of_kind(gone(run, *orders), SendBatch)
    assert not of_kind(run.later(WAITS_MS - 1).refreshed(), SendBatch)
    assert of_kind(run.later(1).refreshed(), SendBatch)


def test_a_book_that_nothing_confirms_is_pulled_to_the_millisecond(run, monkeypatch):
    orders = run.resting()
    since = run.at_ms
    live = run.books.live
    monkeypatch.setattr(
        run.books, "live", lambda token, at_ms: replace(live(token, at_ms), confirmed_ms=since)
    )

    assert not cancelled_ids(run.later(3_000).refreshed())
    assert cancelled_ids(run.later(1).refreshed()) == {each.order_id for each in orders}


def test_a_tick_that_changes_pulls_what_was_priced_on_the_old_one(run):
    orders = run.resting()
    run.lay(BIDS, ASKS, tick=100)

    effects = run.touched()
    assert cancelled_ids(effects) == {each.order_id for each in orders}
    assert counts(effects, "quotes_pulled_total") == ["tick"]
    again = only(gone(run, *orders)[-200:], SendBatch)
    assert all(intent.tick == 100 and intent.price % 100 == 0 for intent in again.intents)


def test_a_jump_of_the_price_pulls_both_sides_until_its_window_is_over(run):
    orders = run.resting()
    run.lay(levels((4_000, 500)), levels((5_000, 500)))

    effects = run.later(100).touched()
    assert cancelled_ids(effects) == {each.order_id for each in orders}
    assert counts(effects, "quotes_pulled_total") == ["jump"]
    assert not of_kind(gone(run, *orders), SendBatch)
    assert of_kind(run.later(5_000).refreshed(), SendBatch)


def test_a_venue_that_restarts_pulls_and_its_post_only_time_is_quoted_again(run):
    orders = run.resting()
    run.later(5_000)
    note = VenueNote(VenueSign.RESTARTING)

    effects = run.step(PostAnswered(run.at_ms, (), note))
    assert run.desk.gate is Gate.PAUSED
    assert cancelled_ids(effects) <= {each.order_id for each in orders}
    assert counts(effects, "quotes_pulled_total") == ["venue"]
    run.later(91_000).timer("venue")
    assert run.desk.venue.state.value == "POST_ONLY"
    run.read()
    gone(run, *orders)
    assert run.desk.gate is Gate.PAUSED, "plain orders wait"
    batches = of_kind(run.effects, SendBatch)
    again = [*batches[1:], *of_kind(run.later(WAITS_MS).refreshed(), SendBatch)]
    assert again
    assert all(intent.post_only for batch in again for intent in batch.intents)


def test_quotes_that_may_not_leave_yet_cost_no_token_of_the_operators(run):
    run.granted()
    run.desk.standing.holds = {Hold.VENUE: Held("over, reading the account", run.at_ms)}
    grant = next(iter(run.desk.quoter.grants.values()))
    before = grant.buckets.quotes.held(run.at_ms)

    effects = run.later(WAITS_MS).refreshed()

    assert not of_kind(effects, SendBatch)
    assert counts(effects) == ["gate_closed", "gate_closed"]
    assert grant.buckets.quotes.held(run.at_ms) == before


def test_a_pause_of_any_other_kind_pulls(run):
    orders = run.resting()
    shut(run.desk, Gate.PAUSED)

    assert cancelled_ids(run.refreshed()) == {each.order_id for each in orders}
    assert run.desk.quoter.grants, "the grant goes on when the pause is over"
    shut(run.desk, Gate.RUN)
    assert of_kind([*gone(run, *orders), *run.later(WAITS_MS).refreshed()], SendBatch)


def test_the_end_of_the_market_pulls_and_long_before_nothing_is_added():
    end = "2026-09-21T14:30:00Z"
    group = binary()
    group = replace(group, end_date=end, markets=(replace(group.markets[0], end_date=end),))
    run = QuoteRun(group).start()
    orders = run.resting()
    grant = next(iter(run.desk.quoter.grants.values()))
    assert grant.market.ends_ms is not None
    run.at_ms = Ms(grant.market.ends_ms - 60_000 - 1)
    assert "ending" not in counts(run.refreshed(), "quotes_pulled_total")
    effects = run.later(1).refreshed()
    assert counts(effects, "quotes_pulled_total") == ["ending"]
    assert all(run.desk.proofs[each.order_id].cancel_sent_ms for each in orders)


def test_a_wallet_that_shrinks_below_what_rests_pulls(run):
    orders = run.resting()
    run.desk.balance = usdc(10)
    effects = run.refreshed()
    assert counts(effects, "quotes_pulled_total") == ["caps"]
    assert cancelled_ids(effects) == {each.order_id for each in orders}


def test_a_narrow_spread_takes_quotes_off_the_soft_way_after_their_lifetime(run):
    orders = run.resting()
    run.lay(levels((4_990, 500)), levels((5_000, 500)))
    run.desk.quoter.grants[next(iter(run.desk.quoter.grants))].knobs = replace(
        next(iter(run.desk.quoter.grants.values())).knobs, jump_ticks=1_000
    )
    early = run.later(999).touched()
    assert not cancelled_ids(early)
    assert "min_quote_lifetime" in counts(early)
    assert cancelled_ids(run.later(1).refreshed()) == {each.order_id for each in orders}


# What the venue refuses, and what is counted.


def test_post_only_refusals_trip_no_breaker_and_raise_no_alarm(run):
    orders = list(run.quoting())
    for _ in range(6):
        crossing = "invalid post-only order: order crosses book"
        effects = run.answer(
            *(answer(each, PostClass.REFUSED, crossing, reject=RejectKind.ORDER) for each in orders)
        )
        assert not of_kind(effects, RaiseAlert)
        batches = [*of_kind(effects, SendBatch), *of_kind(run.later(10_000).refreshed(), SendBatch)]
        orders = [each for batch in batches for each in run.commit(batch)]
    assert run.desk.gate is Gate.RUN


def test_other_refusals_of_quotes_are_told_and_count_as_any(run):
    bid, ask = run.quoting()
    lack = "not enough balance / allowance"
    effects = run.answer(answer(bid, PostClass.REFUSED, lack, reject=RejectKind.ORDER), accepted(ask))
    assert of_kind(effects, RaiseAlert)
    assert len(run.desk.tally.rejects) == 1


def test_the_operators_bucket_bounds_new_orders():
    knobs = replace(SPREAD.knobs, quote_burst=1, max_quotes_per_min=1)
    run = QuoteRun(spread=replace(SPREAD, knobs=knobs)).start()
    run.granted()
    effects = run.later(WAITS_MS).refreshed()
    assert len(only(effects, SendBatch).intents) == 1
    assert "quotes_rate_limited" in counts(effects)


def test_the_venues_tokens_bound_new_orders_over_all_markets_of_one_step():
    run = QuoteRun(binary("btc"), binary("eth")).start()
    run.granted()
    run.granted(code="eth", entropy=3)
    run.later(WAITS_MS)
    run.desk.rates.orders.held = (15 + 3) * 1_000
    run.desk.rates.orders.at_ms = run.at_ms
    batches = of_kind(run.refreshed(), SendBatch)
    assert sum(len(batch.intents) for batch in batches) == 3


def test_a_suppression_is_counted_when_it_begins_and_not_with_every_book(run):
    run.resting()
    run.lay(levels((4_990, 500)), levels((5_000, 500)))
    grant = next(iter(run.desk.quoter.grants.values()))
    grant.knobs = replace(grant.knobs, jump_ticks=1_000, min_quote_lifetime_ms=Ms(60_000))
    assert counts(run.later(10).touched()).count("min_spread") == 1
    assert "min_spread" not in counts(run.later(10).refreshed())


def test_a_book_of_another_market_touches_no_quote_of_this_one(run):
    run.resting()
    run.desk.quoter.touched = {condition("elsewhere")}
    shown, run.books.shown = run.books.shown, run.books.shown
    assert not [e for e in run.later(100).touched() if isinstance(e, SendBatch | CancelOrders)]
    assert shown


# The panel.


def test_the_panel_shows_quotes_fills_and_profit_and_is_not_shown_too_often(run):
    bid, _ = run.resting()
    run.later(1_000).refreshed()
    assert [side for side, *_ in quotes(run)] == ["bid", "ask"]

    effects = run.later(1_000).hit(bid, 40)
    view = of_kind(effects, ShowTicket)[-1].view.spread
    assert view is not None
    assert view.profit is not None
    assert view.fills == 1
    assert view.profit.captured == usdc(2), "40 shares, 5 cents below the fair value"
    assert view.net == shares(40)
    assert not of_kind(run.later(100).touched(), ShowTicket)


def test_an_undone_fill_is_in_no_sum(run):
    bid, _ = run.resting()
    run.hit(bid, 40)
    run.hit(bid, 40, settlement=Settlement.FAILED)
    run.ask(StopSpread())
    view = next(iter(run.desk.quoter.cards.values()))
    assert (view.fills, view.profit.total, view.net) == (0, 0, 0)


def test_markouts_are_told_when_they_are_due(run):
    bid, _ = run.resting()
    run.later(1_000).hit(bid, 40)
    grant = next(iter(run.desk.quoter.grants.values()))
    run.later(9_999).refreshed()
    assert grant.tally.marked == [0, 0, 0]
    run.later(1).refreshed()
    assert grant.tally.marked == [1, 0, 0]


# Memory.


def test_tickets_of_quotes_that_bought_nothing_are_forgotten_and_their_orders_are_not(run):
    orders = run.resting()
    first = orders[0].intent.ticket_id
    for turn in range(4):
        moved(run, by=-200 if turn % 2 else 200)
        following = [each for batch in of_kind(gone(run, *orders), SendBatch) for each in run.commit(batch)]
        following += [
            each for batch in of_kind(run.later(130_000).refreshed(), SendBatch) for each in run.commit(batch)
        ]
        run.answer(*(accepted(each) for each in following))
        orders = following or orders
    assert first not in run.desk.tickets
    assert first not in run.desk.flights
    assert len([t for t in run.desk.tickets.values() if t.subject]) <= 6


def test_a_forgotten_quote_that_rises_is_cancelled_and_counts(run):
    orders = run.resting()
    ghost = orders[0]
    moved(run)
    placed = [each for batch in of_kind(gone(run, *orders), SendBatch) for each in run.commit(batch)]
    assert placed
    del run.desk.tickets[ghost.intent.ticket_id], run.desk.flights[ghost.intent.ticket_id]
    run.desk.quoter.sent.remove(ghost.intent.ticket_id)

    effects = run.later(5_000).read(rests=[resting(run.order(ghost))])

    assert ghost.order_id in cancelled_ids(effects)
    run.told_by_stream(maker_trade(ghost, shares(100), "late"))
    grant = next(iter(run.desk.quoter.grants.values()))
    assert quote_stock(run.desk, grant.market)[0] == Size(shares(100))


def test_listed_rewards_reach_the_pricing_with_what_the_others_in_this_book_score():
    listed = binary()
    offer = RewardOffer(max_spread=Price(600), min_size=shares(50), daily=usdc(100), min_age_ms=None)
    paid = replace(listed, markets=(replace(listed.markets[0], rewards=offer),))
    run = QuoteRun(paid).start()
    run.granted()

    (grant,) = run.desk.quoter.grants.values()
    rewards = grant.market.rewards

    assert rewards is not None
    assert (rewards.daily, rewards.max_spread) == (usdc(100), 600)
    # Two bids and two asks of 500 shares at 5 and 6 cents: at 6 nothing scores, at 5 a thirty-sixth does.
    assert rewards.others_milli == -(-500_000 // 36)
