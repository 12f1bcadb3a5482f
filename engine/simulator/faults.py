"""The fault director: scripted faults, each fired a counted number of times and then gone.

Armed by tests directly or over the test-only HTTP; whoever serves a request or a frame asks here. Every
firing is kept. Nothing is random: what is not scripted does not happen.
"""

from dataclasses import dataclass, field
from enum import Enum

from engine.domain.units import Ms
from engine.simulator.refusals import FAK_UNMATCHED


class FaultKind(Enum):
    """What can be made to go wrong."""

    DROP_DELTA = "drop_delta"
    REJECT_LEG = "reject_leg"
    NO_ANSWER = "no_answer"
    LOST_REQUEST = "lost_request"
    RESTARTING = "restarting"
    DELAY_ANSWER = "delay_answer"


@dataclass(frozen=True, slots=True)
class Fault:
    """A scripted fault, used up after `times` firings.

    `asset_id` narrows a dropped delta to one token's market ("" is any). `leg` and `text` say which entry of
    the next long enough batch is refused, and how. `delay_ms` is how long an answer is held back.
    """

    kind: FaultKind
    times: int = 1
    asset_id: str = ""
    leg: int = 0
    text: str = FAK_UNMATCHED.text
    delay_ms: int = 0

    def __post_init__(self) -> None:
        """Refuse a script that could never fire or never end."""
        if not 1 <= self.times <= 10_000:
            raise ValueError(f"expected 1 to 10000 times, was {self.times}")
        if not 0 <= self.leg <= 14:
            raise ValueError(f"expected a leg of 0 to 14, was {self.leg}")
        if not 0 <= self.delay_ms <= 60_000:
            raise ValueError(f"expected a delay of at most 60000 ms, was {self.delay_ms}")


@dataclass(frozen=True, slots=True)
class Firing:
    """One fault that happened."""

    kind: FaultKind
    detail: str
    at_ms: Ms


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int


@dataclass(slots=True)
class FaultDirector:
    """Armed faults in the order they were armed, and those that fired."""

    fired: list[Firing] = field(default_factory=list)
    _armed: list[_Armed] = field(default_factory=list)

    def arm(self, fault: Fault) -> None:
        """Add a fault to the script."""
        self._armed.append(_Armed(fault, fault.times))

    def armed(self) -> list[tuple[Fault, int]]:
        """Return what is still to fire, with the number of firings left."""
        return [(armed.fault, armed.left) for armed in self._armed]

    def drops_delta(self, tokens: tuple[str, str], now_ms: Ms) -> bool:
        """Tell whether the delta of this market is swallowed."""
        for armed in self._armed:
            if armed.fault.kind is FaultKind.DROP_DELTA and armed.fault.asset_id in ("", *tokens):
                self._fire(armed, tokens[0], now_ms)
                return True
        return False

    def rejects_leg(self, legs: int, now_ms: Ms) -> tuple[int, str] | None:
        """Return (leg, text) when one entry of this batch is to be refused."""
        for armed in self._armed:
            if armed.fault.kind is FaultKind.REJECT_LEG and armed.fault.leg < legs:
                self._fire(armed, f"leg {armed.fault.leg}: {armed.fault.text}", now_ms)
                return armed.fault.leg, armed.fault.text
        return None

    def strikes(self, kind: FaultKind, detail: str, now_ms: Ms) -> bool:
        """Tell whether a fault of a kind without parameters hits this request."""
        return self._take(kind, detail, now_ms) is not None

    def delay_ms(self, detail: str, now_ms: Ms) -> int:
        """Return how long this answer is held back, zero normally."""
        fault = self._take(FaultKind.DELAY_ANSWER, detail, now_ms)
        return fault.delay_ms if fault else 0

    def _take(self, kind: FaultKind, detail: str, now_ms: Ms) -> Fault | None:
        for armed in self._armed:
            if armed.fault.kind is kind:
                self._fire(armed, detail, now_ms)
                return armed.fault
        return None

    def _fire(self, armed: _Armed, detail: str, now_ms: Ms) -> None:
        self.fired.append(Firing(armed.fault.kind, detail, now_ms))
        armed.left -= 1
        if armed.left == 0:
            self._armed.remove(armed)
