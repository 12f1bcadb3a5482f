"""Whether orders may leave, as one derivation of everything that stands against it.

Nothing stores the gate: `Standing.gate` works it out anew, so that no two places can disagree. Who puts a
reason here and takes it away again: `halts.halt` (halts), `halts.breakers` (breakers),
`engine.core.halts.gate_watch` (the start and the holds).
"""

from dataclasses import dataclass, field

from engine.domain.gate import Breaker, Hold
from engine.domain.units import Ms
from engine.domain.views import Gate


@dataclass(frozen=True, slots=True)
class Held:
    """One hold that stands."""

    reason: str
    over_ms: Ms | None = None
    """When its cause ended: it falls with a complete read begun at or after this. None while it lasts."""


@dataclass(slots=True)
class Standing:
    """All reasons for which no order may leave now."""

    halted: str | None = None
    """Durable: a person lifts it."""
    awaits: str | None = "reconciling with the venue"
    """Why a complete read of the account is waited for; None once it came."""
    awaits_from_ms: Ms = field(default=Ms(0))
    """A read begun before this does not count."""
    tripped: dict[Breaker, str] = field(default_factory=dict)
    """Breakers that a person must re-arm, each with what was found."""
    holds: dict[Hold, Held] = field(default_factory=dict)
    told: Gate = Gate.STARTING
    """What people were last told."""
    told_ms: Ms = field(default=Ms(0))
    noted: str = ""
    """What the audit holds already."""

    @property
    def gate(self) -> Gate:
        """Return the severest that stands."""
        if self.halted is not None:
            return Gate.HALTED
        if self.awaits is not None:
            return Gate.STARTING
        if self.tripped:
            return Gate.REDUCING
        return Gate.PAUSED if self.holds else Gate.RUN

    @property
    def gate_of_sends(self) -> Gate:
        """Return what a send has to pass: while a hold stands not even what reduces may leave."""
        return Gate.PAUSED if self.gate is Gate.REDUCING and self.holds else self.gate

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return every reason, the severest first; empty while orders may leave."""
        first = self.awaits if self.halted is None else self.halted
        tripped = [f"{breaker.value}: {detail}" for breaker, detail in self.tripped.items()]
        rest = [*(text for text in tripped if text != first), *(held.reason for held in self.holds.values())]
        return tuple(rest) if first is None else (first, *rest)

    def rearm(self, awaits: str, at_ms: Ms) -> None:
        """Lift the halt and every breaker; orders leave after a complete read begun from now on."""
        self.halted, self.tripped = None, {}
        self.awaits, self.awaits_from_ms = awaits, at_ms
