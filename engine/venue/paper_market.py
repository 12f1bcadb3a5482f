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
from engine.ports import MarketFeed

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
                case MarketResolved(condition_id, winner) if winner is not None:
                    self.winners[condition_id] = winner
                case _:
                    pass  # what is no news of a book

    def book_for(self, intent: OrderIntent) -> PaperBook:
        """Return the book that an order goes to, with the fees that its market has for the desk."""
        book = self._book(intent.condition_id, intent.token_id)
        # A grid that the stream has told of stands; what was never told is the desk's.
        tick = intent.tick if book.market.tick == _FINEST else book.market.tick
        book.market = replace(book.market, fee=intent.fee, tick=tick)
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

    def _snapshot(self, frame: BookSnapshot, at_ms: Ms) -> None:
        book, terms = self._book(frame.condition_id, frame.token_id), frame.terms
        if terms.tick_size is not None:
            book.market = replace(book.market, tick=PRICES[terms.tick_size])
        if terms.min_order_size is not None:
            book.market = replace(book.market, min_size=parse_size(terms.min_order_size))
        if frame.token_id == book.market.yes:
            book.book_is(frame.token_id, _levels(frame.bids), _levels(frame.asks), at_ms)

    def _delta(self, frame: BookDelta, at_ms: Ms) -> None:
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
