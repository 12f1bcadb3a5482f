import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from unittest.mock import Mock

import pytest
from websockets.asyncio.server import ServerConnection, serve

from engine.clock import ManualClock, SystemClock
from engine.domain.frames import BookDelta, Frame
from engine.domain.ids import ConnectionId, TokenId
from engine.metrics import Metrics
from engine.venue.market_requests import TOKENS_PER_REQUEST, requests_of
from engine.venue.market_sockets import STAGGER_MS, MarketSockets
from engine.venue.market_ws import SocketRules
from tests.support.market_channel import QUICK, Venue, until
from tests.support.market_stream import NO, YES, seeded_venue
from tests.support.raw_venue import RawConnection, quiet, raw_venue

A, B, C = ConnectionId(0), ConnectionId(1), ConnectionId(2)
NEVER = SocketRules(backoff_ms=60_000, backoff_max_ms=60_000)
"""Whoever waits for a pause of these rules waits longer than any test."""


def token(number: int) -> TokenId:
    return TokenId(f"{number:077}")


class Heard:
    """What the sockets call back."""

    def __init__(self) -> None:
        self.frames: defaultdict[int, list[Frame]] = defaultdict(list)
        self.links: defaultdict[int, list[bool]] = defaultdict(list)
        self.given_up: dict[int, str] = {}

    def on_frames(self, number: ConnectionId, frames: tuple[Frame, ...]) -> None:
        self.frames[number] += frames

    def on_link(self, number: ConnectionId, up: bool) -> None:
        self.links[number].append(up)

    def on_given_up(self, number: ConnectionId, why: str) -> None:
        self.given_up[number] = why


class Sockets:
    """Sockets under test, their metrics and what they told."""

    def __init__(self, url: str, rules: SocketRules, drawn: float) -> None:
        self.metrics, self.heard = Metrics(), Heard()
        self.sockets = MarketSockets(url, SystemClock(), lambda: drawn, self.metrics, rules)
        self.task: asyncio.Task[None] = asyncio.create_task(self.run(), name="sockets-under-test")

    async def run(self) -> None:
        heard = self.heard
        await self.sockets.run(heard.on_frames, heard.on_link, heard.on_given_up)

    def tell(self, name: str) -> list[int | None]:
        return [self.metrics.reading(name, str(number)) for number in (A, B, C)]


@asynccontextmanager
async def sockets_against(url: str, rules: SocketRules = QUICK, drawn: float = 0.5) -> AsyncIterator[Sockets]:
    """Run sockets against a venue; at the end they are cancelled."""
    running = Sockets(url, rules, drawn)
    try:
        yield running
    finally:
        running.task.cancel()
        with suppress(asyncio.CancelledError):
            await running.task


@asynccontextmanager
async def venue_and_sockets(rules: SocketRules = QUICK) -> AsyncIterator[tuple[Venue, Sockets]]:
    venue = Venue()
    async with (
        serve(venue.handle, "127.0.0.1", 0, close_timeout=1) as venue.server,
        sockets_against(venue.url, rules) as running,
    ):
        yield venue, running


THREE = [(A, [token(1)]), (B, [token(2)]), (C, [token(3)])]


def connection_of(venue: Venue, number: int) -> ServerConnection:
    """The newest connection of the venue that carries a token."""
    return venue.carrying[token(number)]


def _has_more(venue: Venue, subscriptions: int) -> bool:
    return len(venue.subscriptions()) > subscriptions


async def test_each_connection_carries_its_own_tokens():
    async with venue_and_sockets() as (venue, running):
        running.sockets.subscribe(THREE)
        await until(lambda: len(venue.subscriptions()) == 3)

        told = sorted(text["assets_ids"] for text in venue.subscriptions())
        assert told == [[token(1)], [token(2)], [token(3)]]
        assert running.tell("feed_connection_up") == [1, 1, 1]


async def test_what_one_connection_suffers_leaves_the_others_alone():
    async with venue_and_sockets() as (venue, running):
        running.sockets.subscribe(THREE)
        await until(lambda: len(venue.carrying) == 3)
        for _ in range(5):
            before = len(venue.subscriptions())
            connection_of(venue, 2).transport.abort()
            await until(partial(_has_more, venue, before))

        assert running.heard.links[A] == running.heard.links[C] == [True]
        assert running.tell("feed_connection_reconnects_total") == [0, 5, 0]
        assert running.metrics.value("feed_losses_total", "closed") == 5


async def test_the_time_that_a_connection_stood_is_told_as_it_ends():
    async with venue_and_sockets() as (venue, running):
        running.sockets.subscribe(THREE)
        await until(lambda: len(venue.carrying) == len(THREE))
        assert running.metrics.value("service_market_runtime_ms") == 0

        # Whole milliseconds are told: one that ends within its first would be told as none.
        clock = SystemClock()
        carried_ms = clock.now_ms()
        await until(lambda: clock.now_ms() > carried_ms)
        await connection_of(venue, 2).close()
        await until(lambda: False in running.heard.links[B])

        assert running.metrics.value("service_market_runtime_ms") > 0


async def test_frozen_connection_is_replaced_without_a_pause():
    async with venue_and_sockets(NEVER) as (venue, running):
        running.sockets.subscribe(THREE)
        await until(lambda: len(venue.carrying) == 3)
        running.sockets.reconnect(B)
        await until(lambda: running.heard.links[B] == [True, False, True])
        await until(lambda: len(venue.subscriptions()) == 4)

        assert venue.subscriptions()[-1]["assets_ids"] == [token(2)]
        assert running.heard.links[A] == running.heard.links[C] == [True]
        assert running.metrics.value("feed_losses_total", "replaced") == 1


async def test_attempt_that_hangs_is_replaced_at_once():
    async def hanging(connection: RawConnection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")

    async with raw_venue(hanging, quiet) as venue, sockets_against(venue.url, NEVER) as running:
        running.sockets.subscribe(THREE[:1])
        await until(lambda: venue.accepted == 1)
        running.sockets.reconnect(A)
        await until(lambda: running.heard.links[A])

        assert running.heard.links[A] == [True]
        assert venue.accepted == 2


async def test_pause_before_a_reconnect_is_cut_short_by_a_replacement():
    async def refusing(connection: RawConnection) -> None:
        connection.writer.close()

    async with raw_venue(refusing, quiet) as venue, sockets_against(venue.url, NEVER, 0.9) as running:
        running.sockets.subscribe(THREE[:1])
        await until(lambda: running.metrics.total("feed_losses_total"))
        assert not running.heard.links[A]
        running.sockets.reconnect(A)
        await until(lambda: running.heard.links[A])


async def test_connection_without_tokens_is_closed_and_opened_again_when_it_gets_some():
    async with venue_and_sockets(NEVER) as (venue, running):
        running.sockets.subscribe(THREE)
        await until(lambda: len(venue.carrying) == 3)
        running.sockets.subscribe([THREE[0], (B, []), THREE[2]])
        await until(lambda: running.heard.links[B] == [True, False])
        assert running.tell("feed_connection_up") == [1, 0, 1]
        running.sockets.subscribe(THREE)
        await until(lambda: running.heard.links[B] == [True, False, True])

        assert running.heard.links[A] == running.heard.links[C] == [True]
        assert running.metrics.total("feed_losses_total") == 0


async def test_connection_that_is_no_longer_named_is_closed():
    async with venue_and_sockets(NEVER) as (venue, running):
        running.sockets.subscribe(THREE)
        await until(lambda: len(venue.carrying) == 3)
        running.sockets.subscribe(THREE[:2])
        await until(lambda: running.heard.links[C] == [True, False])


async def test_many_first_connections_are_spread_and_one_alone_does_not_wait(monkeypatch: pytest.MonkeyPatch):
    waits: dict[str, float] = {}
    really = asyncio.sleep

    async def sleep(delay_s: float) -> None:
        task = asyncio.current_task()
        waits.setdefault("" if task is None else task.get_name(), delay_s)
        await really(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    drawn = (step / 25 for step in count())
    async with sockets_against("ws://127.0.0.1:9", NEVER) as running:
        running.sockets._random = lambda: next(drawn)
        running.sockets.subscribe([(ConnectionId(number), [token(number)]) for number in range(25)])
        await until(lambda: "market-socket-24" in waits)
        first = [waits[f"market-socket-{number}"] for number in range(25)]
        running.sockets.subscribe([(ConnectionId(25), [token(25)])])
        await until(lambda: "market-socket-25" in waits)

    assert first == pytest.approx([number / 25 * 24 * STAGGER_MS / 1000 for number in range(25)])
    assert 0.9 < max(first) < 1
    assert waits["market-socket-25"] == 0


async def test_connection_is_given_up_after_so_many_reconnects_and_the_others_go_on():
    rules = SocketRules(silence_ms=60_000, backoff_ms=1, backoff_max_ms=2, max_reconnects=3)
    async with venue_and_sockets(rules) as (venue, running):
        venue.refused = {token(2)}
        running.sockets.subscribe(THREE)
        await until(lambda: running.heard.given_up)
        await until(lambda: len(venue.carrying) == 3)

        assert list(running.heard.given_up) == [B]
        assert running.heard.given_up[B].startswith("4 connections in a row failed, the last one: ")
        assert running.heard.links[B] == [True, False] * 4
        assert running.heard.links[A] == running.heard.links[C] == [True]
        assert not running.task.done()
        assert running.metrics.value("feed_connections_total", "given_up") == 1


async def test_feed_ends_when_every_connection_is_given_up():
    rules = SocketRules(connect_ms=500, backoff_ms=1, backoff_max_ms=2, max_reconnects=2)
    async with sockets_against("ws://127.0.0.1:9", rules) as running:
        running.sockets.subscribe(THREE)
        await until(running.task.done)

        assert running.task.exception() is None
        assert sorted(running.heard.given_up) == [A, B, C]
        assert running.metrics.value("feed_losses_total", "unreachable") == 9


async def test_zero_reconnects_means_never_to_give_up():
    async with sockets_against("ws://127.0.0.1:9", SocketRules(backoff_ms=1, backoff_max_ms=1), 0) as running:
        running.sockets.subscribe(THREE[:1])
        await until(lambda: running.metrics.total("feed_losses_total") >= 50)

        assert not running.task.done()


async def test_connection_that_lasted_ends_the_row_of_failures():
    rules = SocketRules(silence_ms=1, ping_ms=60_000, backoff_ms=1, backoff_max_ms=2, max_reconnects=2)
    async with venue_and_sockets(rules) as (_, running):
        running.sockets.subscribe(THREE[:1])
        await until(lambda: running.metrics.value("feed_losses_total", "silent") >= 6)

        assert not running.heard.given_up


async def test_fault_of_ours_in_a_callback_ends_the_feed():
    venue = Venue()
    async with serve(venue.handle, "127.0.0.1", 0, close_timeout=1) as venue.server:
        sockets = MarketSockets(venue.url, SystemClock(), lambda: 0.5, Metrics(), QUICK)
        sockets.subscribe(THREE)
        broken = Mock(side_effect=KeyError("ours"))
        heard = Heard()

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(10):
                await sockets.run(broken, heard.on_link, heard.on_given_up)

    assert caught.group_contains(KeyError)
    assert all(links in ([], [True, False]) for links in heard.links.values())


async def test_messages_bytes_silence_and_lag_are_told_per_connection():
    source, clock = seeded_venue(), ManualClock()
    told = source.dump(), source.set_level("BUY", 4500, "1")
    venue, metrics, heard = Venue(), Metrics(), Heard()

    go = asyncio.Event()

    async def stream(connection: ServerConnection) -> None:
        await connection.send(told[0].decode())
        await go.wait()
        await connection.send(told[1].decode())

    venue.on_open = stream
    clock.advance(source.now_ms + 230 - clock.now_ms())
    async with serve(venue.handle, "127.0.0.1", 0, close_timeout=1) as venue.server:
        sockets = MarketSockets(venue.url, clock, lambda: 0.5, metrics, SocketRules())
        sockets.subscribe([(A, [TokenId(YES), TokenId(NO)])])
        task = asyncio.create_task(sockets.run(heard.on_frames, heard.on_link, heard.on_given_up))
        await until(lambda: len(heard.frames[A]) == 2)
        assert metrics.reading("feed_connection_lag_ms", "0") is None, "a snapshot's time may be old"
        go.set()
        await until(lambda: len(heard.frames[A]) == 3)
        clock.advance(1_500)
        readings = {
            name: metrics.reading(f"feed_connection_{name}", "0")
            for name in ("up", "messages_total", "bytes_total", "reconnects_total", "silent_ms", "lag_ms")
        }
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert isinstance(heard.frames[A][-1], BookDelta)
    assert readings == {
        "up": 1,
        "messages_total": 2,
        "bytes_total": sum(map(len, told)),
        "reconnects_total": 0,
        "silent_ms": 1_500,
        "lag_ms": 230,
    }
    assert metrics.reading("feed_connection_silent_ms", "0") is None


def test_first_request_names_the_channel_and_further_ones_add():
    tokens = tuple(token(number) for number in range(TOKENS_PER_REQUEST * 2 + 1))

    texts = requests_of(None, tokens)

    assert [text.startswith('{"type":"market","assets_ids":[') for text in texts] == [True, False, False]
    assert [text.count('"operation":"subscribe"') for text in texts] == [0, 1, 1]
    assert [text.count(token(0)[:60]) for text in texts] == [TOKENS_PER_REQUEST, TOKENS_PER_REQUEST, 1]


@pytest.mark.parametrize("seed", range(20))
def test_requests_always_lead_from_what_is_carried_to_what_is_wanted(seed: int):
    draw = random.Random(seed)
    carried: tuple[TokenId, ...] | None = None
    at_the_venue: set[str] = set()
    for _ in range(30):
        wanted = tuple(token(number) for number in draw.sample(range(120), draw.randrange(1, 90)))
        for text in requests_of(carried, wanted):
            named = {word for word in text.split('"') if word.isdigit()}
            assert 0 < len(named) <= TOKENS_PER_REQUEST
            if '"operation":"unsubscribe"' in text:
                assert named <= at_the_venue
                at_the_venue -= named
            else:
                assert not named & at_the_venue
                at_the_venue |= named
        assert at_the_venue == set(wanted), f"seed {seed}"
        carried = wanted
