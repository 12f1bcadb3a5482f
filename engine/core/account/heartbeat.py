"""The dead-man's switch: while orders rest the venue hears from us, or cancels them (reliability E8).

The first heartbeat arms it, and the venue cancels everything of the key about 10 s after the last one.
Beats come from the desk's own timer, one at a time: a desk that hangs sends none. Each carries the id that
the last answer gave. An id that the venue did not expect means that somebody else uses the key, unless an
answer of ours was lost.
"""

from engine.core.halts.breakers import trip
from engine.core.halts.gate_watch import hold, over
from engine.core.state import Desk, live_orders
from engine.domain.effects import Audit, Count, Effect, SendHeartbeat, SetTimer
from engine.domain.events import HeartbeatAnswered, HeartbeatFailed, HeartbeatMismatched
from engine.domain.gate import Breaker, Hold
from engine.domain.units import Ms

HEARTBEAT_TIMER = "heartbeat"
PERIOD_MS = 4_000
MISSES_MAX = 2
"""Two misses, 8 s: the venue's switch may fall (reliability E8)."""


def tend(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Begin to beat as soon as an order rests or may rest."""
    heart = desk.heart
    if heart.beating or not any(True for _ in live_orders(desk)):
        return []
    heart.beating = True
    return [*_beat(desk, at_ms), SetTimer(HEARTBEAT_TIMER, Ms(at_ms + PERIOD_MS))]


def timer(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Beat again while orders rest; stop, and forget the misses, when none does."""
    heart = desk.heart
    if not any(True for _ in live_orders(desk)):
        heart.beating, heart.misses = False, 0
        return over(desk, Hold.HEARTBEAT, at_ms)
    again = SetTimer(HEARTBEAT_TIMER, Ms(at_ms + PERIOD_MS))
    if heart.sent_ms is not None:
        # The one on its way is late by a whole period; another beside it would break the chain.
        return [*_missed(desk, "no answer within a period"), again]
    return [*_beat(desk, at_ms), again]


def _beat(desk: Desk, at_ms: Ms) -> list[Effect]:
    heart = desk.heart
    if heart.sent_ms is not None:
        return []
    heart.sent_ms = heart.last_ms = at_ms
    return [SendHeartbeat(heart.heartbeat_id), Count("heartbeats_total", "sent")]


def answered(desk: Desk, event: HeartbeatAnswered) -> list[Effect]:
    """Keep the id that the next one must carry; the switch is wound up again."""
    heart = desk.heart
    heart.heartbeat_id, heart.sent_ms = event.heartbeat_id, None
    heart.misses, heart.unanswered = 0, False
    return over(desk, Hold.HEARTBEAT, event.at_ms)


def mismatched(desk: Desk, event: HeartbeatMismatched) -> list[Effect]:
    """Take over the expected id where an answer of ours may be lost; otherwise somebody else uses the key."""
    heart = desk.heart
    heart.sent_ms = None
    heart.heartbeat_id = event.expected
    counted = Count("heartbeats_total", "mismatched")
    if heart.unanswered:
        heart.unanswered = False
        told = Audit(event.at_ms, None, "heartbeat taken up", "", f"the venue expected {event.expected!r}")
        return [counted, told, *_beat(desk, event.at_ms)]
    detail = f"a heartbeat of ours carried {event.sent!r}, the venue expected {event.expected!r}"
    return [counted, *trip(desk, Breaker.SECOND_SENDER, detail, event.at_ms)]


def failed(desk: Desk, event: HeartbeatFailed) -> list[Effect]:
    """Count a miss; the venue may have counted the beat, so its next id may be one we have not seen."""
    heart = desk.heart
    late = heart.misses > 0 and event.asked_ms + PERIOD_MS <= event.at_ms
    heart.sent_ms, heart.unanswered = None, True
    # A beat that the timer has found late is one miss, not two.
    effects = [] if late else _missed(desk, event.reason)
    if heart.beating and event.at_ms >= heart.last_ms + PERIOD_MS:
        effects += _beat(desk, event.at_ms)
    return effects


def _missed(desk: Desk, reason: str) -> list[Effect]:
    heart = desk.heart
    heart.misses += 1
    counted = Count("heartbeats_total", "missed")
    if heart.misses < MISSES_MAX:
        return [counted]
    return [counted, *hold(desk, Hold.HEARTBEAT, f"{Hold.HEARTBEAT.value}: {heart.misses} missed, {reason}")]
