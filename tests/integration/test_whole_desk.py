"""The desk, its storage and its order entry against the local exchange, through the offline agent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.clock import SystemClock
from engine.domain.ids import TicketId
from engine.domain.order import OrderState
from engine.domain.ticket import Move, TicketState
from engine.domain.views import KillView, Severity
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.orders import TradeStatus
from engine.simulator.server import LocalExchange
from engine.simulator.settlement import Plan, Wait
from tests.support.local_exchange import CUP, FED, running_exchange
from tests.support.running_desk import SEED, RunningDesk, running_desk, settings_with, ticket_of

SHORT = {"relayer": {"horizon_s": 1}, "jobs": {"reconcile_s": 1}}
"""A short H, so that an order that never arrived is proven dead within a test's patience."""


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(seed=SEED, clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


@pytest.fixture
async def desk(tmp_path: Path, exchange: LocalExchange) -> AsyncIterator[RunningDesk]:
    async with running_desk(tmp_path, exchange, settings_with(**SHORT)) as running:
        yield running


async def open_window(desk: RunningDesk, slug: str = FED) -> None:
    """Open a window at the exchange and wait until the desk's books show it."""
    exchange = desk.exchange
    assert exchange.flow.open_window(slug, 600_000, exchange.venue.now_ms()) is not None
    exchange.venue.publish()
    await desk.until(lambda: desk.pays(slug))


def settle(exchange: LocalExchange) -> None:
    """Let every trade that is matched be mined and confirmed now."""
    now_ms = exchange.venue.now_ms()
    for trade in exchange.venue.exchange.trades:
        course = (Wait(TradeStatus.MINED, 0), Wait(TradeStatus.CONFIRMED, 0))
        exchange.venue.exchange.settlements.follow(trade, course, now_ms)


def posts(desk: RunningDesk) -> list[dict[str, Any]]:
    """Return the POSTs of orders that the exchange has received."""
    return [r for r in desk.ledger()["requests"] if (r["method"], r["path"]) == ("POST", "/orders")]


async def bought(desk: RunningDesk) -> TicketId:
    await open_window(desk)
    return await desk.buy("fed5", 50)


async def test_set_bought_through_the_chat_equals_the_exchanges_ledger_to_the_micro_dollar(
    desk: RunningDesk, exchange: LocalExchange
) -> None:
    ticket_id = await bought(desk)

    await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.DONE)
    await desk.until(lambda: desk.result(ticket_id).settled)
    result = desk.result(ticket_id)
    trades = desk.ledger()["trades"]
    assert result.cash == sum(row["cash"] for row in trades)
    assert result.fees == sum(int(row["fee"]) for row in trades) > 0
    assert sum(leg.filled for leg in result.legs) == sum(int(row["size"]) for row in trades) == 250_000_000
    assert result.margin_if_held == 50_000_000 - result.cash - result.fees
    assert desk.service.desk.balance == desk.ledger()["accounts"][0]["usdc"]


async def test_progress_goes_from_sending_to_matched_to_settled(
    desk: RunningDesk, exchange: LocalExchange
) -> None:
    exchange.venue.exchange.settlements.script_next(Plan(TradeStatus.MATCHED, ()), 100)

    ticket_id = await bought(desk)
    await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.DONE)
    await desk.until(lambda: desk.chat.tickets and desk.chat.tickets[-1][0].ticket.state is TicketState.DONE)
    assert not desk.result(ticket_id).settled, "matched is not settled before the venue says so"

    settle(exchange)
    await desk.until(lambda: desk.result(ticket_id).settled)
    assert desk.ticket(ticket_id).state is TicketState.DONE


async def test_accepted_but_unanswered_batch_is_found_by_id_and_never_sent_again(
    desk: RunningDesk, exchange: LocalExchange
) -> None:
    exchange.faults.arm(Fault(FaultKind.NO_ANSWER))

    ticket_id = await bought(desk)

    await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.DONE)
    assert desk.metrics.total("orders_unknown_total") == 5
    assert len(posts(desk)) == 1, "an unanswered batch was posted again"
    assert len(desk.ledger()["orders"]) == 5


async def test_batch_that_never_arrived_is_proven_dead_and_costs_nothing(
    desk: RunningDesk, exchange: LocalExchange
) -> None:
    exchange.faults.arm(Fault(FaultKind.LOST_REQUEST))

    ticket_id = await bought(desk)

    await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.MISSED)
    assert {desk.service.desk.orders[o].state for o in desk.service.desk.flights[ticket_id].order_ids} == {
        OrderState.DEAD
    }
    assert desk.ledger()["orders"] == []
    assert desk.service.desk.balance == 1_000_000_000


async def test_restarting_venue_gets_nothing_more_and_the_ticket_is_missed(
    desk: RunningDesk, exchange: LocalExchange
) -> None:
    exchange.faults.arm(Fault(FaultKind.RESTARTING))

    ticket_id = await bought(desk)

    await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.MISSED)
    assert len(posts(desk)) == 1, "a restart lasts longer than a plan's books hold"
    assert desk.ledger()["orders"] == []
    assert not desk.is_open()


async def test_limited_desk_sends_the_same_bytes_again_and_fills_once(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    patient = {"max_book_age_ms": 30_000, "max_leg_skew_ms": 30_000}  # no bytes follow past the books' age
    async with running_desk(tmp_path, exchange, settings_with(**SHORT, dutch=patient)) as desk:
        exchange.faults.arm(Fault(FaultKind.REFUSE_REQUEST, times=2, status=429, text="Too Many Requests"))

        ticket_id = await bought(desk)

        await desk.until(lambda: desk.ticket(ticket_id).state is TicketState.DONE)
        assert len(posts(desk)) == 3
        assert len({r["body_sha256"] for r in posts(desk)}) == 1, "a re-send must be the same bytes"
        assert len(desk.ledger()["orders"]) == 5
        assert desk.metrics.total("orders_resent_total") == 10


async def test_refused_leg_breaks_the_ticket_freezes_the_event_and_tells_everybody(
    desk: RunningDesk, exchange: LocalExchange
) -> None:
    await open_window(desk, CUP)
    exchange.faults.arm(
        Fault(FaultKind.REJECT_LEG, leg=1, text="the market is not yet ready to process new orders")
    )

    ticket_id = await desk.buy("harbour3", 20)

    await desk.until(lambda: any(v.ticket.state is TicketState.BROKEN for v, _ in desk.chat.tickets))
    aloud = next(a for v, a in desk.chat.tickets if v.ticket.state is TicketState.BROKEN)
    assert aloud, "a human must look: the broken card needs a message of its own"
    assert [leg.filled for leg in desk.result(ticket_id).legs] == [20_000_000, 0, 20_000_000]
    subjects = {alert.subject: alert.severity for alert in desk.chat.alerts}
    assert subjects[f"reject {ticket_id}"] is Severity.WARN
    assert subjects[f"broken harbour3 {ticket_id}"] is Severity.CRIT
    again = await desk.say("/dutch harbour3 20")
    assert "harbour3 takes no new plans" in again.plain


async def test_window_that_closed_between_card_and_press_sends_nothing(
    desk: RunningDesk, exchange: LocalExchange
) -> None:
    await open_window(desk)
    dry = await desk.say("/dutch fed5 50")
    armed = await desk.press(dry, Move.CONFIRM)
    exchange.flow.windows.forget(FED, exchange.venue.now_ms())
    exchange.venue.publish()

    sent = await desk.press(armed, Move.SEND)

    assert desk.ledger()["orders"] == []
    assert "dry" in sent.plain.splitlines()[0], "worse terms go back to a dry card"
    assert desk.ticket(ticket_of(dry)).note, "the card says what moved"


async def test_dropped_delta_is_found_by_the_checksum_and_the_book_fetched_again(
    tmp_path: Path,
) -> None:
    async with (
        running_exchange(seed=SEED, clock=SystemClock(), flow_frames_per_s=40) as exchange,
        running_desk(tmp_path, exchange) as desk,
    ):
        before = desk.feeds().resyncs
        # One lost change can heal by itself: the next message about that level tells its whole size.
        exchange.faults.arm(Fault(FaultKind.DROP_DELTA, times=5))

        await desk.until(lambda: any(a.subject.startswith("resync") for a in desk.chat.alerts))
        await desk.until(lambda: exchange.faults.armed() == [] and desk.all_live())

        assert any(a.subject.startswith("live again") for a in desk.chat.alerts)
        assert desk.feeds().resyncs > before


async def test_kill_halts_is_confirmed_by_a_read_and_resume_takes_two_presses(desk: RunningDesk) -> None:
    killed = await desk.say("/kill")
    assert "HALTED" in killed.plain
    await desk.until(lambda: desk.chat.announced)
    assert isinstance(desk.chat.announced[0], KillView)
    assert desk.chat.announced[0].open_now == 0
    assert not desk.is_open()

    resume = await desk.say("/resume")
    armed = await desk.press(resume, Move.CONFIRM)
    assert not desk.is_open(), "one press must not be enough"
    await desk.press(armed, Move.SEND)

    await desk.until(desk.is_open)


async def test_halt_survives_a_restart_and_so_do_holdings(tmp_path: Path, exchange: LocalExchange) -> None:
    async with running_desk(tmp_path, exchange) as desk:
        ticket_id = await bought(desk)
        await desk.until(lambda: desk.chat.tickets and desk.result(ticket_id).settled)
        await desk.say("/kill")
        await desk.until(lambda: desk.chat.announced)

    async with running_desk(tmp_path, exchange) as desk:
        status = (await desk.say("/status")).plain

    assert "HALTED" in status
    assert "fed5 50 sets" in status


async def test_stranger_gets_silence_and_a_counter(desk: RunningDesk) -> None:
    assert await desk.agent.say(6666, "/kill") is None

    assert desk.is_open()
    assert desk.metrics.value("bot_updates_total", "stranger") == 1


async def test_fifty_presses_of_one_send_buy_one_set_of_orders(
    desk: RunningDesk, exchange: LocalExchange
) -> None:
    await open_window(desk)
    dry = await desk.say("/dutch fed5 20")
    armed = await desk.press(dry, Move.CONFIRM)

    await asyncio.gather(*(desk.press(armed, Move.SEND) for _ in range(50)))

    await desk.until(lambda: desk.ticket(ticket_of(dry)).state is TicketState.DONE)
    assert len(desk.ledger()["orders"]) == 5


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("next8", "augmented"),
        ("lantern4", "closed"),
        ("open", "taker delay"),
        ("coin", "cost less"),
        ("nothing", "code"),
    ],
)
async def test_ineligible_event_is_refused_with_the_reason(desk: RunningDesk, code: str, why: str) -> None:
    card = await desk.say(f"/dutch {code}")

    assert "refused" in card.plain.splitlines()[0]
    assert why in card.plain
    assert desk.metrics.total("dutch_refused_total") == 1


async def test_event_whose_rules_nobody_reviewed_is_refused_with_the_line_to_add(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange, settings_with(rules={"reviewed": {}})) as desk:
        card = (await desk.say("/dutch fed5 50")).plain

    assert "[rules.reviewed]" in card
    assert "175664" in card
