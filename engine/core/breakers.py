"""Breakers: what must not go on happening, and what the desk does when it does (reliability E6)."""

from enum import Enum

from engine.core.halt import halt
from engine.core.state import Desk
from engine.domain.effects import Audit, Effect, RaiseAlert
from engine.domain.events import HostTold
from engine.domain.units import Ms
from engine.domain.views import Alert, Gate, Severity


class Breaker(Enum):
    """What tripped; the value is the operator's word."""

    FOREIGN_ORDER = "foreign order"
    DIFFERENCE = "the account differs from our books"
    LARGE_DIFFERENCE = "the account differs from our books by much, or goes on to"


HALTING = frozenset({Breaker.LARGE_DIFFERENCE})
"""The others leave orders that lower the worst case."""


def trip(desk: Desk, breaker: Breaker, detail: str, at_ms: Ms) -> list[Effect]:
    """Close the gate as far as the breaker asks, and say why; a gate closed further stays so."""
    reason = f"{breaker.value}: {detail}"
    if desk.gate is Gate.HALTED:
        return []
    if breaker in HALTING:
        return halt(desk, reason, at_ms)
    if desk.gate is Gate.REDUCING:
        return []
    desk.gate, desk.gate_reason = Gate.REDUCING, reason
    alert = Alert(
        key=f"breaker:{breaker.name}",
        severity=Severity.CRIT,
        subject="only reducing",
        text=reason,
        next_step="no new risk is taken until an operator has looked and pressed /resume",
    )
    return [Audit(at_ms, None, "breaker", breaker.name, reason), RaiseAlert(alert)]


def host_told(_desk: Desk, _event: HostTold) -> list[Effect]:
    """Judge what the shell found out about its machine."""
    return []
