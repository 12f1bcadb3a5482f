"""A grant to quote on a running desk: quotes rest at the exchange, one is filled, all go at the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.domain.events import Job, JobDue
from engine.domain.ids import TicketId
from engine.domain.order import OrderRecord, OrderState
from engine.domain.ticket import Move, TicketKind, TicketState
from engine.domain.units import Size
from engine.simulator.orders import Order
from engine.simulator.orders import OrderState as AtVenue
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import running_exchange
from tests.support.running_desk import SEED, RunningDesk, running_desk, settings_with, ticket_of

QUICK = {"stale_ms": 30_000, "stale_recover_ms": 100, "min_quote_lifetime_ms": 0, "base_size": "20"}
"""Books stand still here, so that nothing but a probe confirms them; nobody waits for a quote's age."""
TWENTY = Size(20_000_000)


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(seed=SEED, clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


async def begun(desk: RunningDesk, line: str) -> TicketId:
    """Type it, confirm it, begin it."""
    dry = await desk.say(line)
    armed = await desk.press(dry, Move.CONFIRM)
    await desk.press(armed, Move.SEND)
    return ticket_of(dry)


@asynccontextmanager
async def reading(desk: RunningDesk) -> AsyncIterator[None]:
    """Read the account again and again: these desks have no user stream and no scheduler."""

    async def repeat() -> None:
        while True:
            desk.service.post(JobDue(SystemClock().now_ms(), Job.RECONCILE))
            await asyncio.sleep(0.2)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()


def quotes(desk: RunningDesk) -> list[OrderRecord]:
    """Our orders that rest as far as the desk knows."""
    return [o for o in desk.service.desk.orders.values() if o.state is OrderState.LIVE and o.intent.post_only]


def at_venue(desk: RunningDesk) -> list[Order]:
    """Our orders that rest at the exchange."""
    ours = desk.service.desk.orders
    return [
        o
        for o in desk.exchange.venue.exchange.orders.values()
        if o.terms.id in ours and o.state is AtVenue.LIVE
    ]


def held(desk: RunningDesk) -> int:
    return sum(holding.held for holding in desk.service.desk.positions.holdings.values())


async def test_quotes_rest_fill_and_go_and_both_ledgers_agree(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange, settings_with(spread=QUICK)) as desk, reading(desk):
        assert "strait" in (await desk.say("/spread")).plain
        grant_id = await begun(desk, "/spread strait 20 1t 10m")
        await desk.until(lambda: len(quotes(desk)) == 2)
        assert {order.terms.id for order in at_venue(desk)} == {order.order_id for order in quotes(desk)}

        bid = next(o for o in quotes(desk) if not o.intent.name.startswith("NO"))
        exchange.venue.hands.meet(
            exchange.venue.exchange.orders[bid.order_id], 0, TWENTY, exchange.venue.now_ms()
        )
        exchange.venue.publish()
        await desk.until(lambda: held(desk) == TWENTY)

        def panels() -> list[int]:
            shown = [view.spread for view, _ in desk.chat.tickets if view.ticket.ticket_id == grant_id]
            return [view.fills for view in shown if view is not None]

        await desk.until(lambda: panels()[-1:] == [1])

        stopped = await desk.say("/spread stop")
        assert grant_id in stopped.plain
        await desk.until(lambda: not at_venue(desk))
        await desk.until(
            lambda: (
                not any(
                    t.kind is TicketKind.QUOTE and t.state is TicketState.SENDING
                    for t in desk.service.desk.tickets.values()
                )
            )
        )
        assert desk.ticket(grant_id).state is TicketState.DONE
        assert held(desk) == TWENTY
        assert not desk.chat.alerts


async def test_a_restart_ends_the_grant_and_takes_its_quotes_off(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange, settings_with(spread=QUICK)) as desk:
        grant_id = await begun(desk, "/spread strait 20 1t 10m")
        await desk.until(lambda: len(quotes(desk)) == 2)

    async with running_desk(tmp_path, exchange, settings_with(spread=QUICK)) as desk:
        await desk.until(lambda: not at_venue(desk))
        assert desk.ticket(grant_id).state is TicketState.DONE
        assert "restarted" in desk.ticket(grant_id).note


async def test_a_kill_leaves_no_quote_at_the_venue(tmp_path: Path, exchange: LocalExchange) -> None:
    async with running_desk(tmp_path, exchange, settings_with(spread=QUICK)) as desk:
        grant_id = await begun(desk, "/spread strait 20 1t 10m")
        await desk.until(lambda: len(quotes(desk)) == 2)

        await desk.say("/kill")

        await desk.until(lambda: not at_venue(desk))
        assert desk.ticket(grant_id).state is TicketState.DONE
