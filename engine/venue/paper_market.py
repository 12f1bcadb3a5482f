"""The paper account's markets, kept from the frames that the desk's own feed hears.

`Overheard` stands between the market connections and the desk: every message reaches the paper books first,
then the desk, unchanged. Of a market's two tokens the one that was heard first gives the book; trades are
taken from both.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from engine.core.spread.paper_account import PaperAccount
from engine.core.spread.paper_book import PaperBook
from engine.core.spread.paper_orders import Latency, PaperMarket
from engine.domain.book import Level
from engine.domain.catalogue import Catalogue
from engine.domain.failure import VenueFailure
from engine.domain.fees import FREE
from engine.domain.frames import (
    BookDelta,
    BookSnapshot,
    Frame,
    LastTrade,
    MarketResolved,
    TickChange,
    WireLevel,
)
from engine.domain.ids import ConditionId, ConnectionId, TokenId
from engine.domain.order import OrderIntent
from engine.domain.units import PRICES, Ms, Price, Size, parse_size
from engine.ports import MarketFeed, MarketReads

_NOT_HEARD = TokenId("")
_FINEST = Price(1)


class PaperMarkets:
    """One paper book for every market that has been heard of."""

    def __init__(self, account: PaperAccount, latency: Latency) -> None:
        """Make books whose orders move `account`."""
        self.books: dict[ConditionId, PaperBook] = {}
        self.winners: dict[ConditionId, TokenId] = {}
        """As far as the channel has told them."""
        self._account = account
        self._latency = latency
        self._newest_ms: dict[ConditionId, Ms] = {}
        """Venue time of the newest change of each market."""

    def hear(self, frames: Iterable[Frame], at_ms: Ms) -> None:
        """Take what the market channel tells, in its order."""
        for frame in frames:
            match frame:
                case BookSnapshot():
                    self._snapshot(frame, at_ms)
                case BookDelta():
                    self._delta(frame, at_ms)
                case LastTrade():
                    self._trade(frame, at_ms)
                case TickChange():
                    book = self._book(frame.condition_id, frame.token_id)
                    book.market = replace(book.market, tick=frame.new_tick)
                case MarketResolved():
                    self._resolve(frame, at_ms)
                case _:
                    pass  # what is no news of a book

    def book_for(self, intent: OrderIntent) -> PaperBook:
        """Return the book that an order goes to, with the fees that its market has for the desk."""
        book = self._book(intent.condition_id, intent.token_id)
        # A grid that the stream has told of stands; what was never told is the desk's.
        tick = intent.tick if book.market.tick == _FINEST else book.market.tick
        no = book.market.no if intent.token_id == book.market.yes else intent.token_id
        # The catalogue, from which the order comes, knows a market's tokens better than any frame.
        book.market = replace(book.market, fee=intent.fee, tick=tick, no=no)
        return book

    def advance(self, at_ms: Ms) -> None:
        """Do what is due by time in every market."""
        for book in self.books.values():
            book.advance(at_ms)

    def _book(self, condition_id: ConditionId, token: TokenId) -> PaperBook:
        """Return a market's book; its second token is known when it is named for the first time."""
        book = self.books.get(condition_id)
        if book is None:
            market = PaperMarket(condition_id, token, _NOT_HEARD, _FINEST, Size(0), FREE)
            book = self.books[condition_id] = PaperBook(market, self._account, self._latency)
        elif token != book.market.yes and not book.market.no:
            book.market = replace(book.market, no=token)
        return book

    def _resolve(self, frame: MarketResolved, at_ms: Ms) -> None:
        if frame.winner is not None:
            self.winners[frame.condition_id] = frame.winner
        if frame.condition_id in self.books:
            self.books[frame.condition_id].close(at_ms)

    def _snapshot(self, frame: BookSnapshot, at_ms: Ms) -> None:
        book, terms = self._book(frame.condition_id, frame.token_id), frame.terms
        if frame.venue_ms < self._newest_ms.get(frame.condition_id, 0):
            return  # a read that was overtaken by the stream
        self._newest_ms[frame.condition_id] = frame.venue_ms
        if terms.tick_size is not None:
            book.market = replace(book.market, tick=PRICES[terms.tick_size])
        if terms.min_order_size is not None:
            book.market = replace(book.market, min_size=parse_size(terms.min_order_size))
        if frame.token_id == book.market.yes:
            book.book_is(frame.token_id, _levels(frame.bids), _levels(frame.asks), at_ms)

    def _delta(self, frame: BookDelta, at_ms: Ms) -> None:
        newest_ms = self._newest_ms.get(frame.condition_id, 0)
        self._newest_ms[frame.condition_id] = Ms(max(newest_ms, frame.venue_ms))
        for change in frame.changes:
            book = self._book(frame.condition_id, change.token_id)
            if change.token_id == book.market.yes and book.heard:
                price, total = PRICES[change.price], parse_size(change.size)
                book.level_is(change.token_id, change.side, price, total, at_ms)

    def _trade(self, frame: LastTrade, at_ms: Ms) -> None:
        book = self._book(frame.condition_id, frame.token_id)
        if frame.size_text and frame.token_id in (book.market.yes, book.market.no):
            price, size = PRICES[frame.price_text], parse_size(frame.size_text)
            book.traded(frame.token_id, frame.taker, price, size, at_ms)


def _levels(told: Sequence[WireLevel]) -> list[Level]:
    return [Level(PRICES[level.price], parse_size(level.size)) for level in told]


class OverheardReads:
    """Implements `engine.ports.MarketReads` over others: books that the desk reads mend the paper ones."""

    def __init__(self, reads: MarketReads, hear: Callable[[tuple[Frame, ...]], None]) -> None:
        """Take the reads whose books are to be overheard."""
        self._reads = reads
        self._hear = hear

    async def read_books(self, tokens: Sequence[TokenId]) -> tuple[BookSnapshot, ...] | VenueFailure:
        """Read books in batches."""
        books = await self._reads.read_books(tokens)
        if not isinstance(books, VenueFailure):
            self._hear(books)
        return books

    async def read_catalogue(self) -> Catalogue | VenueFailure:
        """Read every listed event."""
        return await self._reads.read_catalogue()

    async def read_time_ms(self) -> Ms | VenueFailure:
        """Read the venue's clock."""
        return await self._reads.read_time_ms()


class Overheard:
    """Implements `engine.ports.MarketFeed` over another one, and lets `hear` have every message first."""

    def __init__(self, feed: MarketFeed, hear: Callable[[tuple[Frame, ...]], None]) -> None:
        """Take the connections whose messages are to be overheard."""
        self._feed = feed
        self._hear = hear

    async def run(
        self,
        on_frames: Callable[[ConnectionId, tuple[Frame, ...]], None],
        on_link: Callable[[ConnectionId, bool], None],
        on_given_up: Callable[[ConnectionId, str], None],
    ) -> None:
        """Run the connections."""

        def heard(connection: ConnectionId, frames: tuple[Frame, ...]) -> None:
            self._hear(frames)
            on_frames(connection, frames)

        await self._feed.run(heard, on_link, on_given_up)

    def subscribe(self, connections: Sequence[tuple[ConnectionId, Sequence[TokenId]]]) -> None:
        """Carry exactly these tokens from now on."""
        self._feed.subscribe(connections)

    def reconnect(self, connection: ConnectionId) -> None:
        """Give up a connection and open another in its place."""
        self._feed.reconnect(connection)
