"""Both tokens of one market together, all markets that are watched, and the dashboard's view of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.checksum import Tape
from engine.core.feed_table import NOT_LIVE, FeedState
from engine.core.feed_token import TokenFeed
from engine.core.feed_tracked import TrackedToken
from engine.domain.book import NotLive
from engine.domain.ids import ConditionId, TokenId
from engine.domain.units import Ms


@dataclass(frozen=True, slots=True)
class MarketFeed:
    """One market's feed: the tracked tokens, and the last trade price that their checksums share."""

    tape: Tape
    tokens: dict[TokenId, TokenFeed]

    def is_live(self) -> bool:
        """Tell whether every tracked token is live."""
        return all(feed.state is FeedState.LIVE for feed in self.tokens.values())

    def problem(self) -> str | None:
        """Return the market's name and what is wrong, None when live."""
        for feed in self.tokens.values():
            if feed.state is not FeedState.LIVE:
                return f"{feed.token.shown}: {NOT_LIVE[feed.state].value}"
        return None


class Watched:
    """Every tracked token, by itself and by market."""

    __slots__ = ("feeds", "markets")

    def __init__(self) -> None:
        self.feeds: dict[TokenId, TokenFeed] = {}
        self.markets: dict[ConditionId, MarketFeed] = {}

    def add(self, token: TrackedToken, tally: Counter[tuple[str, str]], state: FeedState, at_ms: Ms) -> None:
        """Watch one more token."""
        market = self.markets.setdefault(token.condition_id, MarketFeed(Tape(), {}))
        feed = TokenFeed(token, market.tape, tally, state, at_ms)
        self.feeds[token.token_id] = market.tokens[token.token_id] = feed

    def forget(self, token_id: TokenId) -> tuple[TokenFeed, bool]:
        """Watch a token no longer; returns it, and whether its market is gone with it."""
        feed = self.feeds.pop(token_id)
        condition_id = feed.token.condition_id
        tokens = self.markets[condition_id].tokens
        del tokens[token_id]
        if not tokens:
            del self.markets[condition_id]
        return feed, not tokens


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """How market data stands; a feed is one market's, live when both its tokens are."""

    live: int
    total: int
    problems: tuple[str, ...]
    """One line per market that is not live, or one for the connection."""
    resyncs: int
    """Books dropped and fetched again since the start."""


def feed_status(markets: Iterable[MarketFeed], link: NotLive | None, resyncs: int) -> FeedStatus:
    """Sum up all markets; `link` is what is wrong with the connection itself, if anything."""
    problems = [market.problem() for market in markets]
    if link is not None:
        return FeedStatus(0, len(problems), (link.value,) if problems else (), resyncs)
    told = tuple(problem for problem in problems if problem is not None)
    return FeedStatus(len(problems) - len(told), len(problems), told, resyncs)
