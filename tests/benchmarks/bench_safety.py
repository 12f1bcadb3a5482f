"""What safety costs before a batch leaves: the durable commit, and the whole way from SendBatch to the POST.

Lanes take turns batch by batch: the ledger as it is, the same without syncing, one bare row synced as the
ledger is, and the way of a Send with and without the ledger. The venue is a relayer that signs as the desk
does and notes when it is handed the bytes. Time is the wall's, because a disk is waited for.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from engine.clock import ManualClock
from engine.domain.effects import SendBatch
from engine.domain.order import OrderIntent, OrderRecord
from engine.domain.ticket import Approved, Grant
from engine.domain.units import Ms, Usdc
from engine.domain.venue_state import VenueState
from engine.domain.views import Gate
from engine.metrics import Metrics
from engine.ports import PreparedOrder, Store, SubmitReport
from engine.runtime.last_gate import LastGate, Outlook
from engine.runtime.order_desk import OrderDesk
from engine.runtime.supervise import TaskSet
from engine.runtime.unsaved import Unsaved
from engine.venue.order_body import prepare_order
from storage.files import LEDGER_FILE, open_storage
from storage.lock import hold_folder
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.rounds import Spread, no_collection, spread
from tests.support.batches import rests
from tests.support.fake_ports import FakeRelayer, FakeStore
from tests.support.venue_orders import ACCOUNT, CREDENTIALS, INSTALL_SECRET
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW

SIZES = (1, 5, 15)
SPEND = Usdc(2_000_000_000)
SECOND_MS = 1_000


class NotingRelayer(FakeRelayer):
    """Signs as the desk does; notes the moment at which a batch would be written to the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = rests
        self.left_ns = 0

    def prepare(self, intents: Sequence[OrderIntent]) -> tuple[PreparedOrder, ...]:
        return tuple(
            prepare_order(intent, ACCOUNT, owner=CREDENTIALS.key, install_secret=INSTALL_SECRET)
            for intent in intents
        )

    async def submit(
        self, prepared: Sequence[PreparedOrder], *, approved: Approved, grant: Grant
    ) -> SubmitReport:
        self.left_ns = time.perf_counter_ns()
        return await super().submit(prepared, approved=approved, grant=grant)


@dataclass(slots=True)
class Times:
    """Milliseconds by lane, of one round."""

    by_lane: dict[str, list[float]]

    def note(self, lane: str, began_ns: int, ended_ns: int) -> None:
        self.by_lane.setdefault(lane, []).append((ended_ns - began_ns) / 1e6)

    def at(self, lane: str, percent: int) -> float:
        """Return the value below which so many of a hundred lie."""
        values = sorted(self.by_lane[lane])
        return values[min(len(values) - 1, len(values) * percent // 100)]


class Lanes:
    """Two ledgers, one bare file, and a desk's way out on either store."""

    def __init__(self, durable: Store, unsynced: Store, bare: sqlite3.Connection) -> None:
        self._stores = {"durable": durable, "unsynced": unsynced}
        self._bare = bare
        self._count = 0

    async def round(self, legs: int, times: int) -> Times:
        """Let every lane take so many batches in turn."""
        found = Times({})
        with no_collection():
            for _ in range(times):
                for lane, store in self._stores.items():
                    await self._commit(found, lane, store, legs)
                self._one_row(found)
                await self._send(found, "send", self._stores["durable"], legs)
                await self._send(found, "send-unstored", FakeStore(), legs)
        return found

    def _batch(self, legs: int) -> SendBatch:
        """Return a batch of a new ticket."""
        self._count += 1
        _, claim, after, plan = builders.armed(f"T-{self._count}", f"plan-{self._count}")
        plan = replace(plan, legs=tuple(builders.leg(number) for number in range(legs)))
        intents = tuple(builders.intent(number, after.ticket_id, plan.plan_id) for number in range(legs))
        return SendBatch(
            claim=claim,
            ticket=replace(after, plan=plan),
            plan=plan,
            intents=intents,
            approved=Approved(plan.plan_id, SPEND, NOW),
            grant=Grant(after.ticket_id, plan.plan_id, after.owner.user_id, SPEND, Ms(NOW + SECOND_MS)),
        )

    async def _armed(self, store: Store, batch: SendBatch) -> None:
        before, *_ = builders.armed(batch.ticket.ticket_id, batch.plan.plan_id)
        assert await store.save_ticket(replace(before, plan=batch.plan), None)

    async def _commit(self, found: Times, lane: str, store: Store, legs: int) -> None:
        batch = self._batch(legs)
        await self._armed(store, batch)
        prepared = NotingRelayer().prepare(batch.intents)
        record, _ = builders.pair()
        records = [replace(record, order_id=p.order_id, intent=p.intent) for p in prepared]
        rows: list[tuple[OrderRecord, PreparedOrder]] = list(zip(records, prepared, strict=True))
        began = time.perf_counter_ns()
        assert await store.commit_batch(batch.claim, batch.ticket, batch.plan, rows)
        found.note(lane, began, time.perf_counter_ns())

    def _one_row(self, found: Times) -> None:
        began = time.perf_counter_ns()
        self._bare.execute("INSERT INTO rows (body) VALUES (?)", (bytes(760),))
        found.note("bare", began, time.perf_counter_ns())

    async def _send(self, found: Times, lane: str, store: Store, legs: int) -> None:
        batch = self._batch(legs)
        await self._armed(store, batch)
        relayer, clock, tasks = NotingRelayer(), ManualClock(NOW), TaskSet(Metrics())
        gate = LastGate(
            relayer.submit,
            look=lambda: Outlook(Gate.RUN, "", VenueState.RUN),
            clock=clock,
            post=lambda _event: None,
            order_max=SPEND,
        )
        desk = OrderDesk(
            relayer=relayer,
            store=store,
            clock=clock,
            metrics=Metrics(),
            tasks=tasks,
            post=lambda _event: None,
            last_gate=gate,
            unsaved=Unsaved(),
        )
        began = time.perf_counter_ns()
        await desk.send(batch)
        await tasks.settle(60)
        assert relayer.left_ns, "expected the batch to leave"
        found.note(lane, began, relayer.left_ns)


def measure(run: Run) -> Mapping[str, Figure]:
    """Take rounds for every size of batch."""
    return asyncio.run(_measured(rounds=run.rounds, times=20 if run.quick else 200))


async def _measured(*, rounds: int, times: int) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            stores = []
            for name in ("durable", "unsynced"):
                lock = stack.enter_context(hold_folder(Path(folder) / name))
                stores.append((await stack.enter_async_context(open_storage(lock, ManualClock(NOW)))).store)
            async with stores[1]._ledger._turn:
                await stores[1]._ledger._connection.execute("PRAGMA synchronous = OFF")
            bare = stack.enter_context(closing(_bare_file(Path(folder) / LEDGER_FILE)))
            lanes = Lanes(stores[0], stores[1], bare)
            for legs in SIZES:
                await lanes.round(legs, 5)  # untimed: files and caches begin
                figures |= _figures(legs, times, [await lanes.round(legs, times) for _ in range(rounds)])
    return figures


def _figures(legs: int, times: int, rounds: Sequence[Times]) -> dict[str, Figure]:
    def of(lane: str, percent: int) -> Spread:
        return spread([found.at(lane, percent) for found in rounds])

    def against(lane: str, other: str) -> Spread:
        return spread([found.at(lane, 50) / found.at(other, 50) for found in rounds])

    def p50(lane: str) -> str:
        return f"p50 {of(lane, 50).median:.2f} ms"

    note = f"{times} batches a round; wall time"
    return {
        f"safety-commit-{legs}": Figure(of("durable", 99), f"{p50('durable')}; {note}"),
        f"safety-sync-{legs}": Figure(against("durable", "unsynced"), f"unsynced {p50('unsynced')}"),
        f"safety-bare-{legs}": Figure(against("durable", "bare"), f"one bare row {p50('bare')}"),
        f"safety-send-{legs}": Figure(of("send", 99), f"{p50('send')}; signing and last gate included"),
        f"safety-share-{legs}": Figure(
            against("send", "send-unstored"), f"without the ledger {p50('send-unstored')}"
        ),
    }


def _bare_file(path: Path) -> sqlite3.Connection:
    """Open a file of one table, synced at every row as the ledger is at every commit."""
    bare = sqlite3.connect(path, isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")
    return bare
