"""The user socket: the account's own stream, kept alive by itself. It implements `engine.ports.UserFeed`.

The channel replays nothing. The link is told as up only once the venue has answered a PING that was sent
after our subscription: whatever happens from then on is heard, so a read that begins then misses nothing. A
message that cannot be read takes the link down and up again, which asks for another full read. Secrets travel
in the first frame alone, which is never logged.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from engine.clock import Clock
from engine.domain.account import UserOrder, VenueTrade
from engine.domain.units import Ms
from engine.metrics import Metrics
from engine.venue.auth import ApiCredentials
from engine.venue.dialling import dial, first_of, is_cancelled, pause_s, say, say_goodbye
from engine.venue.market_loss import SilentError, loss_of
from engine.venue.user_wire import decode_user

OnTold = Callable[[tuple[UserOrder, ...], tuple[VenueTrade, ...]], None]
OnLink = Callable[[bool], None]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UserRules:
    """What the user connection keeps to; times in milliseconds."""

    ping_ms: int = 5_000
    """Twice as often as the venue asks for (protocol 5.2), so that one lost PONG is no loss of the link."""
    silence_ms: int = 15_000
    """Without a PONG for so long the connection is given up, whatever else it delivers."""
    connect_ms: int = 10_000
    """For name, TCP, TLS and handshake together."""
    backoff_ms: int = 250
    backoff_max_ms: int = 8_000
    """The gate is closed while the stream is down: the longest pause stays short (reliability E3)."""
    reread_ms: int = 5_000
    """Shortest time between two full reads that messages which cannot be read ask for."""
    max_frame_bytes: int = 1024 * 1024
    """A trade of 100 makers is below 64 KiB."""


class UserSocket:
    """One connection for every market of one account, made anew for ever."""

    def __init__(
        self,
        url: str,
        credentials: ApiCredentials,
        *,
        clock: Clock,
        random: Callable[[], float],
        metrics: Metrics,
        rules: UserRules | None = None,
    ) -> None:
        """Make a socket for a URL given whole (`…/ws/user`); `random` gives numbers in [0, 1)."""
        self._url = url
        self._credentials = credentials
        self._clock = clock
        self._random = random
        self._metrics = metrics
        self._rules = rules or UserRules()
        self._up = False
        self._ponged_ms = Ms(0)
        self._doubted = asyncio.Event()
        """A message could not be read."""
        self._reread_ms = Ms(0)
        """No further full read is asked for before this time."""

    async def run(self, on_told: OnTold, on_link: OnLink) -> None:
        """Stay connected until cancelled; a fault of a callback is a fault of ours and is raised."""
        failures = 0
        while True:
            began_ms = self._clock.now_ms()
            try:
                await self._connect_once(on_told, on_link)
            except* (OSError, TimeoutError, WebSocketException) as group:
                # The connection's own faults; anything else is a fault of ours and ends the task.
                loss = loss_of(first_of(group))
                self._metrics.count("user_losses_total", loss.value)
                _LOG.warning("user connection lost (%s): %s", loss.value, type(first_of(group)).__name__)
            if is_cancelled():
                # Python 3.11's TaskGroup hides a cancellation behind a loss at the same moment.
                raise asyncio.CancelledError
            lasted = self._clock.now_ms() - began_ms >= self._rules.silence_ms
            failures = 0 if lasted else failures + 1
            rules = self._rules
            pause = pause_s(
                failures, self._random(), backoff_ms=rules.backoff_ms, backoff_max_ms=rules.backoff_max_ms
            )
            await asyncio.sleep(pause)

    async def _connect_once(self, on_told: OnTold, on_link: OnLink) -> None:
        rules = self._rules
        connection = await dial(self._url, connect_ms=rules.connect_ms, max_frame_bytes=rules.max_frame_bytes)
        try:
            self._ponged_ms = self._clock.now_ms()
            self._doubted.clear()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._keep(connection, on_link), name="user-socket-keeper")
                    await self._read(connection, on_told, on_link)
            finally:
                self._set_link(on_link, up=False)
        except asyncio.CancelledError:
            await say_goodbye(connection)
            raise
        finally:
            # A peer that does not answer is not waited for.
            connection.transport.abort()
            await connection.wait_closed()

    async def _read(self, connection: ClientConnection, on_told: OnTold, on_link: OnLink) -> None:
        while True:
            # Waits without a limit of its own: the keeper ends a connection without PONG.
            message = decode_user(await connection.recv(decode=False))
            if message.pong:
                self._ponged_ms = self._clock.now_ms()
                self._set_link(on_link, up=True)
            if message.orders or message.trades:
                on_told(message.orders, message.trades)
            for odd in message.malformed:
                self._metrics.count("user_malformed_total", odd.reason)
                _LOG.warning("user message refused (%s): %s", odd.reason, odd.detail)
                self._doubted.set()

    async def _keep(self, connection: ClientConnection, on_link: OnLink) -> None:
        """Subscribe, send PING in time, ask for full reads; raises SilentError without a PONG."""
        await say(connection, self._first_frame())
        ping_due_ms = self._clock.now_ms()
        while True:
            now_ms = self._clock.now_ms()
            if now_ms - self._ponged_ms >= self._rules.silence_ms:
                raise SilentError(f"no PONG for {self._rules.silence_ms} ms")
            if now_ms >= ping_due_ms:
                await say(connection, "PING")
                ping_due_ms = Ms(now_ms + self._rules.ping_ms)
            if self._doubted.is_set() and self._up and now_ms >= self._reread_ms:
                self._doubted.clear()
                self._reread_ms = Ms(now_ms + self._rules.reread_ms)
                self._set_link(on_link, up=False)
                self._set_link(on_link, up=True)
            due_ms = min(ping_due_ms, self._ponged_ms + self._rules.silence_ms)
            waits_for_read = self._doubted.is_set() and self._up
            await self._rest(min(due_ms, self._reread_ms) if waits_for_read else due_ms, now_ms)

    async def _rest(self, until_ms: int, now_ms: Ms) -> None:
        """Wait for a time, or, if none is wanted yet, until a message could not be read."""
        seconds = max(0, until_ms - now_ms) / 1000
        if self._doubted.is_set():
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._doubted.wait()
        except TimeoutError:
            # Time for a PING, or to give up: decided by the caller.
            pass

    def _set_link(self, on_link: OnLink, *, up: bool) -> None:
        if up is not self._up:
            self._up = up
            on_link(up)

    def _first_frame(self) -> str:
        """Return the subscription to every market of the account, which holds the secrets."""
        auth = {
            "apiKey": self._credentials.key,
            "secret": self._credentials.secret,
            "passphrase": self._credentials.passphrase,
        }
        return json.dumps({"type": "user", "auth": auth}, separators=(",", ":"))
