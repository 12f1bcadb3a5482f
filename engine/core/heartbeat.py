"""The dead-man's switch: while orders rest the venue hears from us, or cancels them (reliability E8)."""

from engine.core.state import Desk
from engine.domain.effects import Effect
from engine.domain.events import HeartbeatAnswered, HeartbeatFailed, HeartbeatMismatched


def answered(_desk: Desk, _event: HeartbeatAnswered) -> list[Effect]:
    """Keep the id that the next one must carry."""
    return []


def mismatched(_desk: Desk, _event: HeartbeatMismatched) -> list[Effect]:
    """Judge whether ours was old, or a second sender uses the key."""
    return []


def failed(_desk: Desk, _event: HeartbeatFailed) -> list[Effect]:
    """Count a miss."""
    return []
