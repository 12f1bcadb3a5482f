"""What an answer or a read says about our orders: evidence in, new records and next steps out.

Evidence only moves an order forward (`engine.domain.order.TRANSITIONS`). This module judges one order at a
time; what a whole ticket has come to is `engine.core.settling`'s business.
"""

from collections.abc import Iterable
from dataclasses import replace

from engine.core.fills import fills_of as fill_in
from engine.core.halt import halt
from engine.core.proof import prove
from engine.core.resend import may_resend, next_pause_ms
from engine.core.state import Desk, Proof, enter_fill, fills_of
from engine.domain.account import OpenOrder, VenueTrade
from engine.domain.effects import CancelOrders, Count, Effect, RaiseAlert, SaveProgress, SetTimer
from engine.domain.failure import POST_RULES, LegAnswer, Placed, PostClass, reject_sentence
from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.domain.order import Evidence, Fill, OrderRecord, OrderState, Settlement, advance, settle
from engine.domain.units import LOT, Ms, Size, Usdc, format_size
from engine.domain.views import Alert, Gate, Severity


def take_answers(desk: Desk, answers: Iterable[LegAnswer], at_ms: Ms) -> list[Effect]:
    """Apply one POST's judgement to its orders; cancel at once whatever is left of them."""
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
        if after.state in (OrderState.LIVE, OrderState.PARTIAL, OrderState.DELAYED):
            leftovers.append(after.order_id)
    if leftovers:
        effects += cancel(desk, leftovers, at_ms)
    if changed:
        # Read the records again: asking for a cancel has moved some of them on.
        effects.insert(0, SaveProgress(tuple(desk.orders[o.order_id] for o in changed), ()))
    return effects


def _may_go_again(desk: Desk, order: OrderRecord, at_ms: Ms) -> bool:
    return desk.gate is Gate.RUN and may_resend(desk.settings.orders, order, at_ms)


def _judged(order: OrderRecord, answer: LegAnswer, *, again: bool) -> OrderRecord:
    """Return the order after one answer, by the class of the answer and the order's own past."""
    rule = POST_RULES[answer.kind]
    if answer.kind is PostClass.ACCEPTED and answer.filled <= order.intent.size + LOT:
        filled = Size(max(order.filled, answer.filled))
        return _with_evidence(replace(order, filled=filled), _accepted_as(order, answer, filled))
    if answer.kind is PostClass.REFUSED and not order.ever_unknown:
        return _with_evidence(replace(order, reason=answer.reason), Evidence.REFUSED)
    if again and rule.same_bytes_may_follow:
        return order
    if answer.kind is PostClass.NOT_SENT and order.sends == 1:
        return _with_evidence(replace(order, reason=f"never left: {answer.reason}"), Evidence.REFUSED)
    # After an unanswered send even a refusal may speak of the earlier copy: only a read can tell.
    unknown = replace(order, ever_unknown=True, reason=answer.reason)
    return _with_evidence(unknown, Evidence.UNANSWERED)


def _accepted_as(order: OrderRecord, answer: LegAnswer, filled: Size) -> Evidence:
    if filled >= order.intent.size:
        return Evidence.ALL_FILLED
    if filled > 0:
        return Evidence.PART_FILLED
    return Evidence.DELAYED if answer.placed is Placed.DELAYED else Evidence.RESTING


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
        effects.append(
            _never_left_alert(after) if answer.kind is PostClass.NOT_SENT else _reject_alert(after)
        )
        desk.rejects += answer.kind is PostClass.REFUSED
    elif after.state is OrderState.UNKNOWN:
        effects += [Count("orders_unknown_total", ""), *prove(desk, after, at_ms)]
    elif after is before:
        pause = next_pause_ms(desk.settings.orders, after)
        effects.append(SetTimer(f"resend:{after.intent.ticket_id}", Ms(at_ms + pause)))
    return effects


def _never_left_alert(order: OrderRecord) -> RaiseAlert:
    intent = order.intent
    return RaiseAlert(
        Alert(
            key=f"unsent:{intent.ticket_id}",
            severity=Severity.WARN,
            subject=f"not sent {intent.ticket_id}",
            text=f"{format_size(intent.size)} {intent.name} {order.reason}",
            next_step=f"it costs nothing; the result card of {intent.ticket_id} tells about the other legs",
        )
    )


def _reject_alert(order: OrderRecord) -> RaiseAlert:
    intent = order.intent
    meaning = reject_sentence(order.reason) or "the venue gave no documented reason"
    return RaiseAlert(
        Alert(
            key=f"reject:{intent.ticket_id}",
            severity=Severity.WARN,
            subject=f"reject {intent.ticket_id}",
            text=f'the venue refused {format_size(intent.size)} {intent.name}: "{order.reason}"',
            next_step=f"{meaning}. The result card of {intent.ticket_id} tells what the other legs did",
        )
    )


def give_up(desk: Desk, waiting: Iterable[OrderRecord], at_ms: Ms) -> list[Effect]:
    """Stop re-sending these orders and prove what became of them."""
    effects: list[Effect] = []
    for order in waiting:
        unknown = _with_evidence(replace(order, ever_unknown=True), Evidence.UNANSWERED)
        desk.orders[order.order_id] = unknown
        effects += [SaveProgress((unknown,), ()), *prove(desk, unknown, at_ms)]
    return effects


def cancel(desk: Desk, order_ids: Iterable[OrderId], at_ms: Ms) -> list[Effect]:
    """Ask to cancel these orders, and remember since when their death is to be proven."""
    ids = tuple(order_ids)
    for order_id in ids:
        order = desk.orders[order_id]
        desk.orders[order_id] = _with_evidence(order, Evidence.CANCEL_SENT)
    effects: list[Effect] = []
    for order_id in ids:
        effects += prove(desk, desk.orders[order_id], at_ms, with_cancel=False)
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
    matched = min(seen.matched_size, before.intent.size)
    filled = Size(max(before.filled, matched))
    evidence = Evidence.PART_FILLED if filled > 0 else Evidence.RESTING
    after = _with_evidence(replace(before, filled=filled), evidence)
    desk.orders[after.order_id] = after
    effects: list[Effect] = []
    if before.state.is_final and not after.state.is_final:
        effects.append(_risen_alert(after))
    if after.state in (OrderState.LIVE, OrderState.PARTIAL):
        # A plan's order never rests on purpose: what is left of it goes.
        effects += cancel(desk, [after.order_id], at_ms)
    if desk.orders[after.order_id] != before:
        effects.insert(0, SaveProgress((desk.orders[after.order_id],), ()))
    return effects


def see_trades(desk: Desk, trades: Iterable[VenueTrade], at_ms: Ms) -> list[Effect]:
    """Book every execution of ours in these trades, each once, and move the orders they fill."""
    new_fills: list[Fill] = []
    touched: dict[OrderId, OrderRecord] = {}
    effects: list[Effect] = []
    for trade in trades:
        for order_id in dict.fromkeys((trade.taker_order_id, *(m.order_id for m in trade.makers))):
            order = desk.orders.get(order_id)
            fill = None if order is None else fill_in(trade, order)
            if fill is None or not _is_news(desk, fill):
                continue
            _book(desk, fill, charged=desk.orders[order_id].intent.fee.rate > 0)
            new_fills.append(fill)
            effects.append(Count("fills_total", fill.settlement.value))
            if fill.settlement is Settlement.FAILED:
                effects.append(_void_alert(desk.orders[order_id], fill))
            before = desk.orders[order_id]
            touched[order_id] = desk.orders[order_id] = _with_fills(desk, before)
            if before.state.is_final and not touched[order_id].state.is_final:
                # Thought dead, and it traded: what is left of it must be proven gone again.
                effects += prove(desk, touched[order_id], at_ms)
    if new_fills:
        effects.insert(0, SaveProgress(tuple(touched.values()), tuple(new_fills)))
    return effects


def _book(desk: Desk, fill: Fill, *, charged: bool) -> None:
    """Enter a fill, and move the booked balance when it is new or undone."""
    known = desk.fills.get((fill.trade_id, fill.order_id))
    enter_fill(desk, fill)
    voided = fill.settlement is Settlement.FAILED
    if desk.balance is None or (known is None) is voided:
        return
    outflow = fill.fee + (fill.cash if fill.side is Side.BUY else -fill.cash)
    desk.balance = Usdc(desk.balance + outflow if voided else desk.balance - outflow)
    desk.charged_fills += charged


def _is_news(desk: Desk, fill: Fill) -> bool:
    """Tell whether the fill is new or further settled; a final settlement never goes back."""
    known = desk.fills.get((fill.trade_id, fill.order_id))
    if known is None:
        return True
    return settle(known.settlement, fill.settlement) is not known.settlement


def _with_fills(desk: Desk, order: OrderRecord) -> OrderRecord:
    # Undone ones count, too: `filled` is what was ever matched, what is held is told apart.
    total = Size(sum(f.size for f in fills_of(desk, order.order_id)))
    filled = Size(max(order.filled, total))
    if filled == 0:
        return order
    whole = filled >= order.intent.size
    evidence = Evidence.ALL_FILLED if whole else Evidence.PART_FILLED
    return _with_evidence(replace(order, filled=filled), evidence)


def _risen_alert(order: OrderRecord) -> RaiseAlert:
    intent = order.intent
    return RaiseAlert(
        Alert(
            key=f"risen:{order.order_id}",
            severity=Severity.CRIT,
            subject=f"late order {intent.ticket_id}",
            text=f"{intent.name} was thought over and rests at the venue: a very late POST arrived",
            next_step="it is being cancelled and counted again; look at the ticket's card",
        )
    )


def _void_alert(order: OrderRecord, fill: Fill) -> RaiseAlert:
    intent = order.intent
    return RaiseAlert(
        Alert(
            key=f"void:{fill.trade_id}:{fill.order_id}",
            severity=Severity.CRIT,
            subject=f"fill undone {intent.ticket_id}",
            text=f"the venue failed to settle {format_size(fill.size)} {intent.name}: they are not held",
            next_step="nothing is bought again by itself; look at the ticket and decide",
        )
    )
