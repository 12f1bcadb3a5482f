"""A market channel on bare TCP, for what no websocket library would send: every connection has a script."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

TEXT, BINARY, CONTINUED, PING = 1, 2, 0, 9
RSV1 = 0x40
"""The bit that says a frame is compressed."""

Script = Callable[["RawConnection"], Awaitable[None]]


class RawConnection:
    """One accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def upgrade(self, *headers: str) -> None:
        """Answer the handshake as it should be, with more headers."""
        request = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        key = next(
            line.split(": ")[1] for line in request.split("\r\n") if line.startswith("Sec-WebSocket-Key")
        )
        accept = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        answer = (
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}",
            *headers,
        )
        await self.write("\r\n".join(answer).encode() + b"\r\n\r\n")

    async def write(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def send(self, payload: bytes, opcode: int = TEXT, *, fin: bool = True, rsv: int = 0) -> None:
        await self.write(frame(payload, opcode, fin=fin, rsv=rsv))


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, rsv: int = 0) -> bytes:
    """One unmasked frame, as servers send them."""
    first = bytes([(0x80 if fin else 0) | rsv | opcode])
    if len(payload) < 126:
        return first + bytes([len(payload)]) + payload
    if len(payload) < 65_536:
        return first + b"\x7e" + len(payload).to_bytes(2) + payload
    return first + b"\x7f" + len(payload).to_bytes(8) + payload


class RawVenue:
    """Runs one script on every connection; what the other side does to a script's writes is no error."""

    def __init__(self, *scripts: Script) -> None:
        """Take the scripts of the first, second, … connection; the last one is for all that follow."""
        self._scripts = scripts
        self.accepted = 0
        self._running: set[asyncio.Task[None]] = set()
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[min(self.accepted, len(self._scripts) - 1)]
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await script(RawConnection(reader, writer))
                while await reader.read(65_536):
                    pass
        finally:
            self._running.discard(task)
            writer.transport.abort()

    async def stop(self) -> None:
        """End every connection."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0)


@asynccontextmanager
async def raw_venue(*scripts: Script) -> AsyncIterator[RawVenue]:
    venue = RawVenue(*scripts)
    server = await asyncio.start_server(venue.handle, "127.0.0.1", 0)
    venue.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws/market"
    try:
        yield venue
    finally:
        server.close()
        await venue.stop()


async def quiet(connection: RawConnection) -> None:
    """Upgrade, then say nothing, and hang up when the other side says anything but its subscription."""
    await connection.upgrade()
    await connection.reader.read(65_536)
    await connection.reader.read(65_536)
    connection.writer.close()
