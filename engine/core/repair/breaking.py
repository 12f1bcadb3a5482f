"""What follows when a Dutch ticket breaks, and when it is whole again: freeze, alarm, pause, and their end.

`engine.core.tickets.settling` decides that it broke; this tells people and keeps the event back.
"""

from engine.core.exposure.risk import BROKEN_MAX
from engine.core.repair.remedies import floor_of
from engine.core.repair.repair_case import plan_of, repairs_of, still_held, stock_of
from engine.core.state import Desk, Flight
from engine.domain.effects import Effect, RaiseAlert, SaveFreeze
from engine.domain.ids import TicketId
from engine.domain.market import EventGroup
from engine.domain.plan import PlanKind
from engine.domain.repair import repaired_by
from engine.domain.ticket import Ticket, TicketState
from engine.domain.units import LOT, Ms, Rounding, format_cents, format_size
from engine.domain.views import Alert, Severity, TicketResult


def freeze_reason(ticket_id: TicketId) -> str:
    """Return why an event is frozen that this ticket broke: only its own freeze is lifted by its repair."""
    return f"{ticket_id} was filled only in part"


def is_mended(desk: Desk, flight: Flight) -> bool:
    """Tell whether repairs have left nothing that an order could still give back or complete."""
    if not any(True for _ in repairs_of(desk, flight)):
        return False
    event = desk.events.get(flight.event_id) or desk.unlisted.get(flight.event_id)
    if event is None and desk.tickets[flight.ticket_id].state is TicketState.DONE:
        return True  # without the event's minimum sizes, as before the first read, it stays what it was
    # What was sold by hand or merged is gone: no repair can give it back.
    stock = stock_of(desk, flight)
    held = {each.leg.token_id: still_held(desk, each) for each in stock.legs}
    sets = min(held.values())
    if all(size - sets < _least(event, token) for token, size in held.items()):
        return True
    # Unlike a set, a basket of NO with legs missing pays, too: where that loses nothing, nothing is broken.
    return stock.kind is PlanKind.NO_SET and floor_of(stock.kind, list(held.values())) >= stock.paid


def _least(event: EventGroup | None, token: str) -> int:
    """Return the smallest order of a token's market; what is below it stays held and is told as such."""
    listed = () if event is None else event.markets
    found = (m.terms.min_size for m in listed if token in (m.yes, m.no))
    return next(found, LOT)


def broken(desk: Desk, flight: Flight, ticket: Ticket, result: TicketResult, at_ms: Ms) -> list[Effect]:
    """Freeze the event of a ticket that broke, and say so aloud."""
    plan = plan_of(desk, flight)
    # Whatever the event is frozen for already stays: it has an end of its own, and this follows it.
    reason = desk.frozen.setdefault(flight.event_id, freeze_reason(ticket.ticket_id))
    desk.cooling[flight.event_id] = Ms(at_ms + desk.settings.repair.cooldown_ms)
    if not any(True for _ in repairs_of(desk, flight)):
        desk.broken_in_a_row += 1  # one that was repaired has broken before, and has counted then
    missed = ", ".join(leg.name for leg in result.legs if leg.filled < leg.wanted)
    alert = Alert(
        key=f"broken:{ticket.ticket_id}",
        severity=Severity.CRIT,
        subject=f"broken {plan.code} {ticket.ticket_id}",
        text=f"missed: {missed}. {sum_line(result)}",
        next_step=f"{plan.code} takes no new plans; the card of {ticket.ticket_id} has the ways out",
    )
    return [SaveFreeze(flight.event_id, reason), RaiseAlert(alert), *_stopped(desk)]


def _stopped(desk: Desk) -> list[Effect]:
    if desk.broken_in_a_row != BROKEN_MAX:
        return []
    alert = Alert(
        key="dutch stopped",
        severity=Severity.CRIT,
        subject="Dutch stopped",
        text=f"{BROKEN_MAX} tickets in a row were filled only in part",
        next_step="no event takes new plans; repair what is held, find out why, then /resume",
    )
    return [RaiseAlert(alert)]


def healed(desk: Desk, flight: Flight) -> list[Effect]:
    """Take note of a ticket that is whole, or was repaired: then the freeze that was its own is over."""
    if not any(True for _ in repairs_of(desk, flight)):
        desk.broken_in_a_row = 0
    return thawed(desk, flight)


def thawed(desk: Desk, flight: Flight) -> list[Effect]:
    """Lift the freeze of a ticket that is not broken any more: whole, repaired, or with every fill undone.

    While another ticket of the event is broken the freeze becomes that one's.
    """
    desk.left.discard(flight.ticket_id)
    if desk.frozen.get(flight.event_id) != freeze_reason(flight.ticket_id):
        return []
    other = next((each for each in desk.flights.values() if _keeps_frozen(desk, each, flight)), None)
    if other is None:
        del desk.frozen[flight.event_id]
        return [SaveFreeze(flight.event_id, None)]
    reason = freeze_reason(other.ticket_id)
    desk.frozen[flight.event_id] = reason
    return [SaveFreeze(flight.event_id, reason)]


def _keeps_frozen(desk: Desk, other: Flight, whole: Flight) -> bool:
    if other.event_id != whole.event_id or other.ticket_id == whole.ticket_id:
        return False
    return desk.tickets[other.ticket_id].state is TicketState.BROKEN


def short_repair(repair: Ticket, result: TicketResult) -> list[Effect]:
    """Say that a repair has not brought all it was to bring."""
    missed = ", ".join(
        f"{leg.name} {format_size(leg.filled)} of {format_size(leg.wanted)}"
        for leg in result.legs
        if leg.filled < leg.wanted
    )
    of = repaired_by(repair)[1]
    code = "" if repair.plan is None else repair.plan.code
    alert = Alert(
        key=f"broken:{of}",
        severity=Severity.CRIT,
        subject=f"repair short {code} {repair.ticket_id}",
        text=f"of {of}: {missed}",
        next_step=f"the card of {of} has what is left and the ways out",
    )
    return [RaiseAlert(alert)]


def sum_line(result: TicketResult) -> str:
    """Return one line for the audit and the alarm: legs filled and what was paid for them."""
    filled = sum(1 for leg in result.legs if leg.filled >= leg.wanted)
    cash = format_cents(result.cash, Rounding.UP if result.cash >= 0 else Rounding.DOWN)
    return (
        f"{filled}/{len(result.legs)} legs filled, cash {cash} "
        f"+ fees {format_cents(result.fees, Rounding.UP)} USDC"
    )
