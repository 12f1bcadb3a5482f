"""The market channel's bytes as frames, and REST books. Pure; whatever the bytes, the answer is a value.

Shapes are those of protocol 5.1 and 5.2 (docs of 2026-11). Texts that enter the checksum are kept verbatim.
A frame is one object or an array of them; each object is judged alone and is taken whole or not at all.
"""

import json
from collections.abc import Sequence
from typing import TypeVar, assert_never

import msgspec
from msgspec import UNSET, UnsetType

from engine.domain.failure import VenueFailure
from engine.domain.frames import (
    BestTouch,
    BookDelta,
    BookSnapshot,
    BookTerms,
    Frame,
    Ignored,
    LastTrade,
    LevelChange,
    Malformed,
    MarketResolved,
    NewMarket,
    TickChange,
    WireLevel,
)
from engine.domain.ids import EventId
from engine.venue.wire_shapes import (
    BestBidAskShape,
    BookShape,
    EventMessageShape,
    LastTradeShape,
    LevelShape,
    LooseShape,
    MarketResolvedShape,
    Message,
    NewMarketShape,
    PriceChangeShape,
    RestBookShape,
    TickChangeShape,
)
from engine.venue.wire_texts import (
    Odd,
    condition_of,
    hash_of,
    level_of,
    price_of,
    size_of,
    tick_of,
    time_of,
    token_of,
    touch_of,
)

_T = TypeVar("_T")
_make = tuple.__new__
_DETAIL_MAX = 200
_PARTS_MAX = 4096
"""More books than fit into the largest frame we accept; a frame of millions of empty things is not read."""
_FRAME = msgspec.json.Decoder(Message | list[Message])
_ONE = msgspec.json.Decoder(Message)
_PARTS = msgspec.json.Decoder(list[msgspec.Raw])
_LOOSE = msgspec.json.Decoder(LooseShape)
_REST = msgspec.json.Decoder(RestBookShape | list[RestBookShape])
_KNOWN = frozenset(
    {
        "book",
        "price_change",
        "last_trade_price",
        "tick_size_change",
        "best_bid_ask",
        "new_market",
        "market_resolved",
    }
)


def decode_market(raw: bytes | str) -> tuple[Frame, ...]:
    """Return the frames of one WebSocket message, in order; never raises."""
    if raw in (b"PONG", "PONG"):
        return (Ignored("pong"),)
    try:
        octets = raw.encode() if isinstance(raw, str) else raw
        message = _FRAME.decode(octets)
    except UnicodeError as error:
        return (Malformed("encoding", str(error)[:_DETAIL_MAX]),)
    except RecursionError:
        return (Malformed("depth", "expected flat messages, found deep nesting"),)
    except msgspec.ValidationError:
        return _decode_apart(octets)
    except msgspec.DecodeError as error:
        return (Malformed("json", str(error)[:_DETAIL_MAX]),)
    if isinstance(message, PriceChangeShape):
        # Nearly every frame is one of these: the general way below would cost a fifth more.
        if octets.count(b'":') == 4 + 7 * len(message.price_changes):
            return (_frame(message),)
        return _decode_apart(octets)
    messages = message if isinstance(message, list) else [message]
    if _repeated_key(octets, messages) is not None:
        return _decode_apart(octets)
    return tuple([_frame(one) for one in messages])


def decode_books(raw: bytes) -> tuple[BookSnapshot, ...] | VenueFailure:
    """Return the books of a `/book` or `/books` answer; one bad book fails the whole answer."""
    try:
        answer = _REST.decode(raw)
        shapes = answer if isinstance(answer, list) else [answer]
        books = tuple(_snapshot(shape) for shape in shapes)
    except RecursionError:
        return VenueFailure("books: expected flat objects, found deep nesting")
    except (msgspec.DecodeError, UnicodeError, Odd) as error:
        return VenueFailure(f"books: {error}"[:_DETAIL_MAX])
    if (fault := _repeated_key(raw, shapes)) is not None:
        return VenueFailure(f"books: {fault.detail}")
    return books


def _decode_apart(octets: bytes) -> tuple[Frame, ...]:
    """Judge each object of a frame alone, because one of them is not as documented."""
    try:
        parts: list[msgspec.Raw] = _PARTS.decode(octets)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        parts = [msgspec.Raw(octets)]
    if len(parts) > _PARTS_MAX:
        return (Malformed("shape", f"expected at most {_PARTS_MAX} messages in a frame, found {len(parts)}"),)
    return tuple(_decode_one(bytes(part)) for part in parts)


def _decode_one(octets: bytes) -> Frame:
    try:
        message = _ONE.decode(octets)
    except msgspec.ValidationError as error:
        return _unknown(octets, error)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Malformed("json", str(error)[:_DETAIL_MAX])
    return _repeated_key(octets, [message]) or _frame(message)


def _unknown(octets: bytes, why: msgspec.ValidationError) -> Frame:
    """Tell a message of another kind from a damaged one of ours."""
    shape = Malformed("shape", str(why)[:_DETAIL_MAX])
    try:
        loose = _LOOSE.decode(octets)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return shape
    if isinstance(loose.event_type, str):
        return shape if loose.event_type in _KNOWN else Ignored("other")
    if loose.data is not UNSET:
        return Ignored("envelope")
    if loose.channel is not UNSET or loose.type is not UNSET:
        return Ignored("channel")
    return shape


def _frame(message: Message) -> Frame:
    try:
        match message:
            case PriceChangeShape():
                return _delta(message)
            case BookShape():
                return _snapshot(message)
            case LastTradeShape():
                return LastTrade(
                    condition_of(message.market),
                    token_of(message.asset_id),
                    _price_text(message.price),
                    time_of(message.timestamp),
                )
            case TickChangeShape(new_tick_size=tick):
                return TickChange(
                    condition_of(message.market),
                    token_of(message.asset_id),
                    tick_of(tick),
                    tick,
                    time_of(message.timestamp),
                )
            case BestBidAskShape():
                return BestTouch(
                    condition_of(message.market),
                    token_of(message.asset_id),
                    touch_of(message.best_bid),
                    touch_of(message.best_ask),
                    time_of(message.timestamp),
                )
            case NewMarketShape(event_message=about):
                told = about.id if isinstance(about, EventMessageShape) else UNSET
                event_id = EventId(told) if isinstance(told, str) else None
                return NewMarket(condition_of(message.market), event_id, message.question[:_DETAIL_MAX])
            case MarketResolvedShape(winning_asset_id=winner):
                token = token_of(winner) if isinstance(winner, str) else None
                return MarketResolved(condition_of(message.market), token)
            case _:
                assert_never(message)
    except Odd as odd:
        return Malformed(odd.reason, str(odd))


def _delta(message: PriceChangeShape) -> BookDelta:
    if not message.price_changes:
        raise Odd("shape", "at least one change", "none")
    # Named tuples by their C constructor: half the cost of calling the class, on the busiest line there is.
    return _make(
        BookDelta,
        (
            condition_of(message.market),
            time_of(message.timestamp),
            message.timestamp,
            tuple(
                [
                    _make(
                        LevelChange,
                        (
                            token_of(change.asset_id),
                            change.side,
                            level_of(change.price, change.size),
                            hash_of(change.hash),
                            touch_of(change.best_bid),
                            touch_of(change.best_ask),
                        ),
                    )
                    for change in message.price_changes
                ]
            ),
        ),
    )


def _snapshot(book: RestBookShape) -> BookSnapshot:
    terms = BookTerms(
        min_order_size=_told(book.min_order_size),
        tick_size=_told(book.tick_size),
        neg_risk=_told(book.neg_risk),
        last_trade_price=_told(book.last_trade_price),
    )
    if terms.tick_size is not None:
        tick_of(terms.tick_size)
    if terms.min_order_size is not None:
        size_of(terms.min_order_size)
    if terms.last_trade_price:
        price_of(terms.last_trade_price)
    return BookSnapshot(
        condition_of(book.market),
        token_of(book.asset_id),
        time_of(book.timestamp),
        book.timestamp,
        hash_of(book.hash),
        _levels(book.bids),
        _levels(book.asks),
        terms,
    )


def _levels(levels: list[LevelShape]) -> tuple[WireLevel, ...]:
    found = tuple([level_of(level.price, level.size) for level in levels])
    if any(not level.size for level in found):
        raise Odd("size", "a size above 0 in a snapshot", "0")
    return found


def _told(value: _T | UnsetType) -> _T | None:
    return None if value is UNSET else value


def _price_text(text: str) -> str:
    price_of(text)
    return text


def _repeated_key(octets: bytes, messages: Sequence[RestBookShape | Message]) -> Malformed | None:
    """Return the fault of a key that stands twice in one object: which of the two counts is anyone's guess.

    Every key that a message must have is there at least once, so when the text has no more keys than that,
    none is there twice. Only otherwise (a new field of the venue, blanks before a colon) is it read again.
    """
    if octets.count(b'":') == sum(_key_count(message) for message in messages):
        return None
    try:
        json.loads(octets.decode(), object_pairs_hook=_unique)
    except Odd as odd:
        return Malformed(odd.reason, str(odd))
    except (ValueError, RecursionError) as error:
        return Malformed("json", str(error)[:_DETAIL_MAX])
    return None


def _key_count(message: RestBookShape | Message) -> int:
    """Return how many keys a message of our shapes has, as far as they count at all."""
    match message:
        case PriceChangeShape():
            return 4 + 7 * len(message.price_changes)
        case RestBookShape():
            optional = (message.min_order_size, message.tick_size, message.neg_risk, message.last_trade_price)
            told = sum(1 for value in optional if value is not UNSET)
            return 6 + isinstance(message, BookShape) + told + 2 * (len(message.bids) + len(message.asks))
        case _:
            return 0


def _unique(pairs: list[tuple[str, object]]) -> None:
    keys = {key for key, _ in pairs}
    if len(keys) != len(pairs):
        raise Odd("repeated_key", "each key once", sorted(key for key, _ in pairs))
