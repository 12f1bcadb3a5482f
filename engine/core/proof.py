"""How an order whose fate is open is brought to a proven end: look up by id, cancel by id, read completely.

Silence never proves death (reliability E2). An order is dead when a cancel's reply names it as gone and a
complete read begun after that reply holds neither the order nor a trade of it. For an order the venue never
acknowledged the reply counts only H after the last send, because the POST may still be on its way; past its
expiration a complete read alone is enough.
"""

from dataclasses import replace

from engine.core.state import Desk, Proof
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
UNACKNOWLEDGED = (OrderState.SENDING, OrderState.UNKNOWN)
"""States in which the venue has not shown that it knows the order."""
READ_OVERLAP_MS = 600_000
"""Look-ups reach back this far before the order was made, against clock differences."""


def prove(desk: Desk, order: OrderRecord, at_ms: Ms, *, with_cancel: bool = True) -> list[Effect]:
    """Begin, or go on, to find out what became of `order`."""
    proof = desk.proofs.setdefault(order.order_id, Proof())
    effects: list[Effect] = []
    if with_cancel:
        effects.append(CancelOrders((order.order_id,)))
    if proof.cancel_sent_ms is None or with_cancel:
        proof.cancel_sent_ms = at_ms
    effects.append(_next_look_up(order, proof, at_ms))
    return effects


def look_up_due(desk: Desk, order_id: OrderId, at_ms: Ms) -> list[Effect]:
    """Ask for the order now; cancel again first where only a later cancel's reply can count."""
    order = desk.orders[order_id]
    if order.state.is_final:
        return []
    proof = desk.proofs.setdefault(order_id, Proof())
    proof.look_ups += 1
    effects: list[Effect] = []
    if _needs_another_cancel(desk, order, proof, at_ms):
        proof.cancel_sent_ms = at_ms
        effects.append(CancelOrders((order_id,)))
    since = Ms(max(0, order.intent.created_ms - READ_OVERLAP_MS))
    effects += [
        LookUpOrder(order_id, order.intent.condition_id, since),
        _next_look_up(order, proof, at_ms),
    ]
    return effects


def cancel_replied(
    desk: Desk, order_id: OrderId, reply: CancelReply, asked_ms: Ms, at_ms: Ms
) -> list[Effect]:
    """Apply what the answer to a cancel that left at `asked_ms` said about one order."""
    order = desk.orders.get(order_id)
    if order is None or order.state.is_final:
        return []
    proof = desk.proofs.setdefault(order_id, Proof())
    if reply is CancelReply.CANCELLED:
        proof.cancelled = True
    elif reply is CancelReply.MATCHED:
        # It was filled, or filled and ended: only its trade can tell, however long that takes.
        proof.look_ups = 0
        return look_up_due(desk, order_id, at_ms)
    elif reply is CancelReply.OTHER or not _reply_counts(desk, order, asked_ms):
        return []
    # Even a cancelled order may have been filled a moment before: it ends with the read that follows.
    proof.gone_ms = at_ms
    proof.look_ups = 0
    return look_up_due(desk, order_id, at_ms)


def absent(desk: Desk, order_id: OrderId, asked_ms: Ms) -> list[Effect]:
    """Judge an order that a complete read, begun at `asked_ms`, did not hold open."""
    order = desk.orders[order_id]
    if order.state.is_final:
        return []
    proof = desk.proofs.get(order_id, Proof())
    if order.intent.expiration_s and _past_expiry(desk, order, asked_ms):
        return _end(desk, order, Evidence.PAST_EXPIRY, "expired unseen", asked_ms)
    if proof.gone_ms is None or asked_ms < proof.gone_ms:
        return []
    if proof.cancelled:
        return _end(desk, order, Evidence.CANCELLED, "the rest was cancelled", asked_ms)
    return _end(desk, order, Evidence.PROVEN_DEAD, "proven gone", asked_ms)


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
    """Tell whether a "not found" may be believed: the venue knew the order, or H passed since the send."""
    return (
        order.state not in UNACKNOWLEDGED or asked_ms >= order.last_send_ms + desk.settings.orders.horizon_ms
    )


def _needs_another_cancel(desk: Desk, order: OrderRecord, proof: Proof, at_ms: Ms) -> bool:
    if proof.gone_ms is not None:
        return False
    if proof.cancel_sent_ms is None:
        return True
    horizon = order.last_send_ms + desk.settings.orders.horizon_ms
    if order.state in UNACKNOWLEDGED and proof.cancel_sent_ms < horizon <= at_ms:
        return True
    return at_ms - proof.cancel_sent_ms >= CANCEL_AGAIN_MS


def _next_look_up(order: OrderRecord, proof: Proof, at_ms: Ms) -> SetTimer:
    pause = LOOK_UP_STEPS_MS[min(proof.look_ups, len(LOOK_UP_STEPS_MS) - 1)]
    return SetTimer(f"lookup:{order.order_id}", Ms(at_ms + pause))
