"""Breakers: what must not go on happening, and what the desk does when it does (reliability E6)."""

from engine.core.state import Desk
from engine.domain.effects import Effect
from engine.domain.events import HostTold


def host_told(_desk: Desk, _event: HostTold) -> list[Effect]:
    """Judge what the shell found out about its machine."""
    return []
