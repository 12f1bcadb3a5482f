"""Effects become deeds: durable ones are awaited in order, network ones are started and answer with events.

One row per effect type. When the ledger refuses a commit, the rest of that step's effects is dropped, but
for what lowers risk, and the command behind it is told.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.clock import Clock, perf_us
from engine.domain.effects import (
    Announce,
    Audit,
    CancelEverything,
    CancelOrders,
    CarryOut,
    Count,
    Effect,
    FetchBooks,
    FreezeRules,
    KeepSnapshots,
    LookUpOrder,
    PassOn,
    PruneHistory,
    RaiseAlert,
    ReadAccount,
    ReadAllowances,
    ReadCatalogue,
    Reconnect,
    Reply,
    ResendOrders,
    SaveAct,
    SaveFreeze,
    SaveHalt,
    SaveProgress,
    SaveReview,
    SaveTicket,
    SendBatch,
    SendHeartbeat,
    SetTimer,
    ShowTicket,
    Subscribe,
)
from engine.domain.events import BatchRefused, Event, StoreFailed, VenueNotice
from engine.domain.ids import TicketId
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.views import KillView, RefusalView, View
from engine.metrics import Metrics
from engine.ports import Chat, MarketFeed, Store, StoreError
from engine.runtime.chain_desk import ChainDesk
from engine.runtime.history import History
from engine.runtime.host_watch import CommitTimes
from engine.runtime.order_desk import OrderDesk
from engine.runtime.reads import Reads
from engine.runtime.timers import Timers
from engine.runtime.unsaved import Unsaved


@dataclass(frozen=True, slots=True)
class Hands:
    """Everything effects are performed with."""

    clock: Clock
    metrics: Metrics
    store: Store
    feed: MarketFeed
    chat: Chat
    timers: Timers
    orders: OrderDesk
    chain: ChainDesk
    reads: Reads
    history: History
    answer: Callable[[int, View], None]
    """Resolve the command with this request number."""
    post: Callable[[Event], None]
    unsaved: Unsaved
    """What the ledger refused; shared with the order desk, whose audit rows it keeps too."""
    commits: CommitTimes = field(default_factory=CommitTimes)
    unstored: set[TicketId] = field(default_factory=set)
    """Tickets whose row lags behind, because a write failed: the next one is made without a claim."""


async def perform(hands: Hands, effects: Iterable[Effect]) -> None:
    """Perform one step's effects in order."""
    broken: StoreError | None = None
    await hands.unsaved.catch_up(hands.store)
    for effect in effects:
        if broken is not None and not isinstance(effect, RISK_LOWERING):
            _dropped(hands, effect, broken)
            continue
        durable = DURABLE.get(type(effect))
        if durable is None:
            start(hands, effect)
            continue
        began_us = perf_us()
        try:
            await durable(hands, effect)
            hands.commits.note(hands.clock.now_ms(), perf_us() - began_us)
        except StoreError as error:
            broken = error
            if isinstance(effect, SaveProgress):
                hands.unsaved.keep(effect)
            hands.metrics.count("engine_errors", "store")
            hands.post(StoreFailed(hands.clock.now_ms(), str(error)))


def _dropped(hands: Hands, effect: Effect, broken: StoreError) -> None:
    """Tell what is not done because the ledger refused a commit before it in the same step."""
    if isinstance(effect, Reply):
        # A kill is true without the ledger: the gate is closed and cancel-all is on its way.
        kept = isinstance(effect.view, KillView)
        hands.answer(effect.request, effect.view if kept else _not_stored(broken))
    if isinstance(effect, SaveTicket):
        hands.unstored.add(effect.ticket.ticket_id)
    if isinstance(effect, SaveProgress):
        hands.unsaved.keep(effect)
    if isinstance(effect, CarryOut):
        hands.chain.refuse(effect, str(broken))
    if isinstance(effect, SendBatch):
        # Two Sends can end their last look in one step; this one's reserve must not be held for ever.
        hands.post(BatchRefused(hands.clock.now_ms(), effect.ticket, str(broken)))


def start(hands: Hands, effect: Effect) -> None:
    """Perform an effect that is not durable; also used from the socket callback, outside a step."""
    STARTED[type(effect)](hands, effect)


def is_durable(effect: Effect) -> bool:
    """Tell whether the ledger must hold the effect before the next one begins."""
    return type(effect) in DURABLE


def _not_stored(error: StoreError) -> RefusalView:
    text = f"the ledger could not be written, so nothing was done: {error}"
    return RefusalView("not stored", Refusal(RefusalKind.GATE_CLOSED, text))


async def _save_progress(hands: Hands, effect: SaveProgress) -> None:
    await hands.store.save_progress(effect.orders, effect.fills)
    hands.unsaved.supersede(effect)


async def _save_ticket(hands: Hands, effect: SaveTicket) -> None:
    ticket_id = effect.ticket.ticket_id
    claim = None if ticket_id in hands.unstored else effect.claim
    hands.unstored.add(ticket_id)
    stored = await hands.store.save_ticket(effect.ticket, claim)
    hands.unstored.discard(ticket_id)
    if not stored:
        raise StoreError(f"{effect.ticket.ticket_id} was changed by another hand: is a second desk running?")


def _raise_alert(hands: Hands, effect: RaiseAlert) -> None:
    hands.metrics.count("alerts_total", effect.alert.severity.value)
    hands.chat.raise_alert(effect.alert)


RISK_LOWERING = (CancelOrders, CancelEverything, RaiseAlert, Announce, SetTimer, Count)
"""What is still done when the ledger cannot be written."""

DURABLE: dict[type, Callable[[Hands, Any], Awaitable[None]]] = {
    SaveTicket: _save_ticket,
    SendBatch: lambda hands, effect: hands.orders.send(effect),
    ResendOrders: lambda hands, effect: hands.orders.resend(effect),
    SaveProgress: _save_progress,
    SaveHalt: lambda hands, effect: hands.store.save_halt(effect.reason),
    SaveFreeze: lambda hands, effect: hands.store.save_freeze(effect.event_id, effect.reason),
    FreezeRules: lambda hands, effect: hands.store.save_rules_freeze(effect.freeze),
    SaveReview: lambda hands, effect: hands.store.save_review(effect.review),
    CarryOut: lambda hands, effect: hands.chain.carry_out(effect),
    SaveAct: lambda hands, effect: hands.store.save_act(effect.act),
    Audit: lambda hands, effect: hands.store.append_audit(effect),
}

STARTED: dict[type, Callable[[Hands, Any], None]] = {
    FetchBooks: lambda hands, effect: hands.reads.fetch_books(effect),
    Subscribe: lambda hands, effect: hands.feed.subscribe(effect.connections),
    Reconnect: lambda hands, effect: hands.feed.reconnect(effect.connection),
    PassOn: lambda hands, effect: hands.post(VenueNotice(hands.clock.now_ms(), effect.notice)),
    ReadCatalogue: lambda hands, _effect: hands.reads.read_catalogue(),
    KeepSnapshots: lambda hands, effect: hands.history.keep(effect.snapshots),
    PruneHistory: lambda hands, _effect: hands.history.prune(),
    CancelOrders: lambda hands, effect: hands.orders.cancel(effect.order_ids),
    CancelEverything: lambda hands, _effect: hands.orders.cancel_everything(),
    SendHeartbeat: lambda hands, effect: hands.orders.heartbeat(effect.heartbeat_id),
    LookUpOrder: lambda hands, effect: hands.reads.look_up(effect),
    ReadAccount: lambda hands, effect: hands.reads.read_account(effect),
    ReadAllowances: lambda hands, effect: hands.reads.read_allowances(effect),
    SetTimer: lambda hands, effect: hands.timers.set(effect.name, effect.due_ms),
    Reply: lambda hands, effect: hands.answer(effect.request, effect.view),
    ShowTicket: lambda hands, effect: hands.chat.show_ticket(effect.view, aloud=effect.aloud),
    Announce: lambda hands, effect: hands.chat.announce(effect.view),
    RaiseAlert: _raise_alert,
    Count: lambda hands, effect: hands.metrics.count(effect.metric, effect.label, effect.by),
}
