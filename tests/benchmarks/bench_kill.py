"""From a kill to a closed gate and to the cancel of everything: 200 kills of services on fakes.

Wall time, in one process: what the chat, the command line and the network add is not in it.
"""

import asyncio
import time
from collections.abc import Mapping
from functools import partial

from engine.core.state import Desk
from engine.domain.commands import Kill
from engine.domain.views import Gate
from engine.ports import CancelReport
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.rounds import no_collection, spread
from tests.support.fake_ports import FakeRelayer, settled
from tests.unit.runtime.test_service import Running

KILLS = 200


def measure(run: Run) -> Mapping[str, Figure]:
    """G5 of the fault model: the slowest and the usual of all kills."""
    count = 20 if run.quick else KILLS
    gate, cancel = asyncio.run(_kills(count))
    return {
        "kill-gate": Figure(spread(gate), f"median and both ends of {count} kills; wall time"),
        "kill-cancel": Figure(spread(cancel), f"median and both ends of {count} kills; wall time"),
    }


async def _kills(count: int) -> tuple[list[float], list[float]]:
    """Return milliseconds until the gate was closed and until cancel-all was asked for."""
    gate: list[float] = []
    cancel: list[float] = []
    for _ in range(count):
        running = await Running().ready()
        moments = _watched(running.relayer)
        with no_collection():
            began = time.perf_counter_ns()
            asked = asyncio.create_task(running.ask(Kill()))
            await settled(partial(_halted, running.desk))
            gate.append((time.perf_counter_ns() - began) / 1e6)
            await settled(lambda: bool(moments))  # noqa: B023 - awaited in this turn of the loop
            cancel.append((moments[0] - began) / 1e6)
        await asked
        await running.end()
    return gate, cancel


def _halted(desk: Desk) -> bool:
    return desk.gate is Gate.HALTED


def _watched(relayer: FakeRelayer) -> list[int]:
    """Let the relayer note when it is asked to cancel everything."""
    moments: list[int] = []
    real = relayer.cancel_all

    async def cancel_all() -> CancelReport:
        moments.append(time.perf_counter_ns())
        return await real()

    relayer.cancel_all = cancel_all  # type: ignore[method-assign]
    return moments
