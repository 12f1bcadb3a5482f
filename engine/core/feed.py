"""The feed core: market frames in, proven books out. Called directly by the socket's callback.

`Feeds` gives every message to the tokens it names and acts on their verdicts (`feed_token`, `feed_resync`).
Effects wait inside until the call returns them, or `drain` does. No clock, no I/O, no log.
"""

from collections import Counter
from collections.abc import Iterable
from typing import assert_never

from engine.core.feed_market import FeedStatus, Watched, feed_status
from engine.core.feed_resync import Resyncs, move
from engine.core.feed_table import NOT_LIVE, Fault, FeedEvent, FeedState, Reason
from engine.core.feed_token import FRAMES, TokenFeed
from engine.core.feed_tracked import TrackedToken
from engine.domain.book import LiveBook, NotLive
from engine.domain.effects import Effect
from engine.domain.frames import (
    BookDelta,
    BookSnapshot,
    Frame,
    Ignored,
    LastTrade,
    LevelChange,
    Malformed,
    TickChange,
)
from engine.domain.ids import TokenId
from engine.domain.units import Ms, Price, format_price

__all__ = ["SILENCE_MS", "FeedStatus", "Feeds", "TrackedToken"]

SILENCE_MS = 20_000
"""A connection not heard for so long, PONG included, confirms nothing (design 7, Books)."""
SNAPSHOT_PATIENCE_MS = 5_000
"""How long a subscribed token may stay without a confirmed book before REST is asked."""


class Feeds:
    """Every tracked book and the state of the connection that feeds them."""

    def __init__(self) -> None:
        self.sequence = 0
        """Counts frames that concerned a tracked book."""
        self._watched = Watched()
        self._heard_ms: Ms | None = None
        """None while the link is down."""
        self._silent = False
        self._tally: Counter[tuple[str, str]] = Counter()
        self._resyncs = Resyncs(self._tally)

    def track(self, tokens: Iterable[TrackedToken], at_ms: Ms) -> tuple[Effect, ...]:
        """Watch exactly these tokens; those known already keep their books unless their tick changed."""
        wanted = {token.token_id: token for token in tokens}
        for token_id in self._watched.feeds.keys() - wanted.keys():
            gone, market_is_gone = self._watched.forget(token_id)
            self._resyncs.forget(gone, market_is_gone=market_is_gone)
        for token in wanted.values():
            feed = self._watched.feeds.get(token.token_id)
            if feed is None:
                state = FeedState.DOWN if self._heard_ms is None else FeedState.WAITING
                self._watched.add(token, self._tally, state, at_ms)
            elif feed.retell(token):
                self._change_tick(feed, token.tick, token.tick_text, None, at_ms)
        return self._resyncs.waiting()

    def link(self, *, up: bool, at_ms: Ms) -> tuple[Effect, ...]:
        """Note that the connection came up or went down; a book survives it, but must be proven again."""
        if self._heard_ms is not None:
            self._heard_ms = None
            self._silent = False
            for feed in self._watched.feeds.values():
                feed.disconnect()
                move(feed, FeedEvent.LINK_DOWN, at_ms)
        if up:
            self._heard_ms = at_ms
            for feed in self._watched.feeds.values():
                event = FeedEvent.LINK_UP_EMPTY if feed.book is None else FeedEvent.LINK_UP_WITH_BOOK
                move(feed, event, at_ms)
        return self._resyncs.waiting()

    def heard(self, at_ms: Ms) -> None:
        """Note a sign of life of the connection: any frame, PONG included."""
        if self._heard_ms is None:
            return
        self._heard_ms = at_ms
        if self._silent:
            self._silent = False
            for feed in self._watched.feeds.values():
                move(feed, FeedEvent.HEARD, at_ms)

    def apply(self, frame: Frame, at_ms: Ms) -> tuple[Effect, ...]:
        """Apply one frame whole, or nothing of it."""
        if self._heard_ms is None:
            self._tally[FRAMES, "late"] += 1
            return ()
        self.heard(at_ms)
        match frame:
            case BookDelta():
                self._tally[FRAMES, "price_change"] += 1
                self._apply_delta(frame, at_ms)
            case BookSnapshot():
                self._tally[FRAMES, "book"] += 1
                self._apply_snapshot(frame, at_ms)
            case LastTrade():
                self._tally[FRAMES, "last_trade_price"] += 1
                self._apply_trade(frame)
            case TickChange():
                self._tally[FRAMES, "tick_size_change"] += 1
                self._apply_tick(frame, at_ms)
            case Ignored(kind):
                self._tally[FRAMES, kind] += 1
            case Malformed(reason):
                self._tally["feed_malformed_total", reason] += 1
            case _:
                assert_never(frame)
        return self._resyncs.waiting()

    def _apply_delta(self, delta: BookDelta, at_ms: Ms) -> None:
        parts: dict[TokenId, list[LevelChange]] = {}
        for change in delta.changes:
            if change.token_id in self._watched.feeds:
                parts.setdefault(change.token_id, []).append(change)
            else:
                self._tally[FRAMES, "foreign"] += 1
        if not parts:
            return
        self.sequence += 1
        feeds = [(self._watched.feeds[token_id], changes) for token_id, changes in parts.items()]
        objections = [feed.objection(delta, changes, at_ms) for feed, changes in feeds]
        fault = next((found for found in objections if found is not None), None)
        if fault is not None:
            self._refuse_delta(delta, list(zip(feeds, objections, strict=True)), fault, at_ms)
            return
        for feed, changes in feeds:
            self._judge(feed, feed.take_delta(delta, changes), at_ms)

    def _refuse_delta(
        self,
        delta: BookDelta,
        parts: list[tuple[tuple[TokenFeed, list[LevelChange]], Fault | None]],
        fault: Fault,
        at_ms: Ms,
    ) -> None:
        """Apply nothing. Every token of the message has now missed a change, so each is doubted."""
        for (feed, changes), own in parts:
            if own is None or own.reason is Reason.OFF_GRID:
                feed.hold(delta, changes)
            else:
                feed.held.clear()
            self._resyncs.doubt(feed, own or fault, at_ms)

    def _apply_snapshot(self, snapshot: BookSnapshot, at_ms: Ms) -> None:
        feed = self._watched.feeds.get(snapshot.token_id)
        if feed is None:
            self._tally[FRAMES, "foreign"] += 1
            return
        self.sequence += 1
        self._judge(feed, feed.take_snapshot(snapshot, at_ms), at_ms)

    def _apply_trade(self, trade: LastTrade) -> None:
        market = self._watched.markets.get(trade.condition_id)
        if market is None:
            self._tally[FRAMES, "foreign"] += 1
            return
        self.sequence += 1
        market.tape.announce(trade.price_text)

    def _apply_tick(self, change: TickChange, at_ms: Ms) -> None:
        """Void both books of the market: a tick is the market's, whichever token the message names."""
        market = self._watched.markets.get(change.condition_id)
        if market is None:
            self._tally[FRAMES, "foreign"] += 1
            return
        self.sequence += 1
        for feed in market.tokens.values():
            if feed.tick != change.new_tick:
                self._change_tick(feed, change.new_tick, change.new_tick_text, change.venue_ms, at_ms)

    def _change_tick(
        self, feed: TokenFeed, tick: Price, tick_text: str, venue_ms: Ms | None, at_ms: Ms
    ) -> None:
        found = Fault(Reason.TICK_CHANGE, f"tick {format_price(feed.tick)}", format_price(tick))
        feed.set_tick(tick, tick_text, venue_ms)
        self._resyncs.doubt(feed, found, at_ms)

    def books_read(
        self, asked: Iterable[TokenId], snapshots: Iterable[BookSnapshot], at_ms: Ms
    ) -> tuple[Effect, ...]:
        """Take REST books for the tokens that still need one; the others ask again when their turn comes."""
        by_token = {snapshot.token_id: snapshot for snapshot in snapshots}
        for token_id in asked:
            feed = self._watched.feeds.get(token_id)
            if feed is None:
                continue
            feed.throttle.answered()
            if feed.state is not FeedState.RESYNCING:
                continue
            snapshot = by_token.get(token_id)
            if snapshot is not None and feed.take_rest(snapshot, at_ms):
                self.sequence += 1
                self._prove(feed, at_ms)
            else:
                self._resyncs.want(feed, at_ms)
        return self._resyncs.waiting()

    def books_read_failed(self, asked: Iterable[TokenId], at_ms: Ms) -> tuple[Effect, ...]:
        """Note that a read came to nothing: every token asks again when its turn comes."""
        return self.books_read(asked, (), at_ms)

    def check(self, at_ms: Ms) -> tuple[Effect, ...]:
        """Do what is due by time, once a second: silence, newest checksums, patience, delayed reads."""
        if self._heard_ms is not None and not self._silent and at_ms - self._heard_ms >= SILENCE_MS:
            self._silent = True
            for feed in self._watched.feeds.values():
                move(feed, FeedEvent.SILENT, at_ms)
        for feed in self._watched.feeds.values():
            match feed.state:
                case FeedState.LIVE:
                    self._is_proven(feed, at_ms)
                case FeedState.RESYNCING:
                    self._resyncs.want(feed, at_ms)
                case FeedState.WAITING | FeedState.UNPROVEN:
                    if at_ms - feed.since_ms >= SNAPSHOT_PATIENCE_MS:
                        waited = f"none in {SNAPSHOT_PATIENCE_MS // 1000} s"
                        self._resyncs.doubt(feed, Fault(Reason.NO_SNAPSHOT, "a book", waited), at_ms)
                case FeedState.STALE | FeedState.DOWN:
                    pass
                case _:
                    assert_never(feed.state)
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
        assert self._heard_ms is not None, "a live feed has a connection"
        if at_ms - self._heard_ms >= SILENCE_MS:
            return NotLive.STALE
        if not self._is_proven(feed, at_ms):
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
            confirmed_ms=self._heard_ms,
        )

    def status(self, at_ms: Ms) -> FeedStatus:
        """Return how many markets are live and what is wrong with the others."""
        link = None
        if self._heard_ms is None:
            link = NotLive.DOWN
        elif at_ms - self._heard_ms >= SILENCE_MS:
            link = NotLive.STALE
        return feed_status(self._watched.markets.values(), link, self._resyncs.count)

    def drain(self) -> tuple[Effect, ...]:
        """Return everything that waits, the counts included."""
        return (*self._resyncs.waiting(), *self._resyncs.counts())

    def _judge(self, feed: TokenFeed, outcome: Fault | FeedEvent | None, at_ms: Ms) -> None:
        if isinstance(outcome, Fault):
            self._resyncs.doubt(feed, outcome, at_ms)
        elif outcome is FeedEvent.PROVEN:
            self._prove(feed, at_ms)
        elif outcome is not None:
            move(feed, outcome, at_ms)

    def _is_proven(self, feed: TokenFeed, at_ms: Ms) -> bool:
        if not feed.proven and (fault := feed.verify()) is not None:
            self._resyncs.doubt(feed, fault, at_ms)
            return False
        return True

    def _prove(self, feed: TokenFeed, at_ms: Ms) -> None:
        move(feed, FeedEvent.PROVEN, at_ms)
        if self._watched.markets[feed.token.condition_id].is_live():
            self._resyncs.over(feed, at_ms)
