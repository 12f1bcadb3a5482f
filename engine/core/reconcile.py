"""Comparing our ledger with the venue's: at the start, every few seconds, and whenever someone asks.

Fills first, then order states, then the balance. A partial read never arrives here: it is a failure. An
order of the account that is not ours is found, counted and told.
"""

from engine.core.gate_watch import read_completely, read_failed
from engine.core.halt import kill_read
from engine.core.orders import see_open, see_trades
from engine.core.proof import absent
from engine.core.settling import review_flight
from engine.core.state import Desk, fills_of, live_orders
from engine.domain.account import OpenOrder
from engine.domain.effects import Audit, Count, Effect, RaiseAlert, ReadAccount
from engine.domain.events import AccountRead, AccountReadFailed, LookUpFailed, OrderLookedUp
from engine.domain.ids import OrderId, TicketId
from engine.domain.units import FEE_STEP, Ms, Usdc, format_usdc
from engine.domain.views import Alert, Severity

OVERLAP_MS = 600_000
"""Trades are read again this far behind the oldest one that matters (reliability E4)."""
ROUNDING_STEPS_PER_FILL = 4
"""A fill of a few maker matches may be charged this many fee steps more than the floor we booked."""


def read_account(desk: Desk, at_ms: Ms, reason: str) -> ReadAccount:
    """Return the effect that reads everything that can still matter."""
    unsettled = [f.matched_ms for f in desk.fills.values() if not f.settlement.is_final]
    unproven = [order.intent.created_ms for order in live_orders(desk)]
    oldest = min([at_ms, *unsettled, *unproven])
    return ReadAccount(Ms(max(0, oldest - OVERLAP_MS)), reason)


def account_read(desk: Desk, event: AccountRead) -> list[Effect]:
    """Correct our ledger by a complete read; opens the gate if it was waiting for one."""
    before = {ticket_id: _fingerprint(desk, ticket_id) for ticket_id in desk.flights}
    effects = see_trades(desk, event.account.trades, event.at_ms)
    open_ids = {seen.order_id for seen in event.account.open_orders}
    for seen in event.account.open_orders:
        effects += (
            see_open(desk, seen, event.asked_ms, event.at_ms)
            if seen.order_id in desk.orders
            else _foreign(desk, seen)
        )
    for order in list(live_orders(desk)):
        if order.order_id not in open_ids and order.last_send_ms < event.asked_ms:
            effects += absent(desk, order.order_id, event.asked_ms)
    for ticket_id, seen_before in before.items():
        if _fingerprint(desk, ticket_id) != seen_before:
            effects += review_flight(desk, ticket_id, event.at_ms)
    effects += _balance(desk, event)
    effects += read_completely(desk, event.asked_ms, event.at_ms)
    return [*effects, *kill_read(desk, event.account, event.asked_ms, event.at_ms)]


def account_read_failed(desk: Desk, event: AccountReadFailed) -> list[Effect]:
    """Keep the gate as it is; a failed read proves nothing."""
    read_failed(desk, event.reason)
    return [Count("engine_errors", "account_read")]


def looked_up(desk: Desk, event: OrderLookedUp) -> list[Effect]:
    """Apply the answer about one order."""
    order = desk.orders.get(event.order_id)
    if order is None:
        return []
    before = _fingerprint(desk, order.intent.ticket_id)
    effects = see_trades(desk, event.trades, event.at_ms)
    if event.open_order is not None:
        effects += see_open(desk, event.open_order, event.asked_ms, event.at_ms)
    else:
        effects += absent(desk, event.order_id, event.asked_ms)
    if _fingerprint(desk, order.intent.ticket_id) != before:
        effects += review_flight(desk, order.intent.ticket_id, event.at_ms)
    return effects


def look_up_failed(_desk: Desk, _event: LookUpFailed) -> list[Effect]:
    """Count it; the timer of the order asks again."""
    return [Count("engine_errors", "look_up")]


def _fingerprint(desk: Desk, ticket_id: TicketId) -> object:
    """Return what a flight's card depends on, to see whether a read changed it."""
    flight = desk.flights[ticket_id]
    orders = [desk.orders[order_id] for order_id in flight.order_ids]
    fills = [f for order_id in flight.order_ids for f in fills_of(desk, order_id)]
    return [(o.state, o.filled) for o in orders], [(f.trade_id, f.settlement) for f in fills]


def _foreign(desk: Desk, seen: OpenOrder) -> list[Effect]:
    if seen.order_id in desk.foreign:
        return []
    desk.foreign.add(OrderId(seen.order_id))
    return [
        Count("orders_foreign_total", ""),
        RaiseAlert(
            Alert(
                key="foreign",
                severity=Severity.CRIT,
                subject="foreign order",
                text=f"order {seen.order_id} rests on this account and was not sent by this desk",
                next_step="give the desk an account of its own; /kill cancels every order of the account",
            )
        ),
    ]


def _balance(desk: Desk, event: AccountRead) -> list[Effect]:
    """Compare the booked balance with the venue's when nothing is in flight; book rounding, tell the rest."""
    read = event.account.balance
    quiet = not any(True for _ in live_orders(desk)) and all(f.settled for f in desk.flights.values())
    booked = desk.balance
    if booked is None or not quiet:
        desk.balance = read if booked is None else booked
        return []
    difference = Usdc(read - booked)
    desk.balance = read
    if difference == 0:
        return []
    charged, desk.charged_fills = desk.charged_fills, 0
    if abs(difference) <= FEE_STEP * ROUNDING_STEPS_PER_FILL * charged:
        return [
            Count("fee_adjustments_total", ""),
            Audit(event.at_ms, None, "fee adjustment", "", format_usdc(difference)),
        ]
    return [
        Audit(event.at_ms, None, "balance changed outside", "", format_usdc(difference)),
        RaiseAlert(
            Alert(
                key="balance",
                severity=Severity.INFO,
                subject="balance changed",
                text=f"the wallet moved by {format_usdc(difference)} USDC that this desk did not trade",
                next_step="fine after a deposit, a withdrawal or a redemption; otherwise look at the account",
            )
        ),
    ]
