"""Hands proven books on, once in a while: right after the core's check, so that looking changes nothing."""

from collections.abc import Callable, Iterable, Sequence

from engine.core.feed.feeds import Feeds
from engine.core.history import kept_of
from engine.domain.book import LiveBook
from engine.domain.history import KeptSnapshot
from engine.domain.ids import TokenId
from engine.domain.units import Ms


class BookKeeper:
    """Keeps every live book, at most once per `every_ms`; a doubtful or one-sided one is left out."""

    def __init__(self, keep: Callable[[Sequence[KeptSnapshot]], None], every_ms: int) -> None:
        """Take whoever keeps them."""
        self._keep = keep
        self._every_ms = every_ms
        self._kept_ms: Ms | None = None
        self.kept = 0
        """Books handed on so far."""

    def after_check(self, feeds: Feeds, tokens: Iterable[TokenId], at_ms: Ms) -> None:
        """Hand on the books of these tokens if it is time."""
        if self._kept_ms is not None and at_ms - self._kept_ms < self._every_ms:
            return
        found = (feeds.live(token, at_ms) for token in tokens)
        books = [kept_of(book, at_ms) for book in found if isinstance(book, LiveBook)]
        if books:
            self._keep(books)
            self.kept += len(books)
            self._kept_ms = at_ms
