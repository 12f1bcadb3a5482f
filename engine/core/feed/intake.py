"""What one frame does: to the books it names, to the tokens it casts doubt on, to the desk's own loop.

A steady market takes a change at once; whatever is unusual goes the careful way, which judges the message
first and applies it whole or not at all. Belongs to `engine.core.feed.feeds.Feeds`.
"""

from collections import Counter
from typing import assert_never

from engine.core.feed.faults import AHEAD_MS_MAX, too_far_ahead
from engine.core.feed.market import Connection, MarketFeed, Watched
from engine.core.feed.resync import Resyncs, move
from engine.core.feed.table import Fault, FeedEvent, FeedState, Reason
from engine.core.feed.token import FRAMES, TokenFeed
from engine.core.feed.upkeep import Upkeep
from engine.domain.effects import PassOn
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
from engine.domain.ids import ConditionId, TokenId
from engine.domain.units import PRICES, Ms, Price, format_price


class Intake:
    """Takes frames of connections that are up and believed."""

    def __init__(
        self,
        watched: Watched,
        resyncs: Resyncs,
        upkeep: Upkeep,
        tally: Counter[tuple[str, str]],
        check_every: int,
    ) -> None:
        self.sequence = 0
        """Counts frames that concerned a tracked book."""
        self.deltas = 0
        """Counted apart from `tally`, which would cost as much as applying a change."""
        self.notices: list[PassOn] = []
        self.touched: set[ConditionId] = set()
        """Markets whose books may have changed since the planners last looked."""
        self._watched = watched
        self._resyncs = resyncs
        self._upkeep = upkeep
        self._tally = tally
        self._check_every = check_every

    def _hear(self, connection: Connection, at_ms: Ms) -> None:
        """Take a message about the market as a sign of life of its connection."""
        connection.heard_ms = at_ms
        if connection.stale:
            self._upkeep.revive(connection, at_ms)

    def take_rare(self, connection: Connection, frame: Frame, at_ms: Ms) -> None:
        """Apply a message that is not a change of levels."""
        match frame:
            case Ignored(kind):
                self._tally[FRAMES, kind] += 1
                return
            case Malformed(reason):
                self._tally["feed_malformed_total", reason] += 1
                return
            case NewMarket() | MarketResolved():
                # Told on every connection, whatever it carries: like a PONG no word on any book.
                self._tally[FRAMES, "new_market" if isinstance(frame, NewMarket) else "market_resolved"] += 1
                self.notices.append(PassOn(frame))
                return
            case _:
                self._hear(connection, at_ms)
        match frame:
            case BookSnapshot():
                self._tally[FRAMES, "book"] += 1
                self._apply_snapshot(connection, frame, at_ms)
            case LastTrade():
                self._tally[FRAMES, "last_trade_price"] += 1
                self._apply_trade(connection, frame)
            case TickChange():
                self._tally[FRAMES, "tick_size_change"] += 1
                self._apply_tick(connection, frame, at_ms)
            case BestTouch():
                self._tally[FRAMES, "best_bid_ask"] += 1
                self._compare_touch(connection, frame, at_ms)
            case BookDelta():
                raise AssertionError("changes are not rare")
            case _:
                assert_never(frame)

    def take_delta(self, connection: Connection, delta: BookDelta, at_ms: Ms) -> None:
        """Apply a message to a steady market at once; whatever is unusual goes the careful way."""
        self.deltas += 1
        if connection.stale:
            self._upkeep.revive(connection, at_ms)
        connection.heard_ms = at_ms
        market = self._watched.markets.get(delta.condition_id)
        venue_ms = Ms(int(delta.timestamp_text))
        if (
            market is None
            or market.connection is not connection
            or not (market.shared.steady or market.is_steady())
            or not market.venue_ms <= venue_ms <= at_ms + AHEAD_MS_MAX
        ):
            self._apply_carefully(connection, delta, at_ms)
            return
        tokens, tick, prices = market.tokens, market.tick, PRICES
        ready: list[tuple[TokenFeed, Price, LevelChange]] = []
        for change in delta.changes:
            feed = tokens.get(change.token_id)
            price = prices[change.price]
            if feed is None or price % tick:
                self._apply_carefully(connection, delta, at_ms)
                return
            ready.append((feed, price, change))
        market.venue_ms, market.moved_ms = venue_ms, at_ms
        self.sequence += 1
        self.touched.add(delta.condition_id)
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

    def _apply_carefully(self, connection: Connection, delta: BookDelta, at_ms: Ms) -> None:
        parts: dict[TokenId, list[LevelChange]] = {}
        for change in delta.changes:
            if self._feed_on(connection, change.token_id) is not None:
                parts.setdefault(change.token_id, []).append(change)
        if not parts:
            return
        self.sequence += 1
        for token_id in parts:
            self._watched.market_of(self._watched.feeds[token_id]).moved_ms = at_ms
            self.touched.add(self._watched.feeds[token_id].token.condition_id)
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

    def _feed_on(self, connection: Connection, token_id: TokenId) -> TokenFeed | None:
        """Return a token's feed if the connection carries it; another one has no word on it."""
        feed = self._watched.feeds.get(token_id)
        if feed is None or self._watched.market_of(feed).connection is not connection:
            self._tally[FRAMES, "foreign"] += 1
            return None
        return feed

    def _market_on(self, connection: Connection, condition_id: ConditionId) -> MarketFeed | None:
        """Return a market's feed if the connection carries it."""
        market = self._watched.markets.get(condition_id)
        if market is None or market.connection is not connection:
            self._tally[FRAMES, "foreign"] += 1
            return None
        return market

    def _apply_snapshot(self, connection: Connection, snapshot: BookSnapshot, at_ms: Ms) -> None:
        feed = self._feed_on(connection, snapshot.token_id)
        if feed is None:
            return
        self.sequence += 1
        self.touched.add(feed.token.condition_id)
        self._watched.market_of(feed).moved_ms = at_ms
        self._judge(feed, feed.take_snapshot(snapshot, at_ms), at_ms)

    def _apply_trade(self, connection: Connection, trade: LastTrade) -> None:
        market = self._market_on(connection, trade.condition_id)
        if market is None:
            return
        self.sequence += 1
        market.shared.tape.announce(trade.price_text)

    def _apply_tick(self, connection: Connection, change: TickChange, at_ms: Ms) -> None:
        """Void both books of the market: a tick is the market's, whichever token the message names."""
        market = self._market_on(connection, change.condition_id)
        if market is None:
            return
        self.sequence += 1
        ahead = too_far_ahead(change.venue_ms, at_ms)
        for feed in market.tokens.values():
            if ahead is not None:
                self._resyncs.doubt(feed, ahead, at_ms)
            elif not feed.knows_tick(change):
                self.change_tick(feed, change.new_tick, change.new_tick_text, change.venue_ms, at_ms)

    def change_tick(
        self, feed: TokenFeed, tick: Price, tick_text: str, venue_ms: Ms | None, at_ms: Ms
    ) -> None:
        """Put a token on another tick: its book is void until a new one comes."""
        found = Fault(Reason.TICK_CHANGE, f"tick {format_price(feed.tick)}", format_price(tick))
        feed.set_tick(tick, tick_text, venue_ms)
        self._resyncs.doubt(feed, found, at_ms)

    def _compare_touch(self, connection: Connection, told: BestTouch, at_ms: Ms) -> None:
        """Bring the check forward when the venue's word on the best prices is not ours; it decides."""
        feed = self._feed_on(connection, told.token_id)
        if feed is None or feed.state is not FeedState.LIVE or feed.book is None:
            return
        if not feed.book.has_touch(told.best_bid, told.best_ask):
            self._upkeep.is_proven(feed, at_ms)

    def _judge(self, feed: TokenFeed, outcome: Fault | FeedEvent | None, at_ms: Ms) -> None:
        if isinstance(outcome, Fault):
            self._resyncs.doubt(feed, outcome, at_ms)
        elif outcome is FeedEvent.PROVEN:
            self._resyncs.prove(feed, self._watched.market_of(feed), at_ms)
        elif outcome is not None:
            move(feed, outcome, at_ms)
