"""The open WebSocket connections by number, and what faults do to them.

A fault of connections strikes as soon as a connection matches it: the one of its number, else every one that
follows its token, else every one of its channel. Holds strike a connection once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.domain.units import Ms
from engine.simulator.books import WireBook
from engine.simulator.faults import CONNECTION_FAULTS, HOLDS, HOSTILE_FRAMES, Fault, FaultDirector, FaultKind
from engine.simulator.hostile_frames import hostile_frame
from engine.simulator.sockets import Socket

MARKET, USER = "market", "user"


@dataclass(slots=True)
class Connections:
    """Connections are numbered from 1 in the order they were opened, both channels together."""

    opened: int = 0
    open: dict[int, Socket] = field(default_factory=dict)

    def enter(self, make: Callable[[int], Socket]) -> Socket:
        """Give a new connection its number and keep it."""
        self.opened += 1
        socket = self.open[self.opened] = make(self.opened)
        return socket

    def leave(self, socket: Socket) -> None:
        """Forget a connection that has ended."""
        del self.open[socket.number]

    def cork(self) -> None:
        """Keep back what every connection of the market channel is to get, until `uncork`."""
        for socket in self.open.values():
            if socket.channel == MARKET:
                socket.cork()

    def uncork(self) -> None:
        """Let go at once what was kept back."""
        for socket in self.open.values():
            socket.uncork()

    def lift(self, kind: FaultKind | None) -> None:
        """Take the holds of a kind, or all of them, off every connection."""
        for socket in self.open.values():
            socket.lift(lambda held, _: kind in (None, held))


class ConnectionFaults:
    """Carries out armed faults of connections, and ends holds whose time is over."""

    def __init__(
        self,
        faults: FaultDirector,
        connections: Connections,
        find_book: Callable[[str], tuple[WireBook, int] | None],
    ) -> None:
        self._faults = faults
        self._connections = connections
        self._find_book = find_book

    def advance(self, now_ms: Ms) -> None:
        """Do what is due."""
        for socket in self._connections.open.values():
            socket.lift(lambda _, until_ms: until_ms is not None and now_ms >= until_ms)
        for fault, left in self._faults.waiting(CONNECTION_FAULTS):
            for _ in range(left):
                if not self._fire(fault, now_ms):
                    break

    def _fire(self, fault: Fault, now_ms: Ms) -> bool:
        """Strike every connection that matches; False when there is none, and the fault stays armed."""
        struck = [socket for socket in self._connections.open.values() if self._matches(fault, socket)]
        for socket in struck:
            self._strike(fault, socket, now_ms)
        if struck:
            numbers = ", ".join(str(socket.number) for socket in struck)
            self._faults.fire(fault, f"connection {numbers}", now_ms)
        return bool(struck)

    def _matches(self, fault: Fault, socket: Socket) -> bool:
        if fault.connection:
            named = fault.connection == socket.number
        else:
            named = socket.channel == fault.channel and (
                not fault.asset_id or fault.asset_id in socket.tokens
            )
        if not named or socket.gone or socket.frames < fault.after_frames:
            return False
        if fault.kind in HOLDS:
            return not socket.is_held(fault.kind, _held_token(fault))
        if fault.kind is FaultKind.DEFLATE_BOMB and not socket.deflates:
            return False
        return fault.kind not in HOSTILE_FRAMES or self._book(fault, socket) is not None

    def _strike(self, fault: Fault, socket: Socket, now_ms: Ms) -> None:
        if fault.kind is FaultKind.CUT:
            socket.cut()
        elif fault.kind in HOLDS:
            until_ms = Ms(now_ms + fault.hold_ms) if fault.hold_ms else None
            socket.hold(fault.kind, _held_token(fault), until_ms, fault.amount)
        elif (found := self._book(fault, socket)) is not None:
            socket.send(hostile_frame(fault, *found))

    def _book(self, fault: Fault, socket: Socket) -> tuple[WireBook, int] | None:
        """Return the book a hostile frame speaks of: that of the named token, else one the socket follows."""
        return self._find_book(fault.asset_id or min(socket.tokens, default=""))


def _held_token(fault: Fault) -> str:
    return fault.asset_id if fault.kind is FaultKind.MUTE else ""


def connection_rows(connections: Mapping[int, Socket]) -> list[dict[str, object]]:
    """Return what is told of each open connection."""
    return [
        {
            "number": socket.number,
            "channel": socket.channel,
            "frames": socket.frames,
            "withheld": socket.withheld,
            "subscriptions": len(socket.tokens),
        }
        for socket in connections.values()
    ]
