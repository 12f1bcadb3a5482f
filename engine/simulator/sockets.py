"""One WebSocket connection with a bounded queue: a consumer that cannot keep up is disconnected.

Text PING is answered with text PONG; every other text frame goes to the stream that owns the socket. A
connection can be held: frozen (PONG alone goes out), muted for a token, half open (nothing is read or
written), slow (so many bytes a second). What is not sent while held is lost, as behind a broken proxy.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from engine.domain.units import Ms
from engine.simulator.faults import FaultKind

QUEUE_MAX = 2_000
"""Frames a slow consumer may be behind: about a minute of the default flow."""
FRAME_MAX = 1 << 20
_SEND_TIMEOUT_S = 10.0
_TRICKLES_PER_S = 20
"""Writes a second of a slow connection that sends more bytes than that."""
_LENGTH_16, _LENGTH_64 = 126, 127


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame that need not be text, nor what its opcode says."""

    payload: bytes
    opcode: WSMsgType

    def on_wire(self) -> bytes:
        """Return the frame's bytes, unmasked and uncompressed (RFC 6455, 5.2)."""
        size, first = len(self.payload), bytes([0x80 | self.opcode])
        if size < _LENGTH_16:
            return first + bytes([size]) + self.payload
        if size < 1 << 16:
            return first + bytes([_LENGTH_16]) + size.to_bytes(2, "big") + self.payload
        return first + bytes([_LENGTH_64]) + size.to_bytes(8, "big") + self.payload


class Socket:
    """The sending half of one connection. Hashable by identity; belongs to one stream."""

    def __init__(self, request: web.Request, *, number: int, channel: str, queue_max: int) -> None:
        self.number = number
        self.channel = channel
        self.tokens: set[str] = set()
        self.frames = 0
        self.withheld = 0
        self.overflowed = False
        self.gone = False
        self._response = web.WebSocketResponse(max_msg_size=FRAME_MAX)
        self._request = request
        self._queue: asyncio.Queue[str | RawFrame | list[str | RawFrame]] = asyncio.Queue(queue_max)
        self._corked: list[str | RawFrame] | None = None
        self._holds: dict[tuple[FaultKind, str], Ms | None] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._bytes_per_s = 0

    @property
    def deflates(self) -> bool:
        """Tell whether the client has agreed to compression: all its frames are compressed then."""
        return bool(self._response.compress)

    def send(self, frame: str | RawFrame, tokens: Iterable[str] = ()) -> None:
        """Queue a frame about these tokens; with a full queue the connection is cut and nothing is kept."""
        if self._holds and self._withholds(tokens):
            self.withheld += 1
            return
        self.frames += 1
        if self._corked is None:
            self._put(frame)
        else:
            self._corked.append(frame)

    def cut(self) -> None:
        """Drop the connection without a closing handshake."""
        self.gone = True
        if self._request.transport is not None:
            self._request.transport.abort()

    def cork(self) -> None:
        """Keep frames back, however many, until they are all let go at once."""
        self._corked = self._corked or []

    def uncork(self) -> None:
        """Let go what was kept back; in the queue it is one entry."""
        corked, self._corked = self._corked, None
        if corked:
            self._put(corked)

    def hold(self, kind: FaultKind, token: str, until_ms: Ms | None, bytes_per_s: int = 0) -> None:
        """Put a hold on the connection until a time, or until it is lifted (None)."""
        self._holds[kind, token] = until_ms
        if kind is FaultKind.SLOW:
            self._bytes_per_s = bytes_per_s
        elif kind is FaultKind.HALF_OPEN:
            self._flowing.clear()
            if self._request.transport is not None:
                self._request.transport.pause_reading()

    def is_held(self, kind: FaultKind, token: str = "") -> bool:
        """Tell whether this hold lies on the connection."""
        return (kind, token) in self._holds

    def lift(self, goes: Callable[[FaultKind, Ms | None], bool]) -> None:
        """Take off the holds that `goes` names by kind and end."""
        for kind, token in [key for key, until_ms in self._holds.items() if goes(key[0], until_ms)]:
            del self._holds[kind, token]
            if kind is FaultKind.SLOW:
                self._bytes_per_s = 0
            elif kind is FaultKind.HALF_OPEN:
                self._flowing.set()
                if self._request.transport is not None:
                    self._request.transport.resume_reading()

    async def serve(self, on_frame: Callable[[object], bool]) -> web.WebSocketResponse:
        """Run the connection until it ends; `on_frame` gets decoded frames and returns False to close it."""
        await self._response.prepare(self._request)
        writer = asyncio.create_task(self._write(), name="local-exchange-socket-writer")
        try:
            async for message in self._response:
                if message.type is not WSMsgType.TEXT or not self._take(message.data, on_frame):
                    break
        finally:
            self.gone = True
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await self._response.close()
        return self._response

    def _withholds(self, tokens: Iterable[str]) -> bool:
        """Tell whether a frame about these tokens is lost; a slow connection loses what has no room."""
        return (
            self.is_held(FaultKind.FREEZE)
            or self.is_held(FaultKind.HALF_OPEN)
            or any(self.is_held(FaultKind.MUTE, token) for token in tokens)
            or (self._bytes_per_s > 0 and self._queue.full())
        )

    def _put(self, frame: str | RawFrame | list[str | RawFrame]) -> None:
        try:
            self._queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.overflowed = True
            self.cut()

    def _take(self, text: str, on_frame: Callable[[object], bool]) -> bool:
        if text == "PING":
            if not self.is_held(FaultKind.HALF_OPEN):
                self._put("PONG")
            return True
        try:
            frame = json.loads(text)
        except ValueError:
            return False
        return on_frame(frame)

    async def _write(self) -> None:
        try:
            while True:
                item = await self._queue.get()
                for frame in item if isinstance(item, list) else [item]:
                    await self._write_one(frame)
        except (ConnectionError, TimeoutError):
            # The reader sees the end of the connection and cleans up.
            self.cut()

    async def _write_one(self, frame: str | RawFrame) -> None:
        # Whoever makes a connection half open ends the wait; the end of the connection cancels it.
        await self._flowing.wait()
        if isinstance(frame, str):
            frame = RawFrame(frame.encode(), WSMsgType.TEXT)
        if self._bytes_per_s:
            await self._trickle(frame.on_wire())
        else:
            sending = self._response.send_frame(frame.payload, frame.opcode)
            await asyncio.wait_for(sending, _SEND_TIMEOUT_S)

    async def _trickle(self, octets: bytes) -> None:
        """Write so many bytes a second, and the rest at once when the hold is lifted."""
        sent = 0
        while sent < len(octets):
            rate = self._bytes_per_s
            step = max(rate // _TRICKLES_PER_S, 1) if rate else len(octets)
            if self._request.transport is None or self._request.transport.is_closing():
                raise ConnectionResetError
            self._request.transport.write(octets[sent : sent + step])
            sent += step
            if rate:
                await asyncio.sleep(step / rate)
