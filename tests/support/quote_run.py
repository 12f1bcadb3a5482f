"""A desk that quotes, driven event by event: a grant in two presses, what it places, what the venue does."""

from typing import Any

from engine.domain.account import MakerMatch, VenueTrade
from engine.domain.commands import OpenSpread
from engine.domain.effects import Effect, Reply, SendBatch
from engine.domain.events import BooksTouched, CardShown, Job, JobDue
from engine.domain.ids import TradeId
from engine.domain.market import EventGroup, Market, Side
from engine.domain.order import OrderRecord, Settlement
from engine.domain.ticket import Move, Operator, Ticket
from engine.domain.units import Ms, Price, Size
from engine.domain.views import TicketView
from tests.support.builders import BEN, accepted, binary, levels, live_book, order_id, shares
from tests.support.desk_run import CARD, DeskRun, only

HOUR = Ms(3_600_000)
WAITS_MS = 2_000
"""`stale_recover_ms` of these runs: a book must have stood so long before it is quoted on."""
BIDS = levels((4_500, 500), (4_400, 500))
ASKS = levels((5_500, 500), (5_600, 500))


class QuoteRun(DeskRun):
    """A desk on lone markets whose books are ten cents wide around one half."""

    def __init__(self, *events: EventGroup, **limits: Any) -> None:
        super().__init__(*(events or (binary(),)), **limits)
        self.books.shown = {}
        for group in self.events:
            for each in group.markets:
                self.lay(BIDS, ASKS, of=each)

    @property
    def market(self) -> Market:
        return self.events[0].markets[0]

    def lay(self, bids: Any, asks: Any, *, of: Market | None = None, tick: int | None = None) -> None:
        """Let the book of YES be this, ours included."""
        listed = of or self.market
        book = live_book(listed, listed.yes, asks, bids)
        if tick is not None:
            book = type(book)(
                **{name: getattr(book, name) for name in book.__slots__} | {"tick": Price(tick)}
            )
        self.books.shown[listed.yes] = book

    def touched(self) -> tuple[Effect, ...]:
        return self.step(BooksTouched(self.at_ms, 1))

    def refreshed(self) -> tuple[Effect, ...]:
        return self.step(JobDue(self.at_ms, Job.SPREAD_REFRESH))

    def opened(self, by: Operator = BEN, entropy: int = 99, **terms: Any) -> Ticket:
        """The dry ticket of a grant, its card on the screen."""
        usual: dict[str, Any] = {
            "code": self.events[0].code,
            "name": "",
            "size": shares(100),
            "half_ticks": 1,
            "lasts_ms": HOUR,
        }
        view = only(self.ask(OpenSpread(**usual | terms), by, entropy), Reply).view
        assert isinstance(view, TicketView), f"expected a card, was {view}"
        self.step(CardShown(self.at_ms, view.ticket.ticket_id, CARD))
        return self.desk.tickets[view.ticket.ticket_id]

    def granted(self, **terms: Any) -> Ticket:
        """A grant in force; nothing is placed yet, because its book has not stood long enough."""
        ticket = self.opened(**terms)
        self.press(ticket, Move.CONFIRM)
        self.later(1_000).press(self.ticket(ticket.ticket_id), Move.SEND)
        return self.ticket(ticket.ticket_id)

    def quoting(self, **terms: Any) -> tuple[OrderRecord, ...]:
        """A grant whose first quotes are committed and on their way, the bid first."""
        self.granted(**terms)
        return self.placed()

    def placed(self) -> tuple[OrderRecord, ...]:
        """Let time pass until quotes are placed, and commit them."""
        return self.commit(only(self.later(WAITS_MS).refreshed(), SendBatch))

    def resting(self, **terms: Any) -> tuple[OrderRecord, ...]:
        """A grant whose first quotes rest at the venue."""
        orders = self.quoting(**terms)
        self.answer(*(accepted(order) for order in orders))
        return orders

    def hit(
        self,
        order: OrderRecord,
        size: float,
        name: str = "trade-1",
        settlement: Settlement = Settlement.MATCHED,
    ) -> tuple[Effect, ...]:
        """Let somebody trade with a quote of ours, as the user stream tells it."""
        return self.told_by_stream(maker_trade(order, shares(size), name, settlement))


def maker_trade(
    of: OrderRecord, size: Size, name: str = "trade-1", settlement: Settlement = Settlement.MATCHED
) -> VenueTrade:
    """A trade in which somebody took `size` from an order of ours, at its price."""
    intent = of.intent
    other = Side.SELL if intent.side is Side.BUY else Side.BUY
    return VenueTrade(
        trade_id=TradeId(name),
        condition_id=intent.condition_id,
        taker_order_id=order_id(("taker", name)),
        token_id=intent.token_id,
        side=other,
        size=size,
        matched_ms=intent.created_ms,
        settlement=settlement,
        makers=(MakerMatch(of.order_id, intent.token_id, intent.side, intent.price, size),),
    )
