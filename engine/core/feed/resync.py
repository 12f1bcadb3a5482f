"""What follows from a doubted or a proven book: the state, the counters, one alert, a throttled read.

Effects are kept here until asked for. Decides nothing about books.
"""

from collections import Counter

from engine.core.feed.incidents import Incidents, frozen_alert
from engine.core.feed.market import Connection, MarketFeed
from engine.core.feed.table import Fault, FeedEvent, FeedState, Reason, next_state
from engine.core.feed.token import TokenFeed
from engine.domain.effects import Count, Effect, FetchBooks, RaiseAlert, Reconnect
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.units import Ms
from engine.domain.views import Alert


def move(feed: TokenFeed, event: FeedEvent, at_ms: Ms) -> None:
    """Bring a feed into the state that the table says, and note since when."""
    state = next_state(feed.state, event)
    if state is not feed.state:
        feed.state, feed.since_ms = state, at_ms
        feed.unsettle()


class Resyncs:
    """Books being fetched again, and the alerts and reads that wait to be performed."""

    def __init__(self, tally: Counter[tuple[str, str]]) -> None:
        self.count = 0
        """Books dropped and fetched again since the start."""
        self._tally = tally
        self._incidents = Incidents()
        self._alerts: list[Alert] = []
        self._wanted: dict[TokenId, Reason] = {}
        self._probe: tuple[TokenId, ...] = ()
        self._replaced: list[ConnectionId] = []

    def doubt(self, feed: TokenFeed, fault: Fault, at_ms: Ms) -> None:
        """Drop the book and ask for another, unless that is under way already."""
        before = feed.state
        feed.drop()
        move(feed, FeedEvent.DOUBTED, at_ms)
        if feed.state is not FeedState.RESYNCING:
            return
        if before is not FeedState.RESYNCING:
            feed.reason = fault.reason
            self.count += 1
            self._tally["feed_resync_total", fault.reason.value] += 1
            alert = self._incidents.begin(feed.token.condition_id, feed.token.shown, fault, at_ms)
            if alert is not None:
                self._alerts.append(alert)
        self.want(feed, at_ms)

    def want(self, feed: TokenFeed, at_ms: Ms) -> None:
        """Ask for a REST book if the token's bucket allows it now; `Feeds.check` asks again."""
        if feed.throttle.ask(at_ms):
            self._wanted[feed.token.token_id] = feed.reason

    def prove(self, feed: TokenFeed, market: MarketFeed, at_ms: Ms) -> None:
        """Note a proven book."""
        self._restore(feed, FeedEvent.PROVEN, market, at_ms)

    def hear(self, feed: TokenFeed, market: MarketFeed, at_ms: Ms) -> None:
        """Note a book that is confirmed as it is, by its connection or by a probe."""
        self._restore(feed, FeedEvent.HEARD, market, at_ms)

    def _restore(self, feed: TokenFeed, event: FeedEvent, market: MarketFeed, at_ms: Ms) -> None:
        """Move a feed for the better; the incident of a market is over when all its tokens are live."""
        move(feed, event, at_ms)
        if market.is_live():
            self._alerts += self._incidents.end(feed.token.condition_id, feed.token.shown, at_ms)

    def probe(self, tokens: tuple[TokenId, ...]) -> None:
        """Ask for books to hold against the stream."""
        self._tally["feed_probes_total", "asked"] += 1
        self._probe = tokens

    def replace(self, connection: Connection, at_ms: Ms) -> None:
        """Ask for another connection in the place of a frozen one, and tell people once."""
        self._tally["feed_connections_total", "frozen"] += 1
        self._replaced.append(connection.number)
        self._alerts.append(frozen_alert(connection, at_ms))

    def forget(self, feed: TokenFeed, *, market_is_gone: bool) -> None:
        """Ask no more for a token that is not watched any longer."""
        self._wanted.pop(feed.token.token_id, None)
        if market_is_gone:
            self._incidents.forget(feed.token.condition_id)

    @property
    def waits(self) -> bool:
        """Tell whether anything waits to be performed, counts aside."""
        return bool(self._alerts or self._wanted or self._probe or self._replaced)

    def waiting(self) -> tuple[Effect, ...]:
        """Return alerts, reconnects and reads that wait, reads batched by reason."""
        if not self.waits:
            return ()
        alerts = tuple(RaiseAlert(alert) for alert in self._alerts)
        by_reason: dict[Reason, list[TokenId]] = {}
        for token_id, reason in self._wanted.items():
            by_reason.setdefault(reason, []).append(token_id)
        fetches = [FetchBooks(tuple(tokens), reason.value) for reason, tokens in by_reason.items()]
        if self._probe:
            fetches.append(FetchBooks(self._probe, "probe"))
        reconnects = [Reconnect(number) for number in self._replaced]
        self._alerts.clear()
        self._wanted.clear()
        self._replaced.clear()
        self._probe = ()
        return (*alerts, *reconnects, *fetches)

    def counts(self) -> tuple[Count, ...]:
        """Return the counters collected since the last call: one effect per frame would cost more than it."""
        counts = tuple(Count(metric, label, by) for (metric, label), by in self._tally.items())
        self._tally.clear()
        return counts
