"""Legs that have no order yet: of sends just being committed, and of probe orders under way.

What they may take is held back like the orders themselves. Only questions; `trading.probing` sends.
"""

from collections.abc import Collection, Iterator

from engine.core.state import Desk, Flight
from engine.domain.ids import TicketId
from engine.domain.plan import Plan, PlanLeg


def promised_legs(desk: Desk) -> Iterator[tuple[TicketId, PlanLeg]]:
    """Yield every leg whose order may soon be, with its ticket."""
    for ticket_id, pending in desk.committing.items():
        for leg in pending.plan.legs:
            yield ticket_id, leg
    yield from waiting_legs(desk)


def waiting_legs(desk: Desk) -> Iterator[tuple[TicketId, PlanLeg]]:
    """Yield every leg of a probe order under way that has no order yet, with its ticket."""
    for ticket_id, flight in desk.probing.items():
        for leg in unsent_of(desk, flight):
            yield ticket_id, leg


def unsent_of(desk: Desk, flight: Flight) -> tuple[PlanLeg, ...]:
    """Return the legs of a flight that have no order, in the order of sending."""
    if not flight.to_send:
        return ()
    plan = desk.tickets[flight.ticket_id].plan
    assert plan is not None, f"expected a sent ticket to carry its plan: {flight.ticket_id}"
    legs = {leg.number: leg for leg in plan.legs}
    return tuple(legs[number] for number in flight.to_send)


def never_sent(plan: Plan, sent: Collection[int]) -> tuple[int, ...]:
    """Return the legs of a probe order that are not among those sent, in the order of sending."""
    return tuple(number for number in plan.probe_order if number not in sent)
