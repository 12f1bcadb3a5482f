"""What leaves again, and when: deferred orders, and cancels until they are answered.

Every request that costs tokens passes `outgoing`, where the rate governor is asked and charged: a cancel that
does not fit now waits for its tokens, a kill never does.
"""

from collections.abc import Iterable
from dataclasses import replace

from engine.core.halts.venue_watch import takes_cancels
from engine.core.orders import evidence as orders
from engine.core.orders import resend
from engine.core.rate_governor import CANCEL_IDS_MAX, Purpose
from engine.core.rules.rules_watch import rules_hold
from engine.core.state import Desk, Flight, live_orders
from engine.domain.book import LiveBook
from engine.domain.effects import (
    CancelEverything,
    CancelOrders,
    Count,
    Effect,
    ResendOrders,
    SendBatch,
    SetTimer,
)
from engine.domain.events import CancelAnswered, CancelFailed
from engine.domain.ids import OrderId, TicketId
from engine.domain.market import rules_hash, terms_hash
from engine.domain.order import OrderState
from engine.domain.rates import Bucket
from engine.domain.ticket import TicketKind
from engine.domain.units import Ms
from engine.domain.views import Gate

CANCEL_TIMER = "cancels"
PAGE_ORDERS = 100
"""Open orders on one page of the venue's list (protocol 5.2)."""
FIRST_READ_MS = 3_000
"""Time for the first read after a start to go through some thousand open orders twice."""
CANCEL_ALL_TIMER = "cancel-all"
CANCEL_ALL_AGAIN_MS = 2_000
LOOK_AGAIN_MS = 250
"""How often a re-send that waits for a hold looks whether it has ended; its own window is a few seconds."""


def resend_due(desk: Desk, key: str, at_ms: Ms) -> list[Effect]:
    """Send deferred orders again if they still may be; give the others to the proof.

    One whose cancel somebody asked for meanwhile is not sent again: its cancel may have been answered. Nor is
    a leg whose sequence has ended: no other would follow it.
    """
    flight = desk.flights[TicketId(key)]
    waiting = [desk.orders[o] for o in flight.order_ids if desk.orders[o].state is OrderState.SENDING]
    unwanted = [order for order in waiting if orders.asked_to_go(desk, order)]
    waiting = [order for order in waiting if order not in unwanted]
    effects = orders.give_up(desk, unwanted, at_ms)
    if not waiting:
        return effects
    in_time = all(order.intent.resend_until_ms >= at_ms for order in waiting)
    # Nothing is sent after notice of a change of rules (reliability 26), or of the terms on the card.
    allowed = in_time and rules_hold(desk, flight.event_id, "") is None and _is_as_planned(desk, flight)
    allowed = allowed and _may_be_quoted(desk, flight, at_ms)
    if flight.stopped or not (allowed and flight.witnesses and desk.gate in (Gate.RUN, Gate.PAUSED)):
        return effects + orders.give_up(desk, waiting, at_ms)
    wait_ms = _wait_ms(desk, len(waiting), at_ms)
    if wait_ms:
        return [*effects, SetTimer(f"resend:{key}", Ms(at_ms + wait_ms))]
    for order in waiting:
        desk.orders[order.order_id] = replace(order, sends=order.sends + 1, last_send_ms=at_ms)
    approved, grant = flight.witnesses
    ids = tuple(order.order_id for order in waiting)
    return [*effects, ResendOrders(ids, approved, grant), Count("orders_resent_total", "", len(ids))]


def _is_as_planned(desk: Desk, flight: Flight) -> bool:
    """Tell whether an event still is what a Dutch plan was made on; others are held to no such terms."""
    ticket, event = desk.tickets[flight.ticket_id], desk.events.get(flight.event_id)
    if ticket.kind is not TicketKind.DUTCH or ticket.plan is None:
        return True
    planned = ticket.plan.rules_hash, ticket.plan.terms_hash
    return event is not None and (rules_hash(event), terms_hash(event)) == planned


def _may_be_quoted(desk: Desk, flight: Flight, at_ms: Ms) -> bool:
    """Tell whether the grant of a quote is in force and its book proven: either may end in this very step.

    Anything else than a quote asks for neither.
    """
    ticket = desk.tickets[flight.ticket_id]
    if ticket.kind is not TicketKind.QUOTE:
        return True
    grant = desk.quoter.grants.get(TicketId(ticket.subject))
    if grant is None or at_ms >= grant.expires_ms:
        return False
    return isinstance(desk.feeds.live(grant.market.yes, at_ms), LiveBook)


def _wait_ms(desk: Desk, cost: int, at_ms: Ms) -> int:
    """Return how long a re-send must wait for a hold or for tokens; 0 if it may leave."""
    waits = desk.rates.wait_ms(Bucket.ORDERS, cost, Purpose.REPAIR, at_ms)
    assert waits is not None, f"expected a batch below the burst, was {cost}"
    return max(waits, LOOK_AGAIN_MS) if waits or desk.gate is Gate.PAUSED else 0


def outgoing(desk: Desk, effects: Iterable[Effect], at_ms: Ms) -> list[Effect]:
    """Charge what leaves, and let cancels wait that cannot leave now."""
    leaving: list[Effect] = []
    for effect in effects:
        match effect:
            case SendBatch():
                desk.rates.take(Bucket.ORDERS, len(effect.intents), at_ms)
            case ResendOrders():
                desk.rates.take(Bucket.ORDERS, len(effect.order_ids), at_ms)
            case CancelEverything():
                desk.rates.take(Bucket.CANCELS, 1 + sum(1 for _ in live_orders(desk)), at_ms)
            case CancelOrders():
                leaving += _cancels(desk, effect.order_ids, at_ms)
                continue
            case _:
                pass
        leaving.append(effect)
    return leaving


def after_first_read(desk: Desk, effects: Iterable[Effect], at_ms: Ms) -> list[Effect]:
    """Let a start's cancels of more than a page of orders wait for its first read, a few seconds at most.

    A list of several pages must not change while it is read (`engine.venue.account_reads`), and the venue's
    limit spreads these cancels over ten seconds and more: all that time no read would be complete.
    """
    found: list[Effect] = []
    for effect in effects:
        if isinstance(effect, CancelOrders) and len(effect.order_ids) > PAGE_ORDERS:
            found += _wait(desk, effect.order_ids, at_ms, Ms(at_ms + FIRST_READ_MS))
        else:
            found.append(effect)
    return found


def _cancels(desk: Desk, order_ids: tuple[OrderId, ...], at_ms: Ms) -> list[Effect]:
    effects: list[Effect] = []
    for first in range(0, len(order_ids), CANCEL_IDS_MAX):
        ids = order_ids[first : first + CANCEL_IDS_MAX]
        again = any(order_id in desk.cancels.tries for order_id in ids)
        purpose = Purpose.REPAIR if again else Purpose.PLAN
        waits = desk.rates.wait_ms(Bucket.CANCELS, len(ids), purpose, at_ms)
        assert waits is not None, f"expected at most {CANCEL_IDS_MAX} ids, was {len(ids)}"
        if not takes_cancels(desk.venue.state):
            waits = Ms(max(waits, desk.venue.ends_ms - at_ms, LOOK_AGAIN_MS))
        if waits:
            effects += _wait(desk, ids, at_ms, Ms(at_ms + waits))
            continue
        for order_id in ids:
            desk.cancels.waiting.pop(order_id, None)
        desk.rates.take(Bucket.CANCELS, len(ids), at_ms)
        effects.append(CancelOrders(ids))
    return effects


def _wait(desk: Desk, ids: Iterable[OrderId], at_ms: Ms, due_ms: Ms) -> list[Effect]:
    for order_id in ids:
        desk.cancels.waiting[order_id] = due_ms
    return [SetTimer(CANCEL_TIMER, Ms(max(at_ms, min(desk.cancels.waiting.values()))))]


def cancel_failed(desk: Desk, event: CancelFailed) -> list[Effect]:
    """Repeat what got no answer after a pause; it proves nothing about the orders."""
    effects: list[Effect] = [Count("relayer_cancel_errors_total", "")]
    if event.everything and desk.kill is None:
        # A kill goes on by itself until a read shows nothing; any other cancel-all is repeated here.
        effects.append(SetTimer(CANCEL_ALL_TIMER, Ms(event.at_ms + CANCEL_ALL_AGAIN_MS)))
    limited = 0 if event.note.limited is None else event.note.limited.wait_ms
    for order_id in event.order_ids:
        tries = desk.cancels.tries[order_id] = desk.cancels.tries.get(order_id, 0) + 1
        pause = max(limited, resend.pause_ms(order_id, tries))
        effects += _wait(desk, (order_id,), event.at_ms, Ms(event.at_ms + pause))
    return effects


def cancel_answered(desk: Desk, event: CancelAnswered) -> None:
    """Forget the pauses of what was answered, whatever the answer says."""
    for order_id, _ in event.replies:
        desk.cancels.tries.pop(order_id, None)
        desk.cancels.waiting.pop(order_id, None)


def cancel_timer(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Send the cancels that are due; those of orders that have ended meanwhile are forgotten."""
    cancels = desk.cancels
    for order_id in [o for o in cancels.waiting if o in desk.orders and desk.orders[o].state.is_final]:
        del cancels.waiting[order_id]
        cancels.tries.pop(order_id, None)
    due = tuple(order_id for order_id, due_ms in cancels.waiting.items() if due_ms <= at_ms)
    effects: list[Effect] = [CancelOrders(due)] if due else []
    later = [due_ms for due_ms in cancels.waiting.values() if due_ms > at_ms]
    return [*effects, SetTimer(CANCEL_TIMER, min(later))] if later else effects
