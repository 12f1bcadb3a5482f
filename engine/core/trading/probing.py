"""Legs sent one after the other (probe order, strategy 4.2): each only after the fill of the one before.

The first leg goes the way of every Send (`trading.dutch_flow`). Each further one is a commit of its own,
under the same two witnesses; it leaves when every order before it is filled whole and every guard holds. A
pause of the desk and the rate limit are waited for. Whatever else happens ends the sequence: its other legs
are never sent, and what is held is a ticket filled in part. The first Send's `leg_timeout_ms` bounds it all;
there is no timer, because time is looked at with every event. Nothing of a sequence under way survives a
restart.
"""

from collections.abc import Collection
from dataclasses import replace

from engine.core.dutch.event_plan import legs_gone
from engine.core.exposure.inventory import confirmed
from engine.core.exposure.risk import closed, no_tokens
from engine.core.exposure.unsent import unsent_of
from engine.core.feed.proven_books import proven_books
from engine.core.repair.repair_case import held_of, plan_of
from engine.core.state import Desk, Flight
from engine.core.tickets.grants import grant_of, granted_by
from engine.core.tickets.settling import review_flight
from engine.core.trading.dutch_flow import leg_intent, not_allowed
from engine.domain.commands import AskCancel
from engine.domain.effects import Audit, Count, Effect, SendBatch
from engine.domain.events import BatchCommitted, BatchRefused
from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Claim
from engine.domain.units import Ms, format_size
from engine.domain.views import Gate

CANCELLED = "somebody cancelled it"


def tend(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Send the next leg of every sequence whose last one is filled; end those that may not go on."""
    effects: list[Effect] = []
    for flight in list(desk.probing.values()):
        if flight.stopped:
            continue
        why = _over(desk, flight, at_ms) or _short(desk, flight)
        if why is None and not _waits(desk, flight, at_ms):
            refusal = _guarded(desk, flight, at_ms)
            if refusal is None:
                effects.append(_release(desk, flight, at_ms))
                continue
            why = refusal.text
        if why is not None:
            effects += stop(desk, flight, why, at_ms)
    return effects


def _waits(desk: Desk, flight: Flight, at_ms: Ms) -> bool:
    """Tell whether the next leg has to wait: for the one before, the end of a pause, or the rate limit."""
    if flight.releasing or closed(desk, reduces=plan_of(desk, flight).sells_only) is not None:
        return True
    if not all(desk.orders[order_id].state.is_final for order_id in flight.order_ids):
        return True
    return no_tokens(desk, 1, at_ms) is not None


def _over(desk: Desk, flight: Flight, at_ms: Ms) -> str | None:
    """Return what ends a sequence at once, whatever its orders do: the gate, the standing grant, time."""
    ticket, plan = desk.tickets[flight.ticket_id], plan_of(desk, flight)
    # What a person must lift ends it; a pause, a hold on sales and the read after a resume go by themselves.
    if desk.gate is Gate.HALTED or (desk.gate is Gate.REDUCING and not plan.sells_only):
        return f"the desk is {desk.gate.value}: {desk.gate_reason}"
    granted = granted_by(ticket)
    if granted is not None and grant_of(desk, ticket) is None:
        return f"the standing grant {granted} has ended"
    if flight.witnesses is None or at_ms >= flight.witnesses[1].expires_ms:
        return (
            f"{(at_ms - flight.sent_ms) // 1_000} s have gone by since the first leg, it was not done in time"
        )
    return None


def _short(desk: Desk, flight: Flight) -> str | None:
    """Return which leg is over without being filled whole, or was undone."""
    for order in (desk.orders[order_id] for order_id in flight.order_ids):
        held, wanted = held_of(desk, order), order.intent.size
        if order.state.is_final and held < wanted:
            return f"{order.intent.name} got {format_size(held)} of {format_size(wanted)}"
    return None


def _guarded(desk: Desk, flight: Flight, at_ms: Ms) -> Refusal | None:
    """Return why the next leg may not leave now: rules, or a leg to come that is worse than on its card."""
    plan, legs = plan_of(desk, flight), unsent_of(desk, flight)
    event = desk.events.get(plan.event_id)
    if event is None:
        return Refusal(RefusalKind.STRUCTURE, f"{plan.code} is not in the catalogue any more")
    refusal = not_allowed(desk, event, plan.kind)
    if refusal is not None:
        return refusal
    tokens = [leg.token_id for leg in legs]
    if not {*tokens} <= {token for market in event.markets for token in (market.yes, market.no)}:
        return Refusal(RefusalKind.STRUCTURE, f"an outcome of {plan.code} is not in the catalogue any more")
    books = proven_books(desk.feeds, event, at_ms, tokens)
    if isinstance(books, Refusal):
        return books
    # These very legs keep the shares back that they are to sell: what is settled is asked, not what is free.
    held = {leg.token_id: confirmed(desk, leg.token_id) for leg in legs if leg.side is Side.SELL}
    dutch = desk.settings.dutch
    return legs_gone(plan, legs, event, books, params=dutch, now_ms=at_ms, held=held or None)


def _release(desk: Desk, flight: Flight, at_ms: Ms) -> SendBatch:
    """Commit and send the next leg alone; until that is told it stays among those to send."""
    ticket, plan = desk.tickets[flight.ticket_id], plan_of(desk, flight)
    assert flight.witnesses is not None, f"expected the witnesses of {flight.ticket_id}"
    flight.releasing = True
    intent = leg_intent(desk, ticket, plan, unsent_of(desk, flight)[0], at_ms)
    claim = Claim(ticket.ticket_id, ticket.state, ticket.version)
    return SendBatch(claim, ticket, plan, (intent,), *flight.witnesses)


def released(desk: Desk, event: BatchCommitted) -> list[Effect]:
    """Take over the order of a further leg: it is durable and on its way."""
    flight = desk.probing[event.ticket.ticket_id]
    assert flight.releasing, f"expected a leg of {flight.ticket_id} to be under way"
    for order in event.orders:
        desk.orders[order.order_id] = order
    sent = {order.intent.leg for order in event.orders}
    flight.order_ids += tuple(order.order_id for order in event.orders)
    flight.to_send = tuple(number for number in flight.to_send if number not in sent)
    flight.releasing = False
    if flight.stopped or not flight.to_send:
        del desk.probing[flight.ticket_id]
    ids = ", ".join(order.order_id for order in event.orders)
    said = f"{plan_of(desk, flight).plan_id}: {ids}, {len(flight.to_send)} legs to come"
    return [
        Count("dutch_orders_placed", "", len(event.orders)),
        Audit(event.at_ms, event.ticket.owner, "next leg sending", flight.ticket_id, said),
        *review_flight(desk, flight.ticket_id, event.at_ms),
    ]


def not_released(desk: Desk, event: BatchRefused) -> list[Effect]:
    """End a sequence whose next leg could not be stored: it was not sent."""
    flight = desk.probing[event.ticket.ticket_id]
    flight.releasing = False
    why = flight.stopped or f"the next leg could not be stored: {event.reason}"
    return [Count("dutch_refused_total", "commit"), *stop(desk, flight, why, event.at_ms)]


def stop(desk: Desk, flight: Flight, why: str, at_ms: Ms) -> list[Effect]:
    """End a sequence: its legs without an order never leave. One that is being committed runs to its end."""
    flight.stopped = why
    if not flight.releasing:
        del desk.probing[flight.ticket_id]
    ticket = desk.tickets[flight.ticket_id]
    names = ", ".join(leg.name for leg in unsent_of(desk, flight)[flight.releasing :])
    return [
        Audit(at_ms, ticket.owner, "sequence ended", flight.ticket_id, f"never sent: {names}; {why}"),
        *review_flight(desk, flight.ticket_id, at_ms),
    ]


def stop_asked(desk: Desk, asked: AskCancel, ids: Collection[OrderId], at_ms: Ms) -> list[Effect]:
    """End the sequences that somebody's cancel is about: their orders, their event, or everything."""
    event_id = desk.codes.get(asked.code)
    everything = asked.order_id is None and not asked.code
    for ticket_id, pending in desk.committing.items():
        if everything or pending.plan.event_id == event_id:
            desk.committing[ticket_id] = replace(pending, stopped=CANCELLED)
    effects: list[Effect] = []
    for flight in [flight for flight in desk.probing.values() if not flight.stopped]:
        if everything or flight.event_id == event_id or set(ids) & set(flight.order_ids):
            effects += stop(desk, flight, CANCELLED, at_ms)
    return effects
