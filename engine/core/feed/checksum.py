"""The venue's book checksum: SHA-1 over the wire texts, and the search for the last trade price in it.

Recipe: spec page book-hash, reproduced there on recorded production books (2026-05 to 2026-10). Every text
goes in verbatim: a number parsed and printed again would break it. No time, no I/O.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.feed.book import Book
from engine.domain.frames import BookTerms
from engine.domain.ids import ConditionId, TokenId
from engine.domain.units import PRICE_ONE, format_scaled, parse_price

_NEVER_TRADED = ""
_EVERY_LAST_TRADE = (
    _NEVER_TRADED,
    *(format_scaled(thousandths, 3, at_least=3) for thousandths in range(1, 1000)),
)
"""The venue prints the last trade price with three decimals, or nothing before the first trade."""


@dataclass(frozen=True, slots=True)
class HashTerms:
    """The inputs of the checksum that stay the same from message to message, as wire texts."""

    min_order_size: str
    tick_size: str
    neg_risk: bool

    def updated(self, told: BookTerms) -> "HashTerms":
        """Return these terms with whatever a snapshot told; stream snapshots leave some out."""
        new = HashTerms(
            self.min_order_size if told.min_order_size is None else told.min_order_size,
            self.tick_size if told.tick_size is None else told.tick_size,
            self.neg_risk if told.neg_risk is None else told.neg_risk,
        )
        return self if new == self else new


def hashed_head(
    condition_id: ConditionId, token_id: TokenId, timestamp_text: str, book: Book, terms: HashTerms
) -> bytes:
    """Return everything that is hashed before the last trade price."""
    bids, asks = book.wire_texts()
    return (
        f'{{"market":"{condition_id}","asset_id":"{token_id}","timestamp":"{timestamp_text}","hash":"",'
        f'"bids":[{bids}],"asks":[{asks}],"min_order_size":"{terms.min_order_size}",'
        f'"tick_size":"{terms.tick_size}","neg_risk":{"true" if terms.neg_risk else "false"},'
        '"last_trade_price":"'
    ).encode()


def checksum(head: bytes, last_trade: str) -> str:
    """Return the lower-case SHA-1 hex of a book."""
    return hashlib.sha1(head + f'{last_trade}"}}'.encode(), usedforsecurity=False).hexdigest()


def find_last_trade(head: bytes, expected: str, likely: Iterable[str], *, everywhere: bool) -> str | None:
    """Return the last trade price with which the book has the checksum `expected`, None if there is none.

    Tries `likely` first and, if asked, every price the venue can print: 1,000 digests on a shared prefix,
    about a millisecond. Needed because a trade's own message may come 200 ms after the books that hold it.
    """
    start = hashlib.sha1(head, usedforsecurity=False)
    for candidates in (likely, _EVERY_LAST_TRADE if everywhere else ()):
        for last_trade in candidates:
            digest = start.copy()
            digest.update(f'{last_trade}"}}'.encode())
            if digest.hexdigest() == expected:
                return last_trade
    return None


class Tape:
    """The last trade price of one market: which text is in force, and which may come next."""

    __slots__ = ("_announced", "_previous", "last_trade")

    def __init__(self) -> None:
        self.last_trade = _NEVER_TRADED
        self._previous = _NEVER_TRADED
        self._announced: tuple[str, ...] = ()

    def announce(self, price_text: str) -> None:
        """Hear of a trade: books quote its price or, for the other outcome, 1 minus it."""
        price = parse_price(price_text)
        self._announced = tuple(format_scaled(p, 4, at_least=3) for p in (price, PRICE_ONE - price))

    def adopt(self, last_trade: str) -> None:
        """Keep the text that a checksum proved; the previous one stays likely for the other token."""
        if last_trade != self.last_trade:
            self._previous, self.last_trade = self.last_trade, last_trade

    def likely(self) -> tuple[str, ...]:
        """Return the texts to try first, the one in force foremost."""
        return (self.last_trade, *self._announced, self._previous)
