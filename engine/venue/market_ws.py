"""The market socket: one connection that keeps itself alive, subscribed and heard, and calls back directly.

No queue between the socket and the feed core: a hop would cost more than decoding and applying a message
(performance 9). It does not judge frames and keeps none; order, gaps and resyncs are the feed core's. Nothing
on this channel concerns an order of ours, so nothing that may be lost here is one.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from engine.clock import Clock
from engine.domain.frames import BookDelta, Frame, Malformed
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.units import Ms
from engine.venue.dialling import dial, first_of, is_cancelled, pause_s, say, say_goodbye
from engine.venue.market_loss import Loss, SilentError, loss_of
from engine.venue.market_requests import requests_of
from engine.venue.wire import decode_market

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SocketRules:
    """What every market connection keeps to; times in milliseconds."""

    ping_ms: int = 10_000
    """The venue wants a text PING this often (protocol 5.2)."""
    silence_ms: int = 20_000
    """A connection that delivered nothing for so long, PONG included, is given up (design 7, Books)."""
    connect_ms: int = 10_000
    """For name, TCP, TLS and handshake together, so that a peer of one byte a second is not waited for."""
    backoff_ms: int = 250
    backoff_max_ms: int = 30_000
    max_reconnects: int = 0
    """Reconnects in a row that may fail before the connection is given up for good; 0: never."""
    max_frame_bytes: int = 4 * 1024 * 1024


class MarketSocket:
    """One connection to one URL, given whole (`…/ws/market`)."""

    def __init__(
        self,
        number: ConnectionId,
        url: str,
        rules: SocketRules,
        *,
        clock: Clock,
        random: Callable[[], float],
        on_loss: Callable[[Loss], None],
        decode: Callable[[bytes], tuple[Frame, ...]] = decode_market,
    ) -> None:
        """Make a socket that connects once `run`; `random` gives numbers in [0, 1) for the backoff."""
        self._decode = decode
        self._number = number
        self._url = url
        self._clock = clock
        self._random = random
        self._rules = rules
        self._on_loss = on_loss
        self._tokens: tuple[TokenId, ...] = ()
        self._changed = asyncio.Event()
        self._leash: asyncio.Timeout | None = None
        """Around a connection, an attempt at one, or a pause: what `reconnect` cuts short."""
        self._replacing = False
        """`reconnect` has cut it."""
        self._emptied = False
        """`subscribe` has cut it: there was nothing to carry any more."""
        self._heard_ms: Ms | None = None
        self._newest: tuple[Frame, ...] = ()
        self._lag_ms: Ms | None = None
        self.messages = 0
        """Messages heard since the start, PONG included."""
        self.message_bytes = 0
        """Their bytes, without the framing."""
        self.connected = 0
        """Connections made since the start."""

    def reconnect(self) -> None:
        """Replace the present connection, or the present attempt at one, without a pause."""
        self._replacing = True
        self._let_go()

    def subscribe(self, tokens: Sequence[TokenId]) -> None:
        """Carry exactly these tokens from now on, on this connection and on every later one; none: close."""
        self._tokens = tuple(dict.fromkeys(tokens))
        if self._tokens:
            self._changed.set()
        else:
            self._emptied = True
            self._let_go()

    def silent_ms(self) -> Ms | None:
        """Return for how long the present connection delivered nothing, PONG included; None when down."""
        return None if self._heard_ms is None else Ms(self._clock.now_ms() - self._heard_ms)

    def lag_ms(self) -> Ms | None:
        """Return receive minus venue time of the newest change; None if none was seen on this connection.

        Looks at the message that came last, whenever it is asked: a busy connection tells, a quiet one may
        not. The difference between both clocks is part of it; what grows is a reader that falls behind.
        """
        changes = [frame.venue_ms for frame in self._newest if isinstance(frame, BookDelta)]
        if changes and self._heard_ms is not None:
            self._lag_ms = Ms(self._heard_ms - max(changes))
        return self._lag_ms

    async def run(
        self, on_frames: Callable[[tuple[Frame, ...]], None], on_link: Callable[[bool], None]
    ) -> str:
        """Stay connected until cancelled, or until it is given up: then it returns why.

        Connects only while there is something to subscribe. What the network does never ends it otherwise; a
        fault of a callback is a fault of ours and is raised.
        """
        failures = 0
        while True:
            while not self._tokens:
                self._changed.clear()
                await self._changed.wait()
            began_ms = self._clock.now_ms()
            self._replacing = self._emptied = False
            loss, words = await self._connect_until_lost(on_frames, on_link)
            if is_cancelled():
                # A connection that is lost at the very moment we are told to end hides that: Python 3.11's
                # TaskGroup raises the loss instead.
                raise asyncio.CancelledError
            if loss is None:
                continue
            self._on_loss(loss)
            _LOG.warning("market connection %d lost (%s): %s", self._number, loss.value, words)
            if loss is Loss.REPLACED:
                continue
            # A connection that lasted proves that the venue is well; one that ended at once does not.
            lasted = self._clock.now_ms() - began_ms >= self._rules.silence_ms
            failures = 0 if lasted else failures + 1
            if 0 < self._rules.max_reconnects < failures:
                return f"{failures} connections in a row failed, the last one: {words}"
            try:
                async with self._leashed(self._backoff_s(failures)):
                    await asyncio.Event().wait()
            except TimeoutError:
                # The pause is over, by time or because somebody wants a connection now.
                pass

    def _backoff_s(self, failures: int) -> float:
        rules = self._rules
        return pause_s(
            failures, self._random(), backoff_ms=rules.backoff_ms, backoff_max_ms=rules.backoff_max_ms
        )

    @asynccontextmanager
    async def _leashed(self, within_s: float | None) -> AsyncIterator[None]:
        """Raise TimeoutError inside the block after a time, or as soon as the socket is let go."""
        async with asyncio.timeout(within_s) as leash:
            self._leash = leash
            try:
                yield
            finally:
                self._leash = None

    def _let_go(self) -> None:
        if self._leash is not None and not self._leash.expired():
            self._leash.reschedule(0)

    async def _connect_until_lost(
        self, on_frames: Callable[[tuple[Frame, ...]], None], on_link: Callable[[bool], None]
    ) -> tuple[Loss | None, str]:
        """Return how one connection ended, in words, too; None if there is nothing to carry any more."""
        error: BaseException = TimeoutError()
        try:
            async with self._leashed(None):
                await self._connect_once(on_frames, on_link)
        except* (OSError, TimeoutError, WebSocketException) as group:
            # The connection's own faults; anything else is a fault of ours and ends the task.
            error = first_of(group)
        if self._emptied:
            return None, "nothing to carry"
        if self._replacing:
            return Loss.REPLACED, "given up: it delivers nothing while the venue's books move"
        return loss_of(error), f"{type(error).__name__}: {error}"

    async def _connect_once(
        self, on_frames: Callable[[tuple[Frame, ...]], None], on_link: Callable[[bool], None]
    ) -> None:
        rules = self._rules
        connection = await dial(self._url, connect_ms=rules.connect_ms, max_frame_bytes=rules.max_frame_bytes)
        try:
            self.connected += 1
            self._heard_ms = self._clock.now_ms()
            self._newest, self._lag_ms = (), None
            on_link(True)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._keep(connection), name=f"market-socket-keeper-{self._number}")
                    await self._read(connection, on_frames)
            finally:
                self._heard_ms = None
                on_link(False)
        except asyncio.CancelledError:
            if not self._replacing:
                # Stopped, or nothing to carry.
                await say_goodbye(connection)
            raise
        finally:
            # A peer that does not answer is not waited for.
            connection.transport.abort()
            await connection.wait_closed()

    async def _read(
        self, connection: ClientConnection, on_frames: Callable[[tuple[Frame, ...]], None]
    ) -> None:
        logged: set[str] = set()
        while True:
            # Waits without a limit of its own: the keeper ends a connection that is silent for too long.
            raw = await connection.recv(decode=False)
            self._heard_ms = self._clock.now_ms()
            self.messages += 1
            self.message_bytes += len(raw)
            self._newest = frames = self._decode(raw)
            for frame in frames:
                if isinstance(frame, Malformed) and frame.reason not in logged:
                    logged.add(frame.reason)
                    _LOG.warning("market frame refused (%s): %s", frame.reason, frame.detail)
            on_frames(frames)

    async def _keep(self, connection: ClientConnection) -> None:
        """Keep the subscription as wanted, send PING in time; raises TimeoutError on a silent connection."""
        carried: tuple[TokenId, ...] | None = None
        ping_due_ms = self._clock.now_ms() + self._rules.ping_ms
        while True:
            self._changed.clear()
            wanted = self._tokens
            for text in requests_of(carried, wanted):
                await say(connection, text)
            carried = wanted
            due_ms = min(ping_due_ms, self._last_heard_ms() + self._rules.silence_ms)
            try:
                async with asyncio.timeout(max(0, due_ms - self._clock.now_ms()) / 1000):
                    await self._changed.wait()
            except TimeoutError:
                # Time for a PING, or to give up: decided below.
                pass
            now_ms = self._clock.now_ms()
            if now_ms - self._last_heard_ms() >= self._rules.silence_ms:
                raise SilentError(f"nothing heard for {self._rules.silence_ms} ms, PONG included")
            if now_ms >= ping_due_ms:
                await say(connection, "PING")
                ping_due_ms = now_ms + self._rules.ping_ms

    def _last_heard_ms(self) -> Ms:
        assert self._heard_ms is not None, "a connection that is kept is up"
        return self._heard_ms
