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

from engine.domain.units import PRICE_ONE
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


class Books:
    """A book as two dictionaries, best prices by max and min after each change: the plainest there is."""

    def __init__(self) -> None:
        self._books: dict[str, tuple[dict[Any, Any], dict[Any, Any]]] = {}
        self._tops: dict[str, tuple[Any, Any]] = {}

    def replace(self, token: str, bids: dict[Any, Any], asks: dict[Any, Any]) -> None:
        """Take over a whole book."""
        self._books[token] = (bids, asks)
        self._tops[token] = (max(bids), min(asks))

    def change(self, token: str, bid: bool, price: Any, size: Any) -> None:
        """Set one level; size 0 removes it."""
        bids, asks = self._books[token]
        levels = bids if bid else asks
        if size:
            levels[price] = size
        else:
            levels.pop(price, None)
        self._tops[token] = (max(bids), min(asks))

    def tops(self) -> dict[str, tuple[int, int]]:
        """Best bid and best ask of every token in 1e-4 USDC."""
        return {
            token: (round(bid * PRICE_ONE), round(ask * PRICE_ONE))
            for token, (bid, ask) in self._tops.items()
        }


class DictBot:
    """The typical bot: a JSON library, a kind of number, plain books; it looks at no checksum and no time."""

    def __init__(
        self, stream: Stream, loads: Callable[[bytes], Any] = json.loads, number: Callable[[str], Any] = float
    ) -> None:
        self._loads = loads
        self._number = number
        self._books = Books()
        self.take(stream.dump, ())

    def take(self, frames: Sequence[bytes], times: Sequence[int]) -> None:
        """Keep books and tops by what the frames say."""
        loads, number, books = self._loads, self._number, self._books
        for raw in frames:
            message = loads(raw)
            for one in message if isinstance(message, list) else (message,):
                if one["event_type"] == "price_change":
                    for row in one["price_changes"]:
                        bid = row["side"] == "BUY"
                        books.change(row["asset_id"], bid, number(row["price"]), number(row["size"]))
                elif one["event_type"] == "book":
                    bids, asks = (
                        {number(level["price"]): number(level["size"]) for level in one[side]}
                        for side in ("bids", "asks")
                    )
                    books.replace(one["asset_id"], bids, asks)

    def verify(self, stream: Stream) -> None:
        """Raise if the tops are not those of the stream."""
        expect_tops(self._books.tops(), stream)


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
