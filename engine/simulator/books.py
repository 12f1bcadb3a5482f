"""The wire's view of one market's book: both tokens, level texts, the checksum (spec page book-hash).

A projection of `LevelSet` and `Traded` facts. Level fragments and joined sides are cached, because every
streamed change carries the SHA-1 of both tokens' whole books. The best level is the last of each array.
"""

import hashlib
from bisect import bisect_left, insort
from dataclasses import dataclass, field

from engine.domain.units import Ms, Price, Size, complement, format_scaled
from engine.simulator.facts import LevelSet
from engine.simulator.market import BookSide, MarketSpec, Side, mirrored

NO_BID = "0"
NO_ASK = "1"
"""What the stream says of an empty side (book-hash, "What real streams look like")."""


def price_text(price: Price) -> str:
    """Return a price as the venue prints it: no useless zeros ("0.5")."""
    return format_scaled(price, 4)


@dataclass(slots=True)
class _WireSide:
    """One side of the YES book; ranks ascend towards the best level, for bids and asks alike."""

    sign: int
    ranks: list[int] = field(default_factory=list)
    sizes: dict[int, Size] = field(default_factory=dict)
    fragments: tuple[dict[int, str], dict[int, str]] = field(default_factory=lambda: ({}, {}))
    joined: list[str | None] = field(default_factory=lambda: ["", ""])

    def set(self, price: Price, size: Size) -> None:
        rank = self.sign * price
        if size == 0:
            if self.sizes.pop(rank, None) is not None:
                del self.ranks[bisect_left(self.ranks, rank)]
        else:
            if rank not in self.sizes:
                insort(self.ranks, rank)
            self.sizes[rank] = size
            shown = format_scaled(size, 6)
            for index, own in enumerate((price, complement(price))):
                self.fragments[index][rank] = f'{{"price":"{price_text(own)}","size":"{shown}"}}'
        self.joined = [None, None]

    def text(self, token_index: int) -> str:
        joined = self.joined[token_index]
        if joined is None:
            fragments = self.fragments[token_index]
            joined = self.joined[token_index] = ",".join([fragments[rank] for rank in self.ranks])
        return joined

    def best(self) -> Price | None:
        return Price(self.sign * self.ranks[-1]) if self.ranks else None


class WireBook:
    """Both tokens' books of one market as the venue publishes them."""

    def __init__(self, market: MarketSpec, now_ms: Ms) -> None:
        self.market = market
        self.timestamp_ms = now_ms
        self.last_trade_price = ""
        self.last_taker: tuple[int, Side, Price] | None = None
        self._sides = {BookSide.BID: _WireSide(1), BookSide.ASK: _WireSide(-1)}

    def apply(self, fact: LevelSet) -> None:
        """Take over a level change and its time."""
        self._sides[fact.side].set(fact.price, fact.size)
        self.timestamp_ms = fact.at_ms

    def traded(self, token_index: int, side: Side, price: Price, now_ms: Ms) -> None:
        """Remember the last trade; for the hash it is quoted for outcome 0 with at least three decimals."""
        self.last_taker = (token_index, side, price)
        self.last_trade_price = format_scaled(mirrored(token_index, price), 4, at_least=3)
        self.timestamp_ms = now_ms

    def best(self, token_index: int, side: BookSide) -> Price | None:
        """Return a token's best bid or ask in its own price, or None for an empty side."""
        best = self._sides[side if token_index == 0 else side.opposite].best()
        return None if best is None else mirrored(token_index, best)

    def best_texts(self, token_index: int) -> tuple[str, str]:
        """Return best bid and best ask as the stream prints them."""
        bid = self.best(token_index, BookSide.BID)
        ask = self.best(token_index, BookSide.ASK)
        return (
            NO_BID if bid is None else price_text(bid),
            NO_ASK if ask is None else price_text(ask),
        )

    def hash(self, token_index: int) -> str:
        """Return the checksum of a token's whole book at its present timestamp."""
        text = f"{self._head(token_index, '')},{self._levels(token_index)},{self._tail()}}}"
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def rest_text(self, token_index: int) -> str:
        """Return the answer of `/book`."""
        head = self._head(token_index, self.hash(token_index))
        return f"{head},{self._levels(token_index)},{self._tail()}}}"

    def dump_text(self, token_index: int) -> str:
        """Return the `book` event sent on subscribing: tick and last trade, no minimum, no neg-risk."""
        extra = f'"tick_size":"{self.market.tick_text}","last_trade_price":"{self.last_trade_price}"'
        return f"{self.event_text(token_index)[:-1]},{extra}}}"

    def event_text(self, token_index: int) -> str:
        """Return the `book` event sent after a trade: none of the four extra fields."""
        head = self._head(token_index, self.hash(token_index))
        return f'{head},{self._levels(token_index)},"event_type":"book"}}'

    def _head(self, token_index: int, checksum: str) -> str:
        return (
            f'{{"market":"{self.market.condition_id}","asset_id":"{self.market.tokens[token_index]}",'
            f'"timestamp":"{self.timestamp_ms}","hash":"{checksum}"'
        )

    def _levels(self, token_index: int) -> str:
        bids, asks = BookSide.BID, BookSide.ASK
        if token_index == 1:
            bids, asks = asks, bids
        return (
            f'"bids":[{self._sides[bids].text(token_index)}],"asks":[{self._sides[asks].text(token_index)}]'
        )

    def _tail(self) -> str:
        neg_risk = "true" if self.market.neg_risk else "false"
        return (
            f'"min_order_size":"{self.market.min_size_text}","tick_size":"{self.market.tick_text}",'
            f'"neg_risk":{neg_risk},"last_trade_price":"{self.last_trade_price}"'
        )


def price_change_text(book: WireBook, fact: LevelSet, *, mirror_first: bool) -> str:
    """Return the frame of one level change: the change and its mirror on the complement.

    The book must already hold the change. Which token comes first varies on the real stream.
    """
    entries = []
    for index in (1, 0) if mirror_first else (0, 1):
        bids = (fact.side is BookSide.BID) == (index == 0)
        best_bid, best_ask = book.best_texts(index)
        entries.append(
            f'{{"asset_id":"{book.market.tokens[index]}","price":"{price_text(mirrored(index, fact.price))}",'
            f'"size":"{format_scaled(fact.size, 6)}","side":"{"BUY" if bids else "SELL"}",'
            f'"hash":"{book.hash(index)}","best_bid":"{best_bid}","best_ask":"{best_ask}"}}'
        )
    return (
        f'{{"market":"{book.market.condition_id}","price_changes":[{",".join(entries)}],'
        f'"timestamp":"{fact.at_ms}","event_type":"price_change"}}'
    )
