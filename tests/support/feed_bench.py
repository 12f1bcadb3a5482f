"""A feed core on a reference venue: what a test says to it, and what came out."""

from engine.core.feed.feeds import Feeds
from engine.domain.book import LiveBook, NotLive
from engine.domain.effects import Count, Effect, FetchBooks, RaiseAlert
from engine.domain.frames import BookSnapshot, Frame
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.units import Ms, parse_size
from engine.domain.views import Alert
from engine.venue.wire import decode_market
from tests.support.market_stream import NO, YES, ReferenceVenue, seeded_venue

LINE = ConnectionId(0)


class FeedBench:
    """One market, tracked, on a link that is up; desk time runs `LAG_MS` behind the venue's."""

    LAG_MS = 220

    def __init__(self, venue: ReferenceVenue | None = None, *, up: bool = True, dump: bool = True) -> None:
        self.venue = venue or seeded_venue()
        self.feeds = Feeds()
        self.effects: list[Effect] = []
        self.extra_ms = 0
        self.feeds.track(self.venue.tokens("No change"), self.at)
        if up:
            self.feeds.link(LINE, up=True, at_ms=self.at)
        if up and dump:
            self.send(self.venue.dump())

    @property
    def at(self) -> Ms:
        return Ms(self.venue.now_ms + self.LAG_MS + self.extra_ms)

    def send(self, *raws: bytes) -> None:
        """Deliver raw frames now."""
        for raw in raws:
            for frame in decode_market(raw):
                self.effects += self.feeds.apply(LINE, frame, self.at)

    @staticmethod
    def decode(raw: bytes) -> tuple[Frame, ...]:
        return decode_market(raw)

    def change(self, side: str, price: int, size: str, after_ms: int = 10) -> bytes:
        """Let the venue change a level later; returns the frame, undelivered."""
        self.venue.now_ms += after_ms
        return self.venue.set_level(side, price, size)

    def wait(self, ms: int) -> None:
        """Let time pass without a message."""
        self.extra_ms += ms

    def check(self) -> None:
        self.effects += self.feeds.check(self.at)

    def link(self, *, up: bool) -> None:
        self.effects += self.feeds.link(LINE, up=up, at_ms=self.at)

    def answer(self, *snapshots: BookSnapshot, asked: tuple[str, ...] = (YES, NO)) -> None:
        """Answer a REST read."""
        tokens = tuple(TokenId(token) for token in asked)
        self.effects += self.feeds.books_read(tokens, snapshots, self.at)

    def answer_truly(self) -> None:
        self.answer(*self.venue.rest(YES, NO))

    def live(self, token: str = YES) -> LiveBook | NotLive:
        found = self.feeds.live(TokenId(token), self.at)
        self.effects += self.feeds.drain()
        return found

    def assert_equals_venue(self, token: str = YES) -> LiveBook:
        """The live book has exactly the venue's levels and checksum."""
        book = self.live(token)
        assert isinstance(book, LiveBook), book
        bids, asks = self.venue.sides(token)
        assert [(x.price, x.size) for x in book.bids] == [
            (price, parse_size(bids[price])) for price in sorted(bids, reverse=True)
        ]
        assert [(x.price, x.size) for x in book.asks] == [(p, parse_size(asks[p])) for p in sorted(asks)]
        return book

    def take_fetches(self) -> list[FetchBooks]:
        """Return and forget the reads asked for."""
        found = [effect for effect in self.effects if isinstance(effect, FetchBooks)]
        self.effects = [effect for effect in self.effects if not isinstance(effect, FetchBooks)]
        return found

    def take_alerts(self) -> list[Alert]:
        """Return and forget the alerts raised."""
        found = [effect.alert for effect in self.effects if isinstance(effect, RaiseAlert)]
        self.effects = [effect for effect in self.effects if not isinstance(effect, RaiseAlert)]
        return found

    def counted(self, metric: str, label: str) -> int:
        """Return a counter's sum so far."""
        self.effects += self.feeds.drain()
        counts = [effect for effect in self.effects if isinstance(effect, Count)]
        return sum(count.by for count in counts if (count.metric, count.label) == (metric, label))

    @property
    def resyncs(self) -> int:
        return self.feeds.status(self.at).resyncs
