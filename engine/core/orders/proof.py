"""How an order whose fate is open is brought to a proven end: look up by id, cancel by id, read completely.

Silence never proves death (reliability E2). An order is dead when a cancel's reply names it as gone and a
complete read begun after that reply holds neither the order nor a trade of it. For an order the venue never
acknowledged the reply counts only H after the last send, because the POST may still be on its way; past its
expiration a complete read alone is enough.
"""

from collections.abc import Sequence
from dataclasses import replace

from engine.core.read_back import OVERLAP_MS, read_account
from engine.core.state import Desk, Proof, live_orders
from engine.domain.account import CancelReply
from engine.domain.effects import CancelOrders, Effect, LookUpOrder, SaveProgress, SetTimer
from engine.domain.ids import OrderId
from engine.domain.order import Evidence, OrderRecord, OrderState, advance
from engine.domain.units import Ms

LOOK_UP_STEPS_MS = (0, 250, 500, 1_000, 2_000, 4_000)
"""Pauses between look-ups; the last one repeats while the order stays open."""
CANCEL_AGAIN_MS = 10_000
"""A cancel that got no usable answer is repeated after this."""
EXPIRY_GRACE_MS = 60_000
"""A read this long after the expiration proves the end alone (design, section 7)."""
LOOK_UPS_MAX = 15
"""A batch; of more orders at once the account is read instead of looking up each."""
UNACKNOWLEDGED = (OrderState.SENDING, OrderState.UNKNOWN)
"""States in which the venue has not shown that it knows the order."""


def prove(
    desk: Desk, order: OrderRecord, at_ms: Ms, *, with_cancel: bool = True, patient: bool = False
) -> list[Effect]:
    """Begin, or go on, to find out what became of `order`.

    `patient` leaves it at first to the read that follows a cancel of many; its own look-ups come later.
    """
    proof = desk.proofs.setdefault(order.order_id, Proof())
    if order.state is OrderState.UNKNOWN and proof.unknown_ms is None:
        proof.unknown_ms = at_ms
    effects: list[Effect] = []
    if with_cancel:
        effects.append(CancelOrders((order.order_id,)))
    if proof.cancel_sent_ms is None or with_cancel:
        proof.cancel_sent_ms = at_ms
    if patient:
        proof.look_ups = len(LOOK_UP_STEPS_MS) - 1
    effects.append(_next_look_up(order, proof, at_ms))
    return effects


def watch(desk: Desk, order: OrderRecord, at_ms: Ms) -> list[Effect]:
    """Keep asking for an order that the venue holds back; nothing is cancelled before that is over."""
    return [_next_look_up(order, desk.proofs.setdefault(order.order_id, Proof()), at_ms)]


def note_alive(desk: Desk, order_id: OrderId, seen_ms: Ms) -> None:
    """Remember that the venue knew an order: a read begun before may miss it."""
    proof = desk.proofs.setdefault(order_id, Proof())
    proof.alive_ms = Ms(max(seen_ms, proof.alive_ms or 0))
    if proof.known_ms is None:
        proof.known_ms = seen_ms


def unknown_since(desk: Desk) -> tuple[tuple[OrderId, Ms], ...]:
    """Return every order of which nothing is known, and since when, in this process."""
    open_ones = (order for order in live_orders(desk) if order.state is OrderState.UNKNOWN)
    return tuple(
        (order.order_id, desk.proofs.get(order.order_id, Proof()).unknown_ms or order.last_send_ms)
        for order in open_ones
    )


def look_up_due(desk: Desk, order_id: OrderId, at_ms: Ms) -> list[Effect]:
    """Ask for the order now; cancel again first where only a later cancel's reply can count."""
    order = desk.orders[order_id]
    proof = desk.proofs.setdefault(order_id, Proof())
    if order.state.is_final or _rests_in_peace(order, proof):
        return []
    proof.look_ups += 1
    effects: list[Effect] = []
    if _needs_another_cancel(desk, order, proof, at_ms):
        proof.cancel_sent_ms = at_ms
        effects.append(CancelOrders((order_id,)))
    effects += [
        look_up(order),
        _next_look_up(order, proof, at_ms),
    ]
    return effects


def look_up(order: OrderRecord) -> LookUpOrder:
    """Return the effect that asks for one order by id and for its trades."""
    since = Ms(max(0, order.intent.created_ms - OVERLAP_MS))
    return LookUpOrder(order.order_id, order.intent.condition_id, since)


def _rests_in_peace(order: OrderRecord, proof: Proof) -> bool:
    """Tell whether it is meant to rest and does, and nobody asked for it to go: nothing is to be proven."""
    resting = order.state in (OrderState.LIVE, OrderState.PARTIAL)
    return resting and order.intent.rests and proof.cancel_sent_ms is None


def cancels_replied(
    desk: Desk, replies: Sequence[tuple[OrderId, CancelReply]], asked_ms: Ms, at_ms: Ms
) -> list[Effect]:
    """Apply what the answer to a cancel that left at `asked_ms` said, id by id.

    Even a cancelled order may have been filled a moment before: it ends with the read that follows. Of many
    orders one read of the account tells as much as a look-up of each.
    """
    told = [order_id for order_id, reply in replies if _take_reply(desk, order_id, reply, asked_ms, at_ms)]
    if len(told) > LOOK_UPS_MAX:
        return [read_account(desk, at_ms, "cancelled")]
    return [effect for order_id in told for effect in look_up_due(desk, order_id, at_ms)]


def _take_reply(desk: Desk, order_id: OrderId, reply: CancelReply, asked_ms: Ms, at_ms: Ms) -> bool:
    """Note one reply; tell whether the order is to be looked for now."""
    order = desk.orders.get(order_id)
    if order is None or order.state.is_final:
        return False
    proof = desk.proofs.setdefault(order_id, Proof())
    if proof.cancel_sent_ms is None:
        proof.cancel_sent_ms = asked_ms
    if reply is CancelReply.MATCHED:
        # It was filled, or filled and ended: only its trade can tell, and it may be late.
        proof.matched_ms = proof.matched_ms or at_ms
        proof.look_ups = 0
        return True
    if reply is CancelReply.CANCELLED:
        proof.cancelled = True
    elif reply is CancelReply.OTHER or not _reply_counts(desk, order, asked_ms):
        return False
    proof.gone_ms = at_ms
    proof.look_ups = 0
    return True


def absent(desk: Desk, order_id: OrderId, asked_ms: Ms, at_ms: Ms) -> list[Effect]:
    """Judge an order that a complete read, begun at `asked_ms`, did not hold open."""
    order = desk.orders[order_id]
    if order.state.is_final:
        return []
    proof = desk.proofs.get(order_id, Proof())
    horizon_ms = desk.settings.orders.horizon_ms
    if order.intent.expiration_s and _past_expiry(desk, order, asked_ms):
        return _end(desk, order, Evidence.PAST_EXPIRY, "expired unseen", asked_ms)
    if order.intent.is_immediate and asked_ms >= order.last_send_ms + horizon_ms:
        never_seen = order.state in UNACKNOWLEDGED and not order.filled
        evidence = Evidence.PROVEN_DEAD if never_seen else Evidence.KILLED
        return _end(desk, order, evidence, "nothing of it is left", asked_ms)
    if proof.gone_ms is not None and asked_ms >= proof.gone_ms:
        evidence = Evidence.CANCELLED if proof.cancelled else Evidence.PROVEN_DEAD
        reason = "the rest was cancelled" if proof.cancelled else "proven gone"
        return _end(desk, order, evidence, reason, asked_ms)
    if proof.matched_ms is not None and asked_ms >= proof.matched_ms + horizon_ms:
        # "already matched or cancelled", and no trade for so long: it was cancelled, by whomever.
        return _end(desk, order, Evidence.CANCELLED, "the venue had ended it, no trade followed", asked_ms)
    if _vanished(order, proof, asked_ms):
        return prove(desk, order, at_ms)
    return []


def _vanished(order: OrderRecord, proof: Proof, asked_ms: Ms) -> bool:
    """Tell whether the venue had it, nobody asked for it to go, and a later read does not hold it."""
    unasked = proof.cancel_sent_ms is None and order.state not in UNACKNOWLEDGED
    return unasked and (proof.alive_ms is None or asked_ms > proof.alive_ms)


def _past_expiry(desk: Desk, order: OrderRecord, asked_ms: Ms) -> bool:
    ends_ms = order.intent.expiration_s * 1_000 + EXPIRY_GRACE_MS
    return asked_ms + desk.venue_offset_ms >= ends_ms


def _end(desk: Desk, order: OrderRecord, evidence: Evidence, reason: str, asked_ms: Ms) -> list[Effect]:
    ended = replace(order, state=advance(order.state, evidence), reason=order.reason or reason)
    assert ended.state.is_final, f"expected {evidence.name} to end {order.state.name}"
    desk.orders[order.order_id] = ended
    desk.proofs[order.order_id] = Proof(ended_ms=asked_ms)
    return [SaveProgress((ended,), ())]


def _reply_counts(desk: Desk, order: OrderRecord, asked_ms: Ms) -> bool:
    """Tell whether a "not found" may be believed.

    The venue knew the order when the cancel left, or H had passed since the send.
    """
    known_ms = desk.proofs[order.order_id].known_ms
    known = order.state not in UNACKNOWLEDGED if known_ms is None else asked_ms >= known_ms
    return known or asked_ms >= order.last_send_ms + desk.settings.orders.horizon_ms


def _needs_another_cancel(desk: Desk, order: OrderRecord, proof: Proof, at_ms: Ms) -> bool:
    if proof.gone_ms is not None:
        return False
    if proof.cancel_sent_ms is None:
        # What the venue holds back cannot be cancelled: it is asked for until that is over.
        return order.state is not OrderState.DELAYED
    horizon = order.last_send_ms + desk.settings.orders.horizon_ms
    if order.state in UNACKNOWLEDGED and proof.cancel_sent_ms < horizon <= at_ms:
        return True
    return at_ms - proof.cancel_sent_ms >= CANCEL_AGAIN_MS


def _next_look_up(order: OrderRecord, proof: Proof, at_ms: Ms) -> SetTimer:
    pause = LOOK_UP_STEPS_MS[min(proof.look_ups, len(LOOK_UP_STEPS_MS) - 1)]
    return SetTimer(f"lookup:{order.order_id}", Ms(at_ms + pause))
