"""Lifting a halt and every tripped breaker, or the freeze of one event: a ticket of two presses.

The end of a halt waits for a complete read of the account; a thawed event takes new plans at once.
"""

from engine.core.exposure.risk import dutch_stopped
from engine.core.read_back import read_account
from engine.core.state import Desk
from engine.core.tickets.settling import view_of
from engine.core.tickets.ticket import may_open, moved, new_ticket, refuse
from engine.core.watches import Tally
from engine.domain.commands import AskResume, Press
from engine.domain.effects import Effect, Reply, SaveFreeze, SaveHalt, ShowTicket
from engine.domain.events import Asked
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Move, Ticket, TicketKind, TicketState
from engine.domain.units import Ms


def ask_resume(desk: Desk, asked: Asked, command: AskResume) -> list[Effect]:
    """Open the resume ticket; refused when there is nothing to lift or a kill is still being carried out."""
    subject = f"/resume {command.code}".rstrip()
    refusal = may_open(desk, asked) or _nothing_to_lift(desk, command.code)
    if refusal is not None:
        return refuse(asked, subject, refusal)
    note = _what_stands(desk)
    if command.code:
        note = f"{command.code} is frozen: {desk.frozen[desk.codes[command.code]]}"
    opened, effects = new_ticket(desk, asked, TicketKind.RESUME, subject=command.code, note=note)
    if not command.confirmed:
        return [*effects, Reply(asked.request, view_of(desk, opened))]
    armed, more = moved(desk, opened, Move.CONFIRM, asked.at_ms, note="confirmed on the command line")
    return [*effects, *more, *_lift(desk, asked, armed)]


def _what_stands(desk: Desk) -> str:
    """Return what this resume lifts: the halt and every tripped breaker, each with what was found."""
    standing = desk.standing
    halted = [] if standing.halted is None else [f"halted: {standing.halted}"]
    tripped = [f"tripped: {breaker.value} ({detail})" for breaker, detail in standing.tripped.items()]
    stopped = [f"Dutch stopped: {desk.broken_in_a_row} broken in a row"] if dutch_stopped(desk) else []
    return "; ".join([*halted, *tripped, *stopped])


def _nothing_to_lift(desk: Desk, code: str) -> Refusal | None:
    if code:
        event_id = desk.codes.get(code)
        if event_id is None:
            return Refusal(RefusalKind.UNKNOWN_CODE, f"expected the code of a watched event, found {code!r}")
        if event_id in desk.rules_frozen:
            return _rules_first(code)
        if event_id not in desk.frozen:
            return Refusal(RefusalKind.NOT_HALTED, f"expected a frozen event, {code} takes plans")
        return None
    if desk.standing.halted is None and not desk.standing.tripped and not dutch_stopped(desk):
        return Refusal(
            RefusalKind.NOT_HALTED, f"expected a halted desk, it is {desk.gate.value}: nothing to resume"
        )
    if desk.kill is not None:
        return Refusal(
            RefusalKind.HALTED, "the kill is not yet confirmed by the venue: wait for its second card"
        )
    return None


def _rules_first(code: str) -> Refusal:
    """Refuse to lift what only a review lifts; a broken set's freeze under it waits for that, too."""
    text = (
        f"{code} is frozen because its rules changed: /resume does not lift that. "
        f"Read them with /review {code} first"
    )
    return Refusal(RefusalKind.RULES_CHANGED, text)


def press_resume(desk: Desk, asked: Asked, press: Press, ticket: Ticket) -> list[Effect]:
    """Carry out a press on the resume ticket."""
    if press.move is not Move.SEND:
        note = f"dropped by {asked.operator.name}" if press.move is Move.DROP else ticket.note
        after, effects = moved(desk, ticket, press.move, asked.at_ms, note=note)
        return [*effects, Reply(asked.request, view_of(desk, after))]
    return _lift(desk, asked, ticket)


def _lift(desk: Desk, asked: Asked, ticket: Ticket) -> list[Effect]:
    """Carry out a confirmed resume."""
    if ticket.subject:
        return _thaw(desk, asked, ticket)
    after, effects = moved(desk, ticket, Move.SEND, asked.at_ms, note="reconciling with the venue")
    desk.standing.rearm(f"resumed by {asked.operator.name}, reconciling with the venue", asked.at_ms)
    desk.tally = Tally()
    desk.broken_in_a_row = 0
    desk.ended_trades.clear()
    return [
        *effects,
        SaveHalt(None),
        Reply(asked.request, view_of(desk, after)),
        read_account(desk, asked.at_ms, "resume"),
    ]


def _thaw(desk: Desk, asked: Asked, ticket: Ticket) -> list[Effect]:
    """Lift the freeze; what is held stays as it is."""
    event_id = desk.codes.get(ticket.subject)
    if event_id in desk.rules_frozen:
        dropped, effects = moved(desk, ticket, Move.DROP, asked.at_ms, note=_rules_first(ticket.subject).text)
        return [*effects, Reply(asked.request, view_of(desk, dropped))]
    sent, effects = moved(desk, ticket, Move.SEND, asked.at_ms)
    note = f"{ticket.subject} takes new plans again; what is held stays held"
    after, more = moved(desk, sent, Move.COMPLETE, asked.at_ms, note=note)
    if event_id is not None and desk.frozen.pop(event_id, None) is not None:
        desk.cooling.pop(event_id, None)  # a person has looked
        effects.append(SaveFreeze(event_id, None))
    return [*effects, *more, Reply(asked.request, view_of(desk, after))]


def resumed(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Close the resume ticket that waited for a complete read."""
    effects: list[Effect] = []
    for ticket in list(desk.tickets.values()):
        if ticket.kind is TicketKind.RESUME and ticket.state is TicketState.SENDING and not ticket.subject:
            after, more = moved(desk, ticket, Move.COMPLETE, at_ms, note="reconciled, orders may leave again")
            effects += [*more, ShowTicket(view_of(desk, after), aloud=False)]
    return effects
