"""What time brings to the feeds, once a second: checksums that are due, silence, patience, reads, probes.

Moves states by the verdicts of `token` and `probe`; the frames themselves are `feeds`'s.
"""

from collections import Counter
from typing import assert_never

from engine.core.feed.market import Connection, FeedStatus, MarketFeed, Missed, Watched
from engine.core.feed.probe import OVERDUE_MS, Rota, Verdict, verdict
from engine.core.feed.pulse import Pulse, pulse_of_connection, pulse_of_market
from engine.core.feed.rebuild import stamp_of
from engine.core.feed.resync import Resyncs, move
from engine.core.feed.table import Fault, FeedEvent, FeedState, Reason
from engine.core.feed.token import CHECKS, TokenFeed
from engine.domain.book import NotLive
from engine.domain.frames import BookSnapshot
from engine.domain.units import PRICE_ONE, Ms

SILENCE_MS = 20_000
"""A book that nothing confirmed for so long is stale, and so is a PONG's word for it (design 7, Books)."""
SNAPSHOT_PATIENCE_MS = 5_000
"""How long a subscribed token may stay without a confirmed book before REST is asked."""
RECONNECT_PAUSE_MS = 30_000
"""A connection that froze is replaced at most this often: one that freezes again at once is the venue's."""


class Upkeep:
    """The part of `engine.core.feed.feeds.Feeds` that a clock drives."""

    def __init__(self, watched: Watched, resyncs: Resyncs, tally: Counter[tuple[str, str]]) -> None:
        self._watched = watched
        self._resyncs = resyncs
        self._tally = tally
        self.rota = Rota()

    def check(self, at_ms: Ms) -> None:
        """Do everything that is due."""
        for connection in self._watched.connections.values():
            if connection.up and at_ms - connection.heard_ms >= SILENCE_MS:
                self._make_stale(connection, at_ms)
        for market in self._watched.markets.values():
            for feed in market.tokens.values():
                self._attend(feed, at_ms)
            if market.missed is not None:
                self._await_missed(market, market.missed, at_ms)
            self._compare_mirror(market, at_ms)
        probe = self.rota.next(self._watched.markets.values(), at_ms)
        if probe:
            self._resyncs.probe(probe)

    def _attend(self, feed: TokenFeed, at_ms: Ms) -> None:
        match feed.state:
            case FeedState.LIVE:
                self.is_proven(feed, at_ms)
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

    def is_proven(self, feed: TokenFeed, at_ms: Ms) -> bool:
        """Compare the newest checksum if that has not been done; a mismatch starts the resync."""
        if not feed.proven and (fault := feed.verify()) is not None:
            self._resyncs.doubt(feed, fault, at_ms)
            return False
        return True

    def _make_stale(self, connection: Connection, at_ms: Ms) -> None:
        """Stop trusting the books of a silent connection, but for those that a probe confirmed."""
        for market in connection.markets.values():
            if at_ms - market.confirmed() >= SILENCE_MS:
                connection.stale = True
                for feed in market.tokens.values():
                    move(feed, FeedEvent.SILENT, at_ms)

    def revive(self, connection: Connection, at_ms: Ms) -> None:
        """Trust a connection that speaks again: it is one TCP stream, nothing in between can be lost."""
        connection.stale = False
        for market in connection.markets.values():
            for feed in market.tokens.values():
                self._resyncs.hear(feed, market, at_ms)

    def compare(self, feed: TokenFeed, snapshot: BookSnapshot, at_ms: Ms) -> None:
        """Hold a book read beside the stream against ours: confirmed, or the stream owes us one."""
        if feed.state not in (FeedState.LIVE, FeedState.STALE) or feed.book is None:
            return
        market = self._watched.markets[feed.token.condition_id]
        found = verdict(feed, snapshot)
        self._tally[CHECKS, found.value] += 1
        if found is Verdict.SAME:
            feed.rival = None
        if found is Verdict.AHEAD and market.missed is None:
            market.missed = Missed(feed.token.token_id, stamp_of(snapshot), at_ms)
        elif found is Verdict.SAME and self.is_proven(feed, at_ms):
            market.same |= {feed.token.token_id}
            if market.same >= market.tokens.keys():
                market.confirmed_ms, market.same = market.probed_ms, frozenset()
                for each in market.tokens.values():
                    if each.state is FeedState.STALE:
                        self._resyncs.hear(each, market, at_ms)
        elif found is Verdict.UNCLEAR and feed.is_outlasted(snapshot, at_ms):
            self._doubt_both(market, snapshot.venue_ms, at_ms)

    def _await_missed(self, market: MarketFeed, missed: Missed, at_ms: Ms) -> None:
        """See whether the stream has brought by now what a probe saw; if it is overdue, it never will."""
        feed = market.tokens.get(missed.token_id)
        if feed is None or feed.stamp is None or feed.stamp.venue_ms >= missed.stamp.venue_ms:
            market.missed = None
            return
        if at_ms - missed.since_ms < OVERDUE_MS:
            return
        market.missed = None
        connection = market.connection
        silent = connection.heard_ms < missed.since_ms
        again = market.missed_before_ms > market.moved_ms
        market.missed_before_ms = at_ms
        if silent or again:
            self._replace(connection, at_ms)
        if not (silent and connection.frozen):
            self._doubt_both(market, missed.stamp.venue_ms, at_ms)

    def _doubt_both(self, market: MarketFeed, venue_ms: Ms, at_ms: Ms) -> None:
        """Fetch both books of a market of which the stream has left something out."""
        for feed in market.tokens.values():
            newest = "none" if feed.stamp is None else f"the newest of {feed.stamp.venue_ms}"
            fault = Fault(Reason.MISSED, f"a change of venue time {venue_ms}", newest)
            self._resyncs.doubt(feed, fault, at_ms)

    def _replace(self, connection: Connection, at_ms: Ms) -> None:
        """Believe nothing more of a frozen connection and ask for another in its place."""
        if connection.frozen or at_ms - connection.reconnected_ms < RECONNECT_PAUSE_MS:
            return
        connection.frozen = connection.stale = True
        connection.reconnected_ms = at_ms
        for market in connection.markets.values():
            market.missed = None
        for feed in self._watched.on(connection):
            move(feed, FeedEvent.SILENT, at_ms)
        self._resyncs.replace(connection, at_ms)

    def _compare_mirror(self, market: MarketFeed, at_ms: Ms) -> None:
        """Doubt both books of a market whose best prices are no mirror of each other, twice in a row.

        Once may be between two messages of one millisecond.
        """
        feeds = [feed for feed in market.tokens.values() if feed.state is FeedState.LIVE and feed.proven]
        if len(feeds) < 2:
            market.askew = None
            return
        one, other = feeds
        assert one.book is not None and other.book is not None, "live feeds have books"  # noqa: PT018
        assert one.stamp is not None and other.stamp is not None, "live feeds have checksums"  # noqa: PT018
        bid, ask = other.book.best_bid(), other.book.best_ask()
        mirrored = (
            None if ask is None else Ms(PRICE_ONE - ask),
            None if bid is None else Ms(PRICE_ONE - bid),
        )
        if (one.book.best_bid(), one.book.best_ask()) == mirrored:
            market.askew = None
            return
        seen = (one.stamp.hash, other.stamp.hash)
        if market.askew == seen and market.askew_before != seen:
            market.askew_before = seen
            for feed in feeds:
                fault = Fault(Reason.MIRROR, "each token's best prices to mirror the other's", "they do not")
                self._resyncs.doubt(feed, fault, at_ms)
        market.askew = seen

    def owes(self, feed: TokenFeed) -> bool:
        """Tell whether the stream has, or may have, still to bring a book that a probe has seen."""
        if feed.rival is not None and feed.stamp is not None and feed.rival[0] == feed.stamp.hash:
            return True
        missed = self._watched.markets[feed.token.condition_id].missed
        return missed is not None and (feed.stamp is None or feed.stamp.venue_ms < missed.stamp.venue_ms)

    def status(self, at_ms: Ms) -> FeedStatus:
        """Sum up all markets; what is wrong with a whole connection is told once."""
        problems: list[str] = []
        live = 0
        for connection in self._watched.connections.values():
            if not connection.markets:
                continue
            wrong = self._wrong(connection, at_ms)
            if wrong is not None:
                name = f"connection {connection.number}: " if len(self._watched.connections) > 1 else ""
                problems.append(f"{name}{wrong}")
                continue
            told = [market.problem() for market in connection.markets.values()]
            problems += [problem for problem in told if problem is not None]
            live += told.count(None)
        return FeedStatus(live, len(self._watched.markets), tuple(problems), self._resyncs.count)

    def _wrong(self, connection: Connection, at_ms: Ms) -> str | None:
        if not connection.up:
            return NotLive.DOWN.value
        if connection.frozen:
            return NotLive.FROZEN.value
        confirmed = max(market.confirmed() for market in connection.markets.values())
        return NotLive.STALE.value if at_ms - confirmed >= SILENCE_MS else None

    def pulses(self, at_ms: Ms) -> tuple[Counter[Pulse], Counter[Pulse]]:
        """Return how many connections and how many markets have which pulse."""
        up = [connection for connection in self._watched.connections.values() if connection.up]
        return (
            Counter(pulse_of_connection(connection, at_ms) for connection in up),
            Counter(pulse_of_market(market, at_ms) for c in up for market in c.markets.values()),
        )
