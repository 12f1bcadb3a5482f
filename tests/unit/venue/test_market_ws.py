import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from engine.clock import SystemClock
from engine.core.feed.feeds import Feeds
from engine.domain.book import LiveBook
from engine.domain.frames import BookDelta, Frame, Ignored, Malformed
from engine.domain.ids import TokenId
from engine.domain.units import Ms
from engine.venue.market_ws import MarketSocket, SocketRules
from engine.venue.wire_shapes import StreamBook
from tests.support.feed_bench import LINE
from tests.support.market_channel import PATIENCE_S, QUICK, Desk, Venue, new_socket, running, until
from tests.support.market_stream import NO, YES, seeded_venue

FILES = Path("/proc/self/fd")


def _has(venue: Venue, subscriptions: int) -> bool:
    return len(venue.subscriptions()) == subscriptions


async def test_socket_subscribes_with_the_documented_first_frame():
    async with running() as (venue, _, desk, _):
        await until(venue.subscriptions)

        assert venue.subscriptions() == [
            {"type": "market", "assets_ids": [YES, NO], "custom_feature_enabled": True}
        ]
        assert desk.links == [True]
        assert venue.headers == ["dutchdesk"]


async def test_frames_reach_the_callback_decoded_and_in_order():
    source = seeded_venue()

    async def dump(connection: ServerConnection) -> None:
        await connection.send(source.dump().decode())
        source.now_ms += 10
        await connection.send(source.set_level("BUY", 4500, "1").decode())
        await connection.send("PONG")
        await connection.send(b"\xff\x00", text=True)

    async with running() as (venue, socket, desk, _):
        venue.on_open = dump
        for connection in venue.connections:
            await connection.close()
        await until(lambda: len(desk.frames) >= 5)

        kinds = [type(frame) for frame in desk.frames if frame != Ignored("pong")][:4]
        assert kinds == [StreamBook, StreamBook, BookDelta, Malformed]
        assert Ignored("pong") in desk.frames
        assert socket.silent_ms() is not None


async def test_socket_and_feed_core_together_give_the_venues_book():
    source = seeded_venue()
    clock = SystemClock()
    source.now_ms = clock.now_ms()
    feeds = Feeds()
    feeds.track(source.tokens(), clock.now_ms())

    async def stream(connection: ServerConnection) -> None:
        await connection.send(source.dump().decode())
        for step in range(200):
            source.now_ms += 1
            await connection.send(source.set_level("BUY", 4000 + 100 * (step % 9), f"{step + 1}").decode())

    venue = Venue()
    venue.on_open = stream
    async with serve(venue.handle, "127.0.0.1", 0) as venue.server:
        socket = new_socket(venue.url)
        socket.subscribe([TokenId(YES), TokenId(NO)])

        def on_frames(frames: tuple[Frame, ...]) -> None:
            for frame in frames:
                feeds.apply(LINE, frame, clock.now_ms())

        def on_link(up: bool) -> None:
            feeds.link(LINE, up=up, at_ms=clock.now_ms())

        task = asyncio.create_task(
            socket.run(on_frames, on_link),
            name="socket-under-test",
        )
        await until(lambda: feeds.sequence >= 202)
        book = feeds.live(TokenId(YES), clock.now_ms())
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert isinstance(book, LiveBook)
    assert book.hash == source.book(YES)["hash"]
    assert feeds.status(clock.now_ms()).resyncs == 0


async def test_socket_sends_text_pings_and_counts_pongs_as_life():
    async with running() as (venue, socket, desk, _):
        await until(lambda: venue.heard.count("PING") >= 3)

        assert desk.frames.count(Ignored("pong")) >= 1
        assert len(venue.connections) == 1
        assert socket.silent_ms() is not None


async def test_silent_connection_is_given_up_and_made_anew():
    rules = SocketRules(ping_ms=30, silence_ms=150, backoff_ms=1, backoff_max_ms=2)
    async with running(rules) as (venue, _, desk, _):
        venue.answers_pings = False
        await until(lambda: len(desk.links) >= 3)

        assert desk.links[:3] == [True, False, True]
        assert len(venue.connections) >= 2


async def test_closed_connection_is_made_anew_and_resubscribed():
    async with running() as (venue, socket, desk, _):
        for number in range(1, 6):
            await until(partial(_has, venue, number))
            await venue.connections[-1].close()
        await until(lambda: len(venue.subscriptions()) == 6)

        assert all(frame["type"] == "market" for frame in venue.subscriptions())
        assert desk.links == [True, False] * 5 + [True]
        assert socket.silent_ms() is not None


async def test_aborted_connection_is_made_anew():
    async with running() as (venue, _, desk, _):
        await until(venue.subscriptions)
        venue.connections[-1].transport.abort()
        await until(lambda: len(venue.subscriptions()) == 2)

        assert desk.links == [True, False, True]


async def test_change_of_tokens_is_sent_as_a_difference():
    async with running() as (venue, socket, desk, _):
        await until(venue.subscriptions)
        socket.subscribe([TokenId(NO), TokenId("7"), TokenId("7"), TokenId("8")])
        await until(lambda: len(venue.subscriptions()) == 3)
        socket.subscribe([TokenId("8"), TokenId("7"), TokenId(NO)])
        socket.subscribe([TokenId("8")])
        await until(lambda: len(venue.subscriptions()) == 4)

        assert venue.subscriptions()[1:] == [
            {"operation": "unsubscribe", "assets_ids": [YES]},
            {"operation": "subscribe", "assets_ids": ["7", "8"], "custom_feature_enabled": True},
            {"operation": "unsubscribe", "assets_ids": [NO, "7"]},
        ]
        assert desk.links == [True]


async def test_connection_that_carries_nothing_is_closed_and_opened_again_without_a_pause_or_a_loss():
    slow = SocketRules(backoff_ms=60_000, backoff_max_ms=60_000)
    async with running(slow) as (venue, socket, desk, _):
        await until(venue.subscriptions)
        socket.subscribe([])
        await until(lambda: desk.links == [True, False])
        await until(lambda: venue.closed == [1000])
        socket.subscribe([TokenId("7")])
        await until(lambda: len(venue.subscriptions()) == 2)

        assert venue.subscriptions()[1]["assets_ids"] == ["7"]
        assert desk.losses == []


async def test_connection_emptied_and_filled_in_one_breath_carries_what_was_wanted_last():
    async with running() as (venue, socket, desk, _):
        await until(venue.subscriptions)
        socket.subscribe([])
        socket.subscribe([TokenId("7")])
        await until(lambda: venue.subscriptions()[-1]["assets_ids"] == ["7"])

        assert desk.losses == []


async def test_reconnect_subscribes_what_is_wanted_now():
    async with running() as (venue, socket, _, _):
        await until(venue.subscriptions)
        socket.subscribe([TokenId("7")])
        await until(lambda: len(venue.subscriptions()) == 3)
        await venue.connections[-1].close()
        await until(lambda: len(venue.subscriptions()) == 4)

        assert venue.subscriptions()[3] == {
            "type": "market",
            "assets_ids": ["7"],
            "custom_feature_enabled": True,
        }


async def test_without_tokens_there_is_no_connection_until_some_are_wanted():
    async with running(tokens=()) as (venue, socket, desk, _):
        for _ in range(20):
            await asyncio.sleep(0)
        assert venue.connections == []
        assert socket.silent_ms() is None

        socket.subscribe([TokenId(YES)])
        await until(venue.subscriptions)

        assert desk.links == [True]


async def test_link_is_down_and_unheard_after_cancellation():
    async with running() as (venue, socket, desk, task):
        await until(venue.subscriptions)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert desk.links == [True, False]
        assert socket.silent_ms() is None


async def test_cancellation_at_the_moment_of_a_loss_ends_the_task():
    class FatalClock(SystemClock):
        """Cancels the socket, and tells its keeper in the same breath that nothing was heard for days."""

        def now_ms(self) -> Ms:
            running = asyncio.current_task()
            if running is None or not running.get_name().startswith("market-socket-keeper") or not armed:
                return super().now_ms()
            task.cancel()
            return Ms(super().now_ms() + 1_000_000_000)

    armed = False
    async with running() as (venue, *_):
        desk = Desk()
        socket = MarketSocket(
            LINE, venue.url, QUICK, clock=FatalClock(), random=lambda: 0.5, on_loss=desk.losses.append
        )
        socket.subscribe([TokenId(YES)])
        task = asyncio.create_task(socket.run(desk.on_frames, desk.on_link), name="socket-under-test")
        await until(lambda: desk.frames)
        armed = True

        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(asyncio.CancelledError):
                await task
    assert desk.links == [True, False]


async def test_cancellation_in_the_backoff_is_immediate():
    rules = SocketRules(connect_ms=500, backoff_ms=60_000, backoff_max_ms=60_000)
    socket = new_socket("ws://127.0.0.1:9/ws/market", rules, lambda: 0.99)
    socket.subscribe([TokenId(YES)])
    desk = Desk()
    task = asyncio.create_task(socket.run(desk.on_frames, desk.on_link), name="socket-under-test")
    for _ in range(200):
        await asyncio.sleep(0.001)

    task.cancel()

    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert desk.links == []


async def test_unreachable_venue_backs_off_with_full_jitter_to_the_ceiling():
    drawn: list[float] = []

    def draw() -> float:
        drawn.append(0.0)
        return 0.0

    socket = new_socket("ws://127.0.0.1:9/ws/market", SocketRules(), draw)
    socket.subscribe([TokenId(YES)])
    task = asyncio.create_task(socket.run(lambda _: None, lambda _: None), name="socket-under-test")
    await until(lambda: len(drawn) >= 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("failures", "ceiling_s"),
    [(0, 0.25), (1, 0.25), (2, 0.5), (3, 1.0), (7, 16.0), (8, 30.0), (9, 30.0), (10_000, 30.0)],
)
def test_backoff_is_drawn_between_nothing_and_a_doubling_ceiling(failures: int, ceiling_s: float):
    for drawn in (0.0, 0.5, 0.999):
        socket = new_socket("ws://127.0.0.1:9", SocketRules(), partial(float, drawn))

        assert socket._backoff_s(failures) == pytest.approx(drawn * ceiling_s)


async def test_frame_above_the_bound_costs_one_connection_and_not_the_process():
    async def flood(connection: ServerConnection) -> None:
        if len(connections) == 0:
            connections.append(connection)
            await connection.send("x" * (SocketRules().max_frame_bytes + 1))

    connections: list[ServerConnection] = []
    async with running() as (venue, _, desk, task):
        await until(venue.subscriptions)
        venue.on_open = flood
        await venue.connections[-1].close()
        await until(lambda: len(venue.connections) >= 3)

        assert not task.done()
        assert not any(isinstance(frame, Malformed) for frame in desk.frames)


async def test_malformed_frames_are_passed_on_and_logged_once_per_reason(caplog: pytest.LogCaptureFixture):
    async def damage(connection: ServerConnection) -> None:
        for _ in range(5):
            await connection.send("{")
        await connection.send('{"event_type":"book"}')

    async with running() as (venue, _, desk, _):
        await until(venue.subscriptions)
        venue.on_open = damage
        await venue.connections[-1].close()
        await until(lambda: sum(isinstance(frame, Malformed) for frame in desk.frames) >= 6)

    refused = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len(refused) == 2


async def test_fault_of_ours_in_the_callback_ends_the_task_and_the_link():
    def broken(_frames: tuple[Frame, ...]) -> None:
        raise KeyError("ours")

    venue, desk = Venue(), Desk()
    async with serve(venue.handle, "127.0.0.1", 0) as venue.server:
        socket = new_socket(venue.url)
        socket.subscribe([TokenId(YES)])

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(PATIENCE_S):
                await socket.run(broken, desk.on_link)

    assert caught.group_contains(KeyError)
    assert desk.links == [True, False]


async def test_hundred_disconnects_leak_no_task_and_no_file():
    def files() -> int:
        return len(list(FILES.iterdir())) if FILES.is_dir() else 0

    before = files()
    async with running() as (venue, _, desk, _):
        for number in range(1, 101):
            await until(partial(_has, venue, number))
            venue.connections[-1].transport.abort()
        await until(lambda: len(venue.subscriptions()) == 101)
        assert len(asyncio.all_tasks()) < 30
    await until(lambda: files() <= before + 1)
    assert desk.links.count(True) == desk.links.count(False) == 101


async def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    async with running() as (venue, _, _, _):
        await until(venue.subscriptions)
