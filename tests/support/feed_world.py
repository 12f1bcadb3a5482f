"""Several true markets on several connections, a network and a REST side with faults, and the feed core.

What the world asserts at every step is said from outside: a book offered as live is one that the venue had,
is no older than the newest message delivered for its token, and was the venue's present one not long ago.
"""

import json
import random
from collections import deque
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from engine.core.feed.feeds import Feeds
from engine.domain.book import LiveBook
from engine.domain.effects import Effect, FetchBooks, RaiseAlert, Reconnect
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.units import Ms, parse_size
from engine.venue.wire import decode_books, decode_market
from tests.support.market_stream import START_MS, ReferenceVenue, Wire, seeded_venue
from tests.support.read_limits import ReadLimits

LAG_MS = 220
SECOND_MS = 1_000
HISTORY = 6
DUMP = ("", 0)
"""The first message of a connection holds all markets: nothing overtakes it, nor what is marked so."""


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong; 0 everywhere is a right stream."""

    loss: float = 0.0
    repeat: float = 0.0
    swap: float = 0.0
    dump_lost: float = 0.0
    read_failed: float = 0.0
    read_old: float = 0.0
    breaks: bool = False
    """Connections break off by themselves."""
    halves: bool = False
    """Of the two books after a trade one may be lost."""
    tick_lost: bool = False
    """Changes of tick are lost and late like everything else."""
    read_ms_max: int = 400
    """Longest time until the venue looks at its book, and again until the answer is here."""
    instants: bool = False
    """Several changes of one market may share a millisecond of the venue."""


ROUGH = Faults(
    loss=0.03, repeat=0.02, swap=0.03, dump_lost=0.1, read_failed=0.1, read_old=0.1, read_ms_max=2_500
)
ROUGHEST = replace(ROUGH, breaks=True, halves=True, tick_lost=True, instants=True)
RIGHT = Faults()


@dataclass
class Line:
    """One connection as the network has it."""

    number: ConnectionId
    venues: list[ReferenceVenue]
    up: bool = False
    back_ms: int = 0
    """When it comes up again."""
    stalled_until_ms: int = 0
    """Until then nothing arrives, and then everything."""
    frozen: bool = False
    """It delivers nothing until it is a new connection, and answers every PING."""
    queue: deque["Message"] = field(default_factory=deque)


class Message(NamedTuple):
    """A frame on its way."""

    raw: bytes
    versions: dict[str, int]
    """By token it is about: the venue's version after it."""
    instant: tuple[str, int]
    """Market and venue time. What shares both has an order that only the connection tells."""


@dataclass
class Read:
    """A read under way: looked up at one moment, answered at a later one."""

    tokens: tuple[TokenId, ...]
    served_ms: int
    answer_ms: int
    answer: bytes | None = None


class FeedWorld:
    """Everything outside the feed core, driven by one generator of random numbers."""

    def __init__(self, seed: int, faults: Faults, *, markets: int = 4, per_line: int = 2) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.faults = faults
        self.now_ms = int(START_MS)
        self.checked_ms = self.now_ms
        self.venues = [self._venue(number) for number in range(markets)]
        self.home = {token: venue for venue in self.venues for token in (venue.yes, venue.no)}
        self.tokens = tuple(TokenId(token) for token in self.home)
        self.lines = [
            Line(ConnectionId(n), self.venues[n * per_line : (n + 1) * per_line])
            for n in range((markets + per_line - 1) // per_line)
        ]
        self.versions: dict[str, dict[str, tuple[int, object]]] = {token: {} for token in self.tokens}
        """By token and checksum: the number of the version and its levels."""
        self.since_ms: dict[str, list[int]] = {token: [] for token in self.tokens}
        """By token: when each version began."""
        self.past: dict[str, deque[Wire]] = {token: deque(maxlen=HISTORY) for token in self.tokens}
        self.delivered = dict.fromkeys(self.tokens, -1)
        self.reads: list[Read] = []
        self.limits = ReadLimits()
        self.incidents: set[str] = set()
        self.alerts: list[str] = []
        self.reconnects: list[ConnectionId] = []
        self.lived = self.oldest_ms = 0
        """Live books seen, and the longest time that one of them had not been the venue's any more."""
        self.feeds = Feeds(tokens_per_connection=2 * per_line)
        for venue in self.venues:
            self.record(venue)
        self.perform(self.feeds.track([t for venue in self.venues for t in venue.tokens()], self.at))
        for line in self.lines:
            self.connect(line)

    def _venue(self, number: int) -> ReferenceVenue:
        return seeded_venue(
            tick=self.rng.choice((10, 100)),
            condition=f"0x{number + 1:064x}",
            yes=str(10**76 + 2 * number),
            no=str(10**76 + 2 * number + 1),
        )

    @property
    def at(self) -> Ms:
        return Ms(self.now_ms + LAG_MS)

    def record(self, venue: ReferenceVenue) -> dict[str, int]:
        """Remember both books as they are now; returns their version numbers."""
        numbers: dict[str, int] = {}
        for token in (venue.yes, venue.no):
            book, (bids, asks) = venue.book(token), venue.sides(token)
            levels = (
                [(price, parse_size(bids[price])) for price in sorted(bids, reverse=True)],
                [(price, parse_size(asks[price])) for price in sorted(asks)],
                venue.tick,
            )
            numbers[token] = len(self.since_ms[token])
            self.versions[token][book["hash"]] = (numbers[token], levels)
            self.since_ms[token].append(self.now_ms)
            self.past[token].append(book)
        return numbers

    def connect(self, line: Line) -> None:
        """Open a new connection; the venue begins with every book, unless that is lost."""
        line.queue.clear()
        line.up, line.frozen, line.stalled_until_ms = True, False, 0
        self.perform(self.feeds.link(line.number, up=True, at_ms=self.at))
        if self.rng.random() >= self.faults.dump_lost:
            dumps = [json.loads(venue.dump()) for venue in line.venues]
            newest = {token: len(self.since_ms[token]) - 1 for v in line.venues for token in (v.yes, v.no)}
            raw = json.dumps([book for dump in dumps for book in dump]).encode()
            line.queue.append(Message(raw, newest, DUMP))

    def disconnect(self, line: Line, back_after_ms: int) -> None:
        line.queue.clear()
        line.up, line.back_ms = False, self.now_ms + back_after_ms
        self.perform(self.feeds.link(line.number, up=False, at_ms=self.at))

    def change(self, venue: ReferenceVenue) -> None:
        """Change one level, and say so on the market's connection."""
        self._move_clock_of(venue)
        rng, grid = self.rng, venue.tick if self.rng.random() < 0.2 else 100
        side = rng.choice(("BUY", "SELL"))
        low, high = (3_000, 5_000) if side == "BUY" else (5_000 + grid, 7_000)
        levels = venue.bids if side == "BUY" else venue.asks
        if levels and rng.random() < 0.3:
            price, size = rng.choice(list(levels)), "0"
        else:
            price, size = rng.randrange(low // grid, high // grid) * grid, f"{rng.randrange(1, 10**6) / 100}"
        raw = venue.set_level(side, price, size, mirror_first=rng.random() < 0.3)
        self.emit(venue, raw, self.record(venue))

    def trade(self, venue: ReferenceVenue) -> None:
        """Print a trade at the touch: both books, and the trade's own message after them or later still."""
        self._move_clock_of(venue)
        side, levels = self.rng.choice((("BUY", venue.bids), ("SELL", venue.asks)))
        if not levels:
            return
        best = max(levels) if side == "BUY" else min(levels)
        venue.put(side, best, self.rng.choice(("0", f"{self.rng.randrange(1, 10**6) / 100}")))
        yes, no, told = venue.trade(best // 10 * 10)
        if self.rng.random() < 0.5:
            # The venue quotes p or 1 - p (book-hash): the trade's own message may tell the other one.
            told = venue.trade_words(10_000 - best // 10 * 10)
        numbers = self.record(venue)
        whole = not self.faults.halves
        if not whole or self.rng.random() >= self.faults.loss:
            self.emit(venue, yes, {venue.yes: numbers[venue.yes]}, surely=whole)
            self.emit(venue, no, {venue.no: numbers[venue.no]}, surely=whole)
        if self.rng.random() < 0.5:
            self.change(venue)
        self.emit(venue, told, {})

    def change_tick(self, venue: ReferenceVenue) -> None:
        """Put the market on the other tick; before it gets coarser, what lies off that grid is removed."""
        self._move_clock_of(venue)
        for side, levels in (("BUY", venue.bids), ("SELL", venue.asks)):
            for price in [p for p in levels if p % 100]:
                raw = venue.set_level(side, price, "0")
                self.emit(venue, raw, self.record(venue))
                self._move_clock_of(venue, at_least=1)
        raw = venue.change_tick(10 if venue.tick == 100 else 100)
        self.emit(venue, raw, self.record(venue), surely=not self.faults.tick_lost)

    def _move_clock_of(self, venue: ReferenceVenue, at_least: int = 0) -> None:
        """Give the venue's next change its time: another millisecond than the last one's, or the same."""
        if not self.faults.instants:
            at_least = 1
        self.now_ms = max(self.now_ms, venue.now_ms + at_least)
        venue.now_ms = self.now_ms

    def emit(
        self, venue: ReferenceVenue, raw: bytes, versions: dict[str, int], *, surely: bool = False
    ) -> None:
        """Put a message on its connection: once, twice or never, and perhaps before an older one."""
        line = next(line for line in self.lines if venue in line.venues)
        if not line.up or line.frozen or (not surely and self.rng.random() < self.faults.loss):
            return
        message = Message(raw, versions, DUMP if surely else (venue.condition, venue.now_ms))
        line.queue.append(message)
        if self.rng.random() < self.faults.repeat:
            line.queue.append(message)
        elif not surely and self.rng.random() < self.faults.swap:
            at = len(line.queue) - 1
            if at and line.queue[at - 1].instant not in (message.instant, DUMP):
                line.queue[at], line.queue[at - 1] = line.queue[at - 1], line.queue[at]

    def deliver(self, line: Line, count: int) -> None:
        """Let some of what is on the way arrive."""
        if not line.up or line.frozen or self.now_ms < line.stalled_until_ms:
            return
        for _ in range(min(count, len(line.queue))):
            if not line.queue:
                return  # the connection was replaced meanwhile
            raw, versions, _ = line.queue.popleft()
            for token, version in versions.items():
                self.delivered[TokenId(token)] = max(self.delivered[TokenId(token)], version)
            for frame in decode_market(raw):
                self.perform(self.feeds.apply(line.number, frame, self.at))

    def deliver_all(self) -> None:
        for line in self.lines:
            self.deliver(line, len(line.queue))

    def perform(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case FetchBooks(tokens):
                    self.limits.note(effect, self.at)
                    served = self.now_ms + self.rng.randrange(self.faults.read_ms_max)
                    answered = served + self.rng.randrange(self.faults.read_ms_max)
                    self.reads.append(Read(tokens, served, answered))
                case Reconnect(number):
                    self.reconnects.append(number)
                    self.disconnect(self.lines[number], self.rng.randrange(800))
                case RaiseAlert(alert):
                    self._note_alert(alert.key)
                case _:
                    pass

    def _note_alert(self, key: str) -> None:
        """One alert per incident: none begins again before it has ended."""
        self.alerts.append(key)
        kind, _, subject = key.partition(":")
        if kind == "resync":
            assert subject not in self.incidents, f"seed {self.seed}: a second alert of one incident: {key}"
            self.incidents.add(subject)
        elif kind == "live":
            assert subject in self.incidents, f"seed {self.seed}: an end without a beginning: {key}"
            self.incidents.discard(subject)

    def _serve(self) -> None:
        """Look up and answer the reads whose time has come; later ones may overtake earlier ones."""
        for read in self.reads:
            if read.answer is None and read.served_ms <= self.now_ms:
                old = self.rng.random() < self.faults.read_old
                read.answer = json.dumps(
                    [self.rng.choice(self.past[t]) if old else self.past[t][-1] for t in read.tokens]
                ).encode()
        due = [read for read in self.reads if read.answer is not None and read.answer_ms <= self.now_ms]
        self.reads = [read for read in self.reads if read not in due]
        for read in due:
            assert read.answer is not None
            books = decode_books(read.answer)
            assert not isinstance(books, VenueFailure), books
            if self.rng.random() < self.faults.read_failed:
                self.perform(self.feeds.books_read_failed(read.tokens, self.at))
            else:
                self.perform(self.feeds.books_read(read.tokens, books, self.at))

    def pass_time(self, ms: int) -> None:
        """Let time pass: checks once a second, reads, connections that come back."""
        until = self.now_ms + ms
        while self.now_ms < until:
            moments = [until, self.checked_ms + SECOND_MS]
            moments += [read.served_ms if read.answer is None else read.answer_ms for read in self.reads]
            moments += [line.back_ms for line in self.lines if not line.up]
            self.now_ms = max(self.now_ms, min(moments))
            self._serve()
            for line in self.lines:
                if not line.up and line.back_ms <= self.now_ms:
                    self.connect(line)
            if self.now_ms - self.checked_ms >= SECOND_MS:
                self.checked_ms = self.now_ms
                self.perform(self.feeds.check(self.at))

    def judge(self) -> None:
        """Assert what must hold of every book that is offered now."""
        for token in self.tokens:
            book = self.feeds.live(token, self.at)
            if not isinstance(book, LiveBook):
                continue
            self.lived += 1
            told = f"seed {self.seed}, {self.now_ms - START_MS} ms, {token[-2:]}: "
            assert book.hash in self.versions[token], f"{told}the venue never had this book"
            version, levels = self.versions[token][book.hash]
            bids = [(level.price, level.size) for level in book.bids]
            asks = [(level.price, level.size) for level in book.asks]
            assert (bids, asks, book.tick) == levels, f"{told}levels are not those of the checksum"
            assert version >= self.delivered[token], f"{told}a newer message had been delivered"
            assert bids, f"{told}no bid"
            assert asks, f"{told}no ask"
            assert bids[0][0] < asks[0][0], f"{told}crossed"
            began = self.since_ms[token]
            if version + 1 < len(began):
                self.oldest_ms = max(self.oldest_ms, self.now_ms - began[version + 1])
        self.perform(self.feeds.drain())

    def differing(self) -> list[str]:
        """Return what is not equal to the venue's book now, in words."""
        found = []
        for token in self.tokens:
            book, venue = self.feeds.live(token, self.at), self.home[token]
            bids, asks = venue.sides(token)
            if isinstance(book, LiveBook):
                if book.hash != venue.book(token)["hash"]:
                    found.append(f"{token[-2:]} is an old book")
            elif bids and asks:
                found.append(f"{token[-2:]}: {book.value}")
        self.perform(self.feeds.drain())
        return found
