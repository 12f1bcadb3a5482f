"""Lifting a halt takes two presses of its owner and one complete read of the account."""

import pytest

from engine.domain.commands import AskResume, Kill, OpenDutch
from engine.domain.effects import ReadAccount, Reply, SaveFreeze, SaveHalt, SendBatch, ShowTicket
from engine.domain.events import AccountReadFailed, CardShown
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Move, TicketKind, TicketState
from engine.domain.views import Gate, TicketView
from tests.support.builders import ANA, BEN, VIC
from tests.support.desk_run import CARD, DeskRun, of_kind, only, refusal_of

T, M = TicketState, Move


@pytest.fixture
def run():
    """A desk whose kill has been confirmed."""
    run = DeskRun().start()
    run.ask(Kill(), ANA)
    run.later(500).read()
    return run


def open_card(run, by=ANA):
    view = only(run.ask(AskResume(), by), Reply).view
    assert isinstance(view, TicketView), f"expected a card, was {view}"
    run.step(CardShown(run.at_ms, view.ticket.ticket_id, CARD))
    return run.ticket(view.ticket.ticket_id)


def confirmed(run):
    card = open_card(run)
    run.press(card, M.CONFIRM)
    run.later(1_000)
    return run.ticket(card.ticket_id)


def gate(run):
    return run.desk.gate


def refusal(effects):
    return refusal_of(only(effects, Reply).view).refusal


def test_resume_opens_a_ticket_that_says_why_the_desk_is_halted(run):
    card = open_card(run)

    assert card.kind is TicketKind.RESUME
    assert card.state is T.DRY
    assert "killed by ana" in card.note
    assert gate(run) is Gate.HALTED


def test_one_press_does_not_lift_a_halt(run):
    card = open_card(run)
    run.later(1_000).press(card, M.SEND)
    run.press(card, M.CONFIRM)

    assert run.ticket(card.ticket_id).state is T.ARMED
    assert gate(run) is Gate.HALTED


def test_two_presses_reconcile_first_and_open_the_gate_with_the_read(run):
    armed = confirmed(run)

    effects = run.press(armed, M.SEND)
    assert only(effects, SaveHalt).reason is None
    assert len(of_kind(effects, ReadAccount)) == 1
    assert gate(run) is Gate.STARTING, "no order leaves before the account is read"

    effects = run.later(100).read()
    assert gate(run) is Gate.RUN
    assert only(effects, ShowTicket).view.ticket.state is T.DONE


def test_a_failed_read_leaves_the_gate_closed_and_the_next_one_opens_it(run):
    run.press(confirmed(run), M.SEND)

    run.step(AccountReadFailed(run.at_ms, "502"))
    assert gate(run) is Gate.STARTING
    assert "502" in run.desk.gate_reason

    run.later(10_000).read()
    assert gate(run) is Gate.RUN


def test_a_send_sooner_than_it_can_be_read_is_refused(run):
    card = open_card(run)
    run.press(card, M.CONFIRM)

    assert refusal(run.press(run.ticket(card.ticket_id), M.SEND)).kind is RefusalKind.TOO_FAST
    assert gate(run) is Gate.HALTED


def test_another_operators_presses_do_not_count(run):
    armed = confirmed(run)

    assert refusal(run.press(armed, M.SEND, by=BEN)).kind is RefusalKind.NOT_OWNER
    assert gate(run) is Gate.HALTED


def test_an_expired_card_lifts_nothing(run):
    armed = confirmed(run)

    assert refusal(run.later(45_000).press(armed, M.SEND)).kind is RefusalKind.EXPIRED
    assert gate(run) is Gate.HALTED


def test_a_doubled_send_lifts_once(run):
    armed = confirmed(run)
    run.press(armed, M.SEND)

    effects = run.press(armed, M.SEND)

    assert refusal(effects).kind is RefusalKind.STALE_BUTTON
    assert of_kind(effects, SaveHalt) == []


@pytest.mark.parametrize("move", [M.DROP, M.BACK])
def test_dropping_or_going_back_leaves_the_desk_halted(run, move):
    armed = confirmed(run)

    effects = run.press(armed, move)

    assert of_kind(effects, SaveHalt) == []
    assert gate(run) is Gate.HALTED
    assert run.ticket(armed.ticket_id).state is (T.DROPPED if move is M.DROP else T.DRY)


def test_a_drop_names_who_dropped_it(run):
    card = open_card(run)
    run.press(card, M.DROP)

    assert "ana" in run.ticket(card.ticket_id).note


def test_resume_of_a_running_desk_is_refused():
    run = DeskRun().start()

    found = refusal(run.ask(AskResume(), ANA))

    assert found.kind is RefusalKind.NOT_HALTED
    assert "RUN" in found.text


def frozen(run: DeskRun) -> str:
    group = run.events[0]
    run.freeze(group.event_id, "T-BBBBBB was filled only in part")
    return group.code


def test_freeze_is_lifted_by_two_presses_and_stored():
    run = DeskRun().start()
    code = frozen(run)
    view = run.told(AskResume(code), ANA)
    assert isinstance(view, TicketView)
    run.step(CardShown(run.at_ms, view.ticket.ticket_id, CARD))
    run.press(run.ticket(view.ticket.ticket_id), Move.CONFIRM)
    assert run.desk.frozen, "one press must not be enough"
    run.later(1_000)

    effects = run.press(run.ticket(view.ticket.ticket_id), Move.SEND)

    assert run.desk.frozen == {}
    assert [saved.reason for saved in of_kind(effects, SaveFreeze)] == [None]
    assert run.ticket(view.ticket.ticket_id).state is TicketState.DONE
    assert run.desk.gate.value == "RUN", "the gate was never closed"
    assert isinstance(run.told(OpenDutch(code, None), ANA), TicketView)


def test_freeze_of_an_event_that_is_not_frozen_is_refused():
    run = DeskRun().start()

    found = refusal(run.ask(AskResume(run.events[0].code), ANA))

    assert found.kind is RefusalKind.NOT_HALTED


def test_freeze_of_an_unknown_event_is_refused():
    run = DeskRun().start()

    assert refusal(run.ask(AskResume("nothing"), ANA)).kind is RefusalKind.UNKNOWN_CODE


def test_frozen_event_names_the_command_that_lifts_it():
    run = DeskRun().start()
    code = frozen(run)

    assert f"/resume {code}" in refusal(run.ask(OpenDutch(code, None), ANA)).text


def test_a_viewer_cannot_resume(run):
    assert refusal(run.ask(AskResume(), VIC)).kind is RefusalKind.ROLE


def test_a_resume_never_places_an_order(run):
    run.press(confirmed(run), M.SEND)
    run.read()

    assert of_kind(run.effects, SendBatch) == []


def test_after_the_resume_a_new_ticket_can_be_sent(run):
    run.press(confirmed(run), M.SEND)
    run.later(100).read()

    assert len(run.sent(entropy=99)) == 3


def test_a_restart_between_send_and_read_finishes_the_ticket(run):
    armed = confirmed(run)
    run.press(armed, M.SEND)
    stored = run.ticket(armed.ticket_id)

    run.restart((), (stored,))
    run.read()

    assert run.ticket(armed.ticket_id).state is T.DONE
    assert gate(run) is Gate.RUN
