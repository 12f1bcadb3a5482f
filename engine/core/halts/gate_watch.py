"""How the gate's reasons come and go: the start, the holds, and what people are told of it.

A hold whose cause has ended falls only with a complete read of the account begun after that: what happened
while the desk looked away is known before the next order leaves. Announcements of pauses are spread, so that
a flapping connection is one message a minute; the audit has every change.
"""

from engine.core.gate import Held
from engine.core.halts.resume_flow import resumed
from engine.core.read_back import read_account
from engine.core.state import Desk
from engine.domain.effects import Audit, Count, Effect, RaiseAlert, SetTimer
from engine.domain.events import UserLink
from engine.domain.gate import Hold
from engine.domain.units import Ms
from engine.domain.views import Alert, Gate, Severity

BLIND_AFTER_MS = 10_000
"""The user stream may be away this long (reliability E6)."""
BLIND_TIMER = "blind"
TELL_TIMER = "gate"
TOLD_AGAIN_MS = 60_000
"""At most one announcement of pauses a minute; a kill, a halt or a breaker has its own alert at once."""


def hold(desk: Desk, kind: Hold, reason: str) -> list[Effect]:
    """Keep orders back for `reason` until `over` is called; the newer reason counts."""
    news = kind not in desk.standing.holds
    desk.standing.holds[kind] = Held(reason)
    return [Count("gate_holds_total", kind.name.lower())] if news else []


def over(desk: Desk, kind: Hold, at_ms: Ms) -> list[Effect]:
    """Note that a hold's cause has ended, and read the account: the hold falls with that read."""
    held = desk.standing.holds.get(kind)
    if held is None or held.over_ms is not None:
        return []
    desk.standing.holds[kind] = Held(f"{held.reason}; over, reading the account", at_ms)
    return [read_account(desk, at_ms, "hold over")]


def clock_measured(desk: Desk, asked_ms: Ms, at_ms: Ms) -> list[Effect]:
    """End the hold of a clock that was set, if the venue's was measured by a read begun after that."""
    return over(desk, Hold.CLOCK, at_ms) if asked_ms >= desk.clock_set_ms else []


def read_completely(desk: Desk, asked_ms: Ms, at_ms: Ms) -> list[Effect]:
    """Take away what waited for a complete read that began at `asked_ms`."""
    standing = desk.standing
    for kind, held in list(standing.holds.items()):
        if held.over_ms is not None and asked_ms >= held.over_ms:
            del standing.holds[kind]
    if standing.halted is not None or standing.awaits is None or asked_ms < standing.awaits_from_ms:
        return []
    standing.awaits = None
    return resumed(desk, at_ms)


def read_failed(desk: Desk, reason: str) -> None:
    """Say why the start has to wait; a failed read proves nothing else."""
    if desk.standing.awaits is not None:
        desk.standing.awaits = f"the venue could not be read ({reason}), trying again"


def link(desk: Desk, event: UserLink) -> list[Effect]:
    """Begin to count how long the user stream is away, or stop."""
    if event.up:
        desk.stream_lost_ms = None
        return over(desk, Hold.BLIND, event.at_ms)
    if desk.stream_lost_ms is None:
        desk.stream_lost_ms = event.at_ms
    return [SetTimer(BLIND_TIMER, Ms(desk.stream_lost_ms + BLIND_AFTER_MS))]


def blind_timer(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Close the gate when the user stream is still away: fills could not be seen."""
    lost_ms = desk.stream_lost_ms
    if lost_ms is None or at_ms < lost_ms + BLIND_AFTER_MS:
        return [] if lost_ms is None else [SetTimer(BLIND_TIMER, Ms(lost_ms + BLIND_AFTER_MS))]
    return hold(desk, Hold.BLIND, f"{Hold.BLIND.value} for more than {BLIND_AFTER_MS // 1_000} s")


def tell(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Write every change of the gate to the audit, and announce pauses and their end, after each step."""
    standing = desk.standing
    gate = standing.gate
    effects: list[Effect] = []
    now = f"{gate.value}: {'; '.join(standing.reasons)}" if gate is not Gate.RUN else "RUN"
    if now != standing.noted and gate in (Gate.RUN, Gate.PAUSED):
        effects.append(
            Audit(at_ms, None, "gate open" if gate is Gate.RUN else "gate paused", "", desk.gate_reason)
        )
    standing.noted = now
    if gate is standing.told:
        return effects
    if gate not in (Gate.RUN, Gate.PAUSED) or (gate is Gate.RUN and standing.told is not Gate.PAUSED):
        # The start, a halt and a breaker speak for themselves; so does the end of a resume.
        standing.told = gate
        return effects
    if gate is Gate.PAUSED and at_ms < standing.told_ms + TOLD_AGAIN_MS:
        return [*effects, SetTimer(TELL_TIMER, Ms(standing.told_ms + TOLD_AGAIN_MS))]
    standing.told = gate
    if gate is Gate.PAUSED:
        standing.told_ms = at_ms
    return [*effects, RaiseAlert(_alert(desk, gate, at_ms))]


def _alert(desk: Desk, gate: Gate, at_ms: Ms) -> Alert:
    if gate is Gate.RUN:
        return Alert(
            key=f"gate:{desk.standing.told_ms}",
            severity=Severity.INFO,
            subject="orders may leave again",
            text=f"the pause is over and the account is read; it lasted {_lasted(desk, at_ms)} s",
            next_step="nothing has to be done; cards that are open are still good",
        )
    return Alert(
        key=f"gate:{at_ms}",
        severity=Severity.WARN,
        subject="paused",
        text=f"no order leaves: {desk.gate_reason}",
        next_step="it goes on by itself after a complete read of the account; /status shows what stands",
    )


def _lasted(desk: Desk, at_ms: Ms) -> int:
    return (at_ms - desk.standing.told_ms) // 1_000
