"""The market stream under virtual time: the local exchange's own frames, decoded by the desk's own decoder.

Stands in for `engine.venue.market_sockets.MarketSockets` in one process. Messages of a connection keep their
order and come some milliseconds late; a connection is cut, goes silent, loses or repeats a message.
"""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from engine.domain.frames import Frame
from engine.domain.ids import ConnectionId, TokenId
from engine.simulator.faults import FaultKind
from engine.simulator.market_stream import MarketStream
from engine.venue.wire import decode_market
from tests.simulation.loop import Agenda, ProcessLoop
from tests.simulation.weather import Fault, Weather


class Wire:
    """One connection from the venue's side: what `MarketStream` needs of a socket."""

    def __init__(self, number: int, carry: Callable[["Wire", str], None]) -> None:
        self.number = number
        self.tokens: set[str] = set()
        self.silent = False
        self.gone = False
        self._carry = carry

    def send(self, frame: Any, tokens: Iterable[str] = ()) -> None:
        """Put a message on its way."""
        if not (self.silent or self.gone):
            self._carry(self, frame)

    def is_held(self, _kind: FaultKind, _token: str = "") -> bool:
        return False


class SimulatedFeed:
    """The market connections of one process."""

    def __init__(
        self, *, agenda: Agenda, loop: ProcessLoop, rng: Random, weather: Weather, stream: MarketStream
    ) -> None:
        self._agenda = agenda
        self._loop = loop
        self._rng = rng
        self._weather = weather
        self._stream = stream
        self._wires: dict[ConnectionId, Wire] = {}
        self._wanted: dict[ConnectionId, tuple[TokenId, ...]] = {}
        self._latest_us: dict[ConnectionId, int] = {}
        self._running = False

    async def run(
        self,
        on_frames: Callable[[ConnectionId, tuple[Frame, ...]], None],
        on_link: Callable[[ConnectionId, bool], None],
        _on_given_up: Callable[[ConnectionId, str], None],
    ) -> None:
        """Keep every connection until cancelled."""
        self._on_frames, self._on_link = on_frames, on_link
        self._running = True
        try:
            for number in self._wanted:
                self._dial(number)
            await self._loop.create_future()
        finally:
            self._running = False
            for wire in list(self._wires.values()):
                self._drop(wire)

    def subscribe(self, connections: Sequence[tuple[ConnectionId, Sequence[TokenId]]]) -> None:
        """Carry exactly these tokens from now on."""
        for number, tokens in connections:
            before = self._wanted.get(number)
            self._wanted[number] = tuple(tokens)
            wire = self._wires.get(number)
            if before is None and self._running:
                self._dial(number)
            elif wire is not None:
                self._ask(wire)

    def reconnect(self, connection: ConnectionId) -> None:
        """Replace a connection at once."""
        self.cut(connection, pause_us=1_000)

    def cut(self, number: ConnectionId, pause_us: int) -> None:
        """Lose a connection and make it again."""
        wire = self._wires.get(number)
        if wire is not None:
            self._drop(wire)
            self._loop.call_soon(self._link_down, number)
            self._agenda.after(pause_us, lambda: self._dial(number))

    def abandon(self) -> None:
        """Let the venue forget the connections of a process that died."""
        for wire in list(self._wires.values()):
            self._drop(wire)

    def _link_down(self, number: ConnectionId) -> None:
        if self._running:
            self._on_link(number, False)

    def _dial(self, number: ConnectionId) -> None:
        def connected() -> None:
            if not self._loop.dead and self._running and number not in self._wires:
                wire = self._wires[number] = Wire(number, self._carry)
                self._loop.call_soon(self._on_link, number, True)
                self._ask(wire)

        self._agenda.after(self._rng.randrange(5_000, 200_000), connected)

    def _ask(self, wire: Wire) -> None:
        """Subscribe to what is wanted and not asked for yet."""
        wanted = set(self._wanted[ConnectionId(wire.number)])
        surplus = sorted(wire.tokens - wanted)
        if surplus:
            self._send_up(wire, {"operation": "unsubscribe", "assets_ids": surplus})
        fresh = [token for token in self._wanted[ConnectionId(wire.number)] if token not in wire.tokens]
        for start in range(0, len(fresh), 25):
            asked = {
                "type": "market",
                "assets_ids": fresh[start : start + 25],
                "custom_feature_enabled": True,
            }
            self._send_up(wire, asked)

    def _send_up(self, wire: Wire, frame: dict[str, object]) -> None:
        def arrived() -> None:
            if not wire.gone:
                socket: Any = wire
                self._stream.on_frame(socket, frame)

        self._agenda.after(self._rng.randrange(5_000, 60_000), arrived)

    def _carry(self, wire: Wire, text: str) -> None:
        number = ConnectionId(wire.number)
        if self._weather.strikes(Fault.FEED_CUT):
            wire.gone = True
            pause_us = self._rng.randrange(10_000, 5_000_000)
            # A moment later: the venue is just going through its subscribers.
            self._agenda.after(1, lambda: self.cut(number, pause_us))
            return
        if self._weather.strikes(Fault.FEED_SILENT):
            wire.silent = True
            return
        if self._weather.strikes(Fault.FEED_LOST):
            return
        copies = 2 if self._weather.strikes(Fault.FEED_DOUBLED) else 1
        for _ in range(copies):
            due_us = self._agenda.now_us + self._rng.randrange(2_000, 80_000)
            self._latest_us[number] = due_us = max(due_us, self._latest_us.get(number, 0))
            self._agenda.at(due_us, lambda: self._deliver(wire, text))

    def _deliver(self, wire: Wire, text: str) -> None:
        if not (wire.gone or self._loop.dead or not self._running):
            self._loop.call_soon(self._hear, wire, text)

    def _hear(self, wire: Wire, text: str) -> None:
        if not wire.gone and self._running:
            self._on_frames(ConnectionId(wire.number), decode_market(text))

    def _drop(self, wire: Wire) -> None:
        wire.gone = True
        self._wires.pop(ConnectionId(wire.number), None)
        socket: Any = wire
        self._stream.forget(socket)
