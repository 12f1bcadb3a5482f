"""One WebSocket connection with a bounded queue: a consumer that cannot keep up is disconnected.

Text PING is answered with text PONG; every other text frame goes to the stream that owns the socket.
"""

import asyncio
import json
from collections.abc import Callable

from aiohttp import WSMsgType, web

QUEUE_MAX = 2_000
"""Frames a slow consumer may be behind: about a minute of the default flow."""
FRAME_MAX = 1 << 20
_SEND_TIMEOUT_S = 10.0


class Socket:
    """The sending half of one connection. Hashable by identity; belongs to one stream."""

    def __init__(self, request: web.Request, queue_max: int) -> None:
        self._response = web.WebSocketResponse(max_msg_size=FRAME_MAX)
        self._request = request
        self._queue: asyncio.Queue[str] = asyncio.Queue(queue_max)
        self.overflowed = False

    def send(self, text: str) -> None:
        """Queue a frame; when the queue is full the connection is cut and nothing more is kept for it."""
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self.overflowed = True
            self.cut()

    def cut(self) -> None:
        """Drop the connection without a closing handshake."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def serve(self, on_frame: Callable[[object], bool]) -> web.WebSocketResponse:
        """Run the connection until it ends; `on_frame` gets decoded frames and returns False to close it."""
        await self._response.prepare(self._request)
        writer = asyncio.create_task(self._write(), name="local-exchange-socket-writer")
        try:
            async for message in self._response:
                if message.type is not WSMsgType.TEXT or not self._take(message.data, on_frame):
                    break
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await self._response.close()
        return self._response

    def _take(self, text: str, on_frame: Callable[[object], bool]) -> bool:
        if text == "PING":
            self.send("PONG")
            return True
        try:
            frame = json.loads(text)
        except ValueError:
            return False
        return on_frame(frame)

    async def _write(self) -> None:
        try:
            while True:
                text = await self._queue.get()
                await asyncio.wait_for(self._response.send_str(text), _SEND_TIMEOUT_S)
        except (ConnectionError, TimeoutError):
            # The reader sees the end of the connection and cleans up.
            self.cut()
