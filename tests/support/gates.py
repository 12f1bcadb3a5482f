"""A desk brought to a gate, as what really leads there would leave it."""

from engine.core.gate import Held
from engine.core.state import Desk
from engine.domain.gate import Breaker, Hold
from engine.domain.views import Gate


def shut(desk: Desk, gate: Gate, reason: str = "the reason") -> None:
    """Let exactly one reason stand, or none for RUN."""
    standing = desk.standing
    standing.halted = reason if gate is Gate.HALTED else None
    standing.awaits = reason if gate is Gate.STARTING else None
    standing.tripped = {Breaker.REJECTS: reason} if gate is Gate.REDUCING else {}
    standing.holds = {Hold.LAG: Held(reason)} if gate is Gate.PAUSED else {}
