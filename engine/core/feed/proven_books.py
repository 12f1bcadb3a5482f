"""The books of an event's legs, as far as they are proven: what a desk plans on, live or from a recording."""

from collections.abc import Iterable, Mapping

from engine.core.feed.feeds import Feeds
from engine.domain.book import LiveBook, NotLive
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup
from engine.domain.plan import PlanKind
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms

NEED_EVERY_BOOK = (PlanKind.BUY_PAIR, PlanKind.BUY_SET, PlanKind.SELL_SET)
"""Kinds whose legs are all outcomes; the others choose among those whose books are proven."""
LEGS_MIN = 2
"""Fewer books make no plan of any kind."""


def proven_books(
    feeds: Feeds, event: EventGroup, at_ms: Ms, tokens: Iterable[TokenId], *, whole: bool = True
) -> Mapping[TokenId, LiveBook] | Refusal:
    """Return the proven books of these tokens; if not `whole` without those that are not proven.

    Otherwise which leg's book cannot be planned on, and why.
    """
    books: dict[TokenId, LiveBook] = {}
    missing: Refusal | None = None
    for token in tokens:
        book = feeds.live(token, at_ms)
        if not isinstance(book, NotLive):
            books[token] = book
            continue
        name = event.market_of(token).name
        text = f"expected a proven book for {name}, found: {book.value}; try again when the feed is live"
        missing = missing or Refusal(RefusalKind.BOOK_NOT_LIVE, text)
        if whole:
            return missing
    return missing if missing is not None and len(books) < LEGS_MIN else books
