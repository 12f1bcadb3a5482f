"""User events that are lost, doubled, out of turn or late; connections cut or silent; takers told or not."""

import asyncio

import pytest

from engine.simulator.faults import Fault, FaultKind
from tests.support.local_exchange import COIN, CUP, ELEVENS_KEY, market_of, until
from tests.unit.simulator.stream_client import Listener, hearing
from tests.unit.simulator.trader import Record, Trader, trader_on


def gist(events: list[Record]) -> list[str]:
    """Return each event's kind with its type or status."""
    return [event["status"] if event["event_type"] == "trade" else event["type"] for event in events]


async def buy(trader: Trader, exchange) -> Record:
    """Buy ten shares of COIN at once."""
    return (await trader.place(trader.limit(market_of(exchange, COIN), "BUY", "0.7", "10"))).record


USUAL = ["PLACEMENT", "MATCHED", "UPDATE"]


async def settled(exchange, clock, listener: Listener) -> list[str]:
    clock.advance(2_000)
    exchange.venue.advance()
    return gist(await listener.events())


async def test_trade_is_told_before_the_answer_to_its_post_when_the_answer_is_held_back(exchange, trader):
    await trader.arm(kind="delay_answer", delay_ms=200)
    async with hearing(exchange, trader) as listener:
        body = trader.limit(market_of(exchange, COIN), "BUY", "0.7", "10")
        post = asyncio.create_task(trader.place(body))
        first = await listener.next()
        assert not post.done()
        answer = await post

    assert first["type"] == "PLACEMENT"
    assert answer.record["status"] == "matched"


@pytest.mark.parametrize(
    ("kind", "event", "heard"),
    [
        ("drop_event", "", ["MATCHED", "UPDATE"]),
        ("drop_event", "trade", ["PLACEMENT", "UPDATE"]),
        ("drop_event", "UPDATE", ["PLACEMENT", "MATCHED"]),
        ("repeat_event", "trade", ["PLACEMENT", "MATCHED", "MATCHED", "UPDATE"]),
        ("swap_events", "order", ["MATCHED", "PLACEMENT", "UPDATE"]),
        ("swap_events", "trade", ["PLACEMENT", "UPDATE", "MATCHED"]),
    ],
)
async def test_fault_strikes_the_event_it_names(exchange, trader, kind, event, heard):
    async with hearing(exchange, trader) as listener:
        await trader.arm(kind=kind, event=event)
        await buy(trader, exchange)
        events = await listener.events()

    assert gist(events) == heard
    assert [firing.kind.value for firing in exchange.faults.fired] == [kind]


async def test_terminal_events_alone_are_dropped(exchange, trader, clock):
    async with hearing(exchange, trader) as listener:
        await trader.arm(kind="drop_event", event="terminal", times=100)
        await buy(trader, exchange)
        resting = await trader.place(trader.limit(market_of(exchange, CUP), "BUY", "0.1", "10"))
        await trader.call("DELETE", "/order", {"orderID": resting.record["orderID"]})
        heard = await settled(exchange, clock, listener)

    assert heard == ["PLACEMENT", "MATCHED", "PLACEMENT", "MINED"]


async def test_delayed_event_comes_when_it_is_due_and_in_its_turn_then(exchange, trader, clock):
    async with hearing(exchange, trader) as listener:
        await trader.arm(kind="delay_event", event="PLACEMENT", delay_ms=500)
        await trader.arm(kind="delay_event", event="MATCHED", delay_ms=400)
        await buy(trader, exchange)
        at_once = gist(await listener.events())
        clock.advance(499)
        exchange.venue.advance()
        early = gist(await listener.events())
        clock.advance(1)
        exchange.venue.advance()
        late = gist(await listener.events())

    assert (at_once, early, late) == (["UPDATE"], ["MATCHED"], ["PLACEMENT"])


async def test_event_of_nobody_who_listens_uses_no_fault_up(exchange, trader):
    await trader.arm(kind="drop_event")

    await buy(trader, exchange)

    assert exchange.faults.fired == []


async def test_cut_of_the_user_channel_leaves_the_market_channel_alone(exchange, trader):
    async with hearing(exchange, trader) as listener:
        await trader.arm(kind="cut", channel="user", after_frames=0)
        exchange.venue.advance()
        assert await listener.ended()
    async with hearing(exchange, trader) as again:
        await buy(trader, exchange)
        assert gist(await again.events()) == USUAL


async def test_silent_user_channel_answers_pings_and_tells_nothing(exchange, trader, clock):
    async with hearing(exchange, trader) as listener:
        await trader.arm(kind="freeze", channel="user", after_frames=0, hold_ms=60_000)
        exchange.venue.advance()
        await buy(trader, exchange)
        silent = await listener.events()
        clock.advance(60_000)
        exchange.venue.advance()
        exchange.venue.advance()
        await trader.place(trader.limit(market_of(exchange, CUP), "BUY", "0.1", "10"))
        after = gist(await listener.events())

    assert silent == []
    assert after[-1] == "PLACEMENT"
    assert exchange.faults.fired[0].kind is FaultKind.FREEZE


async def test_switch_leaves_takers_without_trade_events_and_makers_with_them(exchange, trader, clock):
    market = market_of(exchange, COIN)
    await trader.post_public("/_local/switch", {"tells_takers": False})
    async with hearing(exchange, trader) as listener:
        await buy(trader, exchange)
        taken = await settled(exchange, clock, listener)
        resting = await trader.place(trader.limit(market, "BUY", "0.1", "10"))
        await trader.post_public("/_local/counterparty", {"order": resting.record["orderID"]})
        made = await settled(exchange, clock, listener)

    assert taken == ["PLACEMENT", "UPDATE"]
    assert made == ["PLACEMENT", "MATCHED", "UPDATE", "MINED", "CONFIRMED"]


async def test_second_account_hears_its_own_half_alone(exchange, trader, session):
    other = await trader_on(exchange, session, ELEVENS_KEY)
    market = market_of(exchange, COIN)
    async with hearing(exchange, trader) as maker, hearing(exchange, other) as taker:
        await until(lambda: exchange.venue.user_stream.listeners == 2)
        await trader.place(trader.limit(market, "BUY", "0.57", "10"))
        await other.place(other.limit(market, "BUY", "0.43", "10", token_index=1))
        roles = [[event["trader_side"] for event in await heard.events("trade")] for heard in (maker, taker)]

    assert roles == [["MAKER"], ["TAKER"]]


def test_fault_of_an_unknown_channel_is_refused():
    with pytest.raises(ValueError, match="expected a channel"):
        Fault(FaultKind.CUT, channel="sports")
