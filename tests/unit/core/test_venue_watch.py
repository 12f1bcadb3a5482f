"""What the venue takes: nothing forbidden leaves after the first notice, and how its end is found."""

import pytest

from engine.core.desk import TIMERS
from engine.core.halts.venue_watch import LASTS_MS, TRANSITIONS, takes_cancels, takes_order
from engine.domain.account import CancelReply
from engine.domain.commands import Kill
from engine.domain.effects import Audit, CancelEverything, CancelOrders, ReadAccount, ResendOrders, SendBatch
from engine.domain.events import CancelAnswered, CancelFailed, PostAnswered
from engine.domain.failure import PostClass
from engine.domain.order import OrderState
from engine.domain.ticket import Move
from engine.domain.units import Ms
from engine.domain.venue_state import VenueNote, VenueSign, VenueState
from engine.domain.views import Gate
from tests.support.builders import ANA, accepted, answer, order_id
from tests.support.desk_run import DeskRun, cancelled_ids, of_kind, timers

S, N = VenueState, VenueSign
NOTICES = {
    N.RESTARTING: S.RESTARTING,
    N.POST_ONLY: S.POST_ONLY,
    N.CANCEL_ONLY: S.CANCEL_ONLY,
    N.DISABLED: S.DOWN,
}


@pytest.fixture
def run():
    return DeskRun().start()


def venue(run):
    return run.desk.venue.state


def gate(run):
    return run.desk.gate


def notice(run, sign, until_ms=None):
    """A batch that was in flight is turned away with this notice."""
    legs = run.sent()
    note = VenueNote(sign, None if until_ms is None else Ms(until_ms))
    run.step(PostAnswered(run.at_ms, tuple(answer(leg, PostClass.DEFERRED, "503") for leg in legs), note))
    return legs


def time_over(run):
    run.at_ms = run.desk.venue.ends_ms
    return run.timer("venue")


@pytest.mark.parametrize(("sign", "state"), NOTICES.items())
@pytest.mark.parametrize("before", S)
def test_every_notice_is_believed_in_every_state(before, sign, state):
    assert TRANSITIONS[before, sign] is state


@pytest.mark.parametrize(("sign", "state"), NOTICES.items())
def test_after_the_first_notice_no_send_and_no_resend_leaves(run, sign, state):
    legs = notice(run, sign)
    assert venue(run) is state
    assert gate(run) is Gate.PAUSED

    for _ in range(40):
        effects = run.later(250).timer(f"resend:{legs[0].intent.ticket_id}")
        assert of_kind(effects, ResendOrders) == []
        if run.order(legs[0]).state is OrderState.UNKNOWN:
            break
    assert {run.order(leg).state for leg in legs} == {OrderState.UNKNOWN}, "given to the proof, not hammered"


def test_a_send_is_refused_with_the_venues_state_on_the_card(run):
    card = run.armed()
    run.step(CancelAnswered(run.at_ms, run.at_ms, (), VenueNote(N.CANCEL_ONLY)))

    effects = run.press(card, Move.SEND)

    assert of_kind(effects, SendBatch) == []
    assert "CANCEL_ONLY" in run.desk.gate_reason


@pytest.mark.parametrize("state", S)
def test_what_each_state_takes(state):
    plain, post_only = takes_order(state, post_only=False), takes_order(state, post_only=True)

    assert plain is (state is S.RUN)
    assert post_only is (state in (S.RUN, S.POST_ONLY))
    assert takes_cancels(state) is (state is not S.DOWN)


def test_a_restart_ends_by_time_through_post_only_and_opens_after_a_read(run):
    notice(run, N.RESTARTING)
    began = run.at_ms

    time_over(run)
    assert venue(run) is S.POST_ONLY
    assert run.at_ms - began == 90_000
    effects = time_over(run)
    assert venue(run) is S.RUN
    assert run.at_ms - began == 210_000
    assert of_kind(effects, ReadAccount), "the hold falls with a complete read"
    assert gate(run) is Gate.PAUSED

    run.read()
    assert gate(run) is Gate.RUN


def test_the_time_that_the_venue_names_counts_and_is_clamped(run):
    notice(run, N.POST_ONLY, 79_000)
    assert run.desk.venue.ends_ms == run.at_ms + 79_000

    run.step(CancelAnswered(run.at_ms, run.at_ms, (), VenueNote(N.POST_ONLY, Ms(10**12))))
    assert run.desk.venue.ends_ms == run.at_ms + 600_000


@pytest.mark.parametrize("state", list(LASTS_MS))
def test_every_closed_state_ends_by_time(state):
    seen = [state]
    while seen[-1] is not S.RUN:
        seen.append(TRANSITIONS[seen[-1], N.TIME_OVER])
        assert len(seen) < 5, f"expected an end, went {seen}"


def test_an_early_timer_is_set_again(run):
    notice(run, N.RESTARTING)

    assert timers(run.later(1_000).timer("venue"))["venue"] == run.desk.venue.ends_ms
    assert venue(run) is S.RESTARTING


def test_an_answered_cancel_shows_that_the_engine_is_back(run):
    notice(run, N.RESTARTING)
    run.later(30_000)
    run.step(CancelAnswered(run.at_ms, Ms(run.at_ms - 50), (), VenueNote(N.TAKES_CANCELS)))

    assert venue(run) is S.POST_ONLY


def test_an_answer_to_a_request_from_before_the_notice_says_nothing(run):
    notice(run, N.RESTARTING)
    asked = Ms(run.at_ms - 10)
    run.step(CancelAnswered(run.at_ms, asked, (), VenueNote(N.TAKES_CANCELS)))
    assert venue(run) is S.RESTARTING

    legs = list(run.desk.orders.values())
    run.step(PostAnswered(run.at_ms, (accepted(legs[0]),), VenueNote(N.TAKES_ORDERS)))
    assert venue(run) is S.RESTARTING


def test_an_account_read_is_no_proof_that_orders_are_taken(run):
    notice(run, N.CANCEL_ONLY)
    run.later(1_000).read()

    assert venue(run) is S.CANCEL_ONLY
    assert gate(run) is Gate.PAUSED


@pytest.mark.parametrize("sign", [N.RESTARTING, N.POST_ONLY, N.CANCEL_ONLY])
def test_cancels_leave_in_every_state_but_down(run, sign):
    legs = run.sent()
    run.step(CancelAnswered(run.at_ms, run.at_ms, (), VenueNote(sign)))

    assert cancelled_ids(run.answer(accepted(legs[0]))) == {legs[0].order_id}


def test_in_down_cancels_wait_and_are_tried_when_its_time_is_over(run):
    legs = run.sent()
    run.step(CancelAnswered(run.at_ms, run.at_ms, (), VenueNote(N.DISABLED)))

    effects = run.answer(accepted(legs[0]))
    assert of_kind(effects, CancelOrders) == []
    due = timers(effects)["cancels"]
    assert due == run.desk.venue.ends_ms

    time_over(run)
    run.at_ms = due
    assert cancelled_ids(run.timer("cancels")) == {legs[0].order_id}


def test_a_kill_is_sent_in_every_state(run):
    notice(run, N.DISABLED)

    assert of_kind(run.ask(Kill(), ANA), CancelEverything)


def test_a_failed_cancel_tells_the_state_as_an_answered_one_does(run):
    run.step(CancelFailed(run.at_ms, (order_id(1),), "425", VenueNote(N.RESTARTING), run.at_ms))

    assert venue(run) is S.RESTARTING


def test_changes_are_in_the_audit_once_each(run):
    for _ in range(3):
        run.step(CancelAnswered(run.at_ms, run.at_ms, (), VenueNote(N.CANCEL_ONLY)))

    assert [a.what for a in of_kind(run.effects, Audit) if a.what.startswith("venue")] == [
        "venue CANCEL_ONLY"
    ]


def test_the_watch_has_its_timer():
    assert "venue" in TIMERS


def test_replies_of_a_cancel_are_applied_beside_its_note(run):
    legs = run.sent()
    run.answer(accepted(legs[0]))
    told = ((legs[0].order_id, CancelReply.CANCELLED),)
    run.step(CancelAnswered(run.at_ms, run.at_ms, told, VenueNote(N.TAKES_CANCELS)))

    assert run.desk.proofs[legs[0].order_id].cancelled
