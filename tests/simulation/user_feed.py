"""The account's stream under virtual time: the exchange's own events, decoded by the desk's own decoder.

Stands in for `engine.venue.user_ws.UserSocket` in one process. The channel replays nothing; messages are
late, lost, doubled and out of order, connections are cut, and one that has gone silent is given up in 15 s.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from engine.domain.account import UserOrder, VenueTrade
from engine.simulator.user_stream import UserStream
from engine.venue.auth import ApiCredentials
from engine.venue.user_wire import decode_user
from tests.simulation.loop import Agenda, ProcessLoop
from tests.simulation.market_feed import Wire
from tests.simulation.weather import Fault, Weather

SILENCE_US = 15_000_000
"""`engine.venue.user_ws.UserRules.silence_ms`: without a PONG for so long a connection is given up."""


class SimulatedUserFeed:
    """The user connection of one process."""

    def __init__(
        self,
        *,
        agenda: Agenda,
        loop: ProcessLoop,
        rng: Random,
        weather: Weather,
        stream: UserStream,
        credentials: ApiCredentials,
    ) -> None:
        self._agenda = agenda
        self._loop = loop
        self._rng = rng
        self._weather = weather
        self._stream = stream
        self._credentials = credentials
        self._wire: Wire | None = None
        self._latest_us = 0
        self._running = False

    async def run(
        self,
        on_told: Callable[[tuple[UserOrder, ...], tuple[VenueTrade, ...]], None],
        on_link: Callable[[bool], None],
    ) -> None:
        """Stay connected until cancelled."""
        self._on_told, self._on_link = on_told, on_link
        self._running = True
        try:
            self._dial(self._rng.randrange(5_000, 200_000))
            await self._loop.create_future()
        finally:
            self._running = False
            self.abandon()

    def abandon(self) -> None:
        """Let the venue forget the connection."""
        if self._wire is not None:
            self._drop(self._wire)

    def _dial(self, pause_us: int) -> None:
        def connected() -> None:
            if self._loop.dead or not self._running or self._wire is not None:
                return
            self._wire = Wire(0, self._carry)
            socket: Any = self._wire
            auth = {
                "apiKey": self._credentials.key,
                "secret": self._credentials.secret,
                "passphrase": self._credentials.passphrase,
            }
            assert self._stream.on_frame(socket, {"type": "user", "auth": auth}), (
                "expected the key to be known"
            )
            self._loop.call_soon(self._link, True)

        self._agenda.after(pause_us, connected)

    def _link(self, up: bool) -> None:
        if self._running:
            self._on_link(up)

    def _cut(self, wire: Wire) -> None:
        if wire is self._wire and not self._loop.dead:
            self._drop(wire)
            self._loop.call_soon(self._link, False)
            self._dial(self._rng.randrange(50_000, 9_000_000))

    def _drop(self, wire: Wire) -> None:
        wire.gone = True
        if wire is self._wire:
            self._wire = None
        socket: Any = wire
        self._stream.forget(socket)

    def _carry(self, wire: Wire, text: str) -> None:
        if self._weather.strikes(Fault.USER_CUT):
            wire.silent = True
            self._agenda.after(1, lambda: self._cut(wire))
            return
        if self._weather.strikes(Fault.USER_SILENT):
            wire.silent = True
            self._agenda.after(SILENCE_US, lambda: self._cut(wire))
            return
        if self._weather.strikes(Fault.USER_LOST):
            return
        for _ in range(2 if self._weather.strikes(Fault.USER_DOUBLED) else 1):
            due_us = self._agenda.now_us + self._rng.randrange(2_000, 300_000)
            if self._weather.strikes(Fault.USER_REORDERED):
                due_us += self._rng.randrange(5_000_000)
            else:
                self._latest_us = due_us = max(due_us, self._latest_us)
            self._agenda.at(due_us, lambda: self._deliver(wire, text))

    def _deliver(self, wire: Wire, text: str) -> None:
        if not (wire.gone or self._loop.dead or not self._running):
            self._loop.call_soon(self._hear, wire, text)

    def _hear(self, wire: Wire, text: str) -> None:
        message = decode_user(text.encode())
        assert not message.malformed, f"expected the exchange's events to be readable: {message.malformed}"
        if not wire.gone and self._running and (message.orders or message.trades):
            self._on_told(message.orders, message.trades)
