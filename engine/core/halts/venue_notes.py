"""What an answer tells beside its verdicts: the venue's state, the rate buckets, and whether to wait."""

from engine.core.halts import venue_watch
from engine.core.halts.gate_watch import hold, over
from engine.core.state import Desk
from engine.domain.effects import Count, Effect, SetTimer
from engine.domain.gate import Hold
from engine.domain.units import Ms
from engine.domain.venue_state import VenueNote

LIMITED_TIMER = "limited"


def heard(desk: Desk, note: VenueNote, asked_ms: Ms, at_ms: Ms) -> list[Effect]:
    """Apply the note of an answer to a request that left at `asked_ms`."""
    effects = venue_watch.note(desk, note, asked_ms, at_ms)
    if note.rate is not None:
        desk.rates.learn(note.rate, at_ms)
    if note.limited is not None:
        desk.rates.limited(note.limited, at_ms)
        wait = note.limited.wait_ms
        said = "it said so" if note.limited.told else "it named no time"
        effects += [
            Count("relayer_rate_limited_total", ""),
            *hold(desk, Hold.LIMITED, f"{Hold.LIMITED.value}: left alone for {wait} ms, {said}"),
            SetTimer(LIMITED_TIMER, desk.rates.blocked_until_ms),
        ]
    return effects


def limited_timer(desk: Desk, at_ms: Ms) -> list[Effect]:
    """End the hold when the time that the venue asked for is over."""
    if at_ms < desk.rates.blocked_until_ms:
        return [SetTimer(LIMITED_TIMER, desk.rates.blocked_until_ms)]
    return over(desk, Hold.LIMITED, at_ms)
