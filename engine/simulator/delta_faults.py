"""The last step of a delta on its way to its connections: where it can be lost, doubled, late or wrong."""

import re
from collections.abc import Set as AbstractSet

from engine.domain.units import Ms
from engine.simulator.faults import DELTA_FAULTS, FaultDirector, FaultKind
from engine.simulator.sockets import Socket

_HASH = re.compile(r'"hash":"([0-9a-f]{40})"')


class DeltaFaults:
    """Delivers deltas. Two swapped ones are of the same market and connection."""

    def __init__(self, faults: FaultDirector) -> None:
        self._faults = faults
        self._late: dict[tuple[Socket, str], str] = {}

    def deliver(self, receivers: AbstractSet[Socket], text: str, tokens: tuple[str, str], now_ms: Ms) -> bool:
        """Send a delta to its receivers, unless a fault keeps it; False when nobody got it, nor will."""
        if not self._late and not self._faults.waiting(DELTA_FAULTS):
            for socket in receivers:
                socket.send(text, tokens)
            return True
        staying = receivers - self._struck(FaultKind.DROP_DELTA, receivers, tokens, now_ms)
        wrong = self._struck(FaultKind.WRONG_HASH, staying, tokens, now_ms)
        doubled = self._struck(FaultKind.REPEAT_DELTA, staying, tokens, now_ms)
        swapped = self._struck(FaultKind.SWAP_DELTAS, staying, tokens, now_ms)
        for socket in staying:
            own = _HASH.sub(_other_hash, text) if socket in wrong else text
            earlier = self._late.pop((socket, tokens[0]), None)
            if socket in swapped and earlier is None:
                self._late[socket, tokens[0]] = own
                continue
            for frame in [own] * (2 if socket in doubled else 1) + ([] if earlier is None else [earlier]):
                socket.send(frame, tokens)
        return bool(staying)

    def forget(self, socket: Socket) -> None:
        """Drop what a closed connection was still to get."""
        for key in [key for key in self._late if key[0] is socket]:
            del self._late[key]

    def _struck(
        self, kind: FaultKind, receivers: AbstractSet[Socket], tokens: tuple[str, str], now_ms: Ms
    ) -> AbstractSet[Socket]:
        """Return the receivers a fault of this kind strikes; one delta uses it up once."""
        if not receivers:
            return set()
        numbers = {socket.number for socket in receivers}
        fault = self._faults.hits_delta(kind, tokens, numbers, now_ms)
        if fault is None:
            return set()
        return {socket for socket in receivers if fault.connection in (0, socket.number)}


def _other_hash(match: re.Match[str]) -> str:
    return f'"hash":"{match[1][::-1]}"'
