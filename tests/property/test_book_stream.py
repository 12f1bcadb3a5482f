"""Random streams against a reference venue: what is live is the venue's book, and every loss is found.

The venue's frames travel through a queue, so a REST answer can be older or newer than what was delivered.
"""

import random
from collections import deque

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.feed.feeds import Feeds
from engine.domain.book import LiveBook
from engine.domain.effects import Effect, FetchBooks, Reconnect
from engine.domain.frames import BookSnapshot
from engine.domain.ids import TokenId
from engine.domain.units import Ms, parse_size
from engine.venue.wire import decode_market
from tests.support.feed_bench import LINE
from tests.support.market_stream import NO, YES, seeded_venue

TOKENS = (YES, NO)
Levels = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]
Frame = tuple[bytes, dict[str, int]]
"""A raw frame and, for each token it concerns, the venue's version after it."""


class World:
    """A venue, a network that loses and repeats, REST answers that are late, and the feed core."""

    def __init__(self, rng: random.Random, *, faults: bool) -> None:
        self.rng = rng
        self.faults = faults
        self.venue = seeded_venue(tick=rng.choice([10, 100]))
        self.versions: dict[str, list[tuple[str, Levels]]] = {token: [] for token in TOKENS}
        self.delivered: dict[str, int] = dict.fromkeys(TOKENS, -1)
        self.queue: deque[Frame] = deque()
        self.asked: list[tuple[tuple[TokenId, ...], tuple[BookSnapshot, ...]]] = []
        self.feeds = Feeds()
        self.up = False
        self.fetches = 0
        self.lived = 0
        self.quiet_ms = 0
        """Time since the venue's last change: a book's timestamp is its last change, however long ago."""
        self.record()
        self.feeds.track(self.venue.tokens(), self.at)
        self.connect()

    @property
    def at(self) -> Ms:
        return Ms(self.venue.now_ms + self.quiet_ms + 300)

    def tick_on(self, ms: int) -> None:
        """The venue does something now."""
        self.venue.now_ms += self.quiet_ms + ms
        self.quiet_ms = 0

    def record(self) -> dict[str, int]:
        """Remember the venue's books as they are now; returns their version numbers."""
        for token in TOKENS:
            bids, asks = self.venue.sides(token)
            levels = (
                tuple((p, parse_size(bids[p])) for p in sorted(bids, reverse=True)),
                tuple((p, parse_size(asks[p])) for p in sorted(asks)),
            )
            self.versions[token].append((self.venue.book(token)["hash"], levels))
        return {token: len(self.versions[token]) - 1 for token in TOKENS}

    def connect(self) -> None:
        self.queue.clear()
        self.up = True
        self.perform(self.feeds.link(LINE, up=True, at_ms=self.at))
        self.queue.append((self.venue.dump(), {t: len(self.versions[t]) - 1 for t in TOKENS}))

    def disconnect(self) -> None:
        self.queue.clear()
        self.up = False
        self.perform(self.feeds.link(LINE, up=False, at_ms=self.at))

    def change(self) -> None:
        """The venue changes one level, sometimes within the same millisecond."""
        self.tick_on(self.rng.choice([0, 0, 1, 40, 700]))
        side, grid = self.rng.choice(["BUY", "SELL"]), self.venue.tick
        low, high = (3000, 5000) if side == "BUY" else (5000 + grid, 7000)
        price = self.rng.randrange(low // grid, high // grid) * grid
        known = price in (self.venue.bids if side == "BUY" else self.venue.asks)
        size = "0" if known and self.rng.random() < 0.4 else f"{self.rng.randrange(1, 10**6) / 100}"
        raw = self.venue.set_level(side, price, size, mirror_first=self.rng.random() < 0.3)
        self.emit((raw, self.record()))

    def trade(self) -> None:
        self.tick_on(self.rng.choice([0, 15]))
        yes, no, told = self.venue.trade(self.rng.randrange(1, 10) * 1000)
        version = self.record()
        self.emit((yes, {YES: version[YES]}))
        self.emit((no, {NO: version[NO]}))
        self.emit((told, {}))

    def change_tick(self) -> None:
        if self.venue.tick == 100:
            self.tick_on(20)
            raw = self.venue.change_tick(10)
            self.record()
            self.emit((raw, {}))

    def emit(self, frame: Frame) -> None:
        if not self.up:
            return
        if self.faults and frame[1] and self.rng.random() < 0.04:
            return
        self.queue.append(frame)
        if self.faults and self.rng.random() < 0.04:
            self.queue.append(frame)

    def deliver(self, count: int) -> None:
        for _ in range(min(count, len(self.queue))):
            raw, versions = self.queue.popleft()
            for token, version in versions.items():
                self.delivered[token] = max(self.delivered[token], version)
            for frame in decode_market(raw):
                self.perform(self.feeds.apply(LINE, frame, self.at))

    def perform(self, effects: tuple[Effect, ...]) -> None:
        """Send the reads off; the answer is what the venue's books are at that moment."""
        for effect in effects:
            if isinstance(effect, FetchBooks):
                if effect.reason != "probe":
                    self.fetches += len(effect.tokens)
                self.asked.append((effect.tokens, self.venue.rest(*effect.tokens)))
            if isinstance(effect, Reconnect):
                self.disconnect()
                self.connect()

    def answer(self) -> None:
        """Answer one read, perhaps a while after it was served."""
        if self.asked:
            tokens, snapshots = self.asked.pop(self.rng.randrange(len(self.asked)))
            if self.faults and self.rng.random() < 0.1:
                self.perform(self.feeds.books_read_failed(tokens, self.at))
            else:
                self.perform(self.feeds.books_read(tokens, snapshots, self.at))

    def pass_time(self, ms: int) -> None:
        self.quiet_ms += ms
        self.perform(self.feeds.check(self.at))

    def judge(self) -> None:
        """A live book is a book the venue had, no older than the newest message delivered."""
        for token in TOKENS:
            book = self.feeds.live(TokenId(token), self.at)
            if not isinstance(book, LiveBook):
                continue
            self.lived += 1
            levels = (
                tuple((x.price, x.size) for x in book.bids),
                tuple((x.price, x.size) for x in book.asks),
            )
            newest = max(
                (v for v, known in enumerate(self.versions[token]) if known == (book.hash, levels)),
                default=None,
            )
            assert newest is not None, "the venue never had this book"
            assert newest >= self.delivered[token], "a newer message had been delivered"
        self.perform(self.feeds.drain())

    def step(self) -> None:
        draw = self.rng.random()
        if draw < 0.45:
            self.change()
        elif draw < 0.80:
            self.deliver(self.rng.randrange(1, 6))
        elif draw < 0.84:
            self.trade()
        elif draw < 0.91:
            self.answer()
        elif draw < 0.95:
            self.pass_time(self.rng.choice([50, 1000, 5000]))
        elif draw < 0.955:
            self.change_tick()
        elif draw < 0.965 and self.up:
            self.disconnect()
        elif not self.up:
            self.connect()

    def settle(self) -> None:
        """No more faults: deliver everything, and let the market and the seconds go on."""
        self.faults = False
        if not self.up:
            self.connect()
        for _ in range(12):
            self.change()
            self.deliver(len(self.queue))
            self.pass_time(5000)
            while self.asked:
                self.answer()
            self.judge()


def run(seed: int, steps: int, *, faults: bool) -> World:
    world = World(random.Random(seed), faults=faults)
    for _ in range(steps):
        world.step()
        if world.rng.random() < 0.3:
            world.judge()
    world.settle()
    return world


def assert_equal_in_the_end(world: World) -> None:
    for token in TOKENS:
        book = world.feeds.live(TokenId(token), world.at)
        assert isinstance(book, LiveBook), book
        assert book.hash == world.venue.book(token)["hash"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 250))
def test_any_stream_with_losses_repeats_and_reconnects_gives_only_the_venues_books(seed: int, steps: int):
    assert_equal_in_the_end(run(seed, steps, faults=True))


@pytest.mark.parametrize("seed", range(3))
def test_long_faulty_stream_is_live_most_of_the_time(seed: int):
    world = run(seed, 1500, faults=True)

    assert_equal_in_the_end(world)
    assert world.lived > 200, f"seed {seed}"
    assert world.fetches > 0, f"seed {seed}"


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_right_stream_with_reconnects_causes_no_resync(seed: int):
    world = World(random.Random(seed), faults=False)
    world.deliver(1)
    for step in range(300):
        world.change()
        if step % 23 == 0:
            world.trade()
        if step % 3 == 0:
            world.deliver(len(world.queue))
            world.judge()
        if step % 67 == 66:
            world.deliver(len(world.queue))
            world.disconnect()
            world.change()
            world.connect()
        if step % 40 == 39:
            world.deliver(len(world.queue))
            world.pass_time(1000)
    world.deliver(len(world.queue))

    assert_equal_in_the_end(world)
    assert world.fetches == 0
    assert world.feeds.status(world.at).resyncs == 0


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_single_loss_is_found_when_the_next_checksum_is_checked(seed: int):
    rng = random.Random(seed)
    world = World(rng, faults=False)
    world.deliver(1)
    for _ in range(rng.randrange(1, 30)):
        world.change()
    world.deliver(len(world.queue))
    world.judge()
    resyncs = world.feeds.status(world.at).resyncs
    before = world.venue.sides(YES)

    world.change()
    world.queue.clear()
    lost = world.venue.sides(YES) != before
    world.tick_on(1)
    top = world.venue.tick
    raw = world.venue.set_level("BUY", top, "1.5")
    world.emit((raw, world.record()))
    world.deliver(1)
    world.feeds.check(world.at)

    found = world.feeds.status(world.at).resyncs - resyncs
    assert found == (2 if lost else 0)
