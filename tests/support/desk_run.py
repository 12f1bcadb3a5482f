"""A desk driven event by event: what the shell would do, said in a test's own words, without any I/O."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Self, TypeVar

from engine.core.desk import step
from engine.core.dutch.event_plan import DutchParams
from engine.core.feed.feeds import Feeds
from engine.core.feed.market import Touch
from engine.core.quotes import SpreadRules
from engine.core.state import Caps, Desk, DeskSettings, OrderRules, TicketRules
from engine.domain.account import AccountState, CancelReply, OpenOrder, UserOrder, VenueTrade
from engine.domain.book import LiveBook, NotLive
from engine.domain.commands import Command, OpenDutch, Press
from engine.domain.effects import (
    CancelOrders,
    Effect,
    FetchBooks,
    LookUpOrder,
    RaiseAlert,
    Reply,
    SendBatch,
    SetTimer,
)
from engine.domain.events import (
    AccountRead,
    Asked,
    BatchCommitted,
    BooksRead,
    CancelAnswered,
    CardShown,
    CatalogueRead,
    Event,
    OrderLookedUp,
    PostAnswered,
    Restored,
    TimerDue,
    UserTold,
)
from engine.domain.failure import LegAnswer
from engine.domain.ids import ConditionId, EventId, OrderId, TicketId, TokenId
from engine.domain.market import EventGroup
from engine.domain.order import OrderRecord
from engine.domain.ticket import Move, Operator, Ticket
from engine.domain.units import Ms, Size, Usdc
from engine.domain.views import Alert, Gate, RefusalView, TicketView, View
from tests.support.builders import (
    BEN,
    NOW,
    WALLET,
    account,
    event,
    order,
    rest_book,
    reviewed,
    set_books,
    shares,
    usdc,
)
from tests.support.quotes import KNOBS

SPREAD = SpreadRules(
    knobs=replace(KNOBS, max_layers=1, jump_ticks=50),
    rebate_pct=0,
    resting_max=usdc(250),
    all_quotes=(600, 60),
    all_cancels=(600, 60),
    all_cancel_reserve=10,
)
CARD = 77
"""Message id under which the chat shows every card of these tests."""
MAX_BOOK_AGE_MS = 5_000
T = TypeVar("T", bound=Effect)


class ShownBooks(Feeds):
    """Books as the test lays them out: proven, or not and why."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[TokenId, LiveBook] = {}
        self.down: NotLive | None = None
        self._seen: dict[TokenId, LiveBook] = {}

    def take_touched(self) -> set[ConditionId]:
        changed = {
            book.condition_id for token_id, book in self.shown.items() if self._seen.get(token_id) is not book
        }
        gone = {book.condition_id for token_id, book in self._seen.items() if token_id not in self.shown}
        self._seen = dict(self.shown)
        return changed | gone

    def touch(self, token_id: TokenId) -> Touch:
        book = self.shown.get(token_id)
        if book is None:
            return None, None
        return (book.bids[0].price if book.bids else None), (book.asks[0].price if book.asks else None)

    def live(self, token_id: TokenId, at_ms: Ms) -> LiveBook | NotLive:
        if self.down is not None:
            return self.down
        book = self.shown.get(token_id)
        return NotLive.WAITING if book is None else replace(book, confirmed_ms=at_ms)


def dutch_params(**changes: Any) -> DutchParams:
    usual = DutchParams(
        lot=shares(1),
        fee_bps=0,
        slippage_ticks=0,
        safety_per_set=Usdc(0),
        fixed_cost=Usdc(0),
        min_profit=usdc(0.5),
        max_sets=shares(500),
        max_leg=usdc(500),
        max_plan=usdc(1000000),
        max_event=usdc(1000000),
        max_total=usdc(1000000),
        max_book_age_ms=Ms(MAX_BOOK_AGE_MS),
        max_leg_skew_ms=Ms(2_000),
        allow_other=False,
        carry_rate_e6=0,
        days_locked=0,
        max_days_locked=0,
        stress_levels=0,
        max_leg_loss=usdc(500),
        max_residual=usdc(500),
        success_pct=100,
    )
    return replace(usual, **changes)


def settings(
    *events: EventGroup, day: float = 1_000, per_ticket: float = 500, **changes: Any
) -> DeskSettings:
    """Settings under which `events` are reviewed; caps in dollars."""
    usual = DeskSettings(
        caps=Caps(ticket=usdc(per_ticket), day=usdc(day)),
        tickets=TicketRules(
            dry_ttl_ms=Ms(600_000), armed_ttl_ms=Ms(45_000), read_first_ms=Ms(800), open_max=3
        ),
        orders=OrderRules(gtd_margin_ms=Ms(40_000), horizon_ms=Ms(60_000)),
        dutch=dutch_params(),
        reviewed=reviewed(*events),
        spread=SPREAD,
    )
    return replace(usual, **changes)


class DeskRun:
    """One desk, its clock, and every effect it has asked for."""

    def __init__(
        self, *events: EventGroup, asks: tuple[int, ...] = (3_000, 3_000, 3_000), **limits: Any
    ) -> None:
        self.events = events or (event(),)
        self.books = ShownBooks()
        for group in self.events:
            self.books.shown |= set_books(group, *asks[: len(group.markets)])
        self.desk = Desk(settings=settings(*self.events, **limits), feeds=self.books)
        self.at_ms = NOW
        self.effects: list[Effect] = []
        self._request = 0
        self.blind = False
        """Leave the last look before a Send unanswered."""

    def step(self, happened: Event) -> tuple[Effect, ...]:
        """Let one event happen and return what it leads to."""
        effects = step(self.desk, happened)
        self.effects += effects
        return effects

    def later(self, by_ms: int) -> Self:
        """Let time pass; nothing else happens."""
        self.at_ms = Ms(self.at_ms + by_ms)
        return self

    def read_catalogue(self, *events: EventGroup, asked_ms: int | None = None) -> tuple[Effect, ...]:
        """Answer a read of the whole catalogue that began at `asked_ms`, now unless told."""
        self.events = events or self.events
        began = self.at_ms if asked_ms is None else Ms(asked_ms)
        return self.step(CatalogueRead(self.at_ms, began, self.events, 0))

    def start(self, balance: Usdc = WALLET) -> Self:
        """Start on an empty ledger, read catalogue and account: the gate opens."""
        self.step(Restored(self.at_ms, (), (), (), (), None))
        self.read_catalogue()
        self.read(balance=balance)
        assert self.desk.gate is Gate.RUN, "expected the first complete read to open the gate"
        return self

    def ask(self, command: Command, by: Operator = BEN, entropy: int = 7) -> tuple[Effect, ...]:
        self._request += 1
        return self.step(Asked(self.at_ms, self._request, by, by.user_id, command, entropy))

    def told(self, command: Command, by: Operator = BEN) -> View:
        """Ask, and return what is answered."""
        return only(self.ask(command, by), Reply).view

    def dry(
        self, code: str = "fed3", sets: float | None = 100, by: Operator = BEN, entropy: int = 7
    ) -> Ticket:
        """Open a dry ticket whose card is on the screen."""
        wanted: Size | None = None if sets is None else shares(sets)
        view = only(self.ask(OpenDutch(code, wanted), by, entropy), Reply).view
        assert isinstance(view, TicketView), f"expected a card, was {view}"
        self.step(CardShown(self.at_ms, view.ticket.ticket_id, CARD))
        return self.desk.tickets[view.ticket.ticket_id]

    def press(
        self, ticket: Ticket, move: Move, by: Operator | None = None, **changes: Any
    ) -> tuple[Effect, ...]:
        """Press a button of the ticket's card as the test holds it; `changes` alter the press."""
        press = replace(Press(ticket.ticket_id, move, ticket.version, CARD), **changes)
        effects = self.ask(press, by or ticket.owner)
        looks = [look for look in of_kind(effects, FetchBooks) if look.reason == "recheck"]
        return effects if self.blind else (*effects, *(e for look in looks for e in self.look(look)))

    def look(self, look: FetchBooks, *left_out: TokenId, asked_ms: Ms | None = None) -> tuple[Effect, ...]:
        """Answer the last look before a Send, begun now unless told, with books like ours."""
        began = self.at_ms if asked_ms is None else asked_ms
        books = tuple(rest_book(token) for token in look.tokens if token not in left_out)
        return self.step(BooksRead(self.at_ms, began, look.tokens, books))

    def armed(self, **how: Any) -> Ticket:
        """Open and confirm; the card has been read."""
        ticket = self.dry(**how)
        self.press(ticket, Move.CONFIRM)
        self.later(1_000)
        return self.desk.tickets[ticket.ticket_id]

    def sent(self, **how: Any) -> tuple[OrderRecord, ...]:
        """Open, confirm and send; the batch is committed and on its way."""
        ticket = self.armed(**how)
        return self.commit(only(self.press(ticket, Move.SEND), SendBatch))

    def sent_as(self, **changes: Any) -> tuple[OrderRecord, ...]:
        """Send as `sent` does, every intent with these changes: another type, side or lifetime."""
        ticket = self.armed()
        batch = only(self.press(ticket, Move.SEND), SendBatch)
        intents = tuple(replace(intent, **changes) for intent in batch.intents)
        return self.commit(replace(batch, intents=intents))

    def commit(self, batch: SendBatch) -> tuple[OrderRecord, ...]:
        """Do what the shell does with a batch: sign, commit, tell."""
        orders = tuple(order(what=intent, last_send_ms=self.at_ms) for intent in batch.intents)
        self.step(BatchCommitted(self.at_ms, batch.ticket, orders, batch.approved, batch.grant))
        return orders

    def answer(self, *answers: LegAnswer) -> tuple[Effect, ...]:
        return self.step(PostAnswered(self.at_ms, answers))

    def cancel_says(self, reply: CancelReply, *orders: OrderRecord) -> tuple[Effect, ...]:
        return self.step(CancelAnswered(self.at_ms, self.at_ms, tuple((o.order_id, reply) for o in orders)))

    def look_up(
        self,
        of: OrderRecord,
        *trades: VenueTrade,
        rests: OpenOrder | None = None,
        asked_ms: int | None = None,
    ) -> tuple[Effect, ...]:
        """Answer a look-up that began at `asked_ms`, now unless told."""
        began = self.at_ms if asked_ms is None else Ms(asked_ms)
        return self.step(OrderLookedUp(self.at_ms, began, of.order_id, rests, trades))

    def read(
        self,
        *trades: VenueTrade,
        rests: Iterable[OpenOrder] = (),
        balance: Usdc | None = None,
        held: Iterable[tuple[TokenId, Size]] = (),
        asked_ms: int | None = None,
    ) -> tuple[Effect, ...]:
        """Answer a complete read of the account that began at `asked_ms`, now unless told."""
        began = self.at_ms if asked_ms is None else Ms(asked_ms)
        booked = self.desk.balance if balance is None else balance
        state: AccountState = account(
            resting_orders=tuple(rests),
            trades=trades,
            balance=WALLET if booked is None else booked,
            held=tuple(held),
        )
        return self.step(AccountRead(self.at_ms, began, state))

    def told_by_stream(self, *trades: VenueTrade, orders: Iterable[UserOrder] = ()) -> tuple[Effect, ...]:
        """Let the user stream tell this in one message."""
        return self.step(UserTold(self.at_ms, tuple(orders), trades))

    def timer(self, name: str) -> tuple[Effect, ...]:
        return self.step(TimerDue(self.at_ms, name))

    def order(self, of: OrderRecord) -> OrderRecord:
        """Return the order as the desk knows it now."""
        return self.desk.orders[of.order_id]

    def ticket(self, of: TicketId) -> Ticket:
        return self.desk.tickets[of]

    def alerts(self) -> list[Alert]:
        return [effect.alert for effect in self.effects if isinstance(effect, RaiseAlert)]

    def freeze(self, event_id: EventId, reason: str = "T-BBBBBB was filled only in part") -> None:
        self.desk.frozen[event_id] = reason

    def restart(
        self, orders: tuple[OrderRecord, ...], tickets: tuple[Ticket, ...], **held: Any
    ) -> tuple[Effect, ...]:
        """Throw this desk away and start another on what storage held."""
        self.desk = Desk(settings=self.desk.settings, feeds=self.books)
        self.effects = []
        kept = Restored(
            self.at_ms, tickets, orders, held.get("fills", ()), held.get("frozen", ()), held.get("halted")
        )
        effects = self.step(kept)
        self.step(CatalogueRead(self.at_ms, self.at_ms, self.events, 0))
        return effects


def of_kind(effects: Iterable[Effect], kind: type[T]) -> list[T]:
    return [effect for effect in effects if isinstance(effect, kind)]


def only(effects: Iterable[Effect], kind: type[T]) -> T:
    """Return the one effect of a kind; fails when there is another number of them."""
    found = of_kind(effects, kind)
    assert len(found) == 1, f"expected one {kind.__name__}, found {len(found)} in {effects}"
    return found[0]


def cancelled_ids(effects: Iterable[Effect]) -> set[OrderId]:
    return {order_id for effect in of_kind(effects, CancelOrders) for order_id in effect.order_ids}


def looked_up_ids(effects: Iterable[Effect]) -> set[OrderId]:
    return {effect.order_id for effect in of_kind(effects, LookUpOrder)}


def timers(effects: Iterable[Effect]) -> dict[str, Ms]:
    """Return the last setting of every timer."""
    return {effect.name: effect.due_ms for effect in of_kind(effects, SetTimer)}


def refusal_of(view: View) -> RefusalView:
    assert isinstance(view, RefusalView), f"expected a refusal, was {view}"
    return view
