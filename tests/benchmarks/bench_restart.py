"""From a ledger with 1,000 open orders to an open gate: files opened and proven, read back, reconciled.

The venue is a fake that answers at once with the same 1,000 orders; imports and the network are not in it.
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from engine.clock import ManualClock
from engine.core.state import Desk
from engine.domain.order import OrderRecord, OrderState
from engine.domain.views import Gate
from engine.metrics import Metrics
from engine.runtime.service import Service
from storage.files import open_storage
from storage.lock import hold_folder
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.rounds import spread
from tests.support.builders import account, event, resting
from tests.support.desk_run import ShownBooks, settings
from tests.support.fake_ports import FakeChat, FakeFeed, FakeReads, FakeRelayer
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW

ORDERS = 1_000
LEGS = 15


def measure(run: Run) -> Mapping[str, Figure]:
    """G3 of the fault model, without process start and network."""
    taken = asyncio.run(_starts(3 if run.quick else 10))
    note = f"{len(taken)} starts on one ledger of {ORDERS:,} open orders; wall time"
    return {"restart": Figure(spread(taken), note)}


async def _starts(count: int) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        kept = await _filled(Path(folder))
        return [await _start(Path(folder), kept) for _ in range(count)]


async def _filled(folder: Path) -> list[OrderRecord]:
    """Write a ledger whose orders all rest."""
    kept: list[OrderRecord] = []
    with hold_folder(folder) as lock:
        async with open_storage(lock, ManualClock(NOW)) as storage:
            while len(kept) < ORDERS:
                name = f"T-{len(kept)}"
                before, claim, after, plan = builders.armed(name, f"plan-{name}")
                pairs = [
                    builders.pair(leg, name, plan.plan_id) for leg in range(min(LEGS, ORDERS - len(kept)))
                ]
                assert await storage.store.save_ticket(before, None)
                assert await storage.store.commit_batch(claim, after, plan, pairs)
                live = [replace(record, state=OrderState.LIVE) for record, _ in pairs]
                await storage.store.save_progress(live, ())
                kept += live
    return kept


async def _start(folder: Path, kept: list[OrderRecord]) -> float:
    """Return the seconds from opening the folder to an open gate."""
    relayer = FakeRelayer()
    relayer.account = account(resting_orders=tuple(resting(order) for order in kept))
    group = event()
    desk = Desk(settings(group), ShownBooks())
    began = time.perf_counter_ns()
    with hold_folder(folder) as lock:
        async with open_storage(lock, ManualClock(NOW)) as storage:
            service = Service(
                desk,
                clock=ManualClock(NOW),
                metrics=Metrics(),
                store=storage.store,
                relayer=relayer,
                market=FakeReads(catalogue=(group,)),
                feed=FakeFeed(),
                connect_chat=lambda _service: FakeChat(),
            )
            task = asyncio.create_task(service.run())
            while desk.gate is Gate.STARTING and not task.done():  # noqa: ASYNC110 - every turn counts
                await asyncio.sleep(0)
            taken = (time.perf_counter_ns() - began) / 1e9
            assert desk.gate is not Gate.STARTING, "expected the desk to reconcile"
            assert len(desk.orders) == ORDERS, f"expected {ORDERS} orders, found {len(desk.orders)}"
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return taken
