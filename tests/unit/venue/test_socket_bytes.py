"""Who records must see the bytes: `decode` gets each message once, with its connection."""

import asyncio
from contextlib import suppress

from websockets.asyncio.server import ServerConnection, serve

from engine.clock import SystemClock
from engine.domain.frames import Frame, Ignored
from engine.domain.ids import ConnectionId, TokenId
from engine.metrics import Metrics
from engine.venue.market_sockets import MarketSockets
from tests.support.market_stream import NO, YES

SENT = (b'{"a": 1}', b"\xff\xfe", b"PONG")


async def test_decode_gets_every_message_of_every_connection_before_its_frames():
    seen: list[tuple[ConnectionId, bytes]] = []
    handed: list[tuple[ConnectionId, tuple[Frame, ...]]] = []

    async def handle(connection: ServerConnection) -> None:
        await connection.recv()
        for raw in SENT:
            await connection.send(raw)
        await connection.wait_closed()

    def decode(number: ConnectionId, raw: bytes) -> tuple[Frame, ...]:
        seen.append((number, raw))
        return (Ignored(f"{number} {len(seen)}"),)

    def on_frames(number: ConnectionId, frames: tuple[Frame, ...]) -> None:
        handed.append((number, frames))

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        url = f"ws://127.0.0.1:{port}/ws/market"
        sockets = MarketSockets(url, SystemClock(), lambda: 0.0, Metrics(), decode=decode)
        sockets.subscribe([(ConnectionId(0), [TokenId(YES)]), (ConnectionId(1), [TokenId(NO)])])
        running = asyncio.create_task(sockets.run(on_frames, lambda _n, _up: None, lambda _n, _why: None))
        async with asyncio.timeout(10):
            while len(handed) < 2 * len(SENT):  # noqa: ASYNC110 - the callback is not a coroutine
                await asyncio.sleep(0.002)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    for number in (ConnectionId(0), ConnectionId(1)):
        assert [raw for each, raw in seen if each == number] == list(SENT)
    assert handed == [(n, (Ignored(f"{n} {i}"),)) for i, (n, _) in enumerate(seen, 1)]
