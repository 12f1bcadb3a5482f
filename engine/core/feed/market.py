"""What the tokens of one market share, what the markets of one connection share, and all that is watched.

Both tokens of a market stand on one connection, because most messages are about both. No decisions here.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.core.feed.rebuild import Stamp
from engine.core.feed.table import NOT_LIVE, FeedState
from engine.core.feed.token import TokenFeed
from engine.core.feed.tracked import Shared, TrackedToken
from engine.domain.ids import ConditionId, ConnectionId, TokenId
from engine.domain.units import PRICE_ONE, Ms, Price

COARSEST = Price(PRICE_ONE)
Touch = tuple[Price | None, Price | None]
"""Best bid and best ask of one book; None for an empty side."""
LONG_AGO = Ms(-(1 << 62))
"""Before any time there is: nothing of the kind has happened yet."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A book at the venue that is newer than ours, seen by a probe: the stream owes it."""

    token_id: TokenId
    stamp: Stamp
    since_ms: Ms


@dataclass(slots=True)
class MarketFeed:
    """One market's feed."""

    connection: "Connection"
    shared: Shared = field(default_factory=Shared)
    tokens: dict[TokenId, TokenFeed] = field(default_factory=dict)
    tick: Price = COARSEST
    """The tokens' tick while the market is steady."""
    venue_ms: Ms = LONG_AGO
    """Venue time of the newest message while the market is steady."""
    moved_ms: Ms = LONG_AGO
    """When the stream last told something of this market."""
    probed_ms: Ms = LONG_AGO
    """When the venue's book was last asked for beside the stream."""
    same: frozenset[TokenId] = frozenset()
    """Tokens whose books the newest probe has found equal to ours."""
    confirmed_ms: Ms = LONG_AGO
    """When a probe was asked that found every token's book equal to ours."""
    missed: Missed | None = None
    missed_before_ms: Ms = LONG_AGO
    """When the stream was last found to have left something out here."""
    askew: tuple[str, str] | None = None
    """Checksums of both tokens when their best prices last were no mirror of each other."""
    askew_before: tuple[str, str] | None = None
    """The pair for which both books were fetched again: if the venue stands by it, so do we."""

    def is_live(self) -> bool:
        """Tell whether every tracked token is live."""
        return all(feed.state is FeedState.LIVE for feed in self.tokens.values())

    def is_steady(self) -> bool:
        """Tell whether changes may be applied as they come, and remember it."""
        feeds = tuple(self.tokens.values())
        self.shared.steady = all(
            feed.state is FeedState.LIVE and feed.base is None and feed.tick == feeds[0].tick
            for feed in feeds
        )
        if self.shared.steady:
            self.tick = feeds[0].tick
            self.venue_ms = max(feed.stamp.venue_ms for feed in feeds if feed.stamp is not None)
        return self.shared.steady

    def confirmed(self) -> Ms:
        """Return when it was last known that nothing newer is out: by the connection, or by a probe."""
        return max(self.connection.heard_ms, self.confirmed_ms)

    def problem(self) -> str | None:
        """Return the market's name and what is wrong, None when live."""
        for feed in self.tokens.values():
            if feed.state is not FeedState.LIVE:
                return f"{feed.token.shown}: {NOT_LIVE[feed.state].value}"
        return None


@dataclass(slots=True)
class Connection:
    """One connection to the market channel."""

    number: ConnectionId
    up: bool = False
    heard_ms: Ms = LONG_AGO
    """When it last told of a market's trading; a PONG or a listing proves nothing and is not counted."""
    frozen: bool = False
    """It was found to withhold what the venue has: nothing it says is believed until it is a new one."""
    stale: bool = False
    """Some of its books were not confirmed in time."""
    reconnected_ms: Ms = LONG_AGO
    """When we last asked for a new connection in its place."""
    markets: dict[ConditionId, MarketFeed] = field(default_factory=dict)

    def tokens(self) -> tuple[TokenId, ...]:
        """Return what it must carry."""
        return tuple(token for market in self.markets.values() for token in market.tokens)


class Watched:
    """Every tracked token, by itself, by market and by connection."""

    __slots__ = ("_tokens_max", "connections", "feeds", "markets")

    def __init__(self, tokens_per_connection: int) -> None:
        assert tokens_per_connection >= 2, f"expected room for a market, was {tokens_per_connection} tokens"
        self._tokens_max = tokens_per_connection
        self.feeds: dict[TokenId, TokenFeed] = {}
        self.markets: dict[ConditionId, MarketFeed] = {}
        self.connections: dict[ConnectionId, Connection] = {}

    def add(self, token: TrackedToken, tally: Counter[tuple[str, str]], at_ms: Ms) -> None:
        """Watch one more token, on its market's connection or on the first with room for a market."""
        market = self.markets.get(token.condition_id)
        if market is None:
            market = MarketFeed(self._roomy())
            self.markets[token.condition_id] = market
            market.connection.markets[token.condition_id] = market
        state = FeedState.WAITING if market.connection.up else FeedState.DOWN
        market.shared.steady = False
        feed = TokenFeed(token, market.shared, tally, state, at_ms)
        self.feeds[token.token_id] = market.tokens[token.token_id] = feed

    def _roomy(self) -> Connection:
        """Return the first connection with room for both tokens of a market; none is moved for it."""
        for connection in self.connections.values():
            if 2 * len(connection.markets) + 2 <= self._tokens_max:
                return connection
        number = ConnectionId(len(self.connections))
        return self.connections.setdefault(number, Connection(number))

    def forget(self, token_id: TokenId) -> tuple[TokenFeed, bool]:
        """Watch a token no longer; returns it, and whether its market is gone with it."""
        feed = self.feeds.pop(token_id)
        condition_id = feed.token.condition_id
        market = self.markets[condition_id]
        del market.tokens[token_id]
        if not market.tokens:
            del self.markets[condition_id], market.connection.markets[condition_id]
        return feed, not market.tokens

    def market_of(self, feed: TokenFeed) -> MarketFeed:
        """Return the market of a token."""
        return self.markets[feed.token.condition_id]

    def on(self, connection: Connection) -> Iterator[TokenFeed]:
        """Return the feeds of one connection."""
        return (feed for market in connection.markets.values() for feed in market.tokens.values())


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """How market data stands; a feed is one market's, live when both its tokens are."""

    live: int
    total: int
    problems: tuple[str, ...]
    """One line per market that is not live, or one for a connection with all its markets."""
    resyncs: int
    """Books dropped and fetched again since the start."""
