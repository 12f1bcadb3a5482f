"""What an answer or a read says about our orders: evidence in, new records and next steps out.

Evidence only moves an order forward (`engine.domain.order.TRANSITIONS`). This module judges one order at a
time; what a whole ticket has come to is `engine.core.tickets.settling`'s business.
"""

from collections.abc import Iterable
from dataclasses import replace

from engine.core.exposure.lack import lack_or_meaning
from engine.core.halts.halt import halt
from engine.core.orders import order_alerts
from engine.core.orders.proof import LOOK_UPS_MAX, UNACKNOWLEDGED, note_alive, prove, watch
from engine.core.orders.resend import may_resend, next_pause_ms
from engine.core.state import Desk, Proof, live_orders
from engine.domain.account import OpenOrder
from engine.domain.effects import CancelOrders, Count, Effect, SaveProgress, SetTimer
from engine.domain.failure import POST_RULES, LegAnswer, Placed, PostClass, RejectKind, is_crossing
from engine.domain.ids import OrderId
from engine.domain.order import Evidence, OrderRecord, OrderState, advance
from engine.domain.ticket import TicketKind
from engine.domain.units import LOT, Ms, Size
from engine.domain.views import Gate


def take_answers(desk: Desk, answers: Iterable[LegAnswer], at_ms: Ms) -> list[Effect]:
    """Apply one POST's judgement to its orders; cancel at once what is left and is not to rest."""
    effects: list[Effect] = []
    changed: list[OrderRecord] = []
    leftovers: list[OrderId] = []
    for answer in answers:
        before = desk.orders[answer.order_id]
        after = _judged(before, answer, again=_may_go_again(desk, before, at_ms))
        if after is not before:
            desk.orders[after.order_id] = after
            changed.append(after)
        effects += _consequences(desk, before, after, answer, at_ms)
        if after.state.is_final and not before.state.is_final:
            desk.proofs[after.order_id] = Proof(ended_ms=at_ms)
        elif answer.kind is PostClass.ACCEPTED:
            note_alive(desk, after.order_id, at_ms)
        if after.state is OrderState.DELAYED:
            effects += watch(desk, after, at_ms)
        elif after.state in (OrderState.LIVE, OrderState.PARTIAL) and must_go(desk, after):
            leftovers.append(after.order_id)
    if leftovers:
        effects += cancel(desk, leftovers, at_ms)
    if changed:
        # Read the records again: asking for a cancel has moved some of them on.
        effects.insert(0, SaveProgress(tuple(desk.orders[o.order_id] for o in changed), ()))
    return effects


def _may_go_again(desk: Desk, order: OrderRecord, at_ms: Ms) -> bool:
    wanted = desk.gate is Gate.RUN and not asked_to_go(desk, order)
    return wanted and may_resend(desk.settings.orders, order, at_ms)


def _judged(order: OrderRecord, answer: LegAnswer, *, again: bool) -> OrderRecord:
    """Return the order after one answer, by the class of the answer and the order's own past."""
    rule = POST_RULES[answer.kind]
    if answer.kind is PostClass.ACCEPTED and answer.filled <= order.intent.size + LOT:
        filled = Size(max(order.filled, answer.filled))
        evidence = _accepted_as(order, answer, filled)
        if order.state.is_final and evidence in (Evidence.RESTING, Evidence.DELAYED):
            return order  # a read has been faster than this answer: it knows more
        return _with_evidence(replace(order, filled=filled), evidence)
    if answer.kind is PostClass.REFUSED and not order.ever_unknown:
        killed = answer.reject is RejectKind.KILLED
        evidence = Evidence.KILLED if killed else Evidence.REFUSED
        return _with_evidence(replace(order, reason=answer.reason), evidence)
    if again and rule.same_bytes_may_follow:
        return order
    if answer.kind is PostClass.NOT_SENT and order.sends == 1:
        return _with_evidence(replace(order, reason=f"never left: {answer.reason}"), Evidence.REFUSED)
    # After an unanswered send even a refusal may speak of the earlier copy: only a read can tell.
    reason = answer.reason if order.state in UNACKNOWLEDGED else order.reason
    unknown = replace(order, ever_unknown=True, reason=reason)
    return _with_evidence(unknown, Evidence.UNANSWERED)


def _accepted_as(order: OrderRecord, answer: LegAnswer, filled: Size) -> Evidence:
    """Return what an acceptance says; after "unmatched" (a delay that ended) only a read tells the rest."""
    if filled >= order.intent.size:
        return Evidence.ALL_FILLED
    if filled > 0 and order.intent.is_immediate and answer.placed is Placed.MATCHED:
        return Evidence.KILLED
    if filled > 0:
        return Evidence.PART_FILLED
    held_back = answer.placed in (Placed.DELAYED, Placed.UNMATCHED)
    return Evidence.DELAYED if held_back else Evidence.RESTING


def _with_evidence(order: OrderRecord, evidence: Evidence) -> OrderRecord:
    return replace(order, state=advance(order.state, evidence))


def _consequences(
    desk: Desk, before: OrderRecord, after: OrderRecord, answer: LegAnswer, at_ms: Ms
) -> list[Effect]:
    """Return what follows from one answer beside the record itself."""
    effects: list[Effect] = []
    if answer.foreign_id is not None:
        # Our digest and the venue's id must be the same: nothing we hold can be trusted if they are not.
        effects.append(CancelOrders((answer.order_id, answer.foreign_id)))
        effects += halt(
            desk, f"the venue answered {answer.foreign_id} for our order {answer.order_id}", at_ms
        )
    if after.state is OrderState.REJECTED and before.state is not OrderState.REJECTED:
        effects.append(_refused(desk, after, answer))
        desk.rejects += answer.kind is PostClass.REFUSED
    elif after.state is OrderState.UNKNOWN:
        effects += [Count("orders_unknown_total", ""), *prove(desk, after, at_ms)]
    elif after is before and after.state is OrderState.SENDING:
        pause = next_pause_ms(desk.settings.orders, after)
        effects.append(SetTimer(f"resend:{after.intent.ticket_id}", Ms(at_ms + pause)))
    return effects


def _refused(desk: Desk, order: OrderRecord, answer: LegAnswer) -> Effect:
    """Return what is made of an order that the venue refused, or that never left.

    A quote that came too late for its book, or for the gate, is nothing that people must hear of: the next
    look at the market decides anew.
    """
    ticket = desk.tickets.get(order.intent.ticket_id)
    never_left = answer.kind is PostClass.NOT_SENT
    if ticket is not None and ticket.kind is TicketKind.QUOTE and (never_left or is_crossing(order.reason)):
        return Count("quotes_refused_total", "")
    if never_left:
        return order_alerts.never_left(order)
    return order_alerts.rejected(order, lack_or_meaning(desk, order))


def give_up(desk: Desk, waiting: Iterable[OrderRecord], at_ms: Ms) -> list[Effect]:
    """Stop re-sending these orders and prove what became of them."""
    effects: list[Effect] = []
    for order in waiting:
        unknown = _with_evidence(replace(order, ever_unknown=True), Evidence.UNANSWERED)
        desk.orders[order.order_id] = unknown
        effects += [SaveProgress((unknown,), ()), *prove(desk, unknown, at_ms)]
    return effects


def take_up(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Go on after a restart: what may rest or be on its way is cancelled by id and proven gone."""
    ids: list[OrderId] = []
    for order in list(live_orders(desk)):
        if order.state is OrderState.SENDING:
            desk.orders[order.order_id] = _with_evidence(
                replace(order, ever_unknown=True), Evidence.UNANSWERED
            )
        ids.append(order.order_id)
    return cancel(desk, ids, at_ms) if ids else []


def cancel(desk: Desk, order_ids: Iterable[OrderId], at_ms: Ms) -> list[Effect]:
    """Ask to cancel these orders, and remember since when their death is to be proven."""
    ids = tuple(order_ids)
    effects: list[Effect] = []
    for order_id in ids:
        order = desk.orders[order_id] = _with_evidence(desk.orders[order_id], Evidence.CANCEL_SENT)
        effects += prove(desk, order, at_ms, with_cancel=False, patient=len(ids) > LOOK_UPS_MAX)
    return [CancelOrders(ids), *effects]


def see_open(desk: Desk, seen: OpenOrder, asked_ms: Ms, at_ms: Ms) -> list[Effect]:
    """Apply one open order of a read begun at `asked_ms` to our record: it rests, perhaps partly filled."""
    before = desk.orders[seen.order_id]
    proof = desk.proofs.get(seen.order_id, Proof())
    if before.state.is_final and proof.ended_ms is not None and asked_ms <= proof.ended_ms:
        return []
    if proof.gone_ms is not None and asked_ms >= proof.gone_ms:
        # Whatever called it gone is older than this sight of it.
        proof.gone_ms, proof.cancelled = None, False
    proof.matched_ms = None
    filled = Size(max(before.filled, min(seen.matched_size, before.intent.size)))
    evidence = Evidence.PART_FILLED if filled > 0 else Evidence.RESTING
    if before.state.is_final:
        evidence = Evidence.RESTING
    elif seen.delayed and filled == 0:
        evidence = Evidence.DELAYED
    after = _with_evidence(replace(before, filled=filled), evidence)
    desk.orders[after.order_id] = after
    note_alive(desk, after.order_id, asked_ms)
    effects: list[Effect] = []
    risen = before.state.is_final and not after.state.is_final
    if risen:
        desk.proofs[after.order_id] = Proof()
        effects += [Count("orders_risen_total", ""), order_alerts.risen(after)]
    if after.state in (OrderState.LIVE, OrderState.PARTIAL) and (risen or must_go(desk, after)):
        effects += cancel(desk, [after.order_id], at_ms)
    elif after.state is OrderState.DELAYED and before.state is not OrderState.DELAYED:
        effects += watch(desk, after, at_ms)
    now = desk.orders[after.order_id]
    if now != before:
        # That it rose is a step of its own: the ledger tells how it came to be cancelled again.
        steps = (after, now) if risen and now != after else (now,)
        effects.insert(0, SaveProgress(steps, ()))
    return effects


def must_go(desk: Desk, order: OrderRecord) -> bool:
    """Tell whether a resting order is to be cancelled: it was not meant to rest, or somebody asked for it."""
    return not order.intent.rests or asked_to_go(desk, order)


def asked_to_go(desk: Desk, order: OrderRecord) -> bool:
    """Tell whether its cancel was asked for: from then on nothing of it may leave again."""
    proof = desk.proofs.get(order.order_id)
    return proof is not None and proof.cancel_sent_ms is not None
