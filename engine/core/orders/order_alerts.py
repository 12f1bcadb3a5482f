"""What people are told about one order: refused, never sent, risen, undone, stuck, overfilled. Words only."""

from collections.abc import Sequence

from engine.domain.effects import RaiseAlert
from engine.domain.ids import TradeId
from engine.domain.order import Fill, OrderRecord
from engine.domain.units import Size, format_size
from engine.domain.views import Alert, Severity


def never_left(order: OrderRecord) -> RaiseAlert:
    """Say that an order was not sent at all."""
    intent = order.intent
    return _alert(
        f"unsent:{intent.ticket_id}",
        Severity.WARN,
        f"not sent {intent.ticket_id}",
        f"{format_size(intent.size)} {intent.name} {order.reason}",
        f"it costs nothing; the result card of {intent.ticket_id} tells about the other legs",
    )


def rejected(order: OrderRecord, meaning: str) -> RaiseAlert:
    """Say that the venue refused an order, in its words and in ours."""
    intent = order.intent
    return _alert(
        f"reject:{intent.ticket_id}",
        Severity.WARN,
        f"reject {intent.ticket_id}",
        f'the venue refused {format_size(intent.size)} {intent.name}: "{order.reason}"',
        f"{meaning}. The result card of {intent.ticket_id} tells what the other legs did",
    )


def risen(order: OrderRecord) -> RaiseAlert:
    """Say that an order thought over rests at the venue."""
    intent = order.intent
    return _alert(
        f"risen:{order.order_id}",
        Severity.CRIT,
        f"late order {intent.ticket_id}",
        f"{intent.name} was thought over and rests at the venue: a very late POST arrived",
        "it is being cancelled and counted again; look at the ticket's card",
    )


def traded_late(order: OrderRecord, fill: Fill) -> RaiseAlert:
    """Say that an order thought over has traded."""
    intent = order.intent
    return _alert(
        f"risen:{order.order_id}",
        Severity.CRIT,
        f"late order {intent.ticket_id}",
        f"{intent.name} was thought over and traded {format_size(fill.size)}: its POST came very late",
        "they are booked and counted; look at the ticket's card",
    )


def undone(trade_id: TradeId, orders: Sequence[OrderRecord], size: Size) -> RaiseAlert:
    """Say that the venue failed to settle a trade: once for all orders of ours in it."""
    names = ", ".join(dict.fromkeys(order.intent.name for order in orders))
    tickets = ", ".join(dict.fromkeys(order.intent.ticket_id for order in orders))
    return _alert(
        f"void:{trade_id}",
        Severity.CRIT,
        f"fill undone {tickets}",
        f"the venue failed to settle {format_size(size)} {names}: the trade never was",
        "nothing is bought again by itself; look at the ticket and decide",
    )


def stuck(order: OrderRecord, fill: Fill, waited_s: int) -> RaiseAlert:
    """Say that a match has not been settled for long."""
    intent = order.intent
    return _alert(
        f"stuck:{fill.trade_id}",
        Severity.WARN,
        f"not settled {intent.ticket_id}",
        f"{format_size(fill.size)} {intent.name} are {fill.settlement.value} for {waited_s} s, not settled",
        "they count as risk and cannot be sold before the venue confirms them; nothing is bought again",
    )


def overfilled(order: OrderRecord, total: Size) -> RaiseAlert:
    """Say that an order was filled beyond its size."""
    intent = order.intent
    return _alert(
        f"overfill:{order.order_id}",
        Severity.CRIT,
        f"overfilled {intent.ticket_id}",
        f"{intent.name} was filled with {format_size(total)}, {format_size(intent.size)} were ordered",
        "its event takes no new plans; all shares are booked: look at the account, then /resume the event",
    )


def restated(order: OrderRecord, booked: Fill, seen: Fill) -> RaiseAlert:
    """Say that a trade came again with other amounts than were booked."""
    intent = order.intent
    return _alert(
        f"restated:{booked.trade_id}:{booked.order_id}",
        Severity.WARN,
        f"trade told twice {intent.ticket_id}",
        f"expected {format_size(booked.size)} {intent.name} as booked, the venue now says "
        f"{format_size(seen.size)} (cash {booked.cash} against {seen.cash} micro-dollars)",
        "the first figures stay; if they are wrong, the comparison with the account will say so",
    )


def _alert(key: str, severity: Severity, subject: str, text: str, next_step: str) -> RaiseAlert:
    return RaiseAlert(Alert(key, severity, subject, text, next_step))
