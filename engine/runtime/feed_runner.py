"""A feed core on live connections without a desk: no orders, no keys. For recording and for keeping books.

Every input goes through one door: it is written to the journal, if there is one, then taken by the core.
Only the feed's own effects are performed; alerts become log lines.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from engine.clock import Clock
from engine.core.feed.inlet import (
    BooksAnswered,
    BooksRefused,
    Checked,
    FeedInlet,
    FeedInput,
    Heard,
    Linked,
    Tracked,
)
from engine.core.feed.tracked import TrackedToken
from engine.domain.effects import Count, Effect, FetchBooks, PassOn, RaiseAlert, Reconnect, Subscribe
from engine.domain.failure import VenueFailure
from engine.domain.frames import Frame
from engine.domain.ids import ConnectionId
from engine.domain.units import Ms
from engine.metrics import Metrics
from engine.ports import BookBodies, FeedJournal, MarketFeed
from engine.runtime.feed_tally import FeedTally
from engine.runtime.supervise import TaskSet

CHECK_S = 1.0
DRAIN_S = 2.0
_LOG = logging.getLogger(__name__)


class FeedRunner:
    """Runs one feed core. `hear` is what the sockets decode with, so that the bytes come by here first."""

    def __init__(
        self,
        inlet: FeedInlet,
        *,
        clock: Clock,
        books: BookBodies,
        metrics: Metrics,
        journal: FeedJournal | None = None,
        after_check: Callable[[Ms], None] = lambda _at_ms: None,
    ) -> None:
        """Take the ports; `after_check` is called once a second, when every live book has been verified."""
        self._inlet = inlet
        self._clock = clock
        self._books = books
        self._metrics = metrics
        self._journal = journal
        self._after_check = after_check
        self._tasks = TaskSet(metrics)
        self._feed: MarketFeed | None = None
        self._stopped = False
        self.tally = FeedTally()

    def hear(self, connection: ConnectionId, raw: bytes) -> tuple[Frame, ...]:
        """Take a message as it came; its frames are applied already when they are returned."""
        self._enter(Heard(self._clock.now_ms(), connection, raw))
        return self._inlet.frames

    def track(self, tokens: Sequence[TrackedToken]) -> None:
        """Watch exactly these tokens from now on."""
        self._enter(Tracked(self._clock.now_ms(), tuple(tokens)))

    def stop(self) -> None:
        """Take nothing more: what ending the connections brings is no part of the run."""
        self._stopped = True

    def begin(self, feed: MarketFeed, tokens: Sequence[TrackedToken]) -> None:
        """Take the connections that `hear` belongs to, and have them carry these tokens."""
        self._feed = feed
        self.track(tokens)

    async def run(self, feed: MarketFeed, tokens: Sequence[TrackedToken]) -> None:
        """Watch these tokens until cancelled, or until every connection is given up.

        A fault of ours, the socket's or the core's, ends it and is raised.
        """
        self.begin(feed, tokens)
        try:
            async with asyncio.TaskGroup() as group:
                checks = group.create_task(self._check_each_second(), name="feed-check")
                await feed.run(lambda _number, _frames: None, self.link, _given_up)
                checks.cancel()
        finally:
            await self._tasks.drain(DRAIN_S)

    async def _check_each_second(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            self.check()

    def check(self) -> None:
        """Do what is due by time; called once a second while running."""
        now_ms = self._clock.now_ms()
        self._enter(Checked(now_ms))
        self._after_check(now_ms)

    def link(self, connection: ConnectionId, up: bool) -> None:  # noqa: FBT001 - the port's callback
        """Note that a connection came up or went down."""
        self._enter(Linked(self._clock.now_ms(), connection, up))

    def _enter(self, entry: FeedInput) -> None:
        if self._stopped:
            return
        if self._journal is not None:
            self._journal.write(entry)
        effects = self._inlet.take(entry)
        self.tally.note(entry, effects)
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        assert self._feed is not None, "inputs come while the feed runs"
        match effect:
            case Count(metric, label, by):
                self._metrics.count(metric, label, by)
            case FetchBooks():
                self._tasks.spawn("books", self._fetch(effect))
            case Subscribe(connections):
                self._feed.subscribe(connections)
            case Reconnect(connection):
                self._feed.reconnect(connection)
            case RaiseAlert(alert):
                self._metrics.count("alerts_total", alert.severity.value)
                _LOG.warning("%s: %s; %s", alert.subject, alert.text, alert.next_step)
            case PassOn():
                pass  # listings and answers concern the catalogue, which is read anew by whoever runs this
            case _:
                raise AssertionError(f"expected an effect of the feed core, was {effect}")

    async def _fetch(self, effect: FetchBooks) -> None:
        bodies = await self._books.read_book_bodies(effect.tokens)
        now_ms = self._clock.now_ms()
        if isinstance(bodies, VenueFailure):
            self._enter(BooksRefused(now_ms, effect.tokens, bodies.reason))
        else:
            self._enter(BooksAnswered(now_ms, effect.tokens, bodies))


def _given_up(connection: ConnectionId, why: str) -> None:
    _LOG.error("market connection %d is given up, its markets stay down: %s", connection, why)
