"""The checker on a real desk and the local exchange: what happened under a fault breaks no invariant."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.domain.ticket import TicketState
from engine.simulator.faults import Fault, FaultKind
from storage.files import LEDGER_FILE
from tests.checker.evidence import Evidence, Given, read_anchor, read_views
from tests.checker.verdict import violations
from tests.support.local_exchange import FED, running_exchange
from tests.support.running_desk import SEED, RunningDesk, running_desk, settings_with

SHORT = {"relayer": {"horizon_s": 1}, "jobs": {"reconcile_s": 1}}


@pytest.mark.parametrize(
    "kind", [None, FaultKind.NO_ANSWER, FaultKind.LOST_REQUEST, FaultKind.RESTARTING, FaultKind.REJECT_LEG]
)
async def test_buying_a_set_breaks_no_invariant(tmp_path: Path, kind: FaultKind | None) -> None:
    async with running_exchange(seed=SEED, clock=SystemClock(), confirm_delay_ms=100) as exchange:
        async with running_desk(tmp_path, exchange, settings_with(**SHORT)) as desk:
            if kind is not None:
                exchange.faults.arm(Fault(kind, leg=1))
            assert exchange.flow.open_window(FED, 600_000, exchange.venue.now_ms()) is not None
            exchange.venue.publish()
            await desk.until(lambda: desk.pays(FED))
            ticket_id = await desk.buy("fed5", 50)
            ends = {TicketState.DONE, TicketState.MISSED, TicketState.BROKEN}
            await desk.until(lambda: desk.ticket(ticket_id).state in ends)
            await desk.until(lambda: desk.result(ticket_id).settled)
            assert violations(seen(tmp_path, desk, at_rest=False)) == []
        assert violations(seen(tmp_path, desk, at_rest=True)) == []


def seen(folder: Path, desk: RunningDesk, *, at_rest: bool) -> Evidence:
    (ledger,) = folder.rglob(LEDGER_FILE)
    with closing(sqlite3.connect(ledger)) as connection:
        views = read_views(connection)
    truth = desk.ledger()
    assert views["v_attempt"]
    assert truth["requests"]
    return Evidence(views, truth, Given(at_rest=at_rest), read_anchor(ledger.parent))
