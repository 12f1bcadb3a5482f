"""The feed core: market frames in, proven books out. Called directly by the sockets' callbacks.

`Feeds` gives every message to the tokens it names (`token`) and acts on their verdicts (`resync`);
what time brings is `upkeep`'s. Effects wait inside until the call returns them, or `drain` does. No
clock, no I/O, no log.
"""

from collections import Counter
from collections.abc import Iterable

from engine.core.feed.intake import Intake
from engine.core.feed.market import FeedStatus, Touch, Watched
from engine.core.feed.pulse import Pulse
from engine.core.feed.resync import Resyncs, move
from engine.core.feed.table import NOT_LIVE, FeedEvent, FeedState
from engine.core.feed.token import CHECK_EVERY, FRAMES
from engine.core.feed.tracked import TrackedToken
from engine.core.feed.upkeep import SILENCE_MS, SNAPSHOT_PATIENCE_MS, Upkeep
from engine.domain.book import LiveBook, NotLive
from engine.domain.effects import Effect, Subscribe
from engine.domain.frames import (
    BookDelta,
    BookSnapshot,
    Frame,
)
from engine.domain.ids import ConditionId, ConnectionId, TokenId
from engine.domain.units import Ms

__all__ = ["SILENCE_MS", "SNAPSHOT_PATIENCE_MS", "FeedStatus", "Feeds", "TrackedToken"]

TOKENS_PER_CONNECTION = 200
"""Above some 500 the venue's first snapshots get lost in practice (protocol 2.4)."""


class Feeds:
    """Every tracked book and the state of the connections that feed them."""

    def __init__(
        self, *, tokens_per_connection: int = TOKENS_PER_CONNECTION, check_every: int = CHECK_EVERY
    ) -> None:
        self._watched = Watched(tokens_per_connection)
        self._tally: Counter[tuple[str, str]] = Counter()
        self._resyncs = Resyncs(self._tally)
        self._upkeep = Upkeep(self._watched, self._resyncs, self._tally)
        self._intake = Intake(self._watched, self._resyncs, self._upkeep, self._tally, check_every)

    @property
    def sequence(self) -> int:
        """How many frames and answers concerned a tracked book."""
        return self._intake.sequence

    def track(self, tokens: Iterable[TrackedToken], at_ms: Ms) -> tuple[Effect, ...]:
        """Watch exactly these tokens; those known already keep their books unless their tick changed."""
        wanted = {token.token_id: token for token in tokens}
        left = [
            token_id
            for token_id, feed in self._watched.feeds.items()
            # A token that the catalogue puts into another market is another token.
            if token_id not in wanted or wanted[token_id].condition_id != feed.token.condition_id
        ]
        changed = bool(left) or self._watched.feeds.keys() != wanted.keys()
        for token_id in sorted(left):
            gone, market_is_gone = self._watched.forget(token_id)
            self._resyncs.forget(gone, market_is_gone=market_is_gone)
        for token in wanted.values():
            feed = self._watched.feeds.get(token.token_id)
            if feed is None:
                self._watched.add(token, self._tally, at_ms)
            elif feed.retell(token):
                self._intake.change_tick(feed, token.tick, token.tick_text, None, at_ms)
        return (*((self._subscription(),) if changed else ()), *self._resyncs.waiting())

    def _subscription(self) -> Subscribe:
        connections = self._watched.connections.values()
        return Subscribe(tuple((connection.number, connection.tokens()) for connection in connections))

    def link(self, number: ConnectionId, *, up: bool, at_ms: Ms) -> tuple[Effect, ...]:
        """Note that a connection came up or went down; a book survives it, but must be proven again."""
        connection = self._watched.connections.get(number)
        if connection is None:
            return ()
        if connection.up:
            connection.up = connection.frozen = connection.stale = False
            for market in connection.markets.values():
                market.missed = None
            for feed in self._watched.on(connection):
                feed.disconnect()
                move(feed, FeedEvent.LINK_DOWN, at_ms)
        if up:
            self._tally["feed_connections_total", "opened"] += 1
            connection.up, connection.heard_ms = True, at_ms
            for feed in self._watched.on(connection):
                event = FeedEvent.LINK_UP_EMPTY if feed.book is None else FeedEvent.LINK_UP_WITH_BOOK
                move(feed, event, at_ms)
        return self._resyncs.waiting()

    def apply(self, number: ConnectionId, frame: Frame, at_ms: Ms) -> tuple[Effect, ...]:
        """Apply one frame of a connection whole, or nothing of it."""
        connection = self._watched.connections.get(number)
        if connection is None or not connection.up or connection.frozen:
            self._tally[FRAMES, "late"] += 1
            return ()
        if isinstance(frame, BookDelta):
            self._intake.take_delta(connection, frame, at_ms)
        else:
            self._intake.take_rare(connection, frame, at_ms)
        return self._waiting() if self._resyncs.waits or self._intake.notices else ()

    def books_read(
        self, asked: Iterable[TokenId], snapshots: Iterable[BookSnapshot], at_ms: Ms
    ) -> tuple[Effect, ...]:
        """Take REST books: they restore what is being resynced, and tell whether the stream keeps up.

        A token that still needs a book and got none asks again when its turn comes.
        """
        by_token = {snapshot.token_id: snapshot for snapshot in snapshots}
        asked = tuple(asked)
        is_probe = self._upkeep.rota.answered(asked)
        for token_id in asked:
            feed = self._watched.feeds.get(token_id)
            if feed is None:
                continue
            snapshot = by_token.get(token_id)
            counts = is_probe or feed.throttle.answered()
            if feed.state is not FeedState.RESYNCING:
                if snapshot is not None:
                    self._upkeep.compare(feed, snapshot, at_ms)
            elif is_probe:
                pass  # asked before the doubt: the book that was asked for because of it is on its way
            elif counts and snapshot is not None and feed.take_rest(snapshot, at_ms):
                self._intake.sequence += 1
                self._intake.touched.add(feed.token.condition_id)
                self._resyncs.prove(feed, self._watched.market_of(feed), at_ms)
            else:
                self._resyncs.want(feed, at_ms)
        return self._waiting()

    def books_read_failed(self, asked: Iterable[TokenId], at_ms: Ms) -> tuple[Effect, ...]:
        """Note that a read came to nothing: every token asks again when its turn comes."""
        return self.books_read(asked, (), at_ms)

    def check(self, at_ms: Ms) -> tuple[Effect, ...]:
        """Do what is due by time, once a second: newest checksums, silence, patience, reads, probes."""
        self._upkeep.check(at_ms)
        return self.drain()

    def live(self, token_id: TokenId, at_ms: Ms) -> LiveBook | NotLive:
        """Return the proven book, checking its newest checksum now if that has not been done.

        A mismatch found here starts the resync; its effects come with the next call or with `drain`.
        """
        feed = self._watched.feeds.get(token_id)
        if feed is None:
            return NotLive.UNTRACKED
        if feed.state is not FeedState.LIVE:
            return NOT_LIVE[feed.state]
        market = self._watched.market_of(feed)
        if market.connection.frozen:
            return NotLive.FROZEN
        confirmed_ms = market.confirmed()
        if at_ms - confirmed_ms >= SILENCE_MS:
            return NotLive.STALE
        if not self._upkeep.is_proven(feed, at_ms):
            return NotLive.RESYNCING
        assert feed.book is not None, "a live feed has a book"
        assert feed.stamp is not None, "a live feed has a checksum"
        if feed.book.crossed():
            return NotLive.CROSSED
        bids, asks = feed.levels()
        if not (bids and asks):
            return NotLive.EMPTY
        return LiveBook(
            condition_id=feed.token.condition_id,
            token_id=token_id,
            tick=feed.tick,
            bids=bids,
            asks=asks,
            hash=feed.stamp.hash,
            epoch=feed.epoch,
            venue_ms=feed.stamp.venue_ms,
            confirmed_ms=confirmed_ms,
        )

    def take_touched(self) -> set[ConditionId]:
        """Return the markets whose books may have changed since the last call, and forget them."""
        touched, self._intake.touched = self._intake.touched, set()
        return touched

    def touch(self, token_id: TokenId) -> Touch:
        """Return the best bid and ask of a book as it stands, proven or not; None for an empty side."""
        feed = self._watched.feeds.get(token_id)
        if feed is None or feed.book is None:
            return None, None
        return feed.book.best_bid(), feed.book.best_ask()

    def owes(self, token_id: TokenId) -> bool:
        """Tell whether the venue has, or may have, a newer book than the stream has brought."""
        feed = self._watched.feeds.get(token_id)
        return feed is not None and self._upkeep.owes(feed)

    def pulses(self, at_ms: Ms) -> tuple[Counter[Pulse], Counter[Pulse]]:
        """Return how many connections and how many markets have which pulse."""
        return self._upkeep.pulses(at_ms)

    def status(self, at_ms: Ms) -> FeedStatus:
        """Return how many markets are live and what is wrong with the others."""
        return self._upkeep.status(at_ms)

    def drain(self) -> tuple[Effect, ...]:
        """Return everything that waits, the counts included."""
        if self._intake.deltas:
            self._tally[FRAMES, "price_change"] += self._intake.deltas
            self._intake.deltas = 0
        return (*self._waiting(), *self._resyncs.counts())

    def _waiting(self) -> tuple[Effect, ...]:
        waiting = self._resyncs.waiting()
        if self._intake.notices:
            waiting += tuple(self._intake.notices)
            self._intake.notices.clear()
        return waiting
