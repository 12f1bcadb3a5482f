"""The user socket: when the link counts as up, what takes it down, and that secrets stay on the wire."""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

from engine.clock import SystemClock
from engine.domain.account import UserOrder, VenueTrade
from engine.metrics import Metrics
from engine.ports import UserFeed
from engine.venue.user_ws import UserSocket
from tests.support.market_channel import until
from tests.support.raw_venue import BINARY, RawConnection, raw_venue
from tests.support.user_channel import ORDER_EVENT, QUICK, TRADE_EVENT, Listener, UserVenue, listening
from tests.support.venue_orders import CREDENTIALS


async def test_first_frame_subscribes_to_every_market_and_the_link_is_up_after_its_pong():
    async with listening() as (venue, listener):
        await until(lambda: listener.links)

        assert json.loads(venue.heard[0]) == {
            "type": "user",
            "auth": {
                "apiKey": CREDENTIALS.key,
                "secret": CREDENTIALS.secret,
                "passphrase": CREDENTIALS.passphrase,
            },
        }
        assert venue.heard[1] == "PING"
        assert listener.links == [True]


async def test_events_are_told_in_order_even_before_the_first_pong():
    async with listening() as (venue, listener):
        venue.greeting = [json.dumps([ORDER_EVENT, TRADE_EVENT])]
        await venue_up(venue, listener)

        assert [type(entry) for entry in listener.log] == [UserOrder, VenueTrade, bool]


async def venue_up(_venue: UserVenue, listener: Listener) -> None:
    await until(lambda: listener.links and listener.links[-1])


async def test_events_reach_the_callback():
    async with listening() as (venue, listener):
        await venue_up(venue, listener)
        await venue.tell(ORDER_EVENT, TRADE_EVENT, [TRADE_EVENT | {"status": "CONFIRMED"}])
        await until(lambda: len(listener.told) == 3)

        assert [type(entry) for entry in listener.told] == [UserOrder, VenueTrade, VenueTrade]
        assert listener.links == [True]


async def test_refused_credentials_never_bring_the_link_up():
    async with listening() as (venue, listener):
        venue.password = "another"
        for connection in venue.connections:
            await connection.close()
        before = len(listener.links)
        await until(lambda: len(venue.connections) >= 4)

        assert True not in listener.links[before:]
        assert listener.metrics.value("user_losses_total", "closed") >= 2


async def test_missing_pong_ends_the_connection_though_events_flow():
    rules = replace(QUICK, silence_ms=120)
    async with listening(rules) as (venue, listener):
        await venue_up(venue, listener)
        venue.answers_pings = False

        async def flow() -> None:
            with suppress(Exception):
                while True:
                    await venue.tell(ORDER_EVENT)
                    await asyncio.sleep(0.01)

        task = asyncio.create_task(flow(), name="flow")
        await until(lambda: False in listener.links)
        venue.answers_pings = True
        task.cancel()
        await until(lambda: listener.links[-1] and len(listener.links) >= 3)

        assert listener.metrics.value("user_losses_total", "silent") >= 1


def _was_up(listener: Listener, times: int) -> bool:
    return listener.links.count(True) == times


async def test_lost_connections_come_back_each_with_its_own_link():
    async with listening() as (venue, listener):
        for number in range(1, 5):
            await until(partial(_was_up, listener, number))
            venue.connections[-1].transport.abort()
        await until(lambda: listener.links.count(True) == 5)

        assert listener.links == [True, False] * 4 + [True]


async def test_message_that_cannot_be_read_is_counted_and_asks_for_a_full_read():
    async with listening() as (venue, listener):
        await venue_up(venue, listener)
        await venue.tell([ORDER_EVENT | {"price": "x"}, TRADE_EVENT])
        await until(lambda: len(listener.links) == 3)

        assert listener.links == [True, False, True]
        assert [type(entry) for entry in listener.told] == [VenueTrade]
        assert listener.metrics.value("user_malformed_total", "order") == 1
        assert len(venue.connections) == 1


async def test_flood_of_bad_messages_asks_for_a_read_now_and_then_and_once_at_its_end():
    rules = replace(QUICK, reread_ms=150)
    async with listening(rules) as (venue, listener):
        await venue_up(venue, listener)
        await venue.tell(*["{}"] * 300)
        await until(lambda: listener.metrics.value("user_malformed_total", "kind") == 300)
        await until(lambda: len(listener.links) >= 5)

        # One at the first, one for what came in between; a slow machine may fit another.
        assert 2 <= listener.links.count(False) <= 4
        assert listener.links[-1] is True


async def test_secrets_are_in_no_log_whatever_its_level(caplog):
    caplog.set_level(logging.DEBUG)
    async with listening() as (venue, listener):
        await venue_up(venue, listener)
        await venue.tell("garbage")
        venue.connections[-1].transport.abort()
        await until(lambda: listener.links.count(True) >= 2)

    # The other end of the test logs its own side.
    ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    told = " ".join(record.getMessage() for record in ours)
    assert "user connection lost" in told
    assert CREDENTIALS.secret not in told
    assert f'"{CREDENTIALS.passphrase}"' not in told


async def test_hostile_frames_cost_the_connection_and_nothing_else():
    async def binary(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(b"\x00" * 10, BINARY)

    async def large(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(b" " * (QUICK.max_frame_bytes + 1))

    async def no_upgrade(connection: RawConnection) -> None:
        await connection.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    metrics = Metrics()
    async with raw_venue(binary, large, no_upgrade) as venue:
        socket: UserFeed = UserSocket(
            venue.url, CREDENTIALS, clock=SystemClock(), random=lambda: 0.5, metrics=metrics, rules=QUICK
        )
        task = asyncio.create_task(socket.run(lambda *_: None, lambda _: None), name="socket-under-test")
        await until(lambda: metrics.value("user_losses_total", "handshake") >= 2)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert metrics.value("user_losses_total", "protocol") == 1
    assert metrics.value("user_losses_total", "too_large") == 1


async def test_fault_of_a_callback_is_raised():
    def broken(*_: object) -> None:
        raise LookupError("ours")

    async with listening() as (venue, listener):
        venue.greeting = [json.dumps(ORDER_EVENT)]
        await venue_up(venue, listener)
        socket = UserSocket(
            venue.url, CREDENTIALS, clock=SystemClock(), random=lambda: 0.5, metrics=Metrics(), rules=QUICK
        )
        with pytest.raises(ExceptionGroup) as raised:
            await socket.run(broken, lambda _: None)

    assert raised.group_contains(LookupError, match="ours")
