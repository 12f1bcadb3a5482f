"""Messages of the user channel as values: sights of our orders and trades (protocol 6). Pure and strict.

A part that cannot be read is `Malformed` with a reason of a fixed set and costs nothing else; whoever listens
must then read the account, because nothing on this channel comes twice. Fields that are not named here may
come and go.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from engine.domain.account import UserOrder, UserOrderStatus, VenueTrade
from engine.domain.frames import Malformed
from engine.domain.units import parse_price, parse_size
from engine.venue.account_wire import TradeRow, read_trade, venue_time
from engine.venue.strict_json import OddAnswer, condition_id, decode, order_id, side, token_id

_PONG: Final = b"PONG"
_WORDS = {status.value: status for status in UserOrderStatus}
_DETAIL_MAX = 200
_STATUS_MAX = 60


@dataclass(frozen=True, slots=True)
class UserMessage:
    """What one message tells, each kind in the order it came."""

    orders: tuple[UserOrder, ...] = ()
    trades: tuple[VenueTrade, ...] = ()
    malformed: tuple[Malformed, ...] = ()
    pong: bool = False


class _Kind(msgspec.Struct, frozen=True):
    event_type: str = ""


class _OrderEvent(msgspec.Struct, frozen=True):
    id: str
    market: str
    asset_id: str
    side: str
    price: str
    original_size: str
    timestamp: str | int
    size_matched: str | None = None
    type: str = ""
    status: str = ""


def decode_user(raw: bytes) -> UserMessage:
    """Return what one message says: PONG, an event, or an array of events. Never raises."""
    if raw == _PONG:
        return UserMessage(pong=True)
    try:
        # A frame is an object or an array of objects.
        parts = decode(raw, list[msgspec.Raw]) if raw.lstrip()[:1] == b"[" else [raw]
    except OddAnswer as error:
        return UserMessage(malformed=(_malformed("json", error),))
    orders: list[UserOrder] = []
    trades: list[VenueTrade] = []
    malformed: list[Malformed] = []
    for part in parts:
        match _read(part):
            case UserOrder() as order:
                orders.append(order)
            case VenueTrade() as trade:
                trades.append(trade)
            case Malformed() as odd:
                malformed.append(odd)
    return UserMessage(tuple(orders), tuple(trades), tuple(malformed))


def _read(part: bytes | msgspec.Raw) -> UserOrder | VenueTrade | Malformed:
    try:
        kind = decode(part, _Kind).event_type
    except OddAnswer as error:
        return _malformed("json", error)
    try:
        match kind:
            case "order":
                return _order(decode(part, _OrderEvent))
            case "trade":
                return read_trade(decode(part, TradeRow))
            case _:
                return Malformed("kind", f"expected an order or a trade, found {kind[:_STATUS_MAX]!r}")
    except ValueError as error:
        return _malformed(kind, error)


def _order(event: _OrderEvent) -> UserOrder:
    """Read an order event; a killed order was seen with a `size_matched` of "", which is nothing."""
    return UserOrder(
        order_id=order_id(event.id),
        condition_id=condition_id(event.market),
        token_id=token_id(event.asset_id),
        side=side(event.side),
        price=parse_price(event.price),
        original_size=parse_size(event.original_size),
        matched_size=parse_size(event.size_matched or "0"),
        status=_status(event),
        status_text=(event.status or event.type)[:_STATUS_MAX],
        venue_ms=venue_time(str(event.timestamp)),
    )


def _status(event: _OrderEvent) -> UserOrderStatus:
    """Return what the order does; where the status says nothing, the type of the event does."""
    word = event.status.removeprefix("ORDER_STATUS_").upper()
    if word.startswith(UserOrderStatus.CANCELLED.value):
        return UserOrderStatus.CANCELLED
    if event.type == "CANCELLATION" and word in ("", UserOrderStatus.LIVE.value):
        return UserOrderStatus.CANCELLED
    if not word and event.type in ("PLACEMENT", "UPDATE"):
        return UserOrderStatus.LIVE
    return _WORDS.get(word, UserOrderStatus.OTHER)


def _malformed(reason: str, error: ValueError) -> Malformed:
    return Malformed(reason, str(error)[:_DETAIL_MAX])
