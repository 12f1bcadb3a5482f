"""The market socket: one connection that keeps itself alive, subscribed and heard, and calls back directly.

No queue between the socket and the feed core: a hop would cost more than decoding and applying a message
(performance 9). It does not judge frames and keeps none; order, gaps and resyncs are the feed core's.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from engine.clock import Clock
from engine.domain.frames import Frame, Malformed
from engine.domain.ids import TokenId
from engine.domain.units import Ms
from engine.venue.wire import decode_market

FRAME_BYTES_MAX = 4 * 1024 * 1024
"""The dump on subscribing is one frame of 2.7 KB a book: room for 1,500 books (book-hash, real streams)."""
_QUEUE_FRAMES = 64
"""Frames that wait inside the library before it stops reading from the network."""
_CLOSE_S = 1.0
_SEND_S = 5.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SocketPace:
    """The socket's times in milliseconds; the defaults are the venue's and the design's."""

    ping_ms: int = 10_000
    """The venue wants a text PING this often (protocol 5.2)."""
    silence_ms: int = 20_000
    """A connection that delivered nothing for so long, PONG included, is given up (design 7, Books)."""
    connect_ms: int = 10_000
    backoff_min_ms: int = 250
    backoff_max_ms: int = 30_000


class MarketSocket:
    """One connection to one URL, given whole (`…/ws/market`)."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        random: Callable[[], float],
        pace: SocketPace | None = None,
        decode: Callable[[bytes], tuple[Frame, ...]] = decode_market,
    ) -> None:
        """Make a socket that connects once `run`; `random` gives numbers in [0, 1) for the backoff."""
        self._decode = decode
        self._url = url
        self._clock = clock
        self._random = random
        self._pace = pace or SocketPace()
        self._tokens: tuple[TokenId, ...] = ()
        self._changed = asyncio.Event()
        self._heard_ms: Ms | None = None
        self._given_up = False

    def reconnect(self) -> None:
        """Give up the present connection, if there is one."""
        self._given_up = True
        self._changed.set()

    def subscribe(self, tokens: Sequence[TokenId]) -> None:
        """Carry exactly these tokens from now on, on this connection and on every later one."""
        self._tokens = tuple(dict.fromkeys(tokens))
        self._changed.set()

    def heard_ms(self) -> Ms | None:
        """Return when the present connection last delivered anything, PONG included; None when down."""
        return self._heard_ms

    async def run(
        self, on_frames: Callable[[tuple[Frame, ...]], None], on_link: Callable[[bool], None]
    ) -> None:
        """Stay connected until cancelled; connects only while there is something to subscribe."""
        failures = 0
        while True:
            while not self._tokens:
                self._changed.clear()
                await self._changed.wait()
            began_ms = self._clock.now_ms()
            try:
                await self._connect_once(on_frames, on_link)
            except* (OSError, TimeoutError, WebSocketException) as group:
                # The connection's own faults; anything else is a fault of ours and ends the task.
                _LOG.warning("market connection lost: %s", _first(group))
            # A connection that lasted proves that the venue is well; one that ended at once does not.
            lasted = self._clock.now_ms() - began_ms >= self._pace.silence_ms
            failures = 0 if lasted else failures + 1
            await asyncio.sleep(self._backoff_s(failures))

    def _backoff_s(self, failures: int) -> float:
        """Return a wait between 0 and a ceiling that doubles with each failure in a row (full jitter)."""
        doublings = min(max(failures - 1, 0), 16)
        ceiling_ms = min(self._pace.backoff_max_ms, self._pace.backoff_min_ms << doublings)
        return self._random() * ceiling_ms / 1000

    async def _connect_once(
        self, on_frames: Callable[[tuple[Frame, ...]], None], on_link: Callable[[bool], None]
    ) -> None:
        opening = connect(
            self._url,
            open_timeout=self._pace.connect_ms / 1000,
            close_timeout=_CLOSE_S,
            ping_interval=None,  # the venue has its own text PING
            max_size=FRAME_BYTES_MAX,
            max_queue=_QUEUE_FRAMES,
            compression=None,  # cheaper on frames this small, and no bomb can be sent
            proxy=None,  # never through what the environment names
            user_agent_header="dutchdesk",  # the venue's front refuses some libraries' own (protocol 2.1)
        )
        async with opening as connection:
            self._heard_ms = self._clock.now_ms()
            self._given_up = False
            on_link(True)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._keep(connection), name="market-socket-keeper")
                    await self._read(connection, on_frames)
            finally:
                self._heard_ms = None
                on_link(False)

    async def _read(
        self, connection: ClientConnection, on_frames: Callable[[tuple[Frame, ...]], None]
    ) -> None:
        logged: set[str] = set()
        while True:
            # Waits without a limit of its own: the keeper ends a connection that is silent for too long.
            raw = await connection.recv(decode=False)
            self._heard_ms = self._clock.now_ms()
            frames = self._decode(raw)
            for frame in frames:
                if isinstance(frame, Malformed) and frame.reason not in logged:
                    logged.add(frame.reason)
                    _LOG.warning("market frame refused (%s): %s", frame.reason, frame.detail)
            on_frames(frames)

    async def _keep(self, connection: ClientConnection) -> None:
        """Keep the subscription as wanted, send PING in time; raises TimeoutError on a silent connection."""
        carried: tuple[TokenId, ...] | None = None
        ping_due_ms = self._clock.now_ms() + self._pace.ping_ms
        while True:
            self._changed.clear()
            carried = await self._carry(connection, carried)
            due_ms = min(ping_due_ms, self._last_heard_ms() + self._pace.silence_ms)
            try:
                async with asyncio.timeout(max(0, due_ms - self._clock.now_ms()) / 1000):
                    await self._changed.wait()
            except TimeoutError:
                # Time for a PING, or to give up: decided below.
                pass
            if self._given_up:
                raise TimeoutError("given up: it delivers nothing while the venue's books move")
            now_ms = self._clock.now_ms()
            if now_ms - self._last_heard_ms() >= self._pace.silence_ms:
                raise TimeoutError(f"nothing heard for {self._pace.silence_ms} ms, PONG included")
            if now_ms >= ping_due_ms:
                await _send(connection, "PING")
                ping_due_ms = now_ms + self._pace.ping_ms

    def _last_heard_ms(self) -> Ms:
        assert self._heard_ms is not None, "a connection that is kept is up"
        return self._heard_ms

    async def _carry(
        self, connection: ClientConnection, carried: tuple[TokenId, ...] | None
    ) -> tuple[TokenId, ...] | None:
        """Bring the venue's subscription to what is wanted now; returns what is carried afterwards."""
        wanted = self._tokens
        if carried is None:
            if not wanted:
                return None
            await _send(connection, _json(type="market", assets_ids=wanted, custom_feature_enabled=True))
            return wanted
        before, after = set(carried), set(wanted)
        if gone := [token for token in carried if token not in after]:
            await _send(connection, _json(operation="unsubscribe", assets_ids=gone))
        if added := [token for token in wanted if token not in before]:
            await _send(
                connection, _json(operation="subscribe", assets_ids=added, custom_feature_enabled=True)
            )
        return wanted


def _json(**fields: object) -> str:
    return json.dumps(fields, separators=(",", ":"))


async def _send(connection: ClientConnection, text: str) -> None:
    async with asyncio.timeout(_SEND_S):
        await connection.send(text)


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    """Return the first fault of a group in words; they name no URL and no header."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
