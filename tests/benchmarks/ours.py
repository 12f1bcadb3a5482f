"""The desk's market data as a contender. No other module here knows the feed core: change it with the core.

The way of a frame is that of `engine.runtime.service.Service`: decode, apply each frame, and once a second of
exchange time `Feeds.check`. Top of book is read from `Feeds.live`, so it comes from a proven book only.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum
from random import Random

from engine.clock import SystemClock
from engine.core.feed import token as feed_token
from engine.core.feed.feeds import Feeds
from engine.core.feed.tracked import TrackedToken
from engine.domain.book import LiveBook
from engine.domain.effects import Count, Effect
from engine.domain.frames import Frame
from engine.domain.ids import ConditionId, ConnectionId, TokenId
from engine.domain.units import Ms
from engine.simulator.market import MarketSpec
from engine.venue.wire import decode_market
from tests.benchmarks.stream import START_MS, Stream

CHECK_MS = 1_000
"""The desk's timer `feed`."""
_NEVER = 1 << 62
LINE, ALL = ConnectionId(0), 1 << 20
"""One connection with room for every token: the stream is one."""


class Check(Enum):
    """How often the venue's checksum is compared; the value is the number of changes it may wait."""

    LAZY = feed_token.CHECK_EVERY
    """The desk's rule: after so many changes, and once a second of exchange time."""
    EVERY = 1
    """On each change of each token."""
    NONE = _NEVER
    """Not until the end of the stream."""


class Ours:
    """A feed core that tracks every token of a stream and has taken its first books."""

    def __init__(self, stream: Stream, check: Check = Check.LAZY) -> None:
        self._feeds = Feeds(tokens_per_connection=ALL, check_every=check.value)
        self._due_ms = START_MS + CHECK_MS if check is Check.LAZY else _NEVER
        self._at_ms = START_MS
        self.tally: Counter[tuple[str, str]] = Counter()
        """The desk's counters by metric and label, as far as they were asked for."""
        self.checks = 0
        """Checksums compared while the stream ran; known after `verify`."""
        self._feeds.track(tracked(stream.markets), Ms(START_MS))
        self._feeds.link(LINE, up=True, at_ms=Ms(START_MS))
        self.take(stream.dump, [START_MS] * len(stream.dump))
        self._count(self._feeds.drain())
        self._checked_before = self._checked()

    def take(self, frames: Sequence[bytes], times: Sequence[int]) -> None:
        """Bring raw frames, with the time each was received, into the books."""
        apply, due_ms = self._feeds.apply, self._due_ms
        for raw, at_ms in zip(frames, times, strict=True):
            for frame in decode_market(raw):
                apply(LINE, frame, Ms(at_ms))
            if at_ms >= due_ms:
                self._count(self._feeds.check(Ms(at_ms)))
                due_ms = at_ms + CHECK_MS
        self._due_ms = due_ms
        self._at_ms = times[-1]

    def take_decoded(self, frames: Iterable[Frame], at_ms: int) -> None:
        """Bring frames that a socket has decoded into the books."""
        for frame in frames:
            self._feeds.apply(LINE, frame, Ms(at_ms))
        if at_ms >= self._due_ms:
            self._count(self._feeds.check(Ms(at_ms)))
            self._due_ms = at_ms + CHECK_MS
        self._at_ms = at_ms

    def compare(self) -> None:
        """Compare the newest checksum of every book that changed, as the desk's timer does."""
        self._count(self._feeds.check(Ms(self._at_ms)))

    def tops(self) -> dict[str, tuple[int, int]]:
        """Best bid and best ask of every token in 1e-4 USDC; raises if a book cannot be proven."""
        return {token: self._top(TokenId(token)) for token in self._feeds._watched.feeds}

    def _top(self, token: TokenId) -> tuple[int, int]:
        book = self._feeds.live(token, Ms(self._at_ms))
        if not isinstance(book, LiveBook):
            raise TypeError(f"expected a proven book of token {token[:12]}…, found it {book.value}")
        return book.bids[0].price, book.asks[0].price

    def verify(self, stream: Stream) -> None:
        """Raise if the books are not those of the stream, or if any checksum ever failed on the way."""
        self._count(self._feeds.drain())
        self.checks = self._checked() - self._checked_before
        expect_tops(self.tops(), stream)
        self._count(self._feeds.drain())
        resyncs = self._feeds.status(Ms(self._at_ms)).resyncs
        bad = self.tally[feed_token.CHECKS, "mismatch"] + resyncs
        bad += sum(by for (metric, _), by in self.tally.items() if metric == "feed_malformed_total")
        if bad:
            raise ValueError(f"expected no doubt of any book, found {resyncs} resyncs: {dict(self.tally)}")

    def _checked(self) -> int:
        return sum(by for (metric, _), by in self.tally.items() if metric == feed_token.CHECKS)

    def _count(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Count):
                self.tally[effect.metric, effect.label] += effect.by


class OurSocket:
    """The desk's market socket on a feed core, until it has taken as many messages as a stream has."""

    def __init__(self, url: str, stream: Stream) -> None:
        # Here, because the environments of peers have no `websockets`.
        from engine.venue.market_ws import MarketSocket, SocketRules

        self.engine = Ours(stream)
        self.taken = asyncio.Event()
        self.cpu_ns = 0
        """From the first message to the last; known when all are taken."""
        self._left = len(stream.dump) + len(stream.frames)
        self._clock = SystemClock()
        self._losses: list[object] = []
        self._socket = MarketSocket(
            LINE, url, SocketRules(), clock=self._clock, random=Random(0).random, on_loss=self._losses.append
        )
        self._socket.subscribe([TokenId(token) for token in stream.tops])

    async def run(self) -> None:
        """Read until cancelled."""
        await self._socket.run(self._on_frames, lambda up: None)

    def _on_frames(self, frames: tuple[Frame, ...]) -> None:
        if not self.cpu_ns:
            self.cpu_ns = -time.process_time_ns()
        self.engine.take_decoded(frames, self._clock.now_ms())
        self._left -= 1
        if not self._left:
            self.cpu_ns += time.process_time_ns()
            self.taken.set()


def tracked(markets: Iterable[MarketSpec]) -> list[TrackedToken]:
    """What the catalogue would tell about both tokens of these markets."""
    return [
        TrackedToken(
            token_id=TokenId(own),
            condition_id=ConditionId(market.condition_id),
            complement=TokenId(other),
            tick=market.tick,
            min_order_size_text=market.min_size_text,
            tick_text=market.tick_text,
            neg_risk=market.neg_risk,
        )
        for market in markets
        for own, other in (market.tokens, market.tokens[::-1])
    ]


def expect_tops(found: dict[str, tuple[int, int]], stream: Stream) -> None:
    """Raise ValueError unless these are the tops of the stream's books."""
    wrong = [token for token, top in stream.tops.items() if found.get(token) != top]
    if wrong:
        token = wrong[0]
        raise ValueError(
            f"expected top of book {stream.tops[token]} of token {token[:12]}…, found {found.get(token)} "
            f"({len(wrong)} of {len(stream.tops)} tokens differ; mix {stream.mix.name}, seed {stream.seed})"
        )
