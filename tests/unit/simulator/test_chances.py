"""Seeded faults of requests, user events and trades: one seed, one course, each with draws of its own."""

from aiohttp import ClientSession

from engine.clock import ManualClock
from engine.simulator.chances import Chances
from engine.simulator.faults import FaultKind
from engine.simulator.orders import TradeStatus
from tests.support.local_exchange import COIN, CUP, market_of, running_exchange
from tests.unit.simulator.stream_client import hearing
from tests.unit.simulator.trader import trader_on

RATES = {FaultKind.NO_ANSWER: 3_000, FaultKind.DROP_EVENT: 2_000, FaultKind.DELAY_EVENT: 2_000}
SCRIPT = {
    "rates": {"drop_event": 2_500, "swap_events": 2_500, "repeat_event": 2_500, "delay_event": 1_000},
    "delay_max_ms": 1_000,
}


async def heard_under(session: ClientSession, seed: int) -> list[tuple[str, str]]:
    """Trade a little under seeded faults of events; return what was told, in its order."""
    clock = ManualClock()
    async with running_exchange(clock=clock) as exchange:
        trader = await trader_on(exchange, session)
        await trader.post_public("/_local/chances", SCRIPT | {"seed": seed})
        async with hearing(exchange, trader) as listener:
            for number in range(8):
                market, price = (
                    market_of(exchange, COIN if number % 2 else CUP),
                    "0.7" if number % 2 else "0.02",
                )
                await trader.place(trader.limit(market, "BUY", price, str(10 + number), salt=100 + number))
                clock.advance(1_000)
                exchange.venue.advance()
            events = await listener.events()
    return [(event["event_type"], event["status"]) for event in events]


async def test_same_seed_loses_doubles_and_swaps_the_same_events(session):
    first, again, other = [await heard_under(session, seed) for seed in (3, 3, 4)]

    assert first == again
    assert first != other
    assert len(first) > 5


def test_draws_of_events_leave_those_of_requests_alone():
    alone, beside = Chances(5, RATES), Chances(5, RATES)
    told = []
    for _ in range(200):
        beside.draw_event()
        told.append(beside.draw("POST /order", b"{}"))

    assert [alone.draw("POST /order", b"{}") for _ in range(200)] == told
    kinds = {fault.kind for fault in told if fault is not None}
    drawn = [beside.draw_event() for _ in range(200)]
    assert kinds == {FaultKind.NO_ANSWER}
    assert {fault.kind for fault in drawn if fault is not None} == RATES.keys() - kinds


async def test_trades_fail_by_the_same_seed_until_it_is_calm_again(exchange, trader, clock):
    async def traded(number: int) -> TradeStatus:
        await trader.place(trader.limit(market_of(exchange, COIN), "BUY", "0.7", "10", salt=number))
        clock.advance(3_000)
        exchange.venue.advance()
        status: TradeStatus = exchange.exchange.trades[-1].status
        return status

    seeded = {"seed": 7, "delay_max_ms": 500, "trades": {"failed": 100}}
    await trader.post_public("/_local/chances", seeded)
    failed = await traded(1)
    await trader.post_public("/_local/calm", {})
    usual = await traded(2)
    await trader.post_public("/_local/chances", seeded)
    await trader.post_public("/_local/chances", {})

    assert (failed, usual, await traded(3)) == (
        TradeStatus.FAILED,
        TradeStatus.CONFIRMED,
        TradeStatus.CONFIRMED,
    )
    assert exchange.faults.chances is None
