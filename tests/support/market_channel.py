"""A loopback market channel, and a socket of ours that runs against it until the test ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from engine.clock import SystemClock
from engine.domain.frames import Frame
from engine.domain.ids import TokenId
from engine.venue.market_loss import Loss
from engine.venue.market_ws import MarketSocket, SocketRules
from tests.support.feed_bench import LINE
from tests.support.market_stream import NO, YES

PATIENCE_S = 10.0
QUICK = SocketRules(ping_ms=40, silence_ms=4_000, connect_ms=2_000, backoff_ms=1, backoff_max_ms=4)


class Venue:
    """A loopback market channel that remembers what it was told."""

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.heard: list[str] = []
        self.answers_pings = True
        self.on_open: Callable[[ServerConnection], Awaitable[None]] | None = None
        self.headers: list[str | None] = []
        self.carrying: dict[str, ServerConnection] = {}
        """The newest connection of each token that was asked for."""
        self.refused: set[str] = set()
        """Tokens whose connection is closed as soon as they are asked for."""
        self.closed: list[int | None] = []
        """Close codes of connections that ended, as they came from us."""
        self.server: Server | None = None

    async def handle(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        assert connection.request is not None
        self.headers.append(connection.request.headers.get("User-Agent"))
        with suppress(ConnectionClosed):
            if self.on_open is not None:
                await self.on_open(connection)
            async for message in connection:
                self.heard.append(str(message))
                await self._take(connection, str(message))
                if message == "PING" and self.answers_pings:
                    await connection.send("PONG")
        self.closed.append(connection.close_code)

    async def _take(self, connection: ServerConnection, text: str) -> None:
        if text == "PING":
            return
        tokens = json.loads(text)["assets_ids"]
        if self.refused & set(tokens):
            await connection.close()
        self.carrying |= dict.fromkeys(tokens, connection)

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"ws://127.0.0.1:{next(iter(self.server.sockets)).getsockname()[1]}/ws/market"

    def subscriptions(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.heard if text != "PING"]


class Desk:
    """What the socket calls back."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.links: list[bool] = []
        self.losses: list[Loss] = []

    def on_frames(self, frames: tuple[Frame, ...]) -> None:
        self.frames += frames

    def on_link(self, up: bool) -> None:
        self.links.append(up)


async def until(condition: Callable[[], object]) -> None:
    """Poll a condition until it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is polled belongs to the library and the kernel
            await asyncio.sleep(0.002)


def new_socket(
    url: str, rules: SocketRules = QUICK, random: Callable[[], float] = lambda: 0.5, desk: Desk | None = None
) -> MarketSocket:
    """Make a socket on real time that tells `desk` of its losses."""
    losses = [] if desk is None else desk.losses
    return MarketSocket(LINE, url, rules, clock=SystemClock(), random=random, on_loss=losses.append)


@asynccontextmanager
async def running(
    rules: SocketRules = QUICK, tokens: tuple[str, ...] = (YES, NO), random: Callable[[], float] = lambda: 0.5
) -> AsyncIterator[tuple[Venue, MarketSocket, Desk, asyncio.Task[str]]]:
    """Run a socket against a venue; at the end it is cancelled and nothing may be left over."""
    before = asyncio.all_tasks()
    venue, desk = Venue(), Desk()
    async with serve(venue.handle, "127.0.0.1", 0, close_timeout=1) as venue.server:
        socket = new_socket(venue.url, rules, random, desk)
        socket.subscribe([TokenId(token) for token in tokens])
        task = asyncio.create_task(socket.run(desk.on_frames, desk.on_link), name="socket-under-test")
        try:
            yield venue, socket, desk, task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    await until(lambda: asyncio.all_tasks() <= before)
