"""Which books to read beside the stream, at most one request a second, and what the answer says of it.

One rota serves two ends: markets of a quiet connection come first, mostly, and often, so that a frozen socket
is found in seconds; every other market comes round too, so that a lost change of a market that then falls
quiet is found as well (protocol 5.4, points 5 and 6). Decides nothing about states.
"""

from collections.abc import Iterable
from enum import Enum
from heapq import nsmallest

from engine.core.feed.market import MarketFeed
from engine.core.feed.pulse import QUIET_MS
from engine.core.feed.table import FeedState
from engine.core.feed.throttle import ANSWER_MS_MAX
from engine.core.feed.token import TokenFeed
from engine.domain.frames import BookSnapshot
from engine.domain.ids import TokenId
from engine.domain.units import Ms

PROBE_EVERY_MS = 1_000
"""Shortest time between two probes, over all connections together."""
PROBE_MARKETS = 50
"""Markets in one probe: 300 KB at most, and the 100 of a full connection take two."""
AGAIN_QUIET_MS = 2_000
"""How often a market of a quiet connection is looked at: twice within the age a plan accepts by default."""
AGAIN_MS = 30_000
"""How often every other market is (20 to 60 s are sensible: protocol 5.4)."""
OTHERS_EVERY = 4
"""Every so many-th probe takes the others first: one full quiet connection alone could use up all of them."""
OVERDUE_MS = 3_000
"""How long the stream may owe a book that a probe has seen; it runs 0.2 to 0.7 s behind (book-hash)."""


class Verdict(Enum):
    """What the venue's book says of ours; the value is a metric's label."""

    SAME = "probe_same"
    BEHIND = "probe_behind"
    """The answer is older than what the stream brought: it proves nothing."""
    UNCLEAR = "probe_unclear"
    """Another book of the same millisecond: before or after ours, only time can tell."""
    AHEAD = "probe_ahead"


def verdict(feed: TokenFeed, snapshot: BookSnapshot) -> Verdict:
    """Compare a book read beside the stream with the newest that the stream told."""
    assert feed.stamp is not None, "a feed with a book has a checksum"
    if snapshot.venue_ms != feed.stamp.venue_ms:
        return Verdict.AHEAD if snapshot.venue_ms > feed.stamp.venue_ms else Verdict.BEHIND
    return Verdict.SAME if snapshot.hash == feed.stamp.hash else Verdict.UNCLEAR


class Rota:
    """Takes turns among markets within the budget."""

    __slots__ = ("_asked", "_asked_ms", "_waiting")

    def __init__(self) -> None:
        self._asked = 0
        self._asked_ms: Ms | None = None
        self._waiting: tuple[TokenId, ...] = ()
        """What was asked for last and has not been answered."""

    def next(self, markets: Iterable[MarketFeed], at_ms: Ms) -> tuple[TokenId, ...]:
        """Return the tokens to read now; empty if none is due, or the budget or an answer is awaited."""
        pause = ANSWER_MS_MAX if self._waiting else PROBE_EVERY_MS
        if self._asked_ms is not None and at_ms - self._asked_ms < pause:
            return ()
        others_first = self._asked % OTHERS_EVERY == OTHERS_EVERY - 1
        due = [
            (turn, tokens, market)
            for market in markets
            if market.missed is None
            and (turn := _turn(market, at_ms, others_first=others_first)) is not None
            and (tokens := _comparable(market))
        ]
        chosen = nsmallest(PROBE_MARKETS, due, key=lambda row: row[:2])
        if not chosen:
            return ()
        for _, _, market in chosen:
            market.probed_ms = at_ms
            market.same = frozenset()
        self._asked += 1
        self._asked_ms = at_ms
        self._waiting = tuple(token_id for _, some, _ in chosen for token_id in some)
        return self._waiting

    def answered(self, asked: tuple[TokenId, ...]) -> bool:
        """Note that a read has ended, well or badly; tells whether it was the newest probe."""
        if asked != self._waiting:
            return False
        self._waiting = ()
        return True


def _turn(market: MarketFeed, at_ms: Ms, *, others_first: bool) -> tuple[bool, Ms] | None:
    """Return the place in the rota (smaller comes first), None if the market is not due."""
    connection = market.connection
    if not connection.up or connection.frozen:
        return None
    busy = at_ms - connection.heard_ms < QUIET_MS
    if at_ms - market.probed_ms < (AGAIN_MS if busy else AGAIN_QUIET_MS):
        return None
    return busy is not others_first, market.probed_ms


def _comparable(market: MarketFeed) -> tuple[TokenId, ...]:
    """Return the tokens whose books can be compared: most messages are about both, but not all."""
    return tuple(
        token_id
        for token_id, feed in market.tokens.items()
        if feed.state in (FeedState.LIVE, FeedState.STALE) and feed.book is not None
    )
