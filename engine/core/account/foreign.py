"""Orders of the account that are not ours: told once each, counted at worst case, gone when a read says so.

What is not ours is not touched; a kill cancels it with everything else.
"""

from collections.abc import Iterable

from engine.core.halts.breakers import trip
from engine.core.state import Desk
from engine.domain.account import OpenOrder
from engine.domain.effects import Count, Effect, RaiseAlert
from engine.domain.gate import Breaker
from engine.domain.market import Side
from engine.domain.units import Ms, format_price, format_size
from engine.domain.views import Alert, Severity


def see_foreign(desk: Desk, seen: Iterable[OpenOrder], at_ms: Ms) -> list[Effect]:
    """Take over the orders of a complete read that are not ours, in place of those known before."""
    known, desk.foreign = desk.foreign, {order.order_id: order for order in seen}
    fresh = [order for order in desk.foreign.values() if order.order_id not in known]
    if not fresh:
        return []
    told = [effect for order in fresh for effect in _told(order)]
    return [*told, *trip(desk, Breaker.FOREIGN_ORDER, f"{len(fresh)} not sent by this desk", at_ms)]


def _told(order: OpenOrder) -> list[Effect]:
    verb = "buys" if order.side is Side.BUY else "sells"
    text = (
        f"order {order.order_id} rests on this account and was not sent by this desk: it {verb} "
        f"{format_size(order.original_size)} at {format_price(order.price)}"
    )
    return [
        Count("orders_foreign_total", ""),
        RaiseAlert(
            Alert(
                key=f"foreign:{order.order_id}",
                severity=Severity.CRIT,
                subject="foreign order",
                text=text,
                next_step="give the desk an account of its own; /kill cancels every order of the account",
            )
        ),
    ]
