"""The account's answers as values: open orders, trades, balance, cancels (protocol 4.6). Pure and strict.

Every reader raises OddAnswer (a ValueError) for anything undocumented: a row that cannot be read must fail
the whole read, because a smaller account would look like a proof.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from engine.domain.account import CancelReply, MakerMatch, OpenOrder, VenueTrade
from engine.domain.failure import VenueFailure
from engine.domain.ids import OrderId, TradeId
from engine.domain.order import Settlement
from engine.domain.units import LOT, Ms, Usdc, parse_price, parse_scaled, parse_size
from engine.ports import HeartbeatRefused, HeartbeatTaken
from engine.venue.http_client import HttpAnswer, HttpFailure
from engine.venue.private_calls import body_of
from engine.venue.strict_json import OddAnswer, condition_id, decode, order_id, side, token_id

_T = TypeVar("_T")
_END_CURSOR = "LTE="
_SECONDS_BELOW = 10**11
"""As seconds this would lie in the year 5138."""
_RESTING = frozenset({"LIVE", "DELAYED", "UNMATCHED"})
_ENDED = frozenset({"MATCHED", "INVALID"})
_SETTLEMENTS = {
    "MATCHED": Settlement.MATCHED,
    "MATCHED_NOT_BROADCASTED": Settlement.MATCHED,
    "MINED": Settlement.MINED,
    "RETRYING": Settlement.RETRYING,
    "CONFIRMED": Settlement.CONFIRMED,
    "FAILED": Settlement.FAILED,
}
"""Only the last two are final (reliability A14 P8)."""


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """One page of a list; `cursor` is None on the last."""

    rows: tuple[_T, ...]
    cursor: str | None


class _PageShape(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw]
    next_cursor: str


class _OrderRow(msgspec.Struct, frozen=True):
    id: str
    market: str
    asset_id: str
    side: str
    price: str
    original_size: str
    size_matched: str
    status: str


class _MakerRow(msgspec.Struct, frozen=True):
    order_id: str
    asset_id: str
    side: str
    price: str
    matched_amount: str


class TradeRow(msgspec.Struct, frozen=True):
    """A trade as lists and stream word it; on the stream `trader_side` may be absent."""

    id: str
    taker_order_id: str
    market: str
    asset_id: str
    side: str
    size: str
    status: str
    match_time: str
    maker_orders: list[_MakerRow]
    trader_side: str = ""


class _Balance(msgspec.Struct, frozen=True):
    balance: str


class _Heartbeat(msgspec.Struct, frozen=True):
    heartbeat_id: str


class _Cancelled(msgspec.Struct, frozen=True):
    canceled: list[str]
    not_canceled: dict[str, str]


def read_orders_page(raw: bytes) -> Page[OpenOrder]:
    """Return one page of /data/orders; rows that do not rest any more are left out."""
    page, cursor = open_page(raw)
    rows = (_open_order(decode(row, _OrderRow)) for row in page)
    return Page(tuple(row for row in rows if row is not None), cursor)


def read_trades_page(raw: bytes) -> Page[VenueTrade]:
    """Return one page of /data/trades."""
    page, cursor = open_page(raw)
    return Page(tuple(read_trade(decode(row, TradeRow)) for row in page), cursor)


def read_order(raw: bytes) -> OpenOrder | None:
    """Return the answer of /data/order/{id}: None for an order that is filled, cancelled or not known."""
    if raw.strip() in (b"", b"null", b'""', b"{}"):
        return None
    return _open_order(decode(raw, _OrderRow))


def read_balance(raw: bytes) -> Usdc:
    """Return the collateral of /balance-allowance, reservations included."""
    return Usdc(parse_scaled(decode(raw, _Balance).balance, 0))


def read_cancels(raw: bytes) -> tuple[tuple[OrderId, CancelReply], ...]:
    """Return what a cancel's answer says of each id; raises OddAnswer if it says two things of one."""
    answer = decode(raw, _Cancelled)
    replies = [(order_id(text), CancelReply.CANCELLED) for text in answer.canceled]
    replies += [(order_id(text), _cancel_reply(why)) for text, why in answer.not_canceled.items()]
    if len({known for known, _ in replies}) != len(replies):
        raise OddAnswer("expected every id once in a cancel's answer, found one twice")
    return tuple(replies)


def read_heartbeat(
    answer: HttpAnswer | HttpFailure,
) -> HeartbeatTaken | HeartbeatRefused | VenueFailure:
    """Return what a heartbeat was answered: taken, another id expected, or nothing usable."""
    if isinstance(answer, HttpAnswer) and answer.status == 400 and not answer.is_html:
        try:
            return HeartbeatRefused(decode(answer.body, _Heartbeat).heartbeat_id)
        except OddAnswer:
            pass  # another 400: told below, with the venue's own words
    raw = body_of(answer, "POST /v1/heartbeats")
    if isinstance(raw, VenueFailure):
        return raw
    try:
        return HeartbeatTaken(decode(raw, _Heartbeat).heartbeat_id)
    except OddAnswer as error:
        return VenueFailure(f"POST /v1/heartbeats: {error}")


def _cancel_reply(why: str) -> CancelReply:
    """Classify a reason. "can't be found - already canceled or matched" proves only that it is not found."""
    text = why.lower()
    if "not found" in text or "be found" in text:
        return CancelReply.NOT_FOUND
    if "matched" in text:
        return CancelReply.MATCHED
    return CancelReply.NOT_FOUND if "already cancel" in text else CancelReply.OTHER


def open_page(raw: bytes) -> tuple[list[msgspec.Raw], str | None]:
    """Return the rows of a page and the cursor of the next, None on the last; raises OddAnswer."""
    shape = decode(raw, _PageShape)
    if not shape.next_cursor:
        raise OddAnswer("expected a next_cursor, found an empty one")
    return shape.data, None if shape.next_cursor == _END_CURSOR else shape.next_cursor


def _open_order(row: _OrderRow) -> OpenOrder | None:
    status = row.status.removeprefix("ORDER_STATUS_").upper()
    if status in _ENDED or status.startswith("CANCELED"):
        return None
    if status not in _RESTING:
        raise OddAnswer(f"expected a known order status, was {status[:40]!r}")
    return OpenOrder(
        order_id=order_id(row.id),
        condition_id=condition_id(row.market),
        token_id=token_id(row.asset_id),
        side=side(row.side),
        price=parse_price(row.price),
        original_size=parse_size(row.original_size),
        matched_size=parse_size(row.size_matched),
        delayed=status == "DELAYED",
    )


def read_trade(row: TradeRow) -> VenueTrade:
    """Return one trade of a list or of the stream; raises OddAnswer if it is not as documented."""
    status = row.status.removeprefix("TRADE_STATUS_")
    settlement = _SETTLEMENTS.get(status)
    if settlement is None:
        raise OddAnswer(f"expected a known trade status, was {status[:40]!r}")
    if not row.id:
        raise OddAnswer("expected a trade id, found an empty one")
    size = parse_size(row.size)
    makers = tuple(_maker(maker) for maker in row.maker_orders)
    # A maker may be shown itself alone; any other view must hold every maker, or its cash would be wrong.
    if row.trader_side != "MAKER" and abs(size - sum(maker.size for maker in makers)) > LOT:
        raise OddAnswer(f"expected the makers of trade {row.id[:40]} to add up to {row.size[:40]} shares")
    return VenueTrade(
        trade_id=TradeId(row.id),
        condition_id=condition_id(row.market),
        taker_order_id=order_id(row.taker_order_id),
        token_id=token_id(row.asset_id),
        side=side(row.side),
        size=size,
        matched_ms=venue_time(row.match_time),
        settlement=settlement,
        makers=makers,
    )


def venue_time(text: str) -> Ms:
    """Return a time that the venue writes in seconds or, from 10^11 on, in milliseconds; or ValueError."""
    number = parse_scaled(text, 0)
    return Ms(number if number >= _SECONDS_BELOW else number * 1000)


def _maker(row: _MakerRow) -> MakerMatch:
    return MakerMatch(
        order_id=order_id(row.order_id),
        token_id=token_id(row.asset_id),
        side=side(row.side),
        price=parse_price(row.price),
        size=parse_size(row.matched_amount),
    )
