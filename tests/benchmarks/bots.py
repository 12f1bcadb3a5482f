"""What we are compared with: the pure typed decode, and the usual ways to keep a book in Python.

The shapes of the decode are written out here, so that the floor stays where it is when the product changes.
"""

import importlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from tests.benchmarks.ours import expect_tops
from tests.benchmarks.stream import Stream


class _Level(msgspec.Struct, gc=False):
    price: str
    size: str


class _Book(msgspec.Struct, tag_field="event_type", tag="book"):
    market: str
    asset_id: str
    timestamp: str
    hash: str
    bids: list[_Level]
    asks: list[_Level]
    tick_size: str = ""
    last_trade_price: str = ""


class _Change(msgspec.Struct, gc=False):
    asset_id: str
    price: str
    size: str
    side: str
    hash: str
    best_bid: str
    best_ask: str


class _PriceChange(msgspec.Struct, tag_field="event_type", tag="price_change"):
    market: str
    timestamp: str
    price_changes: list[_Change]


class _LastTrade(msgspec.Struct, tag_field="event_type", tag="last_trade_price"):
    market: str
    asset_id: str
    price: str
    timestamp: str


_Message = _Book | _PriceChange | _LastTrade


class Decode:
    """Bytes to typed objects and nothing else: as fast as Python objects can be had."""

    def __init__(self, stream: Stream) -> None:
        self._decode = msgspec.json.Decoder(_Message | list[_Message]).decode
        self._seen = 0

    def take(self, frames: Sequence[bytes], times: Sequence[int]) -> None:
        """Decode each frame and forget it."""
        decode = self._decode
        for raw in frames:
            decode(raw)
        self._seen += len(frames)

    def verify(self, stream: Stream) -> None:
        """Raise if a frame was left out."""
        assert self._seen == len(stream.frames), f"expected {len(stream.frames)} frames, decoded {self._seen}"


class DictBot:
    """A book as two dictionaries, best prices by max and min after each change: the typical bot."""

    def __init__(
        self, stream: Stream, loads: Callable[[bytes], Any] = json.loads, number: Callable[[str], Any] = float
    ) -> None:
        self._loads = loads
        self._number = number
        self._books: dict[str, tuple[dict[Any, Any], dict[Any, Any]]] = {}
        self._tops: dict[str, tuple[Any, Any]] = {}
        self.take(stream.dump, ())

    def take(self, frames: Sequence[bytes], times: Sequence[int]) -> None:
        """Keep books and tops by what the frames say; checksums and times are not looked at."""
        loads = self._loads
        for raw in frames:
            message = loads(raw)
            for one in message if isinstance(message, list) else (message,):
                if one["event_type"] == "price_change":
                    self._change(one["price_changes"])
                elif one["event_type"] == "book":
                    self._replace(one)

    def _change(self, changes: list[dict[str, str]]) -> None:
        number, books, tops = self._number, self._books, self._tops
        for change in changes:
            token = change["asset_id"]
            bids, asks = books[token]
            levels = bids if change["side"] == "BUY" else asks
            price, size = number(change["price"]), number(change["size"])
            if size:
                levels[price] = size
            else:
                levels.pop(price, None)
            tops[token] = (max(bids), min(asks))

    def _replace(self, book: dict[str, Any]) -> None:
        number = self._number
        bids, asks = (
            {number(level["price"]): number(level["size"]) for level in book[side]}
            for side in ("bids", "asks")
        )
        self._books[book["asset_id"]] = (bids, asks)
        self._tops[book["asset_id"]] = (max(bids), min(asks))

    def verify(self, stream: Stream) -> None:
        """Raise if the tops are not those of the stream."""
        found = {
            token: (round(bid * 10_000), round(ask * 10_000)) for token, (bid, ask) in self._tops.items()
        }
        expect_tops(found, stream)


def decimal_bot(stream: Stream) -> DictBot:
    """The standard library's JSON with Decimal."""
    return DictBot(stream, number=Decimal)


def float_bot(stream: Stream) -> DictBot:
    """The standard library's JSON with float."""
    return DictBot(stream)


def orjson_bot() -> Callable[[Stream], DictBot] | None:
    """Return the float bot on orjson; None where that is not installed, for it is no dependency."""
    if importlib.util.find_spec("orjson") is None:
        return None
    loads = importlib.import_module("orjson").loads
    return lambda stream: DictBot(stream, loads=loads)
