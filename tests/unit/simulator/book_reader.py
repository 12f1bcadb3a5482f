"""A follower of the market channel that trusts nothing: it rebuilds and hashes books itself."""

import hashlib
import json
from typing import Any

Record = dict[str, Any]


def book_hash(book: Record) -> str:
    """Return the checksum of a whole book from its wire texts, written from the spec page alone."""
    ordered = {
        "market": book["market"],
        "asset_id": book["asset_id"],
        "timestamp": book["timestamp"],
        "hash": "",
        "bids": [{"price": level["price"], "size": level["size"]} for level in book["bids"]],
        "asks": [{"price": level["price"], "size": level["size"]} for level in book["asks"]],
        "min_order_size": book["min_order_size"],
        "tick_size": book["tick_size"],
        "neg_risk": book["neg_risk"],
        "last_trade_price": book["last_trade_price"],
    }
    return hashlib.sha1(json.dumps(ordered, separators=(",", ":")).encode()).hexdigest()


class BookReader:
    """Books by token, kept by applying frames; what frames lack comes from outside, as in production."""

    def __init__(self, constants: dict[str, Record]) -> None:
        self.constants = constants
        self.books: dict[str, Record] = {}
        self.matches = 0
        self.mismatches: list[str] = []
        self.kinds: dict[str, int] = {}

    def feed(self, text: str) -> None:
        """Apply one text frame: an object, or an array of objects."""
        decoded = json.loads(text)
        for event in decoded if isinstance(decoded, list) else [decoded]:
            kind = event["event_type"]
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
            if kind == "book":
                self._replace(event)
            elif kind == "price_change":
                for entry in event["price_changes"]:
                    self._change(event, entry)
            else:
                assert kind == "last_trade_price", f"unexpected event {kind}"

    def _replace(self, event: Record) -> None:
        token = event["asset_id"]
        book = self.constants[token] | self.books.get(token, {}) | event
        self.books[token] = book
        self._compare(token, event["hash"])

    def _change(self, event: Record, entry: Record) -> None:
        token = entry["asset_id"]
        if token not in self.books:
            return
        book = self.books[token]
        side = "bids" if entry["side"] == "BUY" else "asks"
        levels = {level["price"]: level["size"] for level in book[side]}
        levels[entry["price"]] = entry["size"]
        if entry["size"] == "0":
            del levels[entry["price"]]
        ordered = sorted(levels, key=float, reverse=side == "asks")
        book[side] = [{"price": price, "size": levels[price]} for price in ordered]
        book["timestamp"] = event["timestamp"]
        best_bid = book["bids"][-1]["price"] if book["bids"] else "0"
        best_ask = book["asks"][-1]["price"] if book["asks"] else "1"
        assert (entry["best_bid"], entry["best_ask"]) == (best_bid, best_ask)
        self._compare(token, entry["hash"])

    def _compare(self, token: str, stated: str) -> None:
        """Compare hashes; after a trade the last price is adopted by search, as the spec page says."""
        book = self.books[token]
        for last in (book["last_trade_price"], *_steps()):
            if book_hash(book | {"last_trade_price": last}) == stated:
                book["last_trade_price"] = last
                sibling = book["complement"]
                if sibling in self.books:
                    self.books[sibling]["last_trade_price"] = last
                self.constants[sibling]["last_trade_price"] = last
                self.matches += 1
                return
        self.mismatches.append(stated)


def _steps() -> list[str]:
    return [f"0.{step:03d}" for step in range(1, 1000)]


def constants_of(markets: list[Any]) -> dict[str, Record]:
    """Return what frames do not carry, by token, from market parameters."""
    return {
        token: {
            "min_order_size": market.min_size_text,
            "neg_risk": market.neg_risk,
            "tick_size": market.tick_text,
            "last_trade_price": "",
            "complement": market.tokens[1 - index],
        }
        for market in markets
        for index, token in enumerate(market.tokens)
    }
