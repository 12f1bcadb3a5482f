"""A reference venue for one market: plain dictionaries, the checksum by its published recipe, real wire JSON.

Written without looking at the product's book or checksum, so that both can be wrong only independently.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from engine.core.feed.tracked import TrackedToken
from engine.domain.frames import BookSnapshot
from engine.domain.ids import ConditionId, TokenId
from engine.domain.units import Ms, Price
from engine.venue.wire import decode_books

Wire = dict[str, Any]
"""A message as its JSON object."""
CONDITION = ConditionId("0x" + "7d" * 32)
YES = TokenId("65193234666628291664907888364936366210889305490897648116746073820519263548476")
NO = TokenId("28290293140018107764072370767749010110409017615323596573647425138985988593200")
FOREIGN = TokenId("71321045679252212594626385532706912750332728571942532289631379312455583992563")
START_MS = Ms(1_790_000_000_000)


def price_words(ticks_of_1e4: int) -> str:
    """Print a price of 1e-4 units as the venue does: no useless zeros."""
    return f"{ticks_of_1e4 / 10_000:.4f}".rstrip("0")


def recipe(book: Wire) -> str:
    """The published recipe, with the standard JSON library."""
    keys = ("market", "asset_id", "timestamp", "hash", "bids", "asks")
    tail = ("min_order_size", "tick_size", "neg_risk", "last_trade_price")
    hashed = {key: book[key] for key in (*keys, *tail)} | {"hash": ""}
    return hashlib.sha1(json.dumps(hashed, separators=(",", ":")).encode(), usedforsecurity=False).hexdigest()


@dataclass
class ReferenceVenue:
    """The YES book as price -> size text; everything else is derived from it."""

    tick: int = 100
    now_ms: int = START_MS
    last_trade: str = ""
    condition: str = CONDITION
    yes: str = YES
    no: str = NO
    bids: dict[int, str] = field(default_factory=dict)
    asks: dict[int, str] = field(default_factory=dict)

    @property
    def tick_words(self) -> str:
        return price_words(self.tick)

    def tokens(self, name: str = "") -> tuple[TrackedToken, ...]:
        """What the catalogue would tell of both tokens."""
        return tuple(
            TrackedToken(
                token_id=TokenId(own),
                condition_id=ConditionId(self.condition),
                complement=TokenId(other),
                tick=Price(self.tick),
                min_order_size_text="5",
                tick_text=self.tick_words,
                neg_risk=True,
                name=name,
            )
            for own, other in ((self.yes, self.no), (self.no, self.yes))
        )

    def sides(self, token: str) -> tuple[dict[int, str], dict[int, str]]:
        """Bids and asks of a token as price -> size text."""
        if token == self.yes:
            return dict(self.bids), dict(self.asks)
        return (
            {10_000 - price: size for price, size in self.asks.items()},
            {10_000 - price: size for price, size in self.bids.items()},
        )

    def book(self, token: str) -> Wire:
        """The answer of `/book`."""
        bids, asks = self.sides(token)
        book = {
            "market": self.condition,
            "asset_id": token,
            "timestamp": str(self.now_ms),
            "hash": "",
            "bids": [{"price": price_words(p), "size": bids[p]} for p in sorted(bids)],
            "asks": [{"price": price_words(p), "size": asks[p]} for p in sorted(asks, reverse=True)],
            "min_order_size": "5",
            "tick_size": self.tick_words,
            "neg_risk": True,
            "last_trade_price": self.last_trade,
        }
        return book | {"hash": recipe(book)}

    def touch(self, token: str) -> tuple[str, str]:
        bids, asks = self.sides(token)
        return (
            price_words(max(bids)) if bids else "0",
            price_words(min(asks)) if asks else "1",
        )

    def rest(self, *tokens: str) -> tuple[BookSnapshot, ...]:
        """The answer of `/books`, decoded."""
        answer = decode_books(json.dumps([self.book(token) for token in tokens]).encode())
        assert isinstance(answer, tuple), answer
        return answer

    def dump(self, *tokens: str) -> bytes:
        """The frame that follows a subscription: without minimum and neg-risk."""
        left_out = ("min_order_size", "neg_risk")
        return _json([_event("book", self.book(token), left_out) for token in tokens or (self.yes, self.no)])

    def set_level(self, side: str, price: int, size: str, *, mirror_first: bool = False) -> bytes:
        """Change one level of the YES book; returns the `price_change` with its mirror."""
        self.put(side, price, size)
        return _json(self.change(((side, price, size),), mirror_first=mirror_first))

    def put(self, side: str, price: int, size: str) -> None:
        levels = self.bids if side == "BUY" else self.asks
        if size == "0":
            levels.pop(price, None)
        else:
            levels[price] = size

    def change(self, levels: tuple[tuple[str, int, str], ...], *, mirror_first: bool = False) -> Wire:
        """A `price_change` about levels that are in the book already; hashes are those of the end."""
        entries: list[Wire] = []
        for side, price, size in levels:
            pair = [
                self._entry(self.yes, side, price, size),
                self._entry(self.no, "SELL" if side == "BUY" else "BUY", 10_000 - price, size),
            ]
            entries += reversed(pair) if mirror_first else pair
        return {
            "market": self.condition,
            "price_changes": entries,
            "timestamp": str(self.now_ms),
            "event_type": "price_change",
        }

    def _entry(self, token: str, side: str, price: int, size: str) -> Wire:
        best_bid, best_ask = self.touch(token)
        return {
            "asset_id": token,
            "price": price_words(price),
            "size": size,
            "side": side,
            "hash": self.book(token)["hash"],
            "best_bid": best_bid,
            "best_ask": best_ask,
        }

    def trade(self, price: int, *, size: str = "12.345678", side: str = "BUY") -> tuple[bytes, bytes, bytes]:
        """Print a trade of outcome 0 at a price: both books first, then the trade's own message."""
        self.last_trade = f"{price / 10_000:.3f}"
        left_out = ("min_order_size", "tick_size", "neg_risk", "last_trade_price")
        yes, no = (_json(_event("book", self.book(token), left_out)) for token in (self.yes, self.no))
        return yes, no, self.trade_words(price, size=size, side=side)

    def trade_words(self, price: int, *, size: str = "12.345678", side: str = "BUY") -> bytes:
        return _json(
            {
                "event_type": "last_trade_price",
                "asset_id": self.yes,
                "market": self.condition,
                "price": price_words(price),
                "size": size,
                "side": side,
                "fee_rate_bps": "0",
                "timestamp": str(self.now_ms),
                "transaction_hash": "0x" + "5e" * 32,
            }
        )

    def change_tick(self, tick: int) -> bytes:
        """Put the market on another tick; returns the message for the YES token."""
        old, self.tick = self.tick_words, tick
        return _json(
            {
                "event_type": "tick_size_change",
                "asset_id": self.yes,
                "market": self.condition,
                "old_tick_size": old,
                "new_tick_size": self.tick_words,
                "timestamp": str(self.now_ms),
            }
        )


def seeded_venue(**fields: Any) -> ReferenceVenue:
    """A venue with three levels a side around 0.50."""
    venue = ReferenceVenue(**fields)
    for step, size in enumerate(("100", "25.5", "5588.18"), start=1):
        venue.bids[5000 - 100 * step] = size
        venue.asks[5000 + 100 * step] = size
    return venue


def _event(kind: str, book: Wire, left_out: tuple[str, ...]) -> Wire:
    return {key: value for key, value in book.items() if key not in left_out} | {"event_type": kind}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
