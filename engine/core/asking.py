"""What an operator asked, and which part of the core carries it out: chat and command line alike."""

from collections.abc import Callable
from typing import assert_never

from engine.core import (
    allowances,
    dutch_flow,
    halt,
    order_flow,
    reconcile,
    repair_flow,
    resume_flow,
    review_flow,
    ticket,
    watch,
)
from engine.core.state import Desk
from engine.domain.commands import (
    AskApprove,
    AskCancel,
    AskReconcile,
    AskRepair,
    AskResume,
    AskReview,
    Kill,
    OpenDutch,
    PlaceOrder,
    Press,
    ScanDutch,
    ShowStatus,
)
from engine.domain.effects import Effect
from engine.domain.events import Asked
from engine.domain.refusal import Refusal
from engine.domain.ticket import Ticket, TicketKind

PRESSES: dict[TicketKind, Callable[[Desk, Asked, Press, Ticket], list[Effect]]] = {
    TicketKind.DUTCH: dutch_flow.press_dutch,
    TicketKind.RESUME: resume_flow.press_resume,
    TicketKind.REVIEW: review_flow.press_review,
    TicketKind.ORDER: order_flow.press_order,
    TicketKind.REPAIR: dutch_flow.press_dutch,
}


def asked(desk: Desk, event: Asked) -> list[Effect]:  # noqa: C901 - one row for each command
    """Carry out an operator's command."""
    match event.command:
        case ScanDutch():
            return watch.scan_asked(desk, event)
        case OpenDutch():
            return dutch_flow.open_dutch(desk, event, event.command)
        case AskRepair():
            return repair_flow.ask_repair(desk, event, event.command)
        case Press():
            return _press(desk, event, event.command)
        case ShowStatus():
            return watch.status_asked(desk, event)
        case Kill():
            return halt.kill(desk, event)
        case AskResume():
            return resume_flow.ask_resume(desk, event, event.command)
        case AskReview():
            return review_flow.ask_review(desk, event, event.command)
        case PlaceOrder() | AskCancel() | AskReconcile():
            return _asked_on_the_command_line(desk, event, event.command)
        case AskApprove():
            return allowances.ask_approve(desk, event, event.command)
        case _:
            assert_never(event.command)


def _asked_on_the_command_line(
    desk: Desk, event: Asked, command: PlaceOrder | AskCancel | AskReconcile
) -> list[Effect]:
    match command:
        case PlaceOrder():
            return order_flow.place_order(desk, event, command)
        case AskCancel():
            return order_flow.ask_cancel(desk, event, command)
        case AskReconcile():
            return reconcile.ask_reconcile(desk, event)


def _press(desk: Desk, event: Asked, press: Press) -> list[Effect]:
    checked = ticket.check_press(desk, event, press)
    if isinstance(checked, Refusal):
        expired = ticket.expire(desk, press.ticket_id, event.at_ms)
        return [
            *ticket.refuse(event, press.ticket_id, checked),
            *expired,
            *ticket.forged_card(desk, event, press),
        ]
    return PRESSES[checked.kind](desk, event, press, checked)
