"""Breakers: what must not go on happening, and what the desk does when it does (reliability E6).

A breaker stays tripped until a person re-arms it with /resume. One that only reduces is stored as a halt,
too: a desk that is started again while it stands comes up halted, because whoever started it may not know.
"""

from dataclasses import dataclass
from typing import assert_never

from engine.core.exposure.risk import reserved, spent_today
from engine.core.halts.gate_watch import hold, over
from engine.core.halts.halt import halt
from engine.core.state import Desk, live_orders
from engine.domain.effects import (
    Audit,
    Count,
    Effect,
    RaiseAlert,
    ReadCatalogue,
    SaveHalt,
    SaveProgress,
    SetTimer,
)
from engine.domain.events import HostTold
from engine.domain.failure import LegAnswer, PostClass, RejectKind, is_crossing
from engine.domain.gate import Breaker, Hold
from engine.domain.host import HostSign
from engine.domain.order import OrderState, Settlement
from engine.domain.units import Ms, Usdc, format_usdc
from engine.domain.views import Alert, Gate, Severity

REJECTS_MAX, REJECTS_WITHIN_MS = 5, 60_000
UNKNOWN_MAX, UNKNOWN_LONGEST_MS = 3, 120_000
AUTH_MAX = 3
FAILED_MAX, FAILED_WITHIN_MS = 2, 600_000
FAILED_OF_LAST, FAILED_OF_LAST_MAX = 20, 2
"""More than a tenth of the last 20."""
EXPOSURE_PCT = 95
LAG_HALTS_MS = 1_000
LAGS_MAX, LAGS_WITHIN_MS = 3, 10_000
"""So many late turns within this time pause the desk for as long."""
LAG_TIMER = "lag"


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """What a breaker does to the gate, and what a person should look at."""

    gate: Gate
    next_step: str


_REARM = "then /resume"
_COMPARE = f"compare balance, shares and orders with the venue's own page, {_REARM}"
BREAKERS: dict[Breaker, BreakerRow] = {
    Breaker.REJECTS: BreakerRow(Gate.REDUCING, f"read the venue's words on the result cards, {_REARM}"),
    Breaker.UNKNOWN: BreakerRow(Gate.REDUCING, f"wait until /status shows no unproven order, {_REARM}"),
    Breaker.AUTH: BreakerRow(Gate.HALTED, f"check API key, wallet and this machine's clock, {_REARM}"),
    Breaker.FAILED_TRADES: BreakerRow(
        Gate.REDUCING, f"compare what is held with the venue's own page, {_REARM}"
    ),
    Breaker.FOREIGN_ORDER: BreakerRow(
        Gate.REDUCING, f"find who placed it; /kill cancels every order of the account, {_REARM}"
    ),
    Breaker.DIFFERENCE: BreakerRow(Gate.REDUCING, _COMPARE),
    Breaker.LARGE_DIFFERENCE: BreakerRow(Gate.HALTED, _COMPARE),
    Breaker.EXPOSURE: BreakerRow(Gate.REDUCING, f"wait for results, or raise the cap in the TOML, {_REARM}"),
    Breaker.SECOND_SENDER: BreakerRow(
        Gate.HALTED, f"stop the other program that uses this API key, or give it a key of its own, {_REARM}"
    ),
    Breaker.LOOP_LAG: BreakerRow(Gate.HALTED, f"see what else this machine does, {_REARM}"),
    Breaker.COMMIT_SLOW: BreakerRow(Gate.HALTED, f"see what else uses the disk, {_REARM}"),
    Breaker.CRASH_LOOP: BreakerRow(Gate.HALTED, f"read the log for why it ends, {_REARM}"),
    Breaker.OVERSENT: BreakerRow(Gate.HALTED, f"report this: the desk's own accounts disagree, {_REARM}"),
}


def trip(desk: Desk, breaker: Breaker, detail: str, at_ms: Ms) -> list[Effect]:
    """Trip a breaker: close the gate as its row says, store it, tell people once; nothing if tripped."""
    standing = desk.standing
    if breaker in standing.tripped:
        return []
    row = BREAKERS[breaker]
    standing.tripped[breaker] = detail
    reason = f"{breaker.value}: {detail}"
    effects: list[Effect] = [Count("breaker_trips_total", breaker.value)]
    if row.gate is Gate.HALTED and standing.halted is None:
        return [*effects, *halt(desk, reason, at_ms, next_step=row.next_step)]
    alert = Alert(
        key=f"breaker:{breaker.name}:{at_ms}",
        severity=Severity.CRIT,
        subject=f"breaker: {breaker.value}",
        text=f"{detail}; only orders that lower what can be lost may leave",
        next_step=row.next_step,
    )
    stored: list[Effect] = [SaveHalt(reason)] if standing.halted is None else []
    return [*effects, *stored, Audit(at_ms, None, "breaker", breaker.value, detail), RaiseAlert(alert)]


def posted(desk: Desk, answers: tuple[LegAnswer, ...], at_ms: Ms) -> list[Effect]:
    """Count what one POST's answer means for the breakers: a batch is one refusal, however many legs.

    An order that its own type ended (FAK, FOK) is no refusal, nor a post-only one that would have traded.
    """
    tally = desk.tally
    judged = [a for a in answers if a.kind is PostClass.REFUSED and a.reject is not RejectKind.KILLED]
    refused = [a.reason for a in judged if not is_crossing(a.reason)]
    key_refused = [a.reason for a in answers if a.reject is RejectKind.AUTH]
    if any(answer.kind is PostClass.ACCEPTED for answer in answers):
        tally.auth = 0
    effects: list[Effect] = []
    if refused:
        tally.rejects.append(at_ms)
        while tally.rejects[0] <= at_ms - REJECTS_WITHIN_MS:
            tally.rejects.popleft()
        if len(tally.rejects) >= REJECTS_MAX:
            detail = f"{len(tally.rejects)} POSTs refused within 60 s, the last one: {refused[-1]}"
            effects += trip(desk, Breaker.REJECTS, detail, at_ms)
    if key_refused:
        tally.auth += 1
        if tally.auth >= AUTH_MAX:
            effects += trip(desk, Breaker.AUTH, f"{tally.auth} POSTs in a row: {key_refused[-1]}", at_ms)
    return [*effects, *judge_unknown(desk, at_ms)]


def judge_unknown(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Count tickets with unproven orders, and how long each has had one."""
    since = desk.tally.unknown_since
    open_now = {o.intent.ticket_id for o in live_orders(desk) if o.state is OrderState.UNKNOWN}
    for ended in set(since) - open_now:
        del since[ended]
    for ticket_id in open_now:
        since.setdefault(ticket_id, at_ms)
    if len(since) >= UNKNOWN_MAX:
        detail = f"{len(since)} batches are unproven: {', '.join(sorted(since))}"
        return trip(desk, Breaker.UNKNOWN, detail, at_ms)
    late = sorted(t for t, began in since.items() if at_ms - began > UNKNOWN_LONGEST_MS)
    if late:
        return trip(desk, Breaker.UNKNOWN, f"{late[0]} is unproven for more than 120 s", at_ms)
    return []


def judge_exposure(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Trip when what is spent today and what may still be comes near the day's cap."""
    cap = desk.settings.caps.day
    used = Usdc(spent_today(desk, at_ms) + reserved(desk))
    if used * 100 < cap * EXPOSURE_PCT:
        return []
    detail = f"{format_usdc(used)} of the day's {format_usdc(cap)} USDC are spent or may be"
    return trip(desk, Breaker.EXPOSURE, detail, at_ms)


def judge_fills(desk: Desk, effects: list[Effect], at_ms: Ms) -> list[Effect]:
    """Judge the newest trades when this step found one undone: as trades, however many orders stood in it."""
    news = [fill for effect in effects if isinstance(effect, SaveProgress) for fill in effect.fills]
    if not any(fill.settlement is Settlement.FAILED for fill in news):
        return []
    ended = list(desk.ended_trades)
    failed = sum(trade.failed for trade in ended if trade.at_ms > at_ms - FAILED_WITHIN_MS)
    of_last = sum(trade.failed for trade in ended[-FAILED_OF_LAST:])
    if failed >= FAILED_MAX or of_last > FAILED_OF_LAST_MAX:
        detail = f"{failed} trades failed to settle within 10 min, {of_last} of the last 20"
        return trip(desk, Breaker.FAILED_TRADES, detail, at_ms)
    return []


def host_told(desk: Desk, event: HostTold) -> list[Effect]:
    """Judge what the shell found out about its machine."""
    figure, at_ms = event.figure, event.at_ms
    match event.sign:
        case HostSign.LOOP_LAG:
            return _lagged(desk, figure, at_ms)
        case HostSign.COMMIT_SLOW:
            return trip(desk, Breaker.COMMIT_SLOW, f"99 of 100 commits within {figure} ms only", at_ms)
        case HostSign.DISK_LOW:
            return hold(desk, Hold.DISK, f"{Hold.DISK.value}: {figure} % free, no new plans")
        case HostSign.DISK_FINE:
            return over(desk, Hold.DISK, at_ms)
        case HostSign.CLOCK_STEP:
            # The venue's clock is measured with the catalogue; timestamps wait for that and for the account.
            desk.clock_set_ms = at_ms
            paused = hold(desk, Hold.CLOCK, f"{Hold.CLOCK.value} by {figure} ms")
            return [*paused, ReadCatalogue()]
        case HostSign.CRASH_LOOP:
            return trip(desk, Breaker.CRASH_LOOP, f"{figure} starts without a clean stop in 10 min", at_ms)
        case HostSign.OVERSENT:
            return trip(desk, Breaker.OVERSENT, f"{figure} micro-dollars above all grants", at_ms)
        case _:
            assert_never(event.sign)


def _lagged(desk: Desk, lag_ms: int, at_ms: Ms) -> list[Effect]:
    """Pause after three late turns or a very late one; halt if orders were unattended meanwhile.

    Without an order at the venue a late turn has harmed nothing, and the read that ends the pause shows it
    (reliability B 34); nothing can leave during the start anyway.
    """
    if desk.gate is Gate.STARTING:
        return []
    if lag_ms > LAG_HALTS_MS and any(True for _ in live_orders(desk)):
        return trip(desk, Breaker.LOOP_LAG, f"the loop was {lag_ms} ms late while orders were open", at_ms)
    lags = desk.tally.lags
    lags.append(at_ms)
    while lags[0] <= at_ms - LAGS_WITHIN_MS:
        lags.popleft()
    if len(lags) < LAGS_MAX and lag_ms <= LAG_HALTS_MS:
        return []
    reason = f"{Hold.LAG.value}: {len(lags)} turns late within 10 s, the last by {lag_ms} ms"
    return [*hold(desk, Hold.LAG, reason), SetTimer(LAG_TIMER, Ms(at_ms + LAGS_WITHIN_MS))]


def lag_timer(desk: Desk, at_ms: Ms) -> list[Effect]:
    """End the pause when the loop has kept its time for a while; a later turn has set this timer anew."""
    return over(desk, Hold.LAG, at_ms)
