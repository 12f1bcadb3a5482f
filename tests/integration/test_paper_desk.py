"""A whole desk in paper mode on the local exchange's market data: it trades, the exchange hears nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.core.spread.queue_models import QueueModel
from engine.domain.order import OrderState, Settlement
from engine.domain.ticket import TicketState
from engine.domain.views import Severity
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import FED, running_exchange
from tests.support.running_desk import SEED, RunningDesk, running_desk, settings_with

PAPER = settings_with(
    "paper", relayer={"horizon_s": 1}, jobs={"reconcile_s": 1}, paper={"place_ms": 20, "cancel_ms": 20}
)


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(seed=SEED, clock=SystemClock()) as running:
        yield running


async def open_window(desk: RunningDesk) -> None:
    exchange = desk.exchange
    assert exchange.flow.open_window(FED, 600_000, exchange.venue.now_ms()) is not None
    exchange.venue.publish()
    await desk.until(lambda: desk.pays(FED))


def private_calls(exchange: LocalExchange) -> list[str]:
    """Return what an account's owner asked of the exchange, or sent it."""
    public = ("GET /", "POST /books", "POST /prices", "POST /midpoints")
    private = ("/data/", "/balance-allowance", "/auth", "/order", "/cancel", "/heartbeat")
    return [
        call
        for call in exchange.venue.calls
        if any(word in call for word in private) or not call.startswith(public)
    ]


async def test_paper_desk_fills_a_book_and_the_exchange_receives_no_order(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange, PAPER) as desk:
        await open_window(desk)
        ticket_id = await desk.buy("fed5", 40)
        await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.DONE)

        orders = [o for o in desk.service.desk.orders.values() if o.intent.ticket_id == ticket_id]
        assert [order.state for order in orders] == [OrderState.FILLED] * 5
        fills = list(desk.service.desk.fills.values())
        assert {fill.settlement for fill in fills} == {Settlement.CONFIRMED}
        cost = sum(fill.cash + fill.fee for fill in fills)
        assert desk.service.desk.balance == 1_000_000_000 - cost
        assert [desk.metrics.reading("paper_maker_shares", model.value) for model in QueueModel] == [0, 0]

    assert private_calls(exchange) == []
    assert exchange.venue.exchange.trades == []


async def test_paper_account_and_ledger_agree_after_a_restart(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange, PAPER) as desk:
        await open_window(desk)
        ticket_id = await desk.buy("fed5", 40)
        await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.DONE)
        balance = desk.service.desk.balance

    async with running_desk(tmp_path, exchange, PAPER) as again:
        await again.until(lambda: again.service.desk.balance is not None)
        assert again.service.desk.balance == balance
        held = again.service.desk.fills.values()
        assert sum(fill.size for fill in held) >= 5 * 40_000_000
        await again.until(again.is_open)
        assert again.metrics.total("differences_total") == 0
        assert {alert.severity for alert in again.chat.alerts} <= {Severity.INFO}
