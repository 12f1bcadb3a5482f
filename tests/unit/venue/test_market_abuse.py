"""What a broken or hostile peer does costs its connection, or a counted frame; never process or memory."""

import asyncio
import gc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from resource import RUSAGE_SELF, getrusage

import pytest

from engine.domain.frames import Malformed
from engine.domain.ids import TokenId
from engine.venue.bounded_connection import PIECES_MAX
from engine.venue.market_loss import Loss
from engine.venue.market_ws import MarketSocket, SocketRules
from tests.support.market_channel import Desk, new_socket, until
from tests.support.market_stream import YES
from tests.support.raw_venue import (
    BINARY,
    CONTINUED,
    PING,
    RSV1,
    TEXT,
    RawConnection,
    RawVenue,
    Script,
    frame,
    quiet,
    raw_venue,
)

MIB = 1024 * 1024
RULES = SocketRules(
    ping_ms=100_000, silence_ms=5_000, connect_ms=2_000, backoff_ms=1, backoff_max_ms=2, max_frame_bytes=MIB
)
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"


@asynccontextmanager
async def socket_against(
    *scripts: Script, rules: SocketRules = RULES
) -> AsyncIterator[tuple[RawVenue, MarketSocket, Desk]]:
    """Run a socket against scripted connections; it must still run at the end."""
    desk = Desk()
    async with raw_venue(*scripts) as venue:
        socket = new_socket(venue.url, rules, desk=desk)
        socket.subscribe([TokenId(YES)])
        task = asyncio.create_task(socket.run(desk.on_frames, desk.on_link), name="socket-under-test")
        try:
            yield venue, socket, desk
            assert not task.done(), "the socket must outlive what its peer does"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def lost(script: Script, *, rules: SocketRules = RULES) -> tuple[Loss, list[bool]]:
    """Let the first connection follow a script; return how it was lost, and the links until the next stands.

    Nothing of what such a peer sends may be heard.
    """
    async with socket_against(script, quiet, rules=rules) as (_, _, desk):
        await until(lambda: desk.losses and desk.links and desk.links[-1])
        assert desk.frames == []
        return desk.losses[0], list(desk.links)


def resident_mib() -> float:
    return getrusage(RUSAGE_SELF).ru_maxrss / 1024


async def test_compressed_frame_that_nobody_asked_for_costs_one_connection():
    deflated = zlib.compress(b'{"event_type":"book"}')

    async def compressed(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(deflated, rsv=RSV1)

    loss, _ = await lost(compressed)

    assert loss is Loss.PROTOCOL


async def test_deflate_bomb_is_dropped_before_a_byte_is_inflated():
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = bomb.compress(bytes(512 * MIB)) + bomb.flush()
    assert len(deflated) < MIB, "it must pass the limit on a message's own bytes"
    before = resident_mib()

    async def bombing(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(deflated, rsv=RSV1)

    loss, _ = await lost(bombing)

    assert loss is Loss.PROTOCOL
    assert resident_mib() - before < 32


async def test_compression_in_the_handshake_that_nobody_asked_for_is_refused():
    async def offering(connection: RawConnection) -> None:
        await connection.upgrade(DEFLATE)

    loss, links = await lost(offering)

    assert loss is Loss.HANDSHAKE
    assert links == [True], "the refused one was never up"


async def test_message_above_the_bound_costs_one_connection_at_its_header_even_if_the_peer_stays():
    async def huge(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.write(frame(bytes(MIB + 1))[:14])

    loss, _ = await lost(huge)

    assert loss is Loss.TOO_LARGE


async def test_message_of_exactly_the_bound_is_taken():
    async def full(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(b"[" + b" " * (MIB - 2) + b"]")

    async with socket_against(full) as (_, socket, desk):
        await until(lambda: socket.messages == 1)

        assert socket.message_bytes == MIB
        assert desk.losses == []


async def test_binary_frame_costs_one_connection():
    async def binary(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(b"[]", BINARY)

    loss, links = await lost(binary)

    assert loss is Loss.PROTOCOL
    assert links == [True, False, True]


async def test_text_that_is_no_utf8_is_counted_and_the_connection_stays():
    async def latin(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(b'{"event_type":"b\xfc\xff"}')
        await connection.send(b"PONG")

    async with socket_against(latin) as (_, socket, desk):
        await until(lambda: socket.messages == 2)

        assert isinstance(desk.frames[0], Malformed)
        assert desk.links == [True]


@pytest.mark.parametrize("payload", [b"", b" "], ids=["empty", "one byte"])
async def test_message_in_endless_pieces_costs_one_connection_and_no_memory(payload: bytes):
    flood = frame(payload, CONTINUED, fin=False) * 10_000

    async def endless(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(b"[", TEXT, fin=False)
        while True:
            await connection.write(flood)

    before = resident_mib()
    loss, _ = await lost(endless)

    assert loss is Loss.PROTOCOL
    assert resident_mib() - before < 32


async def test_flood_of_pings_without_a_message_costs_one_connection():
    async def pinging(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.write(frame(b"?" * 100, PING) * (PIECES_MAX + 1))

    loss, _ = await lost(pinging)

    assert loss is Loss.PROTOCOL


async def test_message_in_a_few_pieces_with_pings_between_is_whole():
    async def pieces(connection: RawConnection) -> None:
        await connection.upgrade()
        for _ in range(3):
            await connection.send(b"[", TEXT, fin=False)
            for _ in range(PIECES_MAX // 2 - 1):
                await connection.write(frame(b" ", CONTINUED, fin=False) + frame(b"", PING))
            await connection.send(b"]", CONTINUED)

    async with socket_against(pieces) as (_, socket, desk):
        await until(lambda: socket.messages == 3)

        assert desk.losses == []


async def test_header_of_one_byte_at_a_time_is_given_up_in_time():
    async def slow_loris(connection: RawConnection) -> None:
        for byte in b"HTTP/1.1 101 Switching Protocols":
            await connection.write(bytes([byte]))
            await asyncio.sleep(0.02)

    loss, links = await lost(slow_loris, rules=SocketRules(connect_ms=150, backoff_ms=1, backoff_max_ms=2))

    assert loss is Loss.UNREACHABLE
    assert links == [True]


async def test_message_of_one_byte_at_a_time_is_silence():
    async def trickle(connection: RawConnection) -> None:
        await connection.upgrade()
        for byte in frame(bytes(100)):
            await connection.write(bytes([byte]))
            await asyncio.sleep(0.02)

    loss, _ = await lost(trickle, rules=SocketRules(silence_ms=200, backoff_ms=1, backoff_max_ms=2))

    assert loss is Loss.SILENT


async def test_half_open_peer_is_given_up_without_waiting_for_its_goodbye():
    async def deaf(connection: RawConnection) -> None:
        await connection.upgrade()
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    loss, _ = await lost(deaf, rules=SocketRules(ping_ms=20, silence_ms=150, backoff_ms=1, backoff_max_ms=2))

    assert loss is Loss.SILENT


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Too Many Requests\r\n\r\n",
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nbusy!",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"\x00\xff" * 5_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
    ],
    ids=["nothing", "403", "429", "503", "no upgrade", "noise", "too many headers"],
)
async def test_answer_that_is_no_upgrade_is_a_failed_attempt(answer: bytes):
    async def refusing(connection: RawConnection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.write(answer)
        connection.writer.close()

    loss, links = await lost(refusing)

    assert loss is Loss.HANDSHAKE
    assert links == [True]


async def test_connection_whose_peer_takes_nothing_is_stuck(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.venue.dialling.SEND_S", 0.1)

    async def plugged(connection: RawConnection) -> None:
        await connection.upgrade()
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        while True:
            await connection.send(b"PONG")
            await asyncio.sleep(0.01)

    async with socket_against(plugged, quiet) as (_, socket, desk):
        await until(lambda: desk.links == [True])
        for round_ in range(2_000):
            socket.subscribe([TokenId(f"{number}" * 70) for number in range(round_ % 2, 40, 2)])
            await asyncio.sleep(0)
            if desk.losses:
                break
        await until(lambda: desk.losses)

        assert desk.losses[0] is Loss.STUCK
        await until(lambda: desk.links == [True, False, True])


async def test_hundreds_of_hostile_connections_leave_no_memory_behind(caplog: pytest.LogCaptureFixture):
    """The peak that the process ever had stays within 64 MiB of the start."""
    caplog.set_level("ERROR")

    async def huge(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(b"[" + b" " * (MIB - 2) + b"]")
        await connection.send(bytes(MIB + 1))

    async def compressed(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(bytes(1_000), rsv=RSV1)

    async def noise(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.write(bytes(range(256)) * 100)

    scripts: list[Script] = [huge, compressed, noise] * 100
    gc.collect()
    before = resident_mib()
    async with socket_against(*scripts, quiet) as (venue, _, desk):
        await until(lambda: len(desk.losses) >= 300 and desk.links[-1])

    assert desk.losses.count(Loss.TOO_LARGE) == 100
    assert venue.accepted == 301
    assert resident_mib() - before < 64
