"""Hand-written stand-ins for the outside: each keeps what it was asked and does as told."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.domain.account import AccountState, CancelReply
from engine.domain.catalogue import Catalogue, SkippedEvent
from engine.domain.chain import Allowance
from engine.domain.chain_act import ChainAct
from engine.domain.effects import Audit
from engine.domain.events import Restored
from engine.domain.failure import LegAnswer, VenueFailure
from engine.domain.frames import BookSnapshot, Frame
from engine.domain.history import KeptSnapshot, Pruned
from engine.domain.ids import ConditionId, ConnectionId, EventId, OrderId, TokenId
from engine.domain.market import EventGroup
from engine.domain.order import Fill, OrderIntent, OrderRecord
from engine.domain.plan import Plan
from engine.domain.review import Review, RulesFreeze
from engine.domain.ticket import Approved, Claim, Grant, Ticket
from engine.domain.units import Ms
from engine.domain.views import Alert, TicketView, View
from engine.ports import (
    CancelReport,
    FoundOrder,
    HeartbeatRefused,
    HeartbeatTaken,
    PreparedOrder,
    RequestMade,
    StoreError,
    SubmitReport,
)
from tests.support.builders import NOW, account, order_id, rest_book

Log = list[tuple[str, Any]]
"""What was asked of any fake, oldest first."""


class FakeRelayer:
    """A venue that answers what the test has laid ready; POSTs can be held back."""

    def __init__(self, log: Log | None = None) -> None:
        self.log: Log = [] if log is None else log
        self.answers: Callable[[PreparedOrder], LegAnswer] | None = None
        self.cancel_reply: tuple[tuple[OrderId, CancelReply], ...] | VenueFailure | None = None
        self.heartbeat_answer: HeartbeatTaken | HeartbeatRefused | VenueFailure = HeartbeatTaken("hb-1")
        self.found: FoundOrder | VenueFailure = FoundOrder(None, ())
        self.allowances: tuple[Allowance, ...] | VenueFailure = ()
        self.account: AccountState | VenueFailure = account()
        self.submitted = asyncio.Event()
        self.let_submit = asyncio.Event()
        self.let_submit.set()
        self.let_cancel = asyncio.Event()
        self.let_cancel.set()
        self.let_read = asyncio.Event()
        self.let_read.set()
        self.let_look_up = asyncio.Event()
        self.let_look_up.set()
        self.reads_at_once = 0
        self.look_ups_at_once = 0
        self.look_ups_most = 0
        self.offset_ms: Ms | None = None

    def set_venue_offset(self, offset_ms: Ms) -> None:
        self.offset_ms = offset_ms

    def prepare(self, intents: Sequence[OrderIntent]) -> tuple[PreparedOrder, ...]:
        self.log.append(("prepare", tuple(intents)))
        return tuple(
            PreparedOrder(order_id(intent.key), intent, f'{{"leg":{intent.leg}}}'.encode())
            for intent in intents
        )

    async def submit(
        self, prepared: Sequence[PreparedOrder], *, approved: Approved, grant: Grant
    ) -> SubmitReport:
        self.log.append(("submit", tuple(p.order_id for p in prepared)))
        self.submitted.set()
        await self.let_submit.wait()
        assert self.answers is not None, "lay ready what the venue answers"
        answers = tuple(self.answers(p) for p in prepared)
        return SubmitReport(answers, request_id="req-1", place_call_us=2_000, ack_latency_us=1_500)

    async def cancel(self, order_ids: Sequence[OrderId]) -> CancelReport:
        self.log.append(("cancel", tuple(order_ids)))
        await self.let_cancel.wait()
        return self._cancelled(tuple((name, CancelReply.CANCELLED) for name in order_ids))

    async def cancel_market(self, condition_id: ConditionId) -> CancelReport:
        self.log.append(("cancel_market", condition_id))
        return self._cancelled(())

    async def cancel_all(self) -> CancelReport:
        self.log.append(("cancel_all", None))
        await self.let_cancel.wait()
        return self._cancelled(())

    def _cancelled(self, usual: tuple[tuple[OrderId, CancelReply], ...]) -> CancelReport:
        laid = usual if self.cancel_reply is None else self.cancel_reply
        return CancelReport((), laid) if isinstance(laid, VenueFailure) else CancelReport(laid)

    async def heartbeat(self, heartbeat_id: str) -> HeartbeatTaken | HeartbeatRefused | VenueFailure:
        self.log.append(("heartbeat", heartbeat_id))
        return self.heartbeat_answer

    async def look_up(
        self, order_id: OrderId, condition_id: ConditionId, since_ms: Ms
    ) -> FoundOrder | VenueFailure:
        self.log.append(("look_up", order_id))
        self.look_ups_at_once += 1
        self.look_ups_most = max(self.look_ups_most, self.look_ups_at_once)
        await self.let_look_up.wait()
        self.look_ups_at_once -= 1
        return self.found

    async def read_allowances(self) -> tuple[Allowance, ...] | VenueFailure:
        self.log.append(("read_allowances", None))
        return self.allowances

    async def read_account(self, since_ms: Ms, tokens: Sequence[TokenId] = ()) -> AccountState | VenueFailure:
        self.log.append(("read_account", since_ms))
        self.reads_at_once += 1
        assert self.reads_at_once == 1, "expected one account read at a time"
        try:
            await self.let_read.wait()
        finally:
            self.reads_at_once -= 1
        return self.account


class FakeStore:
    """A ledger in memory; `fail` names the methods whose next commits the disk refuses."""

    def __init__(self, log: Log | None = None) -> None:
        self.log: Log = [] if log is None else log
        self.fail: set[str] = set()
        self.claims_hold = True
        self.restored = Restored(Ms(0), (), (), (), (), None)
        self.tickets: dict[str, Ticket] = {}
        self.orders: dict[OrderId, OrderRecord] = {}
        self.bodies: dict[OrderId, PreparedOrder] = {}
        self.halted: str | None = None
        self.reports: list[SubmitReport] = []
        self.acts: list[ChainAct] = []
        self.requests: list[RequestMade] = []
        """The exec audit beside `reports`."""

    def _begin(self, what: str, about: object) -> None:
        if what in self.fail or "all" in self.fail:
            self.log.append((f"{what} failed", about))
            raise StoreError("disk full")
        self.log.append((what, about))

    async def load(self, at_ms: Ms, rules_of: Collection[EventId] = ()) -> Restored:
        self._begin("load", at_ms)
        return self.restored

    async def save_ticket(self, ticket: Ticket, claim: Claim | None) -> bool:
        self._begin("save_ticket", ticket)
        if claim is not None and not self.claims_hold:
            return False
        self.tickets[ticket.ticket_id] = ticket
        return True

    async def commit_batch(
        self,
        claim: Claim | None,
        ticket: Ticket,
        plan: Plan,
        orders: Sequence[tuple[OrderRecord, PreparedOrder]],
    ) -> bool:
        self._begin("commit_batch", tuple(record.order_id for record, _ in orders))
        if not self.claims_hold:
            return False
        self.tickets[ticket.ticket_id] = ticket
        for record, prepared in orders:
            self.orders[record.order_id] = record
            self.bodies[record.order_id] = prepared
        return True

    async def begin_resend(self, order_ids: Sequence[OrderId], at_ms: Ms) -> tuple[PreparedOrder, ...]:
        self._begin("begin_resend", tuple(order_ids))
        return tuple(self.bodies[name] for name in order_ids)

    async def finish_attempts(self, report: SubmitReport, at_ms: Ms) -> None:
        self._begin("finish_attempts", report)
        self.reports.append(report)

    async def save_progress(self, orders: Sequence[OrderRecord], fills: Sequence[Fill]) -> None:
        self._begin("save_progress", tuple(orders))
        self.orders |= {record.order_id: record for record in orders}

    async def save_halt(self, reason: str | None) -> None:
        self._begin("save_halt", reason)
        self.halted = reason

    async def save_freeze(self, event_id: EventId, reason: str | None) -> None:
        self._begin("save_freeze", event_id)

    async def save_rules_freeze(self, freeze: RulesFreeze) -> None:
        self._begin("save_rules_freeze", freeze.event_id)

    async def save_review(self, review: Review) -> None:
        self._begin("save_review", review.event_id)

    async def save_act(self, act: ChainAct) -> None:
        self._begin("save_act", act)
        self.acts.append(act)

    async def append_request(self, request: RequestMade) -> None:
        if "append_request" in self.fail or "all" in self.fail:
            raise StoreError("disk full")
        self.requests.append(request)

    async def append_audit(self, line: Audit) -> None:
        self._begin("append_audit", line.what)

    async def save_catalogue(self, events: Sequence[EventGroup], at_ms: Ms) -> None:
        self._begin("save_catalogue", len(events))

    async def save_snapshots(self, snapshots: Sequence[KeptSnapshot]) -> None:
        self._begin("save_snapshots", tuple(snapshots))

    async def prune_history(self, at_ms: Ms) -> AsyncGenerator[Pruned, None]:
        for part in (Pruned(catalogue_reads=2), Pruned(snapshots=3), Pruned(snapshots=4)):
            self._begin("prune_history", at_ms)
            yield part


@dataclass
class FakeReads:
    """Public reads."""

    books: tuple[BookSnapshot, ...] | VenueFailure = ()
    """Empty: every book that is asked for, with no levels."""
    catalogue: tuple[EventGroup, ...] | VenueFailure = ()
    skipped: tuple[SkippedEvent, ...] = ()
    time_ms: Ms | VenueFailure = NOW
    asked: list[str] = field(default_factory=list)
    let_read: asyncio.Event | None = None

    async def read_books(self, tokens: Sequence[TokenId]) -> tuple[BookSnapshot, ...] | VenueFailure:
        self.asked.append("books")
        if self.books != ():
            return self.books
        return tuple(rest_book(token) for token in tokens)

    async def read_catalogue(self) -> Catalogue | VenueFailure:
        self.asked.append("catalogue")
        if self.let_read is not None:
            await self.let_read.wait()
        if isinstance(self.catalogue, VenueFailure):
            return self.catalogue
        return Catalogue(self.catalogue, self.skipped)

    async def read_time_ms(self) -> Ms | VenueFailure:
        self.asked.append("time")
        return self.time_ms


LINE = ConnectionId(0)
"""The one connection of a test."""


class FakeFeed:
    """A market socket whose messages the test delivers by hand."""

    def __init__(self) -> None:
        self.connections: dict[ConnectionId, tuple[TokenId, ...]] = {}
        self.reconnected: list[ConnectionId] = []
        self.running = asyncio.Event()
        self.on_frames: Callable[[ConnectionId, tuple[Frame, ...]], None] | None = None
        self.on_link: Callable[[ConnectionId, bool], None] | None = None
        self.on_given_up: Callable[[ConnectionId, str], None] | None = None
        self.all_given_up = asyncio.Event()

    @property
    def tokens(self) -> tuple[TokenId, ...]:
        return tuple(token for tokens in self.connections.values() for token in tokens)

    async def run(
        self,
        on_frames: Callable[[ConnectionId, tuple[Frame, ...]], None],
        on_link: Callable[[ConnectionId, bool], None],
        on_given_up: Callable[[ConnectionId, str], None],
    ) -> None:
        self.on_frames, self.on_link, self.on_given_up = on_frames, on_link, on_given_up
        self.running.set()
        await self.all_given_up.wait()

    def subscribe(self, connections: Sequence[tuple[ConnectionId, Sequence[TokenId]]]) -> None:
        self.connections = {number: tuple(tokens) for number, tokens in connections}

    def reconnect(self, connection: ConnectionId) -> None:
        self.reconnected.append(connection)

    def deliver(self, *frames: Frame) -> None:
        assert self.on_frames is not None, "expected a running feed"
        self.on_frames(LINE, frames)

    def link(self, up: bool) -> None:
        assert self.on_link is not None, "expected a running feed"
        self.on_link(LINE, up)


class FakeChat:
    """What people would see."""

    def __init__(self, log: Log | None = None) -> None:
        self.log: Log = [] if log is None else log
        self.shown: list[TicketView] = []
        self.announced: list[View] = []
        self.alerts: list[Alert] = []

    def show_ticket(self, view: TicketView, *, aloud: bool) -> None:
        self.log.append(("show_ticket", aloud))
        self.shown.append(view)

    def announce(self, view: View) -> None:
        self.log.append(("announce", view))
        self.announced.append(view)

    def raise_alert(self, alert: Alert) -> None:
        self.log.append(("alert", alert.key))
        self.alerts.append(alert)


def named(log: Log, *kinds: str) -> list[str]:
    """Return what was asked, in order; only these kinds if any are named."""
    return [what for what, _ in log if not kinds or what in kinds]


async def settled(condition: Callable[[], bool], turns: int = 1_000) -> None:
    """Let the loop run until `condition` holds; fails after so many turns instead of waiting for a clock."""
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"expected it to happen within {turns} turns of the loop")
