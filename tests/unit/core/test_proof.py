"""How an unproven order reaches a proven end. Silence never proves death."""

import pytest

from engine.domain.account import CancelReply
from engine.domain.effects import LookUpOrder, ResendOrders
from engine.domain.events import CancelFailed, LookUpFailed
from engine.domain.failure import PostClass
from engine.domain.order import OrderState, Settlement
from tests.support.builders import accepted, answer, resting, shares, trade
from tests.support.desk_run import DeskRun, cancelled_ids, looked_up_ids, of_kind, only, timers

S = OrderState
H_MS = 60_000
GONE = (CancelReply.NOT_FOUND,)


@pytest.fixture
def run():
    return DeskRun().start()


@pytest.fixture
def lost(run):
    """An order whose POST got no answer."""
    leg, *others = run.sent()
    run.answer(
        answer(leg, PostClass.UNKNOWN, "timed out"),
        *(answer(other, PostClass.REFUSED, "invalid nonce") for other in others),
    )
    return leg


def state(run, leg):
    return run.order(leg).state


def look_up_timer(leg):
    return f"lookup:{leg.order_id}"


def test_an_accepted_but_unanswered_order_is_found_by_its_id(run, lost):
    effects = run.timer(look_up_timer(lost))
    assert looked_up_ids(effects) == {lost.order_id}

    run.look_up(lost, trade(lost, settlement=Settlement.CONFIRMED))

    assert state(run, lost) is S.FILLED


def test_an_accepted_but_unanswered_order_that_rests_is_cancelled_and_ends_with_the_reply_and_a_read(
    run, lost
):
    effects = run.look_up(lost, rests=resting(lost))
    assert cancelled_ids(effects) == {lost.order_id}

    run.later(50).cancel_says(CancelReply.CANCELLED, lost)
    assert not state(run, lost).is_final, "a fill may have come a moment before the cancel"

    run.later(50).look_up(lost)
    assert state(run, lost) is S.CANCELLED


def test_look_ups_come_at_once_and_then_ever_more_slowly(run, lost):
    pauses = []
    for _ in range(9):
        due = timers(run.effects)[look_up_timer(lost)]
        run.at_ms = due
        effects = run.timer(look_up_timer(lost))
        pauses.append(timers(effects)[look_up_timer(lost)] - due)

    assert pauses == sorted(pauses)
    assert sum(pauses[:4]) <= 5_000, "an accepted post is found within seconds"
    assert pauses[-1] >= 2_000, "a venue that does not answer is not hammered"


def test_a_look_up_reaches_back_behind_the_orders_birth(run, lost):
    asked = only(run.timer(look_up_timer(lost)), LookUpOrder)

    assert asked.condition_id == lost.intent.condition_id
    assert asked.since_ms <= lost.intent.created_ms - 600_000


def test_silence_never_proves_death(run, lost):
    """Absent from every read for ten expiry-free minutes, and no cancel ever answered: still unknown."""
    for _ in range(20):
        run.later(10_000).read()
        run.look_up(lost)
        if run.at_ms / 1_000 < lost.intent.expiration_s:
            assert state(run, lost) is S.UNKNOWN


@pytest.mark.parametrize("reply", GONE)
def test_a_not_found_before_h_proves_nothing_because_the_post_may_still_arrive(run, lost, reply):
    run.later(H_MS - 1).cancel_says(reply, lost)
    run.later(1).look_up(lost)
    run.later(1).read()

    assert state(run, lost) is S.UNKNOWN


@pytest.mark.parametrize("reply", GONE)
def test_never_arrived_is_dead_after_h_a_reply_that_names_it_and_a_read_begun_after_the_reply(
    run, lost, reply
):
    effects = run.later(H_MS).timer(look_up_timer(lost))
    assert cancelled_ids(effects) == {lost.order_id}, "cancelled again at H"

    run.later(20).cancel_says(reply, lost)
    assert state(run, lost) is S.UNKNOWN
    run.later(20).look_up(lost)

    assert state(run, lost) is S.DEAD


def test_a_read_begun_before_the_reply_does_not_count(run, lost):
    run.later(H_MS).timer(look_up_timer(lost))
    began = run.at_ms
    run.later(20).cancel_says(CancelReply.NOT_FOUND, lost)

    run.later(20).look_up(lost, asked_ms=began)
    assert state(run, lost) is S.UNKNOWN
    run.read(asked_ms=began)
    assert state(run, lost) is S.UNKNOWN

    run.read()
    assert state(run, lost) is S.DEAD


def test_a_complete_read_of_the_account_proves_as_well_as_a_look_up(run, lost):
    run.later(H_MS).timer(look_up_timer(lost))
    run.later(20).cancel_says(CancelReply.NOT_FOUND, lost)

    run.later(20).read()

    assert state(run, lost) is S.DEAD


def test_a_cancel_that_says_cancelled_counts_before_h_because_the_venue_knew_the_order(run, lost):
    run.later(100).cancel_says(CancelReply.CANCELLED, lost)
    run.later(10).look_up(lost)

    assert state(run, lost) is S.CANCELLED


def test_a_reply_that_says_not_cancelled_proves_nothing_even_after_h(run, lost):
    run.later(H_MS).timer(look_up_timer(lost))
    run.later(20).cancel_says(CancelReply.OTHER, lost)
    run.later(20).look_up(lost)

    assert state(run, lost) is S.UNKNOWN


def test_an_unanswered_cancel_is_asked_again(run, lost):
    run.step(CancelFailed(run.at_ms, (lost.order_id,), "timed out"))
    asked_again = set()
    for _ in range(4):
        asked_again |= cancelled_ids(run.later(4_000).timer(look_up_timer(lost)))

    assert asked_again == {lost.order_id}


def test_a_failed_look_up_proves_nothing_and_is_asked_again(run, lost):
    run.later(H_MS).timer(look_up_timer(lost))
    run.later(10).cancel_says(CancelReply.NOT_FOUND, lost)
    run.step(LookUpFailed(run.at_ms, lost.order_id, "502"))

    assert state(run, lost) is S.UNKNOWN
    due = timers(run.effects)[look_up_timer(lost)]
    assert due <= run.at_ms + 4_000


def test_past_its_expiry_a_complete_read_alone_proves_the_end(run, lost):
    run.at_ms = lost.intent.expiration_s * 1_000 + 60_000

    run.read()

    assert state(run, lost) is S.EXPIRED


def test_a_read_within_a_minute_of_the_expiry_does_not(run, lost):
    run.at_ms = lost.intent.expiration_s * 1_000 + 59_999

    run.read()

    assert state(run, lost) is S.UNKNOWN


def test_expiry_is_judged_by_the_venues_clock(run, lost):
    run.desk.venue_offset_ms = -30_000
    run.at_ms = lost.intent.expiration_s * 1_000 + 60_000

    run.read()
    assert state(run, lost) is S.UNKNOWN
    run.later(30_000).read()

    assert state(run, lost) is S.EXPIRED


def test_the_whole_road_to_a_proven_death_takes_two_minutes_at_most(run, lost):
    """Design 7: the bound is 120 s while cancels are answered."""
    start = run.at_ms
    while not state(run, lost).is_final:
        run.at_ms = timers(run.effects)[look_up_timer(lost)]
        effects = run.timer(look_up_timer(lost))
        if cancelled_ids(effects):
            run.later(100).cancel_says(CancelReply.NOT_FOUND, lost)
        run.later(100).look_up(lost, asked_ms=run.at_ms)
        assert run.at_ms - start <= 120_000, "expected a proven end within 120 s"

    assert state(run, lost) is S.DEAD


def test_a_part_found_filled_stays_filled_when_the_rest_is_gone(run, lost):
    run.look_up(lost, trade(lost, shares(40)))
    run.later(100).cancel_says(CancelReply.CANCELLED, lost)
    run.later(10).look_up(lost, trade(lost, shares(40)))

    assert state(run, lost) is S.CANCELLED
    assert run.order(lost).filled == shares(40)


def test_a_fill_found_by_the_read_that_would_have_proven_death_wins(run, lost):
    run.later(H_MS).timer(look_up_timer(lost))
    run.later(20).cancel_says(CancelReply.MATCHED, lost)
    run.later(20).look_up(lost, trade(lost))

    assert state(run, lost) is S.FILLED


def test_a_fill_found_after_the_order_was_judged_dead_is_booked(run, lost):
    run.later(H_MS).timer(look_up_timer(lost))
    run.later(20).cancel_says(CancelReply.NOT_FOUND, lost)
    run.later(20).look_up(lost)
    assert state(run, lost) is S.DEAD

    run.later(30_000).read(trade(lost))

    assert state(run, lost) is S.FILLED
    assert len(run.desk.fills) == 1


def test_an_order_judged_dead_that_shows_up_resting_is_cancelled(run, lost):
    run.later(H_MS).timer(look_up_timer(lost))
    run.later(20).cancel_says(CancelReply.NOT_FOUND, lost)
    run.later(20).look_up(lost)

    effects = run.later(10_000).read(rests=[resting(lost)])

    assert cancelled_ids(effects) == {lost.order_id}
    assert not state(run, lost).is_final


def test_a_cancel_of_what_was_live_is_believed_at_once_when_the_venue_knows_it_no_more(run):
    """The venue has acknowledged the order, so no POST can still be on its way."""
    leg = run.sent()[0]
    run.answer(accepted(leg))
    run.later(100).cancel_says(CancelReply.MATCHED, leg)
    run.later(10).look_up(leg, trade(leg))

    assert state(run, leg) is S.FILLED


def test_a_reply_about_an_order_that_has_ended_changes_nothing(run):
    leg = run.sent()[0]
    run.answer(accepted(leg, shares(100)))

    assert run.cancel_says(CancelReply.NOT_FOUND, leg) == ()
    assert state(run, leg) is S.FILLED


def test_nothing_is_sent_again_while_an_order_is_being_proven(run, lost):
    for _ in range(30):
        run.later(10_000).timer(look_up_timer(lost))
        run.read()

    assert of_kind(run.effects, ResendOrders) == []
