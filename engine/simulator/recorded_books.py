"""Books as a recorded stream leaves them, in wire words: what `mock-ws` dumps and answers with. Pure.

Follows whole books and level changes by their texts, so a book is given out exactly as the venue would have:
with its checksum, timestamp and levels verbatim. It checks nothing: a recorded fault stays a fault.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

_SORT_KEY = float
"""Prices are ordered by value; only the order depends on it."""


@dataclass(slots=True)
class WordBook:
    """One token's book in the texts it came in."""

    market: str
    timestamp: str = "0"
    hash: str = ""
    bids: dict[str, str] = field(default_factory=dict)
    asks: dict[str, str] = field(default_factory=dict)
    terms: dict[str, object] = field(default_factory=dict)
    """Tick, minimum, neg-risk and last trade, as far as the recording told them."""

    def message(self, token: str) -> dict[str, object]:
        """Return the book as the dump on subscribing has it: bids ascending, asks descending."""
        told: dict[str, object] = {
            key: self.terms[key] for key in ("tick_size", "last_trade_price") if key in self.terms
        }
        return {**self._body(token), **told, "event_type": "book"}

    def answer(self, token: str) -> dict[str, object]:
        """Return the book as `/books` has it."""
        return {**self._body(token), **self.terms}

    def _body(self, token: str) -> dict[str, object]:
        return {
            "market": self.market,
            "asset_id": token,
            "timestamp": self.timestamp,
            "hash": self.hash,
            "bids": _levels(self.bids, descending=False),
            "asks": _levels(self.asks, descending=True),
        }


def _levels(levels: dict[str, str], *, descending: bool) -> list[dict[str, str]]:
    prices = sorted(levels, key=_SORT_KEY, reverse=descending)
    return [{"price": price, "size": levels[price]} for price in prices]


class RecordedBooks:
    """Every token's newest book."""

    def __init__(self) -> None:
        self._books: dict[str, WordBook] = {}

    def take(self, raw: bytes) -> tuple[tuple[frozenset[str], bytes], ...]:
        """Take a recorded message over; returns its parts, each with the tokens it is about.

        Bytes that are no JSON object or array concern nobody in particular: an empty set.
        """
        try:
            found = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return ((frozenset(), raw),)
        if not isinstance(found, list):
            return ((self._take_one(found), raw),)
        parts = [(self._take_one(one), one) for one in found]
        return tuple((tokens, _text(one)) for tokens, one in parts)

    def answered(self, body: bytes) -> None:
        """Take the books of a recorded REST answer: the only place that tells minimum and neg-risk."""
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return
        for one in found if isinstance(found, list) else [found]:
            if isinstance(one, dict) and self._is_newer(one):
                self._replace(one)

    def describe(self, token: str, terms: dict[str, object]) -> None:
        """Note what the catalogue told of a token: tick, minimum, neg-risk."""
        self._terms(token).update(terms)

    def dump(self, tokens: Iterable[str]) -> bytes | None:
        """Return the frame that follows a subscription; None if none of the tokens has a book yet."""
        found = [book.message(token) for token in tokens if (book := self._known(token)) is not None]
        return _text(found) if found else None

    def answer(self, tokens: Iterable[str]) -> bytes:
        """Return the body of `/books`; tokens without a book are left out."""
        found = [book.answer(token) for token in tokens if (book := self._known(token)) is not None]
        return _text(found)

    def _known(self, token: str) -> WordBook | None:
        book = self._books.get(token)
        return book if book is not None and book.hash else None

    def _terms(self, token: str) -> dict[str, object]:
        return self._books.setdefault(token, WordBook("")).terms

    def _is_newer(self, one: dict[str, Any]) -> bool:
        known = self._books.get(str(one.get("asset_id")))
        told = str(one.get("timestamp"))
        return known is None or not known.hash or (told.isdecimal() and int(told) > int(known.timestamp))

    def _take_one(self, one: object) -> frozenset[str]:
        if not isinstance(one, dict):
            return frozenset()
        match one.get("event_type"):
            case "book":
                self._replace(one)
            case "price_change":
                return self._change(one)
            case "last_trade_price":
                for each in self._about(one):
                    self._terms(each).pop("last_trade_price", None)
                return self._about(one)
            case "tick_size_change":
                for each in self._about(one):
                    self._terms(each)["tick_size"] = one.get("new_tick_size")
                return self._about(one)
            case _:
                pass
        token = one.get("asset_id")
        return frozenset({token}) if isinstance(token, str) else frozenset()

    def _about(self, one: dict[str, Any]) -> frozenset[str]:
        """Return both tokens of a message's market, as far as they are known, and the one it names."""
        market, named = one.get("market"), one.get("asset_id")
        return frozenset(t for t, b in self._books.items() if b.market == market) | {str(named)}

    def _replace(self, one: dict[str, Any]) -> None:
        try:
            token, terms = str(one["asset_id"]), self._terms(str(one["asset_id"]))
            names = ("tick_size", "min_order_size", "neg_risk", "last_trade_price")
            # The book after a trade does not tell the new last trade price: whoever checks looks for it.
            terms.pop("last_trade_price", None)
            terms |= {name: one[name] for name in names if name in one}
            self._books[token] = WordBook(
                market=str(one["market"]),
                timestamp=str(one["timestamp"]),
                hash=str(one["hash"]),
                bids={str(level["price"]): str(level["size"]) for level in one["bids"]},
                asks={str(level["price"]): str(level["size"]) for level in one["asks"]},
                terms=terms,
            )
        except (KeyError, TypeError, ValueError):
            return  # a recorded malformed book: passed on as it is, and kept by nobody

    def _change(self, one: dict[str, Any]) -> frozenset[str]:
        tokens: set[str] = set()
        try:
            for change in one["price_changes"]:
                token = str(change["asset_id"])
                tokens.add(token)
                book = self._known(token)
                if book is None:
                    continue
                side = book.bids if change["side"] == "BUY" else book.asks
                price, size = str(change["price"]), str(change["size"])
                if _SORT_KEY(size):
                    side[price] = size
                else:
                    side.pop(price, None)
                book.hash, book.timestamp = str(change["hash"]), str(one["timestamp"])
        except (KeyError, TypeError, ValueError):
            pass  # as far as it could be read; the feed core under test judges it, not this
        return frozenset(tokens)


def _text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
