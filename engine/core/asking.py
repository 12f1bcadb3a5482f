"""What an operator asked, and which part of the core carries it out: chat and command line alike."""

from collections.abc import Callable
from typing import Any

from engine.core.account import reconcile
from engine.core.chain import allowances, chain_flow
from engine.core.halts import halt, resume_flow
from engine.core.state import Desk
from engine.core.tickets import ticket
from engine.core.trading import (
    dutch_auto,
    dutch_flow,
    order_flow,
    repair_flow,
    review_flow,
    spread_flow,
    watch,
    why,
)
from engine.domain.commands import (
    AskApprove,
    AskCancel,
    AskMerge,
    AskReconcile,
    AskRedeem,
    AskRepair,
    AskResume,
    AskReview,
    AskWhy,
    Kill,
    ListSpreads,
    OpenAuto,
    OpenDutch,
    OpenSpread,
    PlaceOrder,
    Press,
    ScanDutch,
    ShowStatus,
    StopAuto,
    StopSpread,
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
    TicketKind.AUTO: dutch_auto.press_auto,
    TicketKind.CHAIN: chain_flow.press_act,
    TicketKind.REPAIR: dutch_flow.press_dutch,
    TicketKind.SPREAD: spread_flow.press_spread,
    TicketKind.QUOTE: spread_flow.press_quote,
}


def asked(desk: Desk, event: Asked) -> list[Effect]:
    """Carry out an operator's command, and keep what it was refused with."""
    effects = COMMANDS[type(event.command)](desk, event, event.command)
    why.remember_refusal(desk, event, effects)
    return effects


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


COMMANDS: dict[type, Callable[[Desk, Asked, Any], list[Effect]]] = {
    ScanDutch: lambda desk, event, _scan: watch.scan_asked(desk, event),
    OpenDutch: dutch_flow.open_dutch,
    OpenAuto: dutch_auto.open_auto,
    StopAuto: lambda desk, event, _stop: dutch_auto.stop_auto(desk, event),
    ListSpreads: spread_flow.list_spreads,
    OpenSpread: spread_flow.open_spread,
    StopSpread: spread_flow.stop_spread,
    Press: _press,
    ShowStatus: lambda desk, event, _status: watch.status_asked(desk, event),
    Kill: lambda desk, event, _kill: halt.kill(desk, event),
    AskResume: resume_flow.ask_resume,
    AskReview: review_flow.ask_review,
    PlaceOrder: order_flow.place_order,
    AskCancel: order_flow.ask_cancel,
    AskReconcile: lambda desk, event, _reconcile: reconcile.ask_reconcile(desk, event),
    AskApprove: allowances.ask_approve,
    AskMerge: chain_flow.ask_act,
    AskRedeem: chain_flow.ask_act,
    AskRepair: repair_flow.ask_repair,
    AskWhy: why.ask_why,
}
"""One row for each command of `engine.domain.commands`."""
