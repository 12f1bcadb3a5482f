"""Pairs bought and merged on a running desk: balance and inventory are the exchange's, to the unit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.core.exposure.inventory import shares
from engine.core.trading.watch import status
from engine.domain.commands import OutcomeRef, PlaceOrder
from engine.domain.events import Job, JobDue
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.ticket import Move, TicketState
from engine.domain.units import Price, Size
from engine.domain.views import Gate, TicketView
from engine.simulator.server import LocalExchange
from engine.simulator.upheaval import resolve
from tests.support.local_exchange import COIN, running_exchange
from tests.support.running_desk import ANA, SEED, RunningDesk, running_desk, settings_with, ticket_of

PAIRS = 20_000_000


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(seed=SEED, clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


async def bought(desk: RunningDesk) -> None:
    """Buy 20 YES and 20 NO of the coin market and wait until they are settled."""
    for side in ("YES", "NO"):
        command = PlaceOrder(
            OutcomeRef(code="coin", name=side),
            Side.BUY,
            Price(9_900),
            Size(PAIRS),
            TimeInForce.GTD,
            rests=False,
        )
        operator = desk.agent.allowlist.find(ANA)
        assert operator is not None
        view = await desk.service.ask(operator, ANA, command)
        assert isinstance(view, TicketView), view
        ticket_id = view.ticket.ticket_id
        await desk.until(lambda found=ticket_id: desk.service.desk.flights[found].settled)


async def compared(desk: RunningDesk) -> None:
    """Wait until the wallet's shares have been compared with the desk's books."""
    core = desk.service.desk

    def known() -> bool:
        desk.service.post(JobDue(SystemClock().now_ms(), Job.POSITIONS))
        return set(shares(core)) <= set(core.offsets)

    await desk.until(known)


def wallet(desk: RunningDesk) -> int:
    return int(desk.ledger()["accounts"][0]["usdc"])


async def test_a_bought_pair_is_merged_and_both_ledgers_agree(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange, settings_with(jobs={"reconcile_s": 1})) as desk:
        await bought(desk)
        before = wallet(desk)
        await compared(desk)

        dry = await desk.say("/merge coin")
        await desk.press(await desk.press(dry, Move.CONFIRM), Move.SEND)
        await desk.until(lambda: desk.ticket(ticket_of(dry)).state is TicketState.DONE)

        core = desk.service.desk
        (act,) = desk.ledger()["acts"]
        assert wallet(desk) == before + PAIRS == core.balance
        assert shares(core) == {}
        assert all(int(held) == 0 for held in desk.ledger()["accounts"][0]["shares"].values())
        assert act["state"] == "CONFIRMED"
        assert core.gate is Gate.RUN
        assert not core.doubts
        act_card = desk.chat.tickets[-1][0].act
        assert act_card is not None
        assert act_card.reference.startswith("0x")

    async with running_desk(tmp_path, exchange, settings_with(jobs={"reconcile_s": 1})) as again:
        await again.until(lambda: again.service.desk.compared)
        assert shares(again.service.desk) == {}
        assert again.service.desk.balance == before + PAIRS
        assert len(again.ledger()["acts"]) == 1


async def test_a_resolved_market_is_redeemed_and_both_ledgers_agree(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange, settings_with(jobs={"reconcile_s": 1})) as desk:
        await bought(desk)
        await compared(desk)
        core, event = desk.service.desk, exchange.venue.catalogue.event(COIN)
        assert event is not None
        before = wallet(desk)

        resolve(exchange.venue, event, event.markets[0], winner=1)
        desk.service.post(JobDue(SystemClock().now_ms(), Job.CATALOGUE_REFRESH))

        def is_advised() -> bool:
            return any("redeem" in line for line in status(core, SystemClock().now_ms()).advice)

        await desk.until(is_advised)
        dry = await desk.say("/redeem coin")
        await desk.press(await desk.press(dry, Move.CONFIRM), Move.SEND)
        await desk.until(lambda: desk.ticket(ticket_of(dry)).state is TicketState.DONE)

        assert wallet(desk) == before + PAIRS == core.balance
        assert shares(core) == {}
        assert core.gate is Gate.RUN
        assert not core.doubts
