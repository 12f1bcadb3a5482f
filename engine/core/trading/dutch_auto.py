"""The ticket of a standing grant: dry, confirm, in force, ended. It lets the desk send Dutch plans by itself.

In force it is `SENDING`; every plan under it is a ticket of its own. It ends by `/dutch stop`, by time, when
its budget is used, by any halt or tripped breaker, after two failed plans in a row, and with the process.
"""

from dataclasses import replace

from engine.core.exposure.risk import closed
from engine.core.order_terms import MARKETABLE_MIN
from engine.core.state import Desk
from engine.core.tickets.grants import grant_of, granted_by, left, overlapping, spent
from engine.core.tickets.settling import view_of
from engine.core.tickets.ticket import may_open, moved, new_ticket, refuse
from engine.core.watches import StandingGrant
from engine.domain.commands import OpenAuto, Press
from engine.domain.effects import Audit, Count, Effect, RaiseAlert, Reply, SaveTicket, SetTimer, ShowTicket
from engine.domain.events import Asked
from engine.domain.ids import EventId, TicketId
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import MOVES, AutoTerms, Claim, Move, Ticket, TicketKind, TicketState
from engine.domain.units import Ms, Rounding, Usdc, format_cents
from engine.domain.views import Alert, Gate, GrantsEndedView, Severity

AUTO_TIMER = "auto"
FAILED_IN_A_ROW_MAX = 2
"""So many plans in a row that were sent and not filled whole end the grant (strategy 4.4)."""
COOLDOWN_MS = 60_000
"""An event takes no plan under a grant for so long after one that failed."""
GIVEN_UP_MS, GIVEN_UP_MAX_MS = 2_000, 60_000
"""The same after a plan that was given up before it left; doubled each time in a row."""


def open_auto(desk: Desk, asked: Asked, command: OpenAuto) -> list[Effect]:
    """Open the dry ticket of a standing grant; nothing is sent before both presses."""
    subject = f"/dutch auto {command.code or 'all'}"
    refusal = may_open(desk, asked) or _no_scope(desk, command.code)
    if refusal is not None:
        return refuse(asked, subject, refusal)
    per_plan = Usdc(min(command.budget, desk.settings.caps.ticket))
    terms = AutoTerms(command.budget, per_plan, command.lasts_ms)
    ticket, effects = new_ticket(desk, asked, TicketKind.AUTO, subject=command.code, auto=terms)
    return [*effects, Reply(asked.request, view_of(desk, ticket))]


def _no_scope(desk: Desk, code: str) -> Refusal | None:
    if code and code not in desk.codes:
        text = f"expected the code of a watched event or `all`, found {code!r}. /dutch lists them"
        return Refusal(RefusalKind.UNKNOWN_CODE, text)
    other = overlapping(desk, desk.codes.get(code))
    if other is None:
        return None
    text = f"expected no standing grant on these events, found {other.ticket_id}: /dutch stop ends it"
    return Refusal(RefusalKind.IN_FLIGHT, text)


def press_auto(desk: Desk, asked: Asked, press: Press, ticket: Ticket) -> list[Effect]:
    """Carry out a press on the ticket of a standing grant; its Send is the beginning of the grant."""
    if press.move is not Move.SEND:
        note = f"dropped by {asked.operator.name}, nothing was sent" if press.move is Move.DROP else ""
        after, effects = moved(desk, ticket, press.move, asked.at_ms, note=note)
        return [*effects, Reply(asked.request, view_of(desk, after))]
    refusal = closed(desk) or _no_scope(desk, ticket.subject)
    if refusal is not None:
        return refuse(asked, ticket.ticket_id, refusal)
    return _begin(desk, asked, ticket)


def _begin(desk: Desk, asked: Asked, ticket: Ticket) -> list[Effect]:
    terms = ticket.auto
    assert terms is not None, f"expected {ticket.ticket_id} to carry the terms of a grant"
    confirmed, effects = moved(desk, ticket, Move.SEND, asked.at_ms)
    grant = StandingGrant(
        ticket_id=ticket.ticket_id,
        event_id=desk.codes.get(ticket.subject),
        budget=terms.budget,
        per_plan=terms.per_plan,
        expires_ms=Ms(asked.at_ms + terms.lasts_ms),
    )
    after = replace(confirmed, expires_ms=grant.expires_ms)
    desk.tickets[ticket.ticket_id] = after
    desk.runner.grants[ticket.ticket_id] = grant
    # Windows that stand open already are looked at with the next book.
    desk.runner.dirty |= desk.runner.detector.hot
    desk.runner.planned_ms.clear()
    grant.shown = _standing(grant)
    stored = [replace(e, ticket=after) if isinstance(e, SaveTicket) else e for e in effects]
    return [
        *stored,
        SetTimer(f"{AUTO_TIMER}:{ticket.ticket_id}", grant.expires_ms),
        Reply(asked.request, view_of(desk, after)),
    ]


def stop_auto(desk: Desk, asked: Asked) -> list[Effect]:
    """End every standing grant: `/dutch stop`."""
    grants = list(desk.runner.grants.values())
    flying = tuple(ticket_id for grant in grants for ticket_id in grant.flying)
    view = GrantsEndedView(tuple(grant.ticket_id for grant in grants), flying)
    effects: list[Effect] = [Reply(asked.request, view)]
    for grant in grants:
        effects += _end(desk, grant, f"stopped by {asked.operator.name}", asked.at_ms, aloud=False)
    return effects


def auto_timer(desk: Desk, ticket_id: TicketId, at_ms: Ms) -> list[Effect]:
    """Set the timer again if it came early by a rounded millisecond; what is over is ended by `tend`."""
    grant = desk.runner.grants.get(ticket_id)
    if grant is None or at_ms >= grant.expires_ms:
        return []
    return [SetTimer(f"{AUTO_TIMER}:{ticket_id}", grant.expires_ms)]


def tend(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Take note, after every event, of what became of a grant's plans, and end grants that are over."""
    effects: list[Effect] = []
    for grant in list(desk.runner.grants.values()):
        _judge(desk, grant, at_ms)
        why = _over(desk, grant, at_ms)
        if why is not None:
            effects += _end(desk, grant, why, at_ms, aloud=True)
        elif grant.shown != _standing(grant):
            grant.shown = _standing(grant)
            grant.revision += 1
            effects.append(ShowTicket(view_of(desk, desk.tickets[grant.ticket_id]), aloud=False))
    return effects


def _standing(grant: StandingGrant) -> tuple[object, ...]:
    """Return what its card depends on."""
    return grant.sent, grant.whole, grant.failed, tuple(grant.flying), grant.last


def _judge(desk: Desk, grant: StandingGrant, at_ms: Ms) -> None:
    for ticket_id in list(grant.flying):
        ticket = desk.tickets[ticket_id]
        if ticket.state.is_open or ticket.state is TicketState.SENDING:
            continue
        assert ticket.plan is not None, f"expected {ticket_id} to carry a plan"
        grant.flying.remove(ticket_id)
        grant.last = f"{ticket_id} {ticket.plan.code}: {ticket.state.value}"
        nothing_left = ticket.state in (TicketState.REFUSED, TicketState.EXPIRED, TicketState.DROPPED)
        if nothing_left:
            grant.reserved.pop(ticket_id)
        if ticket.kind is TicketKind.REPAIR:
            if nothing_left:
                rest(grant, ticket.plan.event_id, at_ms, repairs=True)
            continue  # the plan that it repairs has counted
        if ticket.state is TicketState.DONE:
            grant.whole += 1
            grant.failed_in_a_row = 0
            continue
        grant.failed += ticket.state is not TicketState.REFUSED
        grant.failed_in_a_row += 1
        grant.pauses[ticket.plan.event_id] = Ms(at_ms + COOLDOWN_MS)


def _over(desk: Desk, grant: StandingGrant, at_ms: Ms) -> str | None:
    """Return why a grant is over, None while it is in force."""
    if desk.gate in (Gate.HALTED, Gate.REDUCING):
        return f"the desk is {desk.gate.value}: {desk.gate_reason}"
    if grant.failed_in_a_row >= FAILED_IN_A_ROW_MAX:
        return f"{grant.failed_in_a_row} plans in a row failed, the last one: {grant.last}"
    if at_ms >= grant.expires_ms:
        return "its time is over"
    if not _under_way(desk, grant) and left(desk, grant) < MARKETABLE_MIN:
        return "its budget is used"
    return None


def _under_way(desk: Desk, grant: StandingGrant) -> bool:
    """Tell whether a grant has work left beside new plans: what flies, is not settled, or is broken."""
    flights = [desk.flights[ticket_id] for ticket_id in grant.reserved if ticket_id in desk.flights]
    return bool(grant.flying) or any(
        not flight.settled or desk.tickets[flight.ticket_id].state is TicketState.BROKEN for flight in flights
    )


def _end(desk: Desk, grant: StandingGrant, why: str, at_ms: Ms, *, aloud: bool) -> list[Effect]:
    """End a grant. Its plans that were sent run to their end; one that waits for its last look is dropped."""
    paid = format_cents(spent(desk, grant), Rounding.UP)
    tally = f"{grant.sent} plans sent, {grant.whole} whole, {grant.failed} failed, at most {paid} USDC spent"
    del desk.runner.grants[grant.ticket_id]
    ended, effects = _ended(desk, desk.tickets[grant.ticket_id], f"{why}; {tally}", at_ms)
    effects.append(ShowTicket(view_of(desk, ended), aloud=aloud))
    if grant.failed_in_a_row >= FAILED_IN_A_ROW_MAX or desk.gate in (Gate.HALTED, Gate.REDUCING):
        alert = Alert(
            key=f"auto:{grant.ticket_id}",
            severity=Severity.WARN,
            subject=f"standing grant {grant.ticket_id} ended",
            text=f"{why}; {tally}",
            next_step="look at /status, then /dutch auto again if it shall go on",
        )
        effects.append(RaiseAlert(alert))
    return effects


def _ended(desk: Desk, ticket: Ticket, note: str, at_ms: Ms) -> tuple[Ticket, list[Effect]]:
    state, version = MOVES[ticket.state, Move.COMPLETE], ticket.version + 1
    after = replace(ticket, state=state, version=version, note=note, rendered_ms=at_ms)
    desk.tickets[ticket.ticket_id] = after
    return after, [
        SaveTicket(after, Claim(ticket.ticket_id, ticket.state, ticket.version)),
        Audit(at_ms, ticket.owner, "grant ended", ticket.ticket_id, note),
    ]


def given_up(desk: Desk, ticket: Ticket, refusal: Refusal, at_ms: Ms) -> list[Effect]:
    """Close a ticket opened under a grant of which nothing was sent; its event rests for a while."""
    assert granted_by(ticket) is not None, f"expected a ticket under a grant, was {ticket.ticket_id}"
    assert ticket.plan is not None, f"expected {ticket.ticket_id} to carry a plan"
    _, effects = moved(desk, ticket, Move.DROP, at_ms, note=refusal.text)
    grant = grant_of(desk, ticket)
    if grant is not None:
        grant.flying.remove(ticket.ticket_id)
        del grant.reserved[ticket.ticket_id]
        grant.last = f"{ticket.plan.code} not sent: {refusal.text}"
        rest(grant, ticket.plan.event_id, at_ms, repairs=ticket.kind is TicketKind.REPAIR)
    return [*effects, Count("dutch_refused_total", refusal.kind.value)]


def rest(grant: StandingGrant, event_id: EventId, at_ms: Ms, *, repairs: bool = False) -> None:
    """Let an event take no plan, or no repair, under a grant for a while, longer each time in a row."""
    times = grant.given_up.get(event_id, 0)
    grant.given_up[event_id] = times + 1
    pauses = grant.mend_pauses if repairs else grant.pauses
    pauses[event_id] = Ms(at_ms + min(GIVEN_UP_MAX_MS, GIVEN_UP_MS << min(times, 10)))


def taken_up(desk: Desk, ticket: Ticket, at_ms: Ms) -> list[Effect]:
    """End, after a restart, what belongs to a standing grant and has sent nothing: none survives it."""
    if granted_by(ticket) is not None:
        _, effects = moved(desk, ticket, Move.DROP, at_ms, note="the desk stopped before it was sent")
        return effects
    if ticket.state.is_open:
        note = "the desk was restarted: ask for the grant again"
        after, effects = moved(desk, ticket, Move.DROP, at_ms, note=note)
        return [*effects, ShowTicket(view_of(desk, after), aloud=False)]
    note = "the desk was restarted: no standing grant survives that; what was sent runs to its end"
    after, effects = _ended(desk, ticket, note, at_ms)
    return [*effects, ShowTicket(view_of(desk, after), aloud=True)]
