"""What the venue takes at present, as one table, and how the desk finds out that it takes orders again.

Only answers move it, and time. An account read that answers proves nothing: reads are served by another
part of the venue while its matching engine is away (protocol 10). So a state lasts for as long as the venue
said, and where it said nothing for as long as such states have lasted: 90 s for a restart, 120 s for the
post-only time after it, and 120 s between two tries where no length is known. RUN after that means "may
try": the first order that is turned away closes the watch again, and costs one deferred answer.
"""

from engine.core.halts.gate_watch import hold, over
from engine.core.state import Desk
from engine.domain.effects import Audit, Effect, SetTimer
from engine.domain.gate import Hold
from engine.domain.units import Ms
from engine.domain.venue_state import VenueNote, VenueSign, VenueState

VENUE_TIMER = "venue"
LASTS_MS = {
    VenueState.RESTARTING: 90_000,
    VenueState.POST_ONLY: 120_000,
    VenueState.CANCEL_ONLY: 120_000,
    VenueState.DOWN: 120_000,
}
"""How long a state is taken to last when the venue names no time (protocol 10)."""
TOLD_MIN_MS = 1_000
TOLD_MAX_MS = 600_000
"""What the venue names is believed between these: neither a 0 nor a slip of the unit may rule us."""

_S, _N = VenueState, VenueSign
_NOTICES = {
    _N.RESTARTING: _S.RESTARTING,
    _N.POST_ONLY: _S.POST_ONLY,
    _N.CANCEL_ONLY: _S.CANCEL_ONLY,
    _N.DISABLED: _S.DOWN,
}
TRANSITIONS: dict[tuple[VenueState, VenueSign], VenueState] = {
    **{(state, sign): after for state in _S for sign, after in _NOTICES.items()},
    (_S.RESTARTING, _N.TAKES_CANCELS): _S.POST_ONLY,
    (_S.RESTARTING, _N.TAKES_POST_ONLY): _S.POST_ONLY,
    (_S.RESTARTING, _N.TIME_OVER): _S.POST_ONLY,
    (_S.POST_ONLY, _N.TIME_OVER): _S.RUN,
    (_S.CANCEL_ONLY, _N.TAKES_POST_ONLY): _S.POST_ONLY,
    (_S.CANCEL_ONLY, _N.TIME_OVER): _S.RUN,
    (_S.DOWN, _N.TAKES_CANCELS): _S.CANCEL_ONLY,
    (_S.DOWN, _N.TAKES_POST_ONLY): _S.POST_ONLY,
    (_S.DOWN, _N.TIME_OVER): _S.CANCEL_ONLY,
}
"""State after a sign. An absent pair changes nothing: a plain order judged now left before the notice."""


def takes_order(state: VenueState, *, post_only: bool) -> bool:
    """Tell whether an order may be sent: plain ones in RUN alone, post-only ones in POST_ONLY, too."""
    return state is VenueState.RUN or (post_only and state is VenueState.POST_ONLY)


def takes_cancels(state: VenueState) -> bool:
    """Tell whether a cancel may be sent: everywhere but in DOWN; a restart's are repeated with pauses."""
    return state is not VenueState.DOWN


def note(desk: Desk, told: VenueNote, asked_ms: Ms, at_ms: Ms) -> list[Effect]:
    """Apply what an answer to a request of `asked_ms` says about the venue as a whole."""
    if told.sign is None or (told.sign not in _NOTICES and asked_ms < desk.venue.since_ms):
        return []
    return _move(desk, told.sign, told.until_ms, at_ms)


def timer(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Go on to the next state when the time of this one is over."""
    if desk.venue.state is VenueState.RUN:
        return []
    if at_ms < desk.venue.ends_ms:
        return [SetTimer(VENUE_TIMER, desk.venue.ends_ms)]
    return _move(desk, VenueSign.TIME_OVER, None, at_ms)


def _move(desk: Desk, sign: VenueSign, told_ms: Ms | None, at_ms: Ms) -> list[Effect]:
    watch = desk.venue
    after = TRANSITIONS.get((watch.state, sign))
    if after is None:
        return []
    before, changed = watch.state, after is not watch.state
    watch.state = after
    if changed:
        watch.since_ms = at_ms
    effects: list[Effect] = []
    if changed:
        effects.append(Audit(at_ms, None, f"venue {after.value}", "", f"was {before.value}: {sign.value}"))
    if after is VenueState.RUN:
        return [*effects, *over(desk, Hold.VENUE, at_ms)] if changed else effects
    lasts = LASTS_MS[after] if told_ms is None else min(TOLD_MAX_MS, max(TOLD_MIN_MS, told_ms))
    watch.ends_ms = Ms(at_ms + lasts)
    reason = f"{Hold.VENUE.value}: {after.value}, {sign.value}; tried again in {lasts // 1_000} s"
    return [*effects, *hold(desk, Hold.VENUE, reason), SetTimer(VENUE_TIMER, watch.ends_ms)]
