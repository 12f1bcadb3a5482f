"""Lifting a halt: a ticket of two presses, closed by a complete read of the account."""

from engine.core.settling import view_of
from engine.core.state import Desk
from engine.core.ticket import may_open, moved, open_ticket, refuse
from engine.domain.commands import Press
from engine.domain.effects import Effect, ReadAccount, Reply, SaveHalt, ShowTicket
from engine.domain.events import Asked
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Move, Ticket, TicketKind, TicketState
from engine.domain.units import Ms
from engine.domain.views import Gate

LOOK_BACK_MS = 600_000


def ask_resume(desk: Desk, asked: Asked) -> list[Effect]:
    """Open the resume ticket; refused when nothing is halted or a kill is still being carried out."""
    refusal = may_open(desk, asked)
    if refusal is None and desk.gate is not Gate.HALTED:
        refusal = Refusal(
            RefusalKind.HALTED, f"expected a halted desk, it is {desk.gate.value}: nothing to resume"
        )
    if refusal is None and desk.kill is not None:
        refusal = Refusal(
            RefusalKind.HALTED, "the kill is not yet confirmed by the venue: wait for its second card"
        )
    if refusal is not None:
        return refuse(asked, "/resume", refusal)
    return open_ticket(
        desk, asked, TicketKind.RESUME, plan=None, wanted=None, note=f"halted: {desk.gate_reason}"
    )


def press_resume(desk: Desk, asked: Asked, press: Press, ticket: Ticket) -> list[Effect]:
    """Carry out a press on the resume ticket; its Send lifts the halt and reconciles before trading."""
    if press.move is not Move.SEND:
        note = f"dropped by {asked.operator.name}" if press.move is Move.DROP else ticket.note
        after, effects = moved(desk, ticket, press.move, asked.at_ms, note=note)
        return [*effects, Reply(asked.request, view_of(desk, after))]
    after, effects = moved(desk, ticket, Move.SEND, asked.at_ms, note="reconciling with the venue")
    desk.gate = Gate.STARTING
    desk.gate_reason = f"resumed by {asked.operator.name}, reconciling with the venue"
    since = Ms(max(0, asked.at_ms - LOOK_BACK_MS))
    return [
        *effects,
        SaveHalt(None),
        Reply(asked.request, view_of(desk, after)),
        ReadAccount(since, "resume"),
    ]


def resumed(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Close the resume ticket that waited for a complete read."""
    effects: list[Effect] = []
    for ticket in list(desk.tickets.values()):
        if ticket.kind is TicketKind.RESUME and ticket.state is TicketState.SENDING:
            after, more = moved(desk, ticket, Move.COMPLETE, at_ms, note="reconciled, orders may leave again")
            effects += [*more, ShowTicket(view_of(desk, after), aloud=False)]
    return effects
