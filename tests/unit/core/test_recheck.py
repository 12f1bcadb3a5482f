"""Between Send and the commit the venue's own books are looked at: none it has left behind is sent on."""

import pytest

from engine.core.trading.recheck import PATIENCE_MS
from engine.domain.effects import Count, FetchBooks, Reply, SendBatch, SetTimer
from engine.domain.events import BooksRead, BooksReadFailed, BooksTouched
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Move, TicketState
from engine.domain.units import Ms
from engine.domain.views import Gate, TicketView
from tests.support.builders import rest_book
from tests.support.desk_run import DeskRun, of_kind, only, refusal_of
from tests.support.gates import shut


@pytest.fixture
def run() -> DeskRun:
    desk = DeskRun().start()
    desk.blind = True
    return desk


def pressed(run: DeskRun):
    """An armed ticket whose Send has been pressed, and the look that it started."""
    ticket = run.armed()
    return ticket, only(run.press(ticket, Move.SEND), FetchBooks)


def owing(run: DeskRun, *tokens) -> None:
    """Let the stream owe these books, as a probe would have found."""
    run.books.owes = lambda token: token in tokens  # type: ignore[assignment, method-assign]


def test_send_looks_at_every_leg_and_commits_nothing_before_the_answer(run):
    ticket, look = pressed(run)

    assert look.tokens == tuple(leg.token_id for leg in ticket.plan.legs)
    assert of_kind(run.effects, SendBatch) == []
    assert len(of_kind(run.look(look), SendBatch)) == 1


def test_send_waits_for_a_book_that_the_stream_still_owes(run):
    _, look = pressed(run)
    owing(run, look.tokens[1])

    assert of_kind(run.look(look), SendBatch) == []
    owing(run)
    run.later(300)

    assert len(of_kind(run.step(BooksTouched(run.at_ms, 9)), SendBatch)) == 1


def test_send_is_given_up_when_the_stream_never_brings_what_the_venue_has(run):
    ticket, look = pressed(run)
    owing(run, look.tokens[0])
    run.look(look)
    run.later(PATIENCE_MS)

    effects = run.timer(f"recheck:{ticket.ticket_id}")

    assert of_kind(effects, SendBatch) == []
    view = only(effects, Reply).view
    assert isinstance(view, TicketView)
    assert view.ticket.state is TicketState.DRY
    assert "1 that may be newer than what the stream has brought; nothing was sent" in view.ticket.note
    assert only(effects, Count).label == RefusalKind.BOOK_NOT_LIVE.value


@pytest.mark.parametrize("how", ["failed", "incomplete", "silent"])
def test_send_is_given_up_without_a_complete_answer(run, how):
    ticket, look = pressed(run)
    if how == "failed":
        run.step(BooksReadFailed(run.at_ms, look.tokens, "502"))
    if how == "incomplete":
        run.look(look, look.tokens[0])
    run.later(PATIENCE_MS)

    effects = run.timer(f"recheck:{ticket.ticket_id}")

    assert of_kind(run.effects, SendBatch) == []
    view = only(effects, Reply).view
    assert isinstance(view, TicketView)
    assert "no complete answer in 2 s" in view.ticket.note


def test_answer_to_another_read_is_no_look(run):
    _, look = pressed(run)

    run.step(BooksRead(run.at_ms, run.at_ms, look.tokens[:1], (rest_book(look.tokens[0]),)))

    assert of_kind(run.effects, SendBatch) == []


def test_second_press_meanwhile_is_refused_and_the_first_goes_on(run):
    ticket, look = pressed(run)

    again = only(run.press(ticket, Move.SEND), Reply).view

    assert refusal_of(again).refusal.kind is RefusalKind.STALE_BUTTON
    assert len(of_kind(run.look(look), SendBatch)) == 1


def test_books_that_moved_during_the_look_lead_back_to_dry(run):
    ticket, look = pressed(run)
    run.books.shown.clear()

    effects = run.look(look)

    assert of_kind(effects, SendBatch) == []
    assert run.ticket(ticket.ticket_id).state is TicketState.DRY


def test_ticket_that_was_dropped_during_the_look_is_not_sent(run):
    ticket, look = pressed(run)
    run.press(ticket, Move.DROP)

    effects = run.look(look)

    assert of_kind(effects, SendBatch) == []
    assert "nothing was sent" in refusal_of(only(effects, Reply).view).refusal.text


def test_gate_that_closed_during_the_look_stops_the_send(run):
    _, look = pressed(run)
    shut(run.desk, Gate.HALTED, "a kill")

    effects = run.look(look)

    assert of_kind(effects, SendBatch) == []
    assert refusal_of(only(effects, Reply).view).refusal.kind is RefusalKind.HALTED


def test_orders_carry_the_time_of_the_send_not_of_the_press(run):
    _, look = pressed(run)
    run.later(900)

    batch = only(run.look(look), SendBatch)

    assert {intent.created_ms for intent in batch.intents} == {Ms(run.at_ms)}


def test_timer_that_is_early_by_a_rounded_millisecond_does_not_leave_the_send_waiting_for_ever(run):
    """Nothing else may come to wake it: the feed is silent and the read has failed."""
    ticket, look = pressed(run)
    run.step(BooksReadFailed(run.at_ms, look.tokens, "502"))
    run.later(PATIENCE_MS - 1)

    again = only(run.timer(f"recheck:{ticket.ticket_id}"), SetTimer)
    run.later(1)
    assert again.due_ms == run.at_ms
    effects = run.timer(again.name)

    assert run.ticket(ticket.ticket_id).state is TicketState.DRY
    assert len(of_kind(effects, Reply)) == 1
    assert run.desk.rechecks == {}


def test_send_does_not_go_on_after_its_patience_on_a_look_of_long_ago(run):
    """The process was stopped in between: what was looked at then is no last look now."""
    ticket, look = pressed(run)
    owing(run, look.tokens[0])
    run.look(look)
    owing(run)
    run.later(30_000)

    effects = run.step(BooksTouched(run.at_ms, 9))

    assert of_kind(effects, SendBatch) == []
    assert "the answer too old; nothing was sent" in run.ticket(ticket.ticket_id).note


def test_answer_to_the_look_of_a_send_given_up_before_is_no_look_for_the_next(run):
    ticket, first = pressed(run)
    began = run.at_ms
    run.later(PATIENCE_MS)
    run.timer(f"recheck:{ticket.ticket_id}")
    run.press(run.ticket(ticket.ticket_id), Move.CONFIRM)
    run.later(1_000)
    second = only(run.press(run.ticket(ticket.ticket_id), Move.SEND), FetchBooks)

    assert of_kind(run.look(first, asked_ms=began), SendBatch) == []
    assert len(of_kind(run.look(second), SendBatch)) == 1


def test_send_whose_card_has_moved_on_does_not_stand_in_the_way_of_the_next(run):
    """Back, confirm and Send again within two seconds: the second is no second press of the first."""
    ticket, _ = pressed(run)
    run.press(ticket, Move.BACK)
    told = run.step(BooksTouched(run.at_ms, 9))
    run.press(run.ticket(ticket.ticket_id), Move.CONFIRM)
    run.later(1_000)

    again = only(run.press(run.ticket(ticket.ticket_id), Move.SEND), FetchBooks)

    assert "closed while" in refusal_of(only(told, Reply).view).refusal.text
    assert len(of_kind(run.look(again), SendBatch)) == 1
