"""Frames of the market channel that no client may fall over, each about a real book. Pure rendering."""

from collections.abc import Callable

from aiohttp import WSMsgType

from engine.simulator.books import WireBook
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.sockets import RawFrame

_HUGE_DIGITS = 400


def hostile_frame(fault: Fault, book: WireBook, token_index: int) -> RawFrame:
    """Return the frame of a fault about one token's book."""
    match fault.kind:
        case FaultKind.BINARY_FRAME:
            return RawFrame(_change(book, token_index).encode(), WSMsgType.BINARY)
        case FaultKind.BAD_UTF8:
            return RawFrame(b'{"event_type":"book","market":"\xff\xfe\xc0"}', WSMsgType.TEXT)
        case FaultKind.HUGE_FRAME:
            # Blanks after a true book: a client with more room than `size` reads an ordinary frame.
            text = book.event_text(token_index).encode()
            return RawFrame(text.ljust(fault.amount), WSMsgType.TEXT)
        case FaultKind.DEFLATE_BOMB:
            return RawFrame(b"[" + b" " * (fault.amount - 2) + b"]", WSMsgType.TEXT)
        case FaultKind.DEEP_JSON:
            return RawFrame(b"[" * fault.amount + b"]" * fault.amount, WSMsgType.TEXT)
        case _:
            return RawFrame(_TEXTS[fault.kind](book, token_index).encode(), WSMsgType.TEXT)


def _change(
    book: WireBook, token_index: int, *, price: str = '"0.5"', size: str = '"10"', more: str = ""
) -> str:
    """Return a price change of one entry; `price` and `size` are raw JSON, `more` follows them."""
    best_bid, best_ask = book.best_texts(token_index)
    return (
        f'{{"market":"{book.market.condition_id}","price_changes":[{{'
        f'"asset_id":"{book.market.tokens[token_index]}","price":{price},"size":{size},{more}"side":"BUY",'
        f'"hash":"{book.hash(token_index)}","best_bid":"{best_bid}","best_ask":"{best_ask}"}}],'
        f'"timestamp":"{book.timestamp_ms}","event_type":"price_change"}}'
    )


_TEXTS: dict[FaultKind, Callable[[WireBook, int], str]] = {
    FaultKind.NOT_JSON: lambda book, index: _change(book, index)[:-9],
    FaultKind.HUGE_NUMBER: lambda book, index: _change(
        book, index, price="1e999", size=f'"{"9" * _HUGE_DIGITS}"'
    ),
    FaultKind.NOT_A_NUMBER: lambda book, index: _change(book, index, price='"NaN"', size="NaN"),
    FaultKind.LONE_SURROGATE: lambda book, index: _change(book, index, size='"\\ud800"'),
    FaultKind.REPEATED_KEY: lambda book, index: _change(book, index, more='"size":"11",'),
    FaultKind.NEGATIVE_SIZE: lambda book, index: _change(book, index, size='"-10"'),
    FaultKind.PRICE_ZERO: lambda book, index: _change(book, index, price='"0"'),
    FaultKind.PRICE_ONE: lambda book, index: _change(book, index, price='"1"'),
    FaultKind.UNKNOWN_EVENT: lambda book, index: _change(book, index).replace("price_change", "weather"),
    FaultKind.DATA_ENVELOPE: lambda book, index: (
        f'{{"channel":"market","type":"update","data":{_change(book, index)}}}'
    ),
}
