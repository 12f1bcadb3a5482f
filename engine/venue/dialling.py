"""How every socket to the venue is opened, spoken to, ended, and tried again. Knows no channel."""

import asyncio
import logging

from websockets.asyncio.client import ClientConnection, connect

from engine.venue.bounded_connection import BoundedConnection
from engine.venue.market_loss import StuckError

_QUEUE_FRAMES = 64
"""Frames that wait inside the library before it stops reading from the network."""
_CLOSE_S = 1.0
SEND_S = 5.0
_LOG = logging.getLogger(__name__)
_FRAMES_LOG = logging.getLogger(f"{__name__}.frames")
# The library logs every frame at DEBUG, the one with our secrets, too: this logger never does.
_FRAMES_LOG.setLevel(logging.INFO)


async def dial(url: str, *, connect_ms: int, max_frame_bytes: int) -> ClientConnection:
    """Open a connection; `connect_ms` covers name, TCP, TLS and handshake. Raises what the network did."""
    return await connect(
        url,
        create_connection=BoundedConnection,
        open_timeout=connect_ms / 1000,
        close_timeout=_CLOSE_S,
        ping_interval=None,  # the venue has its own text PING
        max_size=max_frame_bytes,
        max_queue=_QUEUE_FRAMES,
        compression=None,  # never asked for, so never accepted (docs/architecture.md)
        logger=_FRAMES_LOG,
        proxy=None,  # never through what the environment names
        user_agent_header="dutchdesk",  # the venue's front refuses some libraries' own (protocol 2.1)
    )


async def say(connection: ClientConnection, text: str) -> None:
    """Send a text; raises StuckError if the other side does not take it in time."""
    try:
        async with asyncio.timeout(SEND_S):
            await connection.send(text)
    except TimeoutError:
        raise StuckError(f"nothing of what was sent was taken for {SEND_S:.0f} s") from None


async def say_goodbye(connection: ClientConnection) -> None:
    """Close in order, with a peer that listens; one that does not is not waited for."""
    try:
        async with asyncio.timeout(_CLOSE_S):
            await connection.close()
    except TimeoutError:
        _LOG.info("the venue did not answer the end of a connection within %.0f s", _CLOSE_S)


def pause_s(failures: int, random: float, *, backoff_ms: int, backoff_max_ms: int) -> float:
    """Return a wait between 0 and a ceiling that doubles with each failure in a row (full jitter)."""
    doublings = min(max(failures - 1, 0), 16)
    return random * min(backoff_max_ms, backoff_ms << doublings) / 1000


def first_of(error: BaseException) -> BaseException:
    """Return the first error inside a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def is_cancelled() -> bool:
    """Tell whether the running task was told to end."""
    task = asyncio.current_task()
    assert task is not None, "a socket runs in a task"
    return task.cancelling() > 0
