"""Legs sent one after the other on a running desk: real sockets, real storage, the exchange's own ledger."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.clock import SystemClock
from engine.core.trading.dutch_flow import plan_now
from engine.domain.ids import TicketId
from engine.domain.plan import Plan, Sequencing
from engine.domain.ticket import Move, TicketState
from engine.domain.units import Size
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import FED, running_exchange
from tests.support.running_desk import SEED, RunningDesk, running_desk, settings_with, ticket_of

LEGS = 5
SHARES = 50_000_000
LEG_BY_LEG: dict[str, dict[str, Any]] = {"dutch": {"max_residual_usdc": "42.00"}, "relayer": {"horizon_s": 1}}
"""Less than the four dearest of the five legs of 50 sets cost at most, and more than the four thinnest do; a
short H, so that an order that never arrived is proven dead within a test's patience."""
PAUSE_MS = 300
"""Every POST arrives so late: what a test does between two legs is in time."""


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(seed=SEED, clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


@pytest.fixture
async def desk(tmp_path: Path, exchange: LocalExchange) -> AsyncIterator[RunningDesk]:
    async with running_desk(tmp_path, exchange, settings_with(**LEG_BY_LEG)) as running:
        yield running


def goes_leg_by_leg(desk: RunningDesk) -> bool:
    """Tell whether the whole window is on the desk's books."""
    core = desk.service.desk
    group = next(group for group in core.events.values() if group.slug == FED)
    plan = plan_now(core, group, Size(SHARES), SystemClock().now_ms())
    return isinstance(plan, Plan) and plan.size == SHARES and plan.sequencing is Sequencing.PROBE


async def armed(desk: RunningDesk) -> tuple[TicketId, tuple[str, ...]]:
    """Send a plan whose risk no batch carries; return its ticket and its legs in the order of sending."""
    exchange = desk.exchange
    assert exchange.flow.open_window(FED, 600_000, exchange.venue.now_ms()) is not None
    exchange.venue.publish()
    await desk.until(lambda: goes_leg_by_leg(desk))
    dry = await desk.say("/dutch fed5 50")
    assert "One after the other" in dry.plain
    card = await desk.press(dry, Move.CONFIRM)
    await desk.press(card, Move.SEND)
    plan = desk.ticket(ticket_of(dry)).plan
    assert plan is not None
    names = {leg.number: leg.name for leg in plan.legs}
    return ticket_of(dry), tuple(names[number] for number in plan.probe_order)


def posts(desk: RunningDesk) -> list[dict[str, Any]]:
    """Return the POSTs of orders that the exchange has received."""
    return [r for r in desk.ledger()["requests"] if r["method"] == "POST" and r["path"].startswith("/order")]


async def test_every_leg_leaves_alone_thinnest_first_and_the_set_is_whole(desk: RunningDesk) -> None:
    ticket_id, names = await armed(desk)

    await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.DONE)
    await desk.until(lambda: desk.result(ticket_id).settled)
    result = desk.result(ticket_id)
    assert len(posts(desk)) == len({r["body_sha256"] for r in posts(desk)}) == LEGS
    assert len(desk.ledger()["orders"]) == LEGS
    assert tuple(leg.name for leg in result.legs) == names
    assert [leg.filled for leg in result.legs] == [SHARES] * LEGS
    assert result.cash == sum(row["cash"] for row in desk.ledger()["trades"])
    assert desk.service.desk.balance == desk.ledger()["accounts"][0]["usdc"]
    sent = [
        tuple(leg.name for leg in view.result.legs if leg.is_sent)
        for view, _ in desk.chat.tickets
        if view.ticket.ticket_id == ticket_id and view.result is not None
    ]
    assert {len(legs) for legs in sent} == set(range(1, LEGS + 1)), "every step is shown"


async def test_a_leg_that_is_refused_ends_it_and_what_is_held_can_be_repaired(
    desk: RunningDesk, exchange: LocalExchange
) -> None:
    exchange.faults.arm(Fault(FaultKind.HOLD_REQUEST, times=LEGS, delay_ms=PAUSE_MS))
    ticket_id, names = await armed(desk)
    await desk.until(lambda: len(desk.ledger()["orders"]) > 0)
    exchange.faults.arm(
        Fault(FaultKind.REJECT_LEG, leg=0, text="the market is not yet ready to process new orders")
    )

    await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.BROKEN)
    result = desk.result(ticket_id)
    whole = sum(leg.filled == SHARES for leg in result.legs)
    assert 0 < whole < LEGS
    assert [leg.filled for leg in result.legs] == [SHARES] * whole + [0] * (LEGS - whole)
    assert [leg.name for leg in result.legs if not leg.is_sent] == list(names[whole + 1 :])
    assert len(posts(desk)) == whole + 1
    assert desk.service.desk.flights[ticket_id].repairs


async def test_a_restart_between_two_legs_sends_no_other_leg(tmp_path: Path, exchange: LocalExchange) -> None:
    exchange.faults.arm(Fault(FaultKind.HOLD_REQUEST, times=LEGS, delay_ms=PAUSE_MS))
    async with running_desk(tmp_path, exchange, settings_with(**LEG_BY_LEG)) as desk:
        ticket_id, names = await armed(desk)
        flight = desk.service.desk.flights[ticket_id]
        await desk.until(lambda: len(flight.order_ids) > 1)
    sent = len(flight.order_ids)
    assert 1 < sent < LEGS

    async with running_desk(tmp_path, exchange, settings_with(**LEG_BY_LEG)) as desk:
        await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.BROKEN)

        assert len(posts(desk)) <= sent
        assert len(desk.ledger()["orders"]) <= sent
        assert len(desk.service.desk.flights[ticket_id].order_ids) == sent
        result = desk.result(ticket_id)
        assert [leg.name for leg in result.legs if not leg.is_sent] == list(names[sent:])
