"""Asking for a repair of a broken ticket, and leaving it as it is for now.

A repair is a ticket of its own: dry, confirm, send, planned anew at each press (`trading.dutch_flow`).
No press acts at once; what a standing grant's plan broke, `trading.runner` repairs without a press. What
a repair may buy and sell is planned by `engine.core.repair.repair_plan`.
"""

from engine.core.repair.repair_case import plan_of
from engine.core.repair.repair_plan import not_repairable, plan_repair, way_of
from engine.core.state import Desk, Flight
from engine.core.tickets.settling import view_of
from engine.core.tickets.ticket import may_open, open_ticket, refuse
from engine.domain.commands import AskRepair
from engine.domain.effects import Audit, Effect, RaiseAlert, Reply, SetTimer
from engine.domain.events import Asked
from engine.domain.ids import TicketId
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.repair import RepairWay, repair_subject
from engine.domain.ticket import Role, TicketKind, TicketState
from engine.domain.units import Ms
from engine.domain.views import Alert, Severity

REMIND_TIMER = "remind"
REMIND_MS = 600_000
"""What was left is told again after ten minutes, and so on until it is repaired or the process ends."""


def ask_repair(desk: Desk, asked: Asked, command: AskRepair) -> list[Effect]:
    """Open the dry ticket of one way out, or leave the broken ticket and be reminded of it."""
    subject = f"/repair {command.ticket_id}"
    flight = desk.flights.get(command.ticket_id)
    if flight is None or desk.tickets[command.ticket_id].kind is not TicketKind.DUTCH:
        text = (
            f"expected a Dutch ticket that was sent, {command.ticket_id} is none that is known: "
            "a broken ticket's card names it"
        )
        return refuse(asked, subject, Refusal(RefusalKind.NOT_BROKEN, text))
    if command.way is RepairWay.LEAVE:
        return _leave(desk, asked, flight)
    refusal = may_open(desk, asked)
    if refusal is not None:
        return refuse(asked, subject, refusal)
    planned = plan_repair(desk, flight, command.way, asked.at_ms)
    if isinstance(planned, Refusal):
        return refuse(asked, subject, planned)
    way = way_of(planned, plan_of(desk, flight))
    return open_ticket(
        desk, asked, TicketKind.REPAIR, plan=planned, subject=repair_subject(way, flight.ticket_id)
    )


def _leave(desk: Desk, asked: Asked, flight: Flight) -> list[Effect]:
    """Hold what is there for now."""
    name = flight.ticket_id
    if not asked.operator.role.allows(Role.TRADER):
        text = f"expected a trader, {asked.operator.name} is {asked.operator.role.value}"
        return refuse(asked, f"/repair {name}", Refusal(RefusalKind.ROLE, text))
    if desk.tickets[name].state is not TicketState.BROKEN:
        refusal = not_repairable(desk, flight)
        assert refusal is not None, f"expected a reason why {name} is not broken"
        return refuse(asked, f"/repair {name}", refusal)
    timer: list[Effect] = [] if name in desk.left else [_timer(name, asked.at_ms)]
    desk.left.add(name)
    return [
        *timer,
        Audit(asked.at_ms, asked.operator, "broken ticket left", name, "told again in ten minutes"),
        Reply(asked.request, view_of(desk, desk.tickets[name])),
    ]


def _timer(ticket_id: TicketId, at_ms: Ms) -> SetTimer:
    return SetTimer(f"{REMIND_TIMER}:{ticket_id}", Ms(at_ms + REMIND_MS))


def remind(desk: Desk, ticket_id: TicketId, at_ms: Ms) -> list[Effect]:
    """Tell again of a broken ticket that somebody left, until nothing of it is broken any more."""
    ticket = desk.tickets.get(ticket_id)
    if ticket is None or ticket.state is not TicketState.BROKEN or ticket_id not in desk.left:
        desk.left.discard(ticket_id)
        return []
    options = desk.flights[ticket_id].repairs
    best = f"best by then: {options[0].words}" if options else "no way out could be priced by then"
    code = "" if ticket.plan is None else ticket.plan.code
    alert = Alert(
        key=f"left:{ticket_id}",
        severity=Severity.CRIT,
        subject=f"still broken {code} {ticket_id}",
        text=f"left as it is by {ticket.owner.name}; {best}",
        next_step=f"/repair {ticket_id} plans the best way out now; nothing is sent before Send",
    )
    return [RaiseAlert(alert), _timer(ticket_id, at_ms)]
