"""The books of an event's legs, all proven or none: what a desk plans on, live or from a recording."""

from collections.abc import Mapping

from engine.core.draft import tokens_of
from engine.core.feed import Feeds
from engine.domain.book import LiveBook, NotLive
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms


def proven_books(feeds: Feeds, event: EventGroup, at_ms: Ms) -> Mapping[TokenId, LiveBook] | Refusal:
    """Return a proven book for every leg, or which leg's book cannot be planned on and why."""
    books: dict[TokenId, LiveBook] = {}
    for token in tokens_of(event):
        book = feeds.live(token, at_ms)
        if isinstance(book, NotLive):
            name = event.market_of(token).name
            text = f"expected a proven book for {name}, found: {book.value}; try again when the feed is live"
            return Refusal(RefusalKind.BOOK_NOT_LIVE, text)
        books[token] = book
    return books
