"""Comparing our ledger with the venue's: at the start, on every connect, every few seconds, and when asked.

Fills first, then order states, then the account's sums. A partial read never arrives here: it is a failure.
"""

from collections.abc import Iterable

from engine.core.account.act_proof import see_wallet
from engine.core.account.differences import compare
from engine.core.account.foreign import see_foreign
from engine.core.halts.breakers import judge_unknown
from engine.core.halts.gate_watch import read_completely, read_failed
from engine.core.halts.halt import kill_read
from engine.core.orders.booking import see_trades
from engine.core.orders.evidence import see_open
from engine.core.orders.proof import absent
from engine.core.read_back import read_account
from engine.core.state import Desk, Strangers, live_orders
from engine.core.tickets.settling import review_flight
from engine.domain.effects import Audit, Count, Effect, Reply, SaveProgress
from engine.domain.events import AccountRead, AccountReadFailed, Asked, LookUpFailed, OrderLookedUp
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms
from engine.domain.views import ReconcileView, RefusalView


def ask_reconcile(desk: Desk, asked: Asked) -> list[Effect]:
    """Read the account now; the answer follows the read."""
    desk.reconciles_asked.append((asked.request, asked.at_ms))
    return [read_account(desk, asked.at_ms, "asked")]


def account_read(desk: Desk, event: AccountRead) -> list[Effect]:
    """Correct our ledger by a complete read; opens the gate if it was waiting for one."""
    account, at_ms = event.account, event.at_ms
    desk.read_to_ms = Ms(max(event.asked_ms, desk.read_to_ms or 0))
    held_back, desk.strangers = desk.strangers, Strangers()
    effects = see_trades(desk, (*held_back.trades.values(), *account.trades), at_ms)
    open_ids = {seen.order_id for seen in account.open_orders}
    for seen in account.open_orders:
        if seen.order_id in desk.orders:
            effects += see_open(desk, seen, event.asked_ms, at_ms)
    for order in list(live_orders(desk)):
        if order.order_id not in open_ids and order.last_send_ms < event.asked_ms:
            effects += absent(desk, order.order_id, event.asked_ms, at_ms)
    foreign_before = set(desk.foreign)
    strangers = [seen for seen in account.open_orders if seen.order_id not in desk.orders]
    effects += see_foreign(desk, strangers, at_ms)
    view = _counted(desk, event, effects)
    effects += review_touched(desk, effects, at_ms)
    effects += see_wallet(desk, account, event.asked_ms, at_ms)
    effects += compare(desk, account, event.asked_ms, at_ms)
    if view.orders_changed or view.fills_changed or foreign_before != set(desk.foreign):
        effects.append(Audit(at_ms, None, "reconcile", "", _line(view)))
    effects += read_completely(desk, event.asked_ms, at_ms)
    effects += kill_read(desk, account, event.asked_ms, at_ms)
    return [*effects, *_answer(desk, event, view)]


def account_read_failed(desk: Desk, event: AccountReadFailed) -> list[Effect]:
    """Prove nothing by it; orders that stay unproven meanwhile count all the same."""
    read_failed(desk, event.reason)
    waiting, desk.reconciles_asked = desk.reconciles_asked, []
    text = f"the account could not be read whole, so nothing was compared: {event.reason}; ask again"
    refusal = RefusalView("reconcile", Refusal(RefusalKind.GATE_CLOSED, text))
    return [
        Count("engine_errors", "account_read"),
        *(Reply(request, refusal) for request, _ in waiting),
        *judge_unknown(desk, event.at_ms),
    ]


def looked_up(desk: Desk, event: OrderLookedUp) -> list[Effect]:
    """Apply the answer about one order."""
    if event.order_id not in desk.orders:
        return []
    effects = see_trades(desk, event.trades, event.at_ms)
    if event.open_order is not None:
        effects += see_open(desk, event.open_order, event.asked_ms, event.at_ms)
    else:
        effects += absent(desk, event.order_id, event.asked_ms, event.at_ms)
    return [*effects, *review_touched(desk, effects, event.at_ms)]


def look_up_failed(_desk: Desk, _event: LookUpFailed) -> list[Effect]:
    """Count it; the timer of the order asks again."""
    return [Count("engine_errors", "look_up")]


def review_touched(desk: Desk, effects: Iterable[Effect], at_ms: Ms) -> list[Effect]:
    """Judge every sent ticket of whose orders something is to be stored: nothing else has changed."""
    stored = [order for effect in effects if isinstance(effect, SaveProgress) for order in effect.orders]
    tickets = dict.fromkeys(order.intent.ticket_id for order in stored)
    return [
        effect
        for ticket_id in tickets
        if ticket_id in desk.flights
        for effect in review_flight(desk, ticket_id, at_ms)
    ]


def _counted(desk: Desk, event: AccountRead, effects: Iterable[Effect]) -> ReconcileView:
    saved = [effect for effect in effects if isinstance(effect, SaveProgress)]
    return ReconcileView(
        at_ms=event.at_ms,
        open_orders=len(event.account.open_orders),
        trades=len(event.account.trades),
        orders_changed=len({order.order_id for effect in saved for order in effect.orders}),
        fills_changed=sum(len(effect.fills) for effect in saved),
        foreign=len(desk.foreign),
        unproven=sum(1 for _ in live_orders(desk)),
    )


def _line(view: ReconcileView) -> str:
    return (
        f"{view.open_orders} open, {view.orders_changed} orders and {view.fills_changed} fills changed, "
        f"{view.foreign} foreign, {view.unproven} unproven"
    )


def _answer(desk: Desk, event: AccountRead, view: ReconcileView) -> list[Effect]:
    """Answer those who asked before the read began; the others wait for the next one."""
    ready = [request for request, since_ms in desk.reconciles_asked if since_ms <= event.asked_ms]
    desk.reconciles_asked = [asked for asked in desk.reconciles_asked if asked[1] > event.asked_ms]
    return [Reply(request, view) for request in ready]
