"""The feed core: market frames in, proven books out. Called directly by the sockets' callbacks.

`Feeds` gives every message to the tokens it names (`feed_token`) and acts on their verdicts (`feed_resync`);
what time brings is
`feed_upkeep`'s. Effects wait inside until the call returns them, or `drain` does. No
clock, no I/O, no log.
"""

from collections import Counter
from collections.abc import Iterable
from typing import assert_never

from engine.core.feed_faults import AHEAD_MS_MAX
from engine.core.feed_market import Connection, FeedStatus, MarketFeed, Watched
from engine.core.feed_pulse import Pulse
from engine.core.feed_resync import Resyncs, move
from engine.core.feed_table import NOT_LIVE, Fault, FeedEvent, FeedState, Reason
from engine.core.feed_token import CHECK_EVERY, FRAMES, TokenFeed
from engine.core.feed_tracked import TrackedToken
from engine.core.feed_upkeep import SILENCE_MS, SNAPSHOT_PATIENCE_MS, Upkeep
from engine.domain.book import LiveBook, NotLive
from engine.domain.effects import Effect, PassOn, Subscribe
from engine.domain.frames import (
    BestTouch,
    BookDelta,
    BookSnapshot,
    Frame,
    Ignored,
    LastTrade,
    LevelChange,
    Malformed,
    MarketResolved,
    NewMarket,
    TickChange,
)
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.units import PRICES, Ms, Price, format_price

__all__ = ["SILENCE_MS", "SNAPSHOT_PATIENCE_MS", "FeedStatus", "Feeds", "TrackedToken"]

TOKENS_PER_CONNECTION = 200
"""Above some 500 the venue's first snapshots get lost in practice (protocol 2.4)."""


class Feeds:
    """Every tracked book and the state of the connections that feed them."""

    def __init__(
        self, *, tokens_per_connection: int = TOKENS_PER_CONNECTION, check_every: int = CHECK_EVERY
    ) -> None:
        self.sequence = 0
        """Counts frames that concerned a tracked book."""
        self._watched = Watched(tokens_per_connection)
        self._tally: Counter[tuple[str, str]] = Counter()
        self._deltas = 0
        """Counted apart from `_tally`, which would cost as much as applying a change."""
        self._resyncs = Resyncs(self._tally)
        self._upkeep = Upkeep(self._watched, self._resyncs, self._tally)
        self._check_every = check_every
        self._notices: list[PassOn] = []

    def track(self, tokens: Iterable[TrackedToken], at_ms: Ms) -> tuple[Effect, ...]:
        """Watch exactly these tokens; those known already keep their books unless their tick changed."""
        wanted = {token.token_id: token for token in tokens}
        known = self._watched.feeds.keys()
        changed = known != wanted.keys()
        for token_id in known - wanted.keys():
            gone, market_is_gone = self._watched.forget(token_id)
            self._resyncs.forget(gone, market_is_gone=market_is_gone)
        for token in wanted.values():
            feed = self._watched.feeds.get(token.token_id)
            if feed is None:
                self._watched.add(token, self._tally, at_ms)
            elif feed.retell(token):
                self._change_tick(feed, token.tick, token.tick_text, None, at_ms)
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
            for feed in self._watched.on(connection):
                feed.disconnect()
                move(feed, FeedEvent.LINK_DOWN, at_ms)
        if up:
            self._tally["feed_connections_total", "opened"] += 1
            connection.up, connection.heard_ms = True, at_ms
            for market in connection.markets.values():
                market.missed = None
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
            self._deltas += 1
            if connection.stale:
                self._upkeep.revive(connection, at_ms)
            connection.heard_ms = at_ms
            self._apply_delta(connection, frame, at_ms)
        else:
            self._apply_rare(connection, frame, at_ms)
        return self._waiting() if self._resyncs.waits or self._notices else ()

    def _hear(self, connection: Connection, at_ms: Ms) -> None:
        """Take a message about the market as a sign of life of its connection."""
        connection.heard_ms = at_ms
        if connection.stale:
            self._upkeep.revive(connection, at_ms)

    def _apply_rare(self, connection: Connection, frame: Frame, at_ms: Ms) -> None:
        match frame:
            case Ignored(kind):
                self._tally[FRAMES, kind] += 1
                return
            case Malformed(reason):
                self._tally["feed_malformed_total", reason] += 1
                return
            case _:
                self._hear(connection, at_ms)
        match frame:
            case BookSnapshot():
                self._tally[FRAMES, "book"] += 1
                self._apply_snapshot(frame, at_ms)
            case LastTrade():
                self._tally[FRAMES, "last_trade_price"] += 1
                self._apply_trade(frame)
            case TickChange():
                self._tally[FRAMES, "tick_size_change"] += 1
                self._apply_tick(frame, at_ms)
            case BestTouch():
                self._tally[FRAMES, "best_bid_ask"] += 1
                self._compare_touch(frame, at_ms)
            case NewMarket() | MarketResolved():
                self._tally[FRAMES, "new_market" if isinstance(frame, NewMarket) else "market_resolved"] += 1
                self._notices.append(PassOn(frame))
            case BookDelta():
                raise AssertionError("changes are not rare")
            case _:
                assert_never(frame)

    def _apply_delta(self, connection: Connection, delta: BookDelta, at_ms: Ms) -> None:
        """Apply a message to a steady market at once; whatever is unusual goes the careful way."""
        market = self._watched.markets.get(delta.condition_id)
        venue_ms = Ms(int(delta.timestamp_text))
        if (
            market is None
            or market.connection is not connection
            or not (market.shared.steady or market.is_steady())
            or not market.venue_ms <= venue_ms <= at_ms + AHEAD_MS_MAX
        ):
            self._apply_carefully(delta, at_ms)
            return
        tokens, tick, prices = market.tokens, market.tick, PRICES
        ready: list[tuple[TokenFeed, Price, LevelChange]] = []
        for change in delta.changes:
            feed = tokens.get(change.token_id)
            price = prices[change.price]
            if feed is None or price % tick:
                self._apply_carefully(delta, at_ms)
                return
            ready.append((feed, price, change))
        market.venue_ms, market.moved_ms = venue_ms, at_ms
        self.sequence += 1
        known = True
        for feed, price, change in ready:
            if not feed.book.put(change.side, price, change):  # type: ignore[union-attr]  # a live feed has one
                known = False
            # If one token appears twice in a message, only its last checksum and touch describe the book.
            feed.last, feed.delta = change, delta
        for feed in tokens.values():
            if feed.delta is delta and not (feed.follows(self._check_every) and known):
                own = [each for each in delta.changes if each.token_id == feed.token.token_id]
                self._judge(feed, feed.examine(own, known=known), at_ms)

    def _apply_carefully(self, delta: BookDelta, at_ms: Ms) -> None:
        parts: dict[TokenId, list[LevelChange]] = {}
        for change in delta.changes:
            if change.token_id in self._watched.feeds:
                parts.setdefault(change.token_id, []).append(change)
            else:
                self._tally[FRAMES, "foreign"] += 1
        if not parts:
            return
        self.sequence += 1
        for token_id in parts:
            self._market_of(self._watched.feeds[token_id]).moved_ms = at_ms
        feeds = [(self._watched.feeds[token_id], changes) for token_id, changes in parts.items()]
        objections = [feed.objection(delta, changes, at_ms) for feed, changes in feeds]
        fault = next((found for found in objections if found is not None), None)
        if fault is not None:
            self._refuse_delta(delta, list(zip(feeds, objections, strict=True)), fault, at_ms)
            return
        for feed, changes in feeds:
            self._judge(feed, feed.take_delta(delta, changes, self._check_every), at_ms)

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
        self._watched.markets[feed.token.condition_id].moved_ms = at_ms
        self._judge(feed, feed.take_snapshot(snapshot, at_ms), at_ms)

    def _apply_trade(self, trade: LastTrade) -> None:
        market = self._watched.markets.get(trade.condition_id)
        if market is None:
            self._tally[FRAMES, "foreign"] += 1
            return
        self.sequence += 1
        market.shared.tape.announce(trade.price_text)

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

    def _compare_touch(self, told: BestTouch, at_ms: Ms) -> None:
        """Bring the check forward when the venue's word on the best prices is not ours; it decides."""
        feed = self._watched.feeds.get(told.token_id)
        if feed is None or feed.state is not FeedState.LIVE or feed.book is None:
            return
        if not feed.book.has_touch(told.best_bid, told.best_ask):
            self._upkeep.is_proven(feed, at_ms)

    def books_read(
        self, asked: Iterable[TokenId], snapshots: Iterable[BookSnapshot], at_ms: Ms
    ) -> tuple[Effect, ...]:
        """Take REST books: they restore what is being resynced, and tell whether the stream keeps up.

        A token that still needs a book and got none asks again when its turn comes.
        """
        by_token = {snapshot.token_id: snapshot for snapshot in snapshots}
        asked = tuple(asked)
        self._upkeep.rota.answered(asked)
        for token_id in asked:
            feed = self._watched.feeds.get(token_id)
            if feed is None:
                continue
            snapshot = by_token.get(token_id)
            if feed.state is not FeedState.RESYNCING:
                feed.throttle.answered()
                if snapshot is not None:
                    self._upkeep.compare(feed, snapshot, at_ms)
                continue
            feed.throttle.answered()
            if snapshot is not None and feed.take_rest(snapshot, at_ms):
                self.sequence += 1
                self._resyncs.prove(feed, self._market_of(feed), at_ms)
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
        confirmed_ms = self._market_of(feed).confirmed()
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

    def looked_at(self, tokens: Iterable[TokenId], at_ms: Ms) -> None:
        """Note that somebody else asks for these books now: what they confirm is confirmed since then."""
        for token_id in tokens:
            feed = self._watched.feeds.get(token_id)
            if feed is not None:
                self._market_of(feed).probed_ms = at_ms

    def owes(self, token_id: TokenId) -> bool:
        """Tell whether the venue is known to have a newer book than the stream has brought."""
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
        if self._deltas:
            self._tally[FRAMES, "price_change"] += self._deltas
            self._deltas = 0
        return (*self._waiting(), *self._resyncs.counts())

    def _waiting(self) -> tuple[Effect, ...]:
        waiting = self._resyncs.waiting()
        if self._notices:
            waiting += tuple(self._notices)
            self._notices.clear()
        return waiting

    def _market_of(self, feed: TokenFeed) -> MarketFeed:
        return self._watched.markets[feed.token.condition_id]

    def _judge(self, feed: TokenFeed, outcome: Fault | FeedEvent | None, at_ms: Ms) -> None:
        if isinstance(outcome, Fault):
            self._resyncs.doubt(feed, outcome, at_ms)
        elif outcome is FeedEvent.PROVEN:
            self._resyncs.prove(feed, self._market_of(feed), at_ms)
        elif outcome is not None:
            move(feed, outcome, at_ms)
