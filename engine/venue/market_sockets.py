"""Every market connection of the desk: one socket each, begun as the subscription grows.

Which token stands on which connection is the feed core's choice; this only carries it out. What the network
does to one connection never touches another.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from engine.clock import Clock
from engine.domain.frames import Frame
from engine.domain.ids import ConnectionId, TokenId
from engine.metrics import Metrics
from engine.venue.market_loss import Loss
from engine.venue.market_ws import MarketSocket, SocketRules
from engine.venue.wire import decode_market

STAGGER_MS = 40
"""Connections that begin together spread over this long for each of them: 25 dial within one second."""


class MarketSockets:
    """Implements `engine.ports.MarketFeed` for one URL, given whole (`…/ws/market`)."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        random: Callable[[], float],
        metrics: Metrics,
        rules: SocketRules | None = None,
        *,
        decode: Callable[[ConnectionId, bytes], tuple[Frame, ...]] | None = None,
    ) -> None:
        """Make sockets that connect once `run`; `random` gives numbers in [0, 1) for every jitter.

        With `decode` every message's bytes are given to it, with their connection, in the order they came.
        """
        self._decode = decode
        self._url = url
        self._clock = clock
        self._random = random
        self._metrics = metrics
        self._rules = rules or SocketRules()
        self._sockets: dict[ConnectionId, MarketSocket] = {}
        self._changed = asyncio.Event()

    def subscribe(self, connections: Sequence[tuple[ConnectionId, Sequence[TokenId]]]) -> None:
        """Carry exactly these tokens from now on, each on its connection."""
        wanted = dict(connections)
        for number in wanted.keys() - self._sockets.keys():
            self._sockets[number] = self._new_socket(number)
        for number, socket in self._sockets.items():
            socket.subscribe(wanted.get(number, ()))
        self._changed.set()

    def reconnect(self, connection: ConnectionId) -> None:
        """Replace the present connection of this number, or the present attempt at one, without a pause."""
        self._sockets[connection].reconnect()

    async def run(
        self,
        on_frames: Callable[[ConnectionId, tuple[Frame, ...]], None],
        on_link: Callable[[ConnectionId, bool], None],
        on_given_up: Callable[[ConnectionId, str], None],
    ) -> None:
        """Keep every connection until cancelled, or until all of them are given up."""
        started: set[ConnectionId] = set()
        given_up: set[ConnectionId] = set()

        async def keep(number: ConnectionId, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            why = await self._sockets[number].run(partial(on_frames, number), self._timed(number, on_link))
            self._metrics.count("feed_connections_total", "given_up")
            on_given_up(number, why)
            given_up.add(number)
            self._changed.set()

        async with asyncio.TaskGroup() as group:
            while not self._sockets or given_up != self._sockets.keys():
                self._changed.clear()
                new = sorted(self._sockets.keys() - started)
                for number in new:
                    # Full jitter; a connection that begins alone does not wait.
                    delay_s = self._random() * STAGGER_MS * (len(new) - 1) / 1000
                    group.create_task(keep(number, delay_s), name=f"market-socket-{number}")
                started.update(new)
                await self._changed.wait()

    def _timed(
        self, number: ConnectionId, on_link: Callable[[ConnectionId, bool], None]
    ) -> Callable[[bool], None]:
        """Pass a link's news on, and measure how long it was up."""
        since_ms = self._clock.now_ms()

        def heard(up: bool) -> None:  # noqa: FBT001 - the socket's own shape
            nonlocal since_ms
            if up:
                since_ms = self._clock.now_ms()
            else:
                self._metrics.observe_us(
                    "service_market_runtime_ms", (self._clock.now_ms() - since_ms) * 1_000
                )
            on_link(number, up)

        return heard

    def _new_socket(self, number: ConnectionId) -> MarketSocket:
        metrics = self._metrics

        def count_loss(loss: Loss) -> None:
            metrics.count("feed_losses_total", loss.value)

        socket = MarketSocket(
            number,
            self._url,
            self._rules,
            clock=self._clock,
            random=self._random,
            on_loss=count_loss,
            decode=decode_market if self._decode is None else partial(self._decode, number),
        )
        label = str(number)
        metrics.read("feed_connection_up", label, lambda: int(socket.silent_ms() is not None))
        metrics.read("feed_connection_messages_total", label, lambda: socket.messages)
        metrics.read("feed_connection_bytes_total", label, lambda: socket.message_bytes)
        metrics.read("feed_connection_reconnects_total", label, lambda: max(0, socket.connected - 1))
        metrics.read("feed_connection_silent_ms", label, socket.silent_ms)
        metrics.read("feed_connection_lag_ms", label, socket.lag_ms)
        return socket
