"""The market channel's bytes as frames, and REST books. Pure; whatever the bytes, the answer is a value.

Shapes are those of protocol 5.1 and 5.2 (docs of 2026-11). Texts that enter the checksum are kept verbatim.
A frame is one object or an array of them; each object is judged alone and is taken whole or not at all.
"""

import json
from collections.abc import Sequence
from typing import assert_never

import msgspec
from msgspec import UNSET

from engine.domain.failure import VenueFailure
from engine.domain.frames import (
    BestTouch,
    BookDelta,
    BookSnapshot,
    Frame,
    Ignored,
    LastTrade,
    Malformed,
    MarketResolved,
    NewMarket,
    TickChange,
    WireLevel,
)
from engine.domain.ids import EventId
from engine.domain.market import Side
from engine.domain.units import PRICES, TOUCHES
from engine.venue.wire_shapes import (
    BestBidAskShape,
    EventMessageShape,
    LastTradeShape,
    LooseShape,
    MarketResolvedShape,
    Message,
    NewMarketShape,
    StreamBook,
    TickChangeShape,
)
from engine.venue.wire_texts import (
    Odd,
    are_sizes,
    check_hash,
    check_price,
    check_size,
    check_time,
    check_touch,
    condition_of,
    is_size,
    tick_of,
    time_of,
    token_of,
)

_DETAIL_MAX = 200
_PARTS_MAX = 4096
"""More books than fit into the largest frame we accept; a frame of millions of empty things is not read."""
_SIDES = {side.value: side for side in Side}
_FRAME = msgspec.json.Decoder(Message | list[Message])
_DELTA: msgspec.json.Decoder[Message | list[Message]] = msgspec.json.Decoder(BookDelta)
_DELTA_END = b'"event_type":"price_change"}'
_BOOK: msgspec.json.Decoder[Message | list[Message]] = msgspec.json.Decoder(StreamBook)
_BOOK_END = b'"event_type":"book"}'
_ONE = msgspec.json.Decoder(Message)
_PARTS = msgspec.json.Decoder(list[msgspec.Raw])
_LOOSE = msgspec.json.Decoder(LooseShape)
_REST = msgspec.json.Decoder(BookSnapshot | list[BookSnapshot])
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
        # The venue writes the kind last. Told beforehand, the decoder need not go through the text twice.
        if octets.endswith(_DELTA_END):
            message = _DELTA.decode(octets)
        else:
            message = (_BOOK if octets.endswith(_BOOK_END) else _FRAME).decode(octets)
    except UnicodeError as error:
        return (Malformed("encoding", str(error)[:_DETAIL_MAX]),)
    except RecursionError:
        return (Malformed("depth", "expected flat messages, found deep nesting"),)
    except msgspec.ValidationError:
        return _decode_apart(octets)
    except msgspec.DecodeError as error:
        return (Malformed("json", str(error)[:_DETAIL_MAX]),)
    if isinstance(message, BookDelta):
        # Nearly every frame is one of these: the general way below would cost a fifth more.
        if octets.count(b":") == 4 + 7 * len(message.changes):
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
        books = tuple(answer) if isinstance(answer, list) else (answer,)
        for book in books:
            _check_snapshot(book)
    except RecursionError:
        return VenueFailure("books: expected flat objects, found deep nesting")
    except (msgspec.DecodeError, UnicodeError, Odd) as error:
        return VenueFailure(f"books: {error}"[:_DETAIL_MAX])
    if (fault := _repeated_key(raw, books)) is not None:
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
            case BookDelta():
                _check_delta(message)
                return message
            case StreamBook():
                _check_snapshot(message)
                return message
            case LastTradeShape():
                check_price(message.price)
                return LastTrade(
                    condition_of(message.market),
                    token_of(message.asset_id),
                    message.price,
                    time_of(message.timestamp),
                    message.size if is_size(message.size) else "",
                    _SIDES.get(message.side) if isinstance(message.side, str) else None,
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
                return _touch(message)
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


def _check_delta(delta: BookDelta) -> None:
    """Raise Odd unless every number of the message is one; a good message costs little.

    Names are only compared with those we know, checksums with our own: their length is enough here.
    """
    if not delta.changes:
        raise Odd("shape", "at least one change", "none")
    check_time(delta.timestamp_text)
    prices, touches, size = PRICES, TOUCHES, None
    try:
        for change in delta.changes:
            prices[change.price], touches[change.best_bid], touches[change.best_ask]
            if change.size != size:
                # A change and its mirror have one size.
                size = change.size
                check_size(size)
    except ValueError:
        _check_words(delta)
        raise


def _check_words(delta: BookDelta) -> None:
    """Raise Odd for the first word of a message that is not what it should be."""
    for change in delta.changes:
        check_price(change.price)
        check_size(change.size)
        check_touch(change.best_bid)
        check_touch(change.best_ask)


def _check_snapshot(book: BookSnapshot) -> None:
    """Raise Odd unless every word of the book is what it should be."""
    condition_of(book.condition_id)
    token_of(book.token_id)
    time_of(book.timestamp_text)
    check_hash(book.hash)
    _check_levels(book.bids)
    _check_levels(book.asks)
    terms = book.terms
    if terms.tick_size is not None:
        tick_of(terms.tick_size)
    if terms.min_order_size is not None:
        check_size(terms.min_order_size)
    if terms.last_trade_price:
        check_price(terms.last_trade_price)


def _check_levels(levels: list[WireLevel]) -> None:
    prices = PRICES
    try:
        for level in levels:
            prices[level.price]
        if are_sizes([level.size for level in levels]):
            return
    except ValueError:
        pass  # told below, with the word that is wrong
    for level in levels:
        check_price(level.price)
        check_size(level.size)
        if not level.size.strip("0."):
            raise Odd("size", "a size above 0 in a snapshot", level.size)


def _touch(message: BestBidAskShape) -> BestTouch:
    check_touch(message.best_bid)
    check_touch(message.best_ask)
    return BestTouch(
        condition_of(message.market),
        token_of(message.asset_id),
        message.best_bid,
        message.best_ask,
        time_of(message.timestamp),
    )


def _repeated_key(octets: bytes, messages: Sequence[BookSnapshot | Message]) -> Malformed | None:
    """Return the fault of a key that stands twice in one object: which of the two counts is anyone's guess.

    Every key that a message must have is there at least once, so when the text has no more colons than that,
    none is there twice. Only otherwise (a new field of the venue, a text with a colon) is it read again.
    """
    if octets.count(b":") == sum(_key_count(message) for message in messages):
        return None
    try:
        json.loads(octets.decode(), object_pairs_hook=_unique)
    except Odd as odd:
        return Malformed(odd.reason, str(odd))
    except (ValueError, RecursionError) as error:
        return Malformed("json", str(error)[:_DETAIL_MAX])
    return None


def _key_count(message: BookSnapshot | Message) -> int:
    """Return how many keys a message of our shapes has, as far as they count at all."""
    match message:
        case BookDelta():
            return 4 + 7 * len(message.changes)
        case BookSnapshot():
            optional = (message.min_order_size, message.tick_size, message.neg_risk, message.last_trade_price)
            told = sum(1 for value in optional if value is not UNSET)
            return 6 + isinstance(message, StreamBook) + told + 2 * (len(message.bids) + len(message.asks))
        case _:
            return 0


def _unique(pairs: list[tuple[str, object]]) -> None:
    keys = {key for key, _ in pairs}
    if len(keys) != len(pairs):
        raise Odd("repeated_key", "each key once", sorted(key for key, _ in pairs))
