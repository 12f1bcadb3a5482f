"""Every market connection of the desk: one socket each, as many as the subscription needs.

Which token stands on which connection is the feed core's choice; this only carries it out.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from engine.clock import Clock
from engine.domain.frames import Frame
from engine.domain.ids import ConnectionId, TokenId
from engine.venue.market_ws import MarketSocket, SocketPace
from engine.venue.wire import decode_market


class MarketSockets:
    """Implements `engine.ports.MarketFeed` for one URL, given whole (`…/ws/market`)."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        random: Callable[[], float],
        pace: SocketPace | None = None,
        decode: Callable[[ConnectionId, bytes], tuple[Frame, ...]] | None = None,
    ) -> None:
        """Make sockets that connect once `run`; `random` gives numbers in [0, 1) for the backoff.

        With `decode` every message's bytes are given to it, with their connection, in the order they came.
        """
        self._new_socket = partial(MarketSocket, url, clock, random, pace)
        self._decode = decode
        self._sockets: dict[ConnectionId, MarketSocket] = {}
        self._grown = asyncio.Event()

    def subscribe(self, connections: Sequence[tuple[ConnectionId, Sequence[TokenId]]]) -> None:
        """Carry exactly these tokens from now on, each on its connection."""
        wanted = dict(connections)
        for number in wanted.keys() - self._sockets.keys():
            decode = decode_market if self._decode is None else partial(self._decode, number)
            self._sockets[number] = self._new_socket(decode)
        for number, socket in self._sockets.items():
            socket.subscribe(wanted.get(number, ()))
        self._grown.set()

    def reconnect(self, connection: ConnectionId) -> None:
        """Give up the present connection of this number; the next one is made as after any loss."""
        self._sockets[connection].reconnect()

    async def run(
        self,
        on_frames: Callable[[ConnectionId, tuple[Frame, ...]], None],
        on_link: Callable[[ConnectionId, bool], None],
    ) -> None:
        """Keep every connection until cancelled."""
        running: set[ConnectionId] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                self._grown.clear()
                for number in self._sockets.keys() - running:
                    socket = self._sockets[number]
                    work = socket.run(partial(on_frames, number), partial(on_link, number))
                    group.create_task(work, name=f"market-socket-{number}")
                    running.add(number)
                await self._grown.wait()
