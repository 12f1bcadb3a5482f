"""Hands proven books on, once in a while: right after the core's check, so that looking changes nothing."""

from collections.abc import Iterable

from engine.core.feed import Feeds
from engine.domain.book import LiveBook
from engine.domain.ids import TokenId
from engine.domain.units import Ms
from engine.ports import SnapshotSink


class BookKeeper:
    """Puts every live book into a sink, at most once per `every_ms`; a doubtful or empty one is left out."""

    def __init__(self, sink: SnapshotSink, every_ms: int) -> None:
        self._sink = sink
        self._every_ms = every_ms
        self._kept_ms: Ms | None = None
        self.kept = 0
        """Books handed on so far."""

    def after_check(self, feeds: Feeds, tokens: Iterable[TokenId], at_ms: Ms) -> None:
        """Hand on the books of these tokens if it is time."""
        if self._kept_ms is not None and at_ms - self._kept_ms < self._every_ms:
            return
        live = [book for token in tokens if isinstance(book := feeds.live(token, at_ms), LiveBook)]
        for book in live:
            self._sink.put(book, at_ms)
        self.kept += len(live)
        if live:
            self._kept_ms = at_ms
