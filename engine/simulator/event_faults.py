"""The last step of a user event on its way to its account: it can be lost, doubled, late or out of turn."""

from collections.abc import Collection
from dataclasses import dataclass

from engine.domain.units import Ms
from engine.simulator.faults import EVENT_FAULTS, FaultDirector, FaultKind
from engine.simulator.sockets import Socket

TERMINAL = "terminal"
"""The word for events after which nothing else is told of an order or a trade."""
_LAST_OF_TRADE = frozenset({"CONFIRMED", "FAILED"})


def words_of(event: dict[str, object]) -> frozenset[str]:
    """Return the words a fault may choose an event by: kind, type and status, and whether it is the last."""
    kind, status = str(event["event_type"]), str(event["status"])
    if kind == "order":
        last = status == "MATCHED" or status.startswith("CANCELED")
    else:
        last = status in _LAST_OF_TRADE
    return frozenset({kind, str(event["type"]), status} | ({TERMINAL} if last else set()))


@dataclass(frozen=True, slots=True)
class _Kept:
    """An event that is kept back, with those who were listening when it happened."""

    receivers: tuple[Socket, ...]
    text: str
    due_ms: Ms

    def send(self) -> None:
        for socket in self.receivers:
            socket.send(self.text)


class EventFaults:
    """Delivers events to the connections of one account at a time. Two swapped ones are of one account."""

    def __init__(self, faults: FaultDirector) -> None:
        self._faults = faults
        self._late: list[_Kept] = []
        self._swapped: dict[str, _Kept] = {}

    def deliver(
        self, receivers: Collection[Socket], holder: str, text: str, words: frozenset[str], now_ms: Ms
    ) -> None:
        """Send an event about a holder's account to its connections, unless a fault keeps it."""
        if not receivers:
            return
        event, faults = _Kept(tuple(receivers), text, now_ms), self._faults
        earlier = self._swapped.pop(holder, None)
        if earlier is None:
            faults.roll_event()
        if not faults.waiting(EVENT_FAULTS):
            event.send()
        elif faults.hits_event(FaultKind.DROP_EVENT, words, now_ms) is not None:
            pass
        elif (late := faults.hits_event(FaultKind.DELAY_EVENT, words, now_ms)) is not None:
            self._late.append(_Kept(event.receivers, text, Ms(now_ms + late.delay_ms)))
        elif earlier is None and faults.hits_event(FaultKind.SWAP_EVENTS, words, now_ms) is not None:
            self._swapped[holder] = event
        else:
            for _ in range(2 if faults.hits_event(FaultKind.REPEAT_EVENT, words, now_ms) else 1):
                event.send()
        if earlier is not None:
            earlier.send()

    def advance(self, now_ms: Ms) -> None:
        """Send what is due of what was kept back."""
        due = [kept for kept in self._late if kept.due_ms <= now_ms]
        self._late = [kept for kept in self._late if kept.due_ms > now_ms]
        for kept in sorted(due, key=lambda kept: kept.due_ms):
            kept.send()
