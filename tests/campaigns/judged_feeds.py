"""The feed core on several true venues, with every book it calls live held against what the venues gave.

A live book's checksum is computed again from its own levels by the reference recipe; the venue must have
given that checksum for that token, and not before the newest true message delivered.
"""

import json
import random
from collections import deque

from engine.core.feed.feeds import Feeds
from engine.domain.book import Level, LiveBook, NotLive
from engine.domain.effects import Effect, FetchBooks, RaiseAlert, Reconnect
from engine.domain.failure import VenueFailure
from engine.domain.frames import Frame
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.units import Ms
from engine.venue.wire import decode_books, decode_market
from tests.campaigns.mutations import Surroundings
from tests.support.market_stream import START_MS, ReferenceVenue, price_words, recipe, seeded_venue
from tests.support.read_limits import ReadLimits

LAG_MS = 220
MARKETS = 4
GIVEN_MAX = 4_000
"""Checksums remembered per token; a book that was live so long ago must not be live again."""
PAST_MAX = 24
BOTH = (b'"price_changes"', b'"new_tick_size"')
"""Signs of a message that makes every older book of both tokens old."""
Shown = tuple[LiveBook | NotLive, ...]


def size_words(hundredths: int) -> str:
    """Print a size as the venue does."""
    text = f"{hundredths // 100}.{hundredths % 100:02d}"
    return text.rstrip("0").rstrip(".")


def _wire(level: Level) -> dict[str, str]:
    micro = f"{level.size // 10**6}.{level.size % 10**6:06d}"
    return {"price": price_words(level.price), "size": micro.rstrip("0").rstrip(".")}


class JudgedFeeds:
    """Four markets, each a reference venue of its own; time is the campaign's."""

    def __init__(
        self, rng: random.Random, *, connections: int, ticks: bool = True, from_ms: int = START_MS
    ) -> None:
        self.rng = rng
        self.ticks = ticks
        self.now_ms = from_ms
        self.venues = [
            seeded_venue(
                now_ms=from_ms,
                condition=f"0x{n + 1:064x}",
                yes=str(10**76 + 7 * n),
                no=str(10**76 + 7 * n + 3),
            )
            for n in range(MARKETS)
        ]
        self.home = {token: venue for venue in self.venues for token in (venue.yes, venue.no)}
        self.tokens = tuple(TokenId(token) for token in self.home)
        self.line = {
            venue.condition: ConnectionId(n * connections // MARKETS) for n, venue in enumerate(self.venues)
        }
        self.given: dict[str, dict[str, tuple[int, str, str, str]]] = {token: {} for token in self.tokens}
        """By token and checksum: the version, and the texts that were hashed beside the levels."""
        self.versions = {venue.condition: 0 for venue in self.venues}
        self.delivered = dict.fromkeys(self.tokens, -1)
        """By token: the venue's version in the newest true message that was delivered."""
        self.past: deque[bytes] = deque(maxlen=PAST_MAX)
        self.reads: deque[tuple[tuple[TokenId, ...], bytes]] = deque()
        self.limits = ReadLimits()
        self.alerts = self.reconnects = self.judged = 0
        self._known: dict[str, LiveBook | NotLive] = {}
        self.feeds = Feeds(tokens_per_connection=2 * MARKETS // connections)
        self.feeds.track([token for venue in self.venues for token in venue.tokens()], self.at)
        for venue in self.venues:
            self.record(venue)
        for line in dict.fromkeys(self.line.values()):
            self.connect(line)

    @property
    def at(self) -> Ms:
        return Ms(self.now_ms + LAG_MS)

    def connect(self, line: ConnectionId) -> None:
        """Bring a connection up, again if it is; the venue begins with its books."""
        self.perform(self.feeds.link(line, up=False, at_ms=self.at))
        self.perform(self.feeds.link(line, up=True, at_ms=self.at))
        for venue in self.venues:
            if self.line[venue.condition] == line:
                self.deliver(venue, venue.dump())

    def record(self, venue: ReferenceVenue) -> None:
        """Remember what the venue gives for both books now."""
        self.versions[venue.condition] += 1
        for token in (venue.yes, venue.no):
            book = venue.book(token)
            given = self.given[token]
            given[book["hash"]] = (
                self.versions[venue.condition],
                book["timestamp"],
                venue.last_trade,
                venue.tick_words,
            )
            if len(given) > GIVEN_MAX:
                del given[next(iter(given))]

    def happen(self, venue: ReferenceVenue) -> list[bytes]:
        """Let the venue do one thing; returns its frames, which are true and not delivered yet."""
        self.now_ms += self.rng.choice((1, 3, 40, 700, 2_500, 15_000))
        if self.rng.random() < 0.05:
            frames = [self.rng.choice((touch_words, listing_words, answer_words))(venue, self.now_ms)]
        else:
            venue.now_ms = self.now_ms
            frames = self._change(venue)
            self.record(venue)
        self.past += frames
        return frames

    def _change(self, venue: ReferenceVenue) -> list[bytes]:
        rng = self.rng
        draw = rng.random()
        if draw < 0.08:
            return list(venue.trade(100 * rng.randrange(40, 60)))
        if draw < 0.12:
            return [venue.dump()]
        if self.ticks and draw < 0.16:
            return [venue.change_tick(10 if venue.tick == 100 else 100)]
        side = rng.choice(("BUY", "SELL"))
        price = 100 * (rng.randrange(35, 50) if side == "BUY" else rng.randrange(51, 66))
        known = price in (venue.bids if side == "BUY" else venue.asks)
        size = "0" if known and rng.random() < 0.5 else size_words(rng.randrange(1, 10**6))
        return [venue.set_level(side, price, size, mirror_first=rng.random() < 0.3)]

    def deliver(self, venue: ReferenceVenue, raw: bytes) -> None:
        """Deliver a true frame on its connection; the books it is about are known to be this new then."""
        for token in (venue.yes, venue.no):
            if any(sign in raw for sign in BOTH) or (b'"event_type":"book"' in raw and token.encode() in raw):
                self.delivered[TokenId(token)] = self.versions[venue.condition]
        assert self.take(self.line[venue.condition], raw), raw

    def take(self, line: ConnectionId, raw: bytes) -> tuple[Frame, ...]:
        """Decode and apply whatever came on a connection."""
        frames = decode_market(raw)
        for frame in frames:
            self.perform(self.feeds.apply(line, frame, self.at))
        return frames

    def perform(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case FetchBooks(tokens):
                    self.limits.note(effect, self.at)
                    answer = _json([self.home[token].book(token) for token in tokens])
                    self.reads.append((tokens, answer))
                case Reconnect(connection):
                    self.reconnects += 1
                    self.connect(connection)
                case RaiseAlert():
                    self.alerts += 1
                case _:
                    pass

    def answered(self, tokens: tuple[TokenId, ...], answer: bytes, *, failed: bool) -> None:
        """Give the answer of a read, or its failure, to the feed core."""
        books = decode_books(answer)
        if failed or isinstance(books, VenueFailure):
            self.perform(self.feeds.books_read_failed(tokens, self.at))
        else:
            self.perform(self.feeds.books_read(tokens, books, self.at))

    def look(self) -> Shown:
        """Return what a planner would be given for every token now, each live book judged."""
        shown = tuple(self.feeds.live(token, self.at) for token in self.tokens)
        for token, book in zip(self.tokens, shown, strict=True):
            known = self._known.get(token)
            if isinstance(book, LiveBook) and not (isinstance(known, LiveBook) and _same(book, known)):
                self.judge(token, book)
            self._known[token] = book
        self.perform(self.feeds.drain())
        return shown

    def judge(self, token: TokenId, book: LiveBook) -> None:
        """Assert that a live book is the venue's, two-sided, uncrossed, and not older than what came."""
        self.judged += 1
        assert book.hash in self.given[token], f"the venue never gave {book.hash} for {token}"
        version, timestamp, last_trade, tick = self.given[token][book.hash]
        assert version >= self.delivered[token], f"{token}: a newer book had been delivered"
        assert book.bids[0].price < book.asks[0].price, f"{token}: crossed"
        computed = recipe(
            {
                "market": self.home[token].condition,
                "asset_id": token,
                "timestamp": timestamp,
                "hash": "",
                "bids": [_wire(level) for level in reversed(book.bids)],
                "asks": [_wire(level) for level in reversed(book.asks)],
                "min_order_size": "5",
                "tick_size": tick,
                "neg_risk": True,
                "last_trade_price": last_trade,
            }
        )
        assert computed == book.hash, f"{token}: levels are not those of their checksum"

    def near(self) -> Surroundings:
        """Return what a mutation may put where it does not belong."""
        hashes = [hash_ for given in self.given.values() for hash_ in list(given)[-3:]]
        conditions = tuple(venue.condition for venue in self.venues)
        return Surroundings(tuple(self.tokens), conditions, tuple(hashes), tuple(self.past))


def _same(one: LiveBook, other: LiveBook) -> bool:
    return (one.hash, one.bids, one.asks) == (other.hash, other.bids, other.asks)


def touch_words(venue: ReferenceVenue, at_ms: int) -> bytes:
    """The venue's `best_bid_ask` for its YES token."""
    bid, ask = venue.touch(venue.yes)
    message = {"event_type": "best_bid_ask", "market": venue.condition, "asset_id": venue.yes}
    return _json(message | {"best_bid": bid, "best_ask": ask, "spread": "0.02", "timestamp": str(at_ms)})


def listing_words(venue: ReferenceVenue, at_ms: int) -> bytes:
    """The venue's `new_market` for a market that joins an event."""
    message = {"event_type": "new_market", "id": "7", "market": "0x" + "9c" * 32, "question": "One more?"}
    more = {"event_message": {"id": "901"}, "assets_ids": [venue.yes], "timestamp": str(at_ms)}
    return _json(message | more)


def answer_words(venue: ReferenceVenue, at_ms: int) -> bytes:
    """The venue's `market_resolved`."""
    message = {"event_type": "market_resolved", "id": "7", "market": venue.condition}
    more = {"assets_ids": [venue.yes, venue.no], "winning_asset_id": venue.yes, "winning_outcome": "Yes"}
    return _json(message | more | {"timestamp": str(at_ms)})


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
