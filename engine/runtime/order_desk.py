"""Orders leave here: sign, one durable commit, last look at the gate, POST, answer as an event.

Only `engine.runtime.last_gate` calls `Relayer.submit`. A commit that did not happen is told as
`BatchRefused`; after the commit the batch is posted exactly once, whatever else goes on.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never

from engine.clock import Clock, perf_us
from engine.domain.effects import ResendOrders, SendBatch
from engine.domain.events import (
    BatchCommitted,
    BatchRefused,
    CancelAnswered,
    CancelFailed,
    Event,
    HeartbeatAnswered,
    HeartbeatFailed,
    HeartbeatMismatched,
    PostAnswered,
    StoreFailed,
)
from engine.domain.failure import LegAnswer, PostClass, VenueFailure
from engine.domain.ids import OrderId
from engine.domain.order import OrderRecord, OrderState
from engine.domain.ticket import Approved, Grant
from engine.domain.units import Ms, Size, Usdc
from engine.metrics import Metrics
from engine.ports import (
    CancelReport,
    HeartbeatRefused,
    HeartbeatTaken,
    PreparedOrder,
    Relayer,
    RequestKind,
    RequestMade,
    Store,
    StoreError,
    SubmitReport,
)
from engine.runtime.last_gate import KeptBack, LastGate
from engine.runtime.supervise import TaskSet
from engine.runtime.unsaved import Unsaved

LOG = logging.getLogger(__name__)
UNUSABLE = (PostClass.UNKNOWN, PostClass.NOT_SENT)
"""Classes of answers that are none: nothing of the venue's judgement came back."""


class OrderDesk:
    """Sends and cancels through one relayer, with every intent stored first."""

    def __init__(
        self,
        *,
        relayer: Relayer,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        tasks: TaskSet,
        post: Callable[[Event], None],
        last_gate: LastGate,
        unsaved: Unsaved,
    ) -> None:
        self._relayer = relayer
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._tasks = tasks
        self._post = post
        self._last_gate = last_gate
        self._unsaved = unsaved

    async def send(self, effect: SendBatch) -> None:
        """Sign and commit a batch, then start its POST; raises StoreError if the ledger refused."""
        began_us = perf_us()
        prepared = self._relayer.prepare(effect.intents)
        now = self._clock.now_ms()
        records = tuple(_record(order, now) for order in prepared)
        rows = tuple(zip(records, prepared, strict=True))
        try:
            claimed = await self._store.commit_batch(effect.claim, effect.ticket, effect.plan, rows)
        except StoreError as error:
            self._post(BatchRefused(self._clock.now_ms(), effect.ticket, str(error)))
            raise
        if not claimed:
            reason = "this ticket was already used"
            self._post(BatchRefused(self._clock.now_ms(), effect.ticket, reason))
            return
        self._last_gate.authorise(effect.plan, effect.grant)
        self._post(BatchCommitted(now, effect.ticket, records, effect.approved, effect.grant))
        self._tasks.spawn("submit", self._submit(prepared, effect.approved, effect.grant, began_us))

    async def resend(self, effect: ResendOrders) -> None:
        """Store one more attempt for each order, then send the same bytes again."""
        began_us = perf_us()
        prepared = await self._store.begin_resend(effect.order_ids, self._clock.now_ms())
        self._tasks.spawn("submit", self._submit(prepared, effect.approved, effect.grant, began_us))

    async def _submit(
        self, prepared: Sequence[PreparedOrder], approved: Approved, grant: Grant, began_us: int
    ) -> None:
        """POST once, unless the last gate keeps it back; store and tell what was answered.

        A task that is cancelled meanwhile books its orders as unknown first: bytes may have left.
        """
        try:
            report = await self._post_once(prepared, approved, grant)
        except asyncio.CancelledError:
            await self._finished(_report(prepared, PostClass.UNKNOWN, "the desk stopped while posting"))
            raise
        self._metrics.observe_us("engine_place_ms", perf_us() - began_us)
        await self._finished(report)

    async def _finished(self, report: SubmitReport) -> None:
        """Tell and store an outcome to its end, even if the task around it is cancelled."""
        booking = asyncio.create_task(self._book(report), name="book")
        try:
            await asyncio.shield(booking)
        except asyncio.CancelledError:
            await booking
            raise

    async def _book(self, report: SubmitReport) -> None:
        self._metrics.observe_us("engine_place_call_ms", report.place_call_us)
        self._metrics.observe_us("engine_ack_ms", report.ack_latency_us)
        self._count_failures(report.answers)
        self._post(PostAnswered(self._clock.now_ms(), report.answers, report.note))
        try:
            await self._store.finish_attempts(report, self._clock.now_ms())
        except StoreError as error:
            self._metrics.count("engine_errors", "store")
            self._post(StoreFailed(self._clock.now_ms(), str(error)))

    def _count_failures(self, answers: Sequence[LegAnswer]) -> None:
        """Count a POST once, however many legs it had."""
        unanswered = [answer.reason for answer in answers if answer.kind in UNUSABLE]
        if unanswered:
            self._metrics.count("relayer_place_errors")
        self._count_timeouts(unanswered)

    def _count_timeouts(self, reasons: Sequence[str]) -> None:
        if any("Timeout" in reason or "timed out" in reason for reason in reasons):
            self._metrics.count("relayer_timeouts_total")

    async def _post_once(
        self, prepared: Sequence[PreparedOrder], approved: Approved, grant: Grant
    ) -> SubmitReport:
        try:
            told = await self._last_gate.send(prepared, approved=approved, grant=grant)
        except Exception:  # boundary: bytes may have left, so a fault of ours is an unknown outcome
            LOG.exception("the POST failed in our own code")
            self._metrics.count("engine_errors", "submit")
            return _report(prepared, PostClass.UNKNOWN, "the desk failed while posting")
        return _report(prepared, PostClass.NOT_SENT, told.reason) if isinstance(told, KeptBack) else told

    def cancel(self, order_ids: Sequence[OrderId]) -> None:
        """Start cancelling by id."""
        self._tasks.spawn("cancel", self._cancel(tuple(order_ids)))

    async def _cancel(self, order_ids: tuple[OrderId, ...]) -> None:
        asked_ms, began_us = self._clock.now_ms(), perf_us()
        outcome = await self._answer(RequestKind.CANCEL, order_ids, self._relayer.cancel(order_ids))
        self._told(outcome, order_ids, asked_ms, began_us)
        await self._record(RequestKind.CANCEL, order_ids, outcome, perf_us() - began_us)

    def cancel_everything(self) -> None:
        """Start cancelling every order of the account."""
        self._tasks.spawn("cancel-all", self._cancel_all())

    async def _cancel_all(self) -> None:
        asked_ms, began_us = self._clock.now_ms(), perf_us()
        outcome = await self._answer(RequestKind.CANCEL_ALL, (), self._relayer.cancel_all())
        self._told(outcome, (), asked_ms, began_us, everything=True)
        named = tuple(order_id for order_id, _ in outcome.replies)
        await self._record(RequestKind.CANCEL_ALL, named, outcome, perf_us() - began_us)

    async def _answer(
        self, kind: RequestKind, order_ids: tuple[OrderId, ...], asking: Awaitable[CancelReport]
    ) -> CancelReport:
        """Wait for a cancel's answer; one that a stop cuts short has its row too, for it may have left."""
        began_us = perf_us()
        try:
            return await asking
        except asyncio.CancelledError:
            await self._append(kind, order_ids, "the desk stopped while waiting", None, perf_us() - began_us)
            raise

    async def _record(
        self, kind: RequestKind, order_ids: tuple[OrderId, ...], outcome: CancelReport, call_us: int
    ) -> None:
        """Put a cancel into the exec audit, behind its consequences: a cancel waits for no ledger."""
        told = "answered" if outcome.failure is None else outcome.failure.reason
        await self._append(kind, order_ids, told, outcome.status, call_us)

    async def _append(
        self,
        kind: RequestKind,
        order_ids: tuple[OrderId, ...],
        outcome: str,
        status: int | None,
        call_us: int,
    ) -> None:
        at_ms = self._clock.now_ms()
        named = f"{kind.value}:{at_ms}:{','.join(order_ids)}"
        request_id = f"{kind.value}-{hashlib.sha256(named.encode()).hexdigest()[:16]}"
        made = RequestMade(kind, request_id, order_ids, outcome, status, call_us, at_ms)
        try:
            await self._store.append_request(made)
        except StoreError:
            # No halt by this: a halt cancels everything, and every cancel would ask for its row again.
            self._metrics.count("engine_errors", "store")
            LOG.exception("a %s waits for its row in the exec audit", kind.value)
            self._unsaved.keep_request(made)

    def _told(
        self,
        outcome: CancelReport,
        order_ids: tuple[OrderId, ...],
        asked_ms: Ms,
        began_us: int,
        *,
        everything: bool = False,
    ) -> None:
        self._metrics.count("relayer_cancel_count")
        self._metrics.observe_us("relayer_cancel_ms", perf_us() - began_us)
        now = self._clock.now_ms()
        if outcome.replies or outcome.failure is None:
            self._post(CancelAnswered(now, asked_ms, outcome.replies, outcome.note))
        if outcome.failure is not None:
            self._count_timeouts([outcome.failure.reason])
            told = {order_id for order_id, _ in outcome.replies}
            untold = tuple(order_id for order_id in order_ids if order_id not in told)
            failed = CancelFailed(now, untold, outcome.failure.reason, outcome.note, asked_ms, everything)
            self._post(failed)

    def heartbeat(self, heartbeat_id: str) -> None:
        """Start sending one heartbeat."""
        self._tasks.spawn("heartbeat", self._heartbeat(heartbeat_id))

    async def _heartbeat(self, heartbeat_id: str) -> None:
        asked_ms, began_us = self._clock.now_ms(), perf_us()
        told = await self._relayer.heartbeat(heartbeat_id)
        now = self._clock.now_ms()
        match told:
            case HeartbeatTaken():
                self._post(HeartbeatAnswered(now, asked_ms, told.heartbeat_id))
            case HeartbeatRefused():
                self._post(HeartbeatMismatched(now, asked_ms, heartbeat_id, told.expected))
                outcome = "the venue expected another id"
                await self._append(RequestKind.HEARTBEAT, (), outcome, None, perf_us() - began_us)
            case VenueFailure():
                self._post(HeartbeatFailed(now, asked_ms, told.reason))
                await self._append(RequestKind.HEARTBEAT, (), told.reason, None, perf_us() - began_us)
            case _:
                assert_never(told)


def _record(order: PreparedOrder, now_ms: Ms) -> OrderRecord:
    return OrderRecord(
        order_id=order.order_id,
        intent=order.intent,
        state=OrderState.SENDING,
        filled=Size(0),
        sends=1,
        last_send_ms=now_ms,
        ever_unknown=False,
        reason="",
    )


def _report(prepared: Sequence[PreparedOrder], kind: PostClass, reason: str) -> SubmitReport:
    """Return the report of a batch that the venue did not judge."""
    answers = tuple(
        LegAnswer(
            order_id=order.order_id,
            kind=kind,
            placed=None,
            filled=Size(0),
            cash=Usdc(0),
            trade_ids=(),
            reason=reason,
        )
        for order in prepared
    )
    digest = hashlib.sha256(b"".join(order.body for order in prepared)).hexdigest()[:16]
    return SubmitReport(
        answers=answers, request_id=f"{kind.value}-{digest}", place_call_us=0, ack_latency_us=0
    )
