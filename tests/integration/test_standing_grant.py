"""A standing grant on a running desk: a window opens at the exchange, and orders leave without a press."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.domain.ids import TicketId
from engine.domain.ticket import Move, Ticket, TicketKind, TicketState
from engine.domain.units import Usdc
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import FED, running_exchange
from tests.support.running_desk import SEED, RunningDesk, running_desk, ticket_of

BUDGET = Usdc(900_000_000)


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(seed=SEED, clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


def open_window(desk: RunningDesk) -> None:
    exchange = desk.exchange
    assert exchange.flow.open_window(FED, 600_000, exchange.venue.now_ms()) is not None
    exchange.venue.publish()


async def grant(desk: RunningDesk, line: str = "/dutch auto fed5 900 1h") -> TicketId:
    """Type it, confirm it, begin it."""
    dry = await desk.say(line)
    armed = await desk.press(dry, Move.CONFIRM)
    await desk.press(armed, Move.SEND)
    return ticket_of(dry)


def under(desk: RunningDesk, grant_id: TicketId) -> list[Ticket]:
    """The tickets that were sent under a grant."""
    tickets = desk.service.desk.tickets.values()
    return [t for t in tickets if t.subject == grant_id and t.kind is TicketKind.DUTCH]


def posted(desk: RunningDesk) -> int:
    return sum(r["path"] == "/orders" and r["method"] == "POST" for r in desk.ledger()["requests"])


async def test_a_window_is_found_and_executed_without_a_press_within_the_budget(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange) as desk:
        grant_id = await grant(desk)
        assert posted(desk) == 0

        open_window(desk)
        await desk.until(lambda: any(t.state is TicketState.DONE for t in under(desk, grant_id)))

        done = next(t for t in under(desk, grant_id) if t.state is TicketState.DONE)
        assert done.owner == desk.ticket(grant_id).owner
        await desk.until(lambda: desk.result(done.ticket_id).settled)
        result = desk.result(done.ticket_id)
        assert result.sets > 0
        assert result.cash + result.fees <= BUDGET
        assert any(view.ticket.ticket_id == done.ticket_id for view, _ in desk.chat.tickets), (
            "its card is shown"
        )
        panels = [view.grant for view, _ in desk.chat.tickets if view.ticket.ticket_id == grant_id]
        assert panels[-1] is not None
        assert panels[-1].whole >= 1
        assert "fed5" in (await desk.say("/status")).plain

        stopped = await desk.say("/dutch stop")
        assert grant_id in stopped.plain
        await desk.until(lambda: not any(t.state is TicketState.SENDING for t in under(desk, grant_id)))
        assert sum(f.cash + f.fee for f in desk.service.desk.fills.values()) <= BUDGET
        sent = posted(desk)
        open_window(desk)
        await desk.until(lambda: desk.pays(FED))
        assert posted(desk) == sent


async def test_a_restart_ends_the_grant_and_the_next_window_is_only_proposed(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange) as desk:
        grant_id = await grant(desk, "/dutch auto all 200 1h")

    async with running_desk(tmp_path, exchange) as desk:
        assert desk.ticket(grant_id).state is TicketState.DONE
        assert "restarted" in desk.ticket(grant_id).note

        open_window(desk)
        await desk.until(lambda: any(alert.subject == "fed5 pays" for alert in desk.chat.alerts))

        assert posted(desk) == 0
