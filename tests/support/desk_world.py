"""A desk, a model venue and everything between them: posts, answers, cancels and reads under way."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Any

from engine.core.desk import step
from engine.core.state import Desk
from engine.domain.account import CancelReply, UserOrder, VenueTrade
from engine.domain.effects import (
    CancelEverything,
    CancelOrders,
    Effect,
    FetchBooks,
    LookUpOrder,
    ReadAccount,
    ResendOrders,
    SaveFreeze,
    SaveHalt,
    SaveProgress,
    SaveTicket,
    SendBatch,
    SetTimer,
)
from engine.domain.events import (
    AccountRead,
    AccountReadFailed,
    BatchCommitted,
    BooksRead,
    CancelAnswered,
    CancelFailed,
    CatalogueRead,
    Event,
    LookUpFailed,
    OrderLookedUp,
    PostAnswered,
    Restored,
    TimerDue,
    UserLink,
    UserTold,
)
from engine.domain.failure import LegAnswer, PostClass
from engine.domain.ids import EventId, OrderId, TicketId, TradeId
from engine.domain.market import EventGroup
from engine.domain.order import Fill, OrderRecord, Settlement, TimeInForce
from engine.domain.ticket import Ticket
from engine.domain.units import Ms
from engine.domain.views import Gate
from tests.support.builders import NOW, answer, order, rest_book, set_books
from tests.support.desk_run import ShownBooks, settings
from tests.support.model_venue import Fate, ModelVenue

Made = Callable[[Ms], Event]
"""An event that is ready but for the time at which the desk learns of it."""


@dataclass
class Stored:
    """What the ledger holds: all that survives a restart."""

    tickets: dict[TicketId, Ticket] = field(default_factory=dict)
    orders: dict[OrderId, OrderRecord] = field(default_factory=dict)
    fills: dict[tuple[TradeId, OrderId], Fill] = field(default_factory=dict)
    frozen: dict[str, str] = field(default_factory=dict)
    halted: str | None = None

    def restored(self, at_ms: Ms) -> Restored:
        return Restored(
            at_ms,
            tuple(self.tickets.values()),
            tuple(self.orders.values()),
            tuple(self.fills.values()),
            tuple((EventId(event_id), why) for event_id, why in self.frozen.items()),
            self.halted,
        )


class Kind(Enum):
    """What the orders of a batch are made before they are sent; the core itself sends the usual ones."""

    USUAL = MappingProxyType[str, Any]({})
    FAK = MappingProxyType[str, Any]({"time_in_force": TimeInForce.FAK, "expiration_s": 0})
    FOK = MappingProxyType[str, Any]({"time_in_force": TimeInForce.FOK, "expiration_s": 0})
    RESTS = MappingProxyType[str, Any](
        {"time_in_force": TimeInForce.GTC, "expiration_s": 0, "post_only": True}
    )


@dataclass
class Post:
    """A POST under way; nobody awaits its answer any more once the desk was told that none came."""

    ids: tuple[OrderId, ...]
    sent_ms: Ms
    left: bool = False
    awaited: bool = True


class World:
    """Performs effects against the model; nothing reaches the desk before `deliver`."""

    def __init__(self, *events: EventGroup, day: float) -> None:
        self.events = events
        self.day = day
        self.now = NOW
        markets = {market.yes: market for group in events for market in group.markets}
        self.venue = ModelVenue(markets)
        self.venue.tell_order = lambda told: self._tell((told,), ())
        self.venue.tell_trade = lambda told: self._tell((), (told,))
        self.stream: list[UserTold] = []
        """What the user stream has still to tell; its time is that of the delivery."""
        self.stream_up = True
        self.looks: list[FetchBooks] = []
        """Reads of books that a Send waits for."""
        self.kinds: tuple[Kind, ...] = ()
        """As what the next orders are sent, leg by leg; the usual leg beyond."""
        self.stored = Stored()
        self.posts: list[Post] = []
        self.cancels: list[tuple[OrderId, ...] | None] = []
        self.asks: list[LookUpOrder | ReadAccount] = []
        self.under_way: list[Made] = []
        self.timers: dict[str, Ms] = {}
        self.played: list[list[Event]] = []
        self.told: list[list[tuple[Effect, ...]]] = []
        self.settings = settings(*events, day=day)
        self.desk = self._fresh_desk()
        self.begin()

    def _fresh_desk(self) -> Desk:
        books = ShownBooks()
        for group in self.events:
            books.shown |= set_books(group, *(3_000,) * len(group.markets))
        return Desk(self.settings, books)

    def begin(self) -> None:
        """Start a process on what is stored. Bytes that have left may still arrive; answers are lost."""
        self.desk = self._fresh_desk()
        self.posts = [replace(post, awaited=False) for post in self.posts if post.left]
        self.cancels.clear()
        self.asks.clear()
        self.under_way.clear()
        self.timers.clear()
        self.stream.clear()
        self.looks.clear()
        self.stream_up = True
        self.played.append([])
        self.told.append([])
        self.happen(self.stored.restored(self.now))
        self.happen(CatalogueRead(self.now, self.now, self.events, 0))
        self.happen(UserLink(self.now, up=True))

    def _tell(self, orders: tuple[UserOrder, ...], trades: tuple[VenueTrade, ...]) -> None:
        if self.stream_up:
            self.stream.append(UserTold(self.now, orders, trades))

    def look(self) -> None:
        """Answer every last look before a Send with books like ours."""
        while self.looks:
            asked = self.looks.pop(0).tokens
            self.happen(BooksRead(self.now, self.now, asked, tuple(rest_book(token) for token in asked)))

    def hear(self, told: UserTold, *, again: bool) -> None:
        """Let the stream tell one thing, now; it may tell it again."""
        if not again:
            self.stream.remove(told)
        self.happen(replace(told, at_ms=self.now))

    def link(self, *, up: bool) -> None:
        """Lose the stream with all that it had still to tell, or bring it back: it replays nothing."""
        self.stream_up = up
        self.stream.clear()
        self.happen(UserLink(self.now, up=up))

    def happen(self, event: Event) -> tuple[Effect, ...]:
        self.played[-1].append(event)
        effects = step(self.desk, event)
        self.told[-1].append(effects)
        for effect in effects:
            self._perform(effect)
        return effects

    def _perform(self, effect: Effect) -> None:
        self._store(effect)
        match effect:
            case SendBatch():
                self._commit(effect)
            case ResendOrders():
                self.posts.append(Post(effect.order_ids, self.now))
            case CancelOrders():
                self.cancels.append(effect.order_ids)
            case CancelEverything():
                self.cancels.append(None)
            case LookUpOrder() | ReadAccount():
                self.asks.append(effect)
            case FetchBooks():
                self.looks.append(effect)
            case SetTimer():
                self.timers[effect.name] = effect.due_ms
            case _:
                pass

    def _store(self, effect: Effect) -> None:
        match effect:
            case SaveTicket():
                self.stored.tickets[effect.ticket.ticket_id] = effect.ticket
            case SaveProgress():
                self.stored.orders |= {o.order_id: o for o in effect.orders}
                self.stored.fills |= {(f.trade_id, f.order_id): f for f in effect.fills}
            case SaveHalt():
                self.stored.halted = effect.reason
            case SaveFreeze():
                if effect.reason is None:
                    self.stored.frozen.pop(effect.event_id, None)
                else:
                    self.stored.frozen[effect.event_id] = effect.reason
            case _:
                pass

    def _commit(self, batch: SendBatch) -> None:
        kinds = (*self.kinds, *(Kind.USUAL for _ in batch.intents))
        intents = [replace(what, **kind.value) for what, kind in zip(batch.intents, kinds, strict=False)]
        orders = tuple(order(what=intent, last_send_ms=self.now) for intent in intents)
        self.stored.tickets[batch.ticket.ticket_id] = batch.ticket
        self.stored.orders |= {o.order_id: o for o in orders}
        self.happen(BatchCommitted(self.now, batch.ticket, orders, batch.approved, batch.grant))
        self.posts.append(Post(tuple(o.order_id for o in orders), self.now))

    def leave(self, post: Post) -> bool:
        """Let a POST's bytes leave, unless the gate has closed: then it is told as never sent."""
        if post.left:
            return True
        if self.desk.gate is not Gate.RUN:
            self.posts.remove(post)
            kept = tuple(
                answer(self.stored.orders[i], PostClass.NOT_SENT, "the gate closed") for i in post.ids
            )
            self.under_way.append(lambda at_ms: PostAnswered(at_ms, kept))
            return False
        post.left = True
        return True

    def arrive(self, post: Post, fates: tuple[Fate, ...], *, answered: bool) -> None:
        """Let a POST reach the venue; its answer comes back or is lost."""
        self.posts.remove(post)
        answers = tuple(
            self.venue.take(order_id, self.stored.orders[order_id].intent, fate, self.now)
            for order_id, fate in zip(post.ids, fates, strict=True)
        )
        if not post.awaited:
            return
        if not answered:
            answers = self._no_answer(post)
        self.under_way.append(lambda at_ms: PostAnswered(at_ms, answers))

    def lose(self, post: Post) -> None:
        """Lose a POST before it arrives."""
        self.posts.remove(post)
        if post.awaited:
            answers = self._no_answer(post)
            self.under_way.append(lambda at_ms: PostAnswered(at_ms, answers))

    def time_out(self, post: Post) -> None:
        """Tell the desk that no answer came while the bytes are still on their way."""
        if post.awaited:
            post.awaited = False
            answers = self._no_answer(post)
            self.under_way.append(lambda at_ms: PostAnswered(at_ms, answers))

    def _no_answer(self, post: Post) -> tuple[LegAnswer, ...]:
        return tuple(answer(self.stored.orders[i], PostClass.UNKNOWN, "timed out") for i in post.ids)

    def cancel(self, ids: tuple[OrderId, ...] | None, *, answered: bool) -> None:
        """Let a cancel reach the venue."""
        self.cancels.remove(ids)
        if ids is None:
            wanted = tuple(order_id for order_id, held in self.venue.held.items() if held.rests)
        else:
            wanted = ids
        replies: tuple[tuple[OrderId, CancelReply], ...] = tuple((i, self.venue.cancel(i)) for i in wanted)
        if answered:
            asked_ms = self.now
            self.under_way.append(lambda at_ms: CancelAnswered(at_ms, asked_ms, replies))
        else:
            self.under_way.append(lambda at_ms: CancelFailed(at_ms, ids or (), "timed out"))

    def read(self, ask: LookUpOrder | ReadAccount, *, works: bool) -> None:
        """Take a picture of the venue now; it reaches the desk whenever it is delivered."""
        self.asks.remove(ask)
        asked_ms = self.now
        if isinstance(ask, ReadAccount):
            picture = self.venue.read(self.desk.positions.holdings)
            self.under_way.append(
                (lambda at_ms: AccountRead(at_ms, asked_ms, picture))
                if works
                else (lambda at_ms: AccountReadFailed(at_ms, "502"))
            )
            return
        name = ask.order_id
        rests = next((o for o in self.venue.read().open_orders if o.order_id == name), None)
        trades = self.venue.trades_of(name)
        self.under_way.append(
            (lambda at_ms: OrderLookedUp(at_ms, asked_ms, name, rests, trades))
            if works
            else (lambda at_ms: LookUpFailed(at_ms, name, "502"))
        )

    def deliver(self, made: Made) -> None:
        self.under_way.remove(made)
        self.happen(made(self.now))

    def fire(self, name: str) -> None:
        del self.timers[name]
        self.happen(TimerDue(self.now, name))

    def due(self) -> list[str]:
        return sorted(name for name, due_ms in self.timers.items() if due_ms <= self.now)

    def calm(self, limit_ms: int = 600_000) -> None:
        """Let a healthy venue answer everything until nothing is open, for so long at most."""
        for turn in range(limit_ms // 500):
            if turn % 20 == 0:
                self.asks.append(ReadAccount(Ms(0), "job"))
            self._answer_everything()
            if self.is_calm():
                return
            for name in self.due():
                self.fire(name)
            self.now = Ms(self.now + 500)

    def _answer_everything(self) -> None:
        for post in list(self.posts):
            if self.leave(post):
                self.arrive(post, (Fate.REST,) * len(post.ids), answered=True)
        for order_id, held in list(self.venue.held.items()):
            if held.delayed:
                self.venue.end_delay(order_id, Fate.REFUSE, self.now)
        for name in list(self.venue.trades):
            self.venue.settle(name, Settlement.CONFIRMED)
        for told in list(self.stream):
            self.hear(told, again=False)
        self.answer_all_but_posts()

    def answer_all_but_posts(self) -> None:
        """Answer cancels and reads and deliver everything; a POST on its way stays on its way."""
        for ids in list(self.cancels):
            self.cancel(ids, answered=True)
        for ask in list(self.asks):
            self.read(ask, works=True)
        for made in list(self.under_way):
            self.deliver(made)

    def is_busy(self) -> bool:
        """Tell whether something is under way between desk and venue, or a timer is due."""
        return bool(self.posts or self.cancels or self.asks or self.under_way or self.stream or self.due())

    def is_calm(self) -> bool:
        under_way = self.posts or self.cancels or self.asks or self.under_way or self.stream
        return not under_way and all(flight.settled for flight in self.desk.flights.values())
