"""A market-channel client for the exchange's tests: the unmodified `websockets` library over loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from engine.simulator.server import LocalExchange
from tests.unit.simulator.trader import Record, Trader

WAIT_S = 5


class Listener:
    """One subscribed connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def raw(self) -> str | bytes:
        """Return the next frame as it came."""
        return await asyncio.wait_for(self.connection.recv(), WAIT_S)

    async def next(self) -> Any:
        """Return the next frame, decoded."""
        return json.loads(await self.raw())

    async def queued(self) -> list[str]:
        """Return the texts that were sent before the answer to our own PING."""
        await self.connection.send("PING")
        texts = []
        while (text := await self.raw()) != "PONG":
            assert isinstance(text, str)
            texts.append(text)
        return texts

    async def events(self, kind: str = "") -> list[Record]:
        """Return what was queued, decoded and flat, of one kind if named."""
        decoded = [json.loads(text) for text in await self.queued()]
        flat = [event for frame in decoded for event in (frame if isinstance(frame, list) else [frame])]
        return [event for event in flat if kind in ("", event["event_type"])]

    async def subscribe(self, *tokens: str, custom: bool | None = None) -> None:
        """Follow more tokens."""
        frame: Record = {"operation": "subscribe", "assets_ids": list(tokens)}
        if custom is not None:
            frame["custom_feature_enabled"] = custom
        await self.connection.send(json.dumps(frame))

    async def ended(self) -> bool:
        """Read to the end; tell whether the connection was closed or cut in time."""
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    await self.connection.recv()
        except ConnectionClosed:
            return True


@asynccontextmanager
async def listening(
    exchange: LocalExchange, *tokens: str, custom: bool = False, dump: bool = True, **options: Any
) -> AsyncIterator[Listener]:
    """Open a connection with the given options of `websockets`, subscribe, and take the first snapshot."""
    async with connect(f"{exchange.ws_url}/ws/market", **{"compression": None} | options) as connection:
        frame = {"type": "market", "assets_ids": list(tokens), "custom_feature_enabled": custom}
        await connection.send(json.dumps(frame | {"initial_dump": dump}))
        listener = Listener(connection)
        await listener.queued()
        yield listener


@asynccontextmanager
async def hearing(exchange: LocalExchange, trader: Trader, *markets: str) -> AsyncIterator[Listener]:
    """Open the user channel with a trader's key, for some markets or for all."""
    async with connect(f"{exchange.ws_url}/ws/user", compression=None) as connection:
        proof = {"apiKey": trader.api_key, "secret": trader.secret, "passphrase": trader.passphrase}
        await connection.send(json.dumps({"type": "user", "auth": proof, "markets": list(markets)}))
        listener = Listener(connection)
        await listener.queued()
        yield listener
