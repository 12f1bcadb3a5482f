"""The user stream: a sight of what exists and matched, a hint of what ended, never a proof by itself."""

import pytest

from engine.domain.account import CancelReply, UserOrderStatus
from engine.domain.effects import LookUpOrder, ReadAccount, SaveProgress, SendBatch
from engine.domain.events import UserLink
from engine.domain.failure import PostClass
from engine.domain.order import OrderState, Settlement, TimeInForce
from engine.domain.ticket import Move, TicketState
from tests.support.builders import accepted, answer, order, order_id, resting, shares, streamed, trade
from tests.support.desk_run import DeskRun, cancelled_ids, looked_up_ids, of_kind, only

S, U = OrderState, UserOrderStatus
WHOLE = shares(100)


@pytest.fixture
def run():
    return DeskRun().start()


@pytest.fixture
def legs(run):
    return run.sent()


def state(run, leg):
    return run.order(leg).state


def test_every_connect_reads_the_account_whole(run):
    for _ in range(2):
        run.step(UserLink(run.at_ms, up=False))
        effects = run.later(1_000).step(UserLink(run.at_ms, up=True))
        assert len(of_kind(effects, ReadAccount)) == 1


def test_the_desk_knows_since_when_it_is_blind(run):
    assert run.desk.stream_lost_ms is None
    run.step(UserLink(run.at_ms, up=False))
    since = run.at_ms
    run.later(5_000).step(UserLink(run.at_ms, up=False))
    assert run.desk.stream_lost_ms == since, "an attempt that failed does not begin it anew"

    run.later(1_000).step(UserLink(run.at_ms, up=True))
    assert run.desk.stream_lost_ms is None


@pytest.mark.parametrize("known", [S.SENDING, S.UNKNOWN])
def test_a_fill_before_the_answer_attaches_by_id(run, legs, known):
    if known is S.UNKNOWN:
        run.answer(answer(legs[0], PostClass.UNKNOWN, "timed out"))

    effects = run.told_by_stream(trade(legs[0]))

    assert state(run, legs[0]) is S.FILLED
    assert len(run.desk.fills) == 1
    assert of_kind(effects, SaveProgress)
    run.answer(accepted(legs[0], WHOLE))
    assert len(run.desk.fills) == 1


def test_a_ticket_whose_legs_all_fill_on_the_stream_is_done_without_any_read(run, legs):
    run.told_by_stream(*(trade(leg, name=f"t{n}") for n, leg in enumerate(legs)))

    assert run.ticket(legs[0].intent.ticket_id).state is TicketState.DONE


@pytest.mark.parametrize("known", [S.SENDING, S.UNKNOWN])
def test_an_order_seen_live_is_there_and_its_rest_is_cancelled(run, legs, known):
    if known is S.UNKNOWN:
        run.answer(answer(legs[0], PostClass.UNKNOWN, "timed out"))

    effects = run.told_by_stream(orders=[streamed(legs[0], U.LIVE)])

    assert state(run, legs[0]) is S.PENDING_CANCEL
    assert cancelled_ids(effects) == {legs[0].order_id}


def test_an_order_meant_to_rest_is_left_alone(run):
    leg = run.sent_as(post_only=True, time_in_force=TimeInForce.GTC, expiration_s=0)[0]

    effects = run.told_by_stream(orders=[streamed(leg, U.LIVE)])

    assert state(run, leg) is S.LIVE
    assert cancelled_ids(effects) == set()


def test_cumulative_sizes_move_an_order_forward_only(run, legs):
    run.told_by_stream(orders=[streamed(legs[0], U.LIVE, shares(60))])
    run.told_by_stream(orders=[streamed(legs[0], U.LIVE, shares(20))])
    assert run.order(legs[0]).filled == shares(60)

    run.told_by_stream(orders=[streamed(legs[0], U.MATCHED, WHOLE)])
    assert state(run, legs[0]) is S.FILLED


def test_an_order_held_back_is_asked_for_and_not_cancelled(run, legs):
    effects = run.told_by_stream(orders=[streamed(legs[0], U.DELAYED)])

    assert state(run, legs[0]) is S.DELAYED
    assert cancelled_ids(effects) == set()


@pytest.mark.parametrize("status", [U.CANCELLED, U.UNMATCHED, U.INVALID, U.OTHER])
def test_a_word_of_an_end_is_a_hint_that_starts_a_look_up(run, legs, status):
    run.answer(accepted(legs[0]))

    effects = run.told_by_stream(orders=[streamed(legs[0], status, text="CANCELED_MARKET_RESOLVED")])

    assert not state(run, legs[0]).is_final
    assert looked_up_ids(effects) == {legs[0].order_id}


def test_a_resting_order_that_the_venue_cancelled_ends_cancelled_by_a_reply_and_a_read(run):
    leg = run.sent_as(post_only=True, time_in_force=TimeInForce.GTC, expiration_s=0)[0]
    run.answer(accepted(leg))

    run.later(5_000).told_by_stream(orders=[streamed(leg, U.CANCELLED, text="CANCELED_NOT_ENOUGH_BALANCE")])
    effects = run.later(10).look_up(leg)
    assert cancelled_ids(effects) == {leg.order_id}
    assert not state(run, leg).is_final, "the stream's word alone ends nothing"

    run.later(10).cancel_says(CancelReply.NOT_FOUND, leg)
    run.later(10).look_up(leg)
    assert state(run, leg) is S.CANCELLED
    assert run.order(leg).reason == "CANCELED_NOT_ENOUGH_BALANCE"


def test_an_unknown_order_of_which_the_stream_speaks_needs_no_horizon(run, legs):
    """The venue knows it, so no POST can still be on its way."""
    run.answer(answer(legs[0], PostClass.UNKNOWN, "timed out"))
    run.told_by_stream(orders=[streamed(legs[0], U.CANCELLED)])

    run.later(10).cancel_says(CancelReply.NOT_FOUND, legs[0])
    run.later(10).look_up(legs[0])

    assert state(run, legs[0]) is S.CANCELLED


def test_a_late_event_of_an_order_that_has_ended_raises_nothing_and_looks(run, legs):
    """Streams are reordered: a LIVE may come after the cancel it went before."""
    run.answer(accepted(legs[0]))
    run.later(10).cancel_says(CancelReply.CANCELLED, legs[0])
    run.later(10).look_up(legs[0])
    assert state(run, legs[0]) is S.CANCELLED

    effects = run.later(10).told_by_stream(orders=[streamed(legs[0], U.LIVE)])

    assert state(run, legs[0]) is S.CANCELLED
    assert looked_up_ids(effects) == {legs[0].order_id}
    run.later(10).look_up(legs[0], rests=resting(legs[0]))
    assert not state(run, legs[0]).is_final, "the look-up began after the end: now it is true"


def test_a_cancelled_word_of_what_has_ended_is_no_news(run, legs):
    run.answer(accepted(legs[0], WHOLE))

    assert run.told_by_stream(orders=[streamed(legs[0], U.MATCHED, WHOLE)]) == ()


def test_unknown_ids_lead_to_one_read_that_judges_them(run):
    stranger = order(order_id=order_id("stranger"))

    first = run.told_by_stream(trade(stranger), orders=[streamed(stranger)])
    second = run.told_by_stream(orders=[streamed(order(order_id=order_id("another")))])
    assert len(of_kind(first, ReadAccount)) == 1
    assert of_kind(second, ReadAccount) == [], "one read tells of all"

    run.later(100).read(rests=[resting(stranger)])
    assert set(run.desk.foreign) == {stranger.order_id}
    assert run.told_by_stream(orders=[streamed(stranger)]) == (), "told already"


def test_a_trade_told_before_its_commit_was_reported_is_booked_by_the_next_read(run):
    ticket = run.armed()
    batch = only(run.press(ticket, Move.SEND), SendBatch)
    early = order(what=batch.intents[0])
    run.told_by_stream(trade(early))
    assert run.desk.fills == {}

    legs = run.commit(batch)
    run.later(100).read()

    assert state(run, legs[0]) is S.FILLED
    assert len(run.desk.fills) == 1


def test_a_trade_seen_on_both_ways_is_one_fill(run, legs):
    for _ in range(2):
        run.told_by_stream(trade(legs[0]))
        run.read(trade(legs[0], settlement=Settlement.MINED))
        run.look_up(legs[0], trade(legs[0]))

    assert [f.settlement for f in run.desk.fills.values()] == [Settlement.MINED]
    assert of_kind(run.told_by_stream(trade(legs[0])), LookUpOrder) == []
