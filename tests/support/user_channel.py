"""A loopback user channel with a script, and a socket of ours that runs against it until the test ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from engine.clock import SystemClock
from engine.domain.account import UserOrder, VenueTrade
from engine.metrics import Metrics
from engine.venue.user_ws import UserRules, UserSocket
from tests.support.market_channel import until
from tests.support.venue_account import ORDER_ROW, TRADE_ROW
from tests.support.venue_orders import CREDENTIALS

QUICK = UserRules(
    ping_ms=30, silence_ms=4_000, connect_ms=2_000, backoff_ms=1, backoff_max_ms=4, reread_ms=50
)
ORDER_EVENT: dict[str, Any] = ORDER_ROW | {
    "event_type": "order",
    "type": "UPDATE",
    "created_at": "1790000000",
    "timestamp": "1790000001456",
    "associate_trades": None,
}
TRADE_EVENT: dict[str, Any] = TRADE_ROW | {
    "event_type": "trade",
    "type": "TRADE",
    "status": "MATCHED",
    "timestamp": "1790000001456",
    "transaction_hash": "",
}


class UserVenue:
    """A user channel that checks the first frame and remembers what it was told."""

    def __init__(self) -> None:
        self.server: Server | None = None
        self.connections: list[ServerConnection] = []
        self.heard: list[str] = []
        self.answers_pings = True
        self.greeting: list[str] = []
        """Sent as soon as the subscription came, before any PONG."""
        self.password = CREDENTIALS.passphrase

    async def handle(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        with suppress(ConnectionClosed):
            async for message in connection:
                self.heard.append(str(message))
                if message == "PING":
                    if self.answers_pings:
                        await connection.send("PONG")
                    continue
                if json.loads(message)["auth"]["passphrase"] != self.password:
                    return
                for text in self.greeting:
                    await connection.send(text)

    async def tell(self, *events: object) -> None:
        """Send each as a message of its own on the newest connection."""
        for event in events:
            await self.connections[-1].send(event if isinstance(event, str) else json.dumps(event))

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"ws://127.0.0.1:{next(iter(self.server.sockets)).getsockname()[1]}/ws/user"


class Listener:
    """What the socket calls back, in order."""

    def __init__(self) -> None:
        self.log: list[object] = []
        self.metrics = Metrics()

    def on_told(self, orders: tuple[UserOrder, ...], trades: tuple[VenueTrade, ...]) -> None:
        self.log += [*orders, *trades]

    def on_link(self, up: bool) -> None:
        self.log.append(up)

    @property
    def links(self) -> list[bool]:
        return [entry for entry in self.log if isinstance(entry, bool)]

    @property
    def told(self) -> list[object]:
        return [entry for entry in self.log if not isinstance(entry, bool)]


@asynccontextmanager
async def listening(rules: UserRules = QUICK) -> AsyncIterator[tuple[UserVenue, Listener]]:
    """Run a socket against a venue; at the end it is cancelled and nothing may be left over."""
    before = asyncio.all_tasks()
    venue, listener = UserVenue(), Listener()
    async with serve(venue.handle, "127.0.0.1", 0, close_timeout=1) as venue.server:
        socket = UserSocket(
            venue.url,
            CREDENTIALS,
            clock=SystemClock(),
            random=lambda: 0.5,
            metrics=listener.metrics,
            rules=rules,
        )
        task = asyncio.create_task(socket.run(listener.on_told, listener.on_link), name="socket-under-test")
        try:
            yield venue, listener
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    await until(lambda: asyncio.all_tasks() <= before)
