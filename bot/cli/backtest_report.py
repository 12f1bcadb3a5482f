"""What a backtest found, as a JSON artefact that is the same every time and as tables for a terminal.

Money in the artefact is whole micro-dollars, sizes are micro-shares, times milliseconds since 1970.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engine.core.backtest.run import BacktestTerms
from engine.core.dutch.set_split import set_split
from engine.domain.backtest import Attempt, BacktestResult, Episode, EventCourse
from engine.domain.ids import TokenId
from engine.domain.market import canonical_json, rules_hash, text_hash
from engine.domain.plan import Margin
from engine.domain.refusal import Refusal
from engine.domain.units import Ms, Rounding, Usdc, format_cents, format_size, format_usdc

FORMAT = "dutch-backtest/1"
COSTS = ("fee", "slippage", "buffer", "safety", "carry", "fixed")
"""In the order in which they come off the gross edge."""


def artefact(
    result: BacktestResult,
    terms: BacktestTerms,
    *,
    recording: Mapping[str, object],
    unknown: Sequence[TokenId],
) -> dict[str, Any]:
    """Return the whole report; `sha256` is that of the canonical JSON of everything else."""
    told: dict[str, Any] = {
        "format": FORMAT,
        "recording": dict(recording),
        "terms": asdict(terms.params)
        | {"latency_ms": terms.latency_ms, "cap_ticket": terms.ticket, "cap_day": terms.day},
        "events": [_event(course) for course in result.events],
        "episodes": [_episode(episode, terms) for episode in result.episodes],
        "totals": totals(result),
        "equity": [[at_ms, amount] for at_ms, amount in result.equity],
        "unknown_tokens": list(unknown),
    }
    return told | {"sha256": text_hash(canonical_json(told))}


def totals(result: BacktestResult) -> dict[str, int]:
    """Return the sums over all windows: each window's best plan, and what all attempts came to."""
    attempts = result.attempts
    legs = [leg for attempt in attempts for leg in attempt.legs]
    edge = {name: sum(_edge(episode.best.margin)[name] for episode in result.episodes) for name in _NAMES}
    return edge | {
        "episodes": len(result.episodes),
        "open_ms": sum(episode.duration_ms for episode in result.episodes),
        "available": sum(episode.available for episode in result.episodes),
        "captured": sum(attempt.result for attempt in attempts),
        "attempts": len(attempts),
        "complete": sum(not attempt.broken for attempt in attempts),
        "broken": sum(attempt.broken for attempt in attempts),
        "unanswered": result.unanswered,
        "legs": len(legs),
        "legs_failed": sum(leg.failed for leg in legs),
        "spent": sum(attempt.spent for attempt in attempts),
    }


_NAMES = ("gross", *COSTS, "net")


def _edge(margin: Margin) -> dict[str, int]:
    return {name: getattr(margin, name) for name in _NAMES}


def _refusal(refusal: Refusal | None) -> dict[str, str] | None:
    return None if refusal is None else {"kind": refusal.kind.value, "text": refusal.text}


def _event(course: EventCourse) -> dict[str, Any]:
    return {
        "code": course.event.code,
        "event_id": course.event.event_id,
        "title": course.event.title,
        "rules_hash": rules_hash(course.event),
        "looks": course.looks,
        "planned": course.planned,
        "refusals": {kind.value: count for kind, count in course.refusals},
        "barred": {kind.value: _refusal(refusal) for kind, refusal in course.barred},
    }


def _episode(episode: Episode, terms: BacktestTerms) -> dict[str, Any]:
    best, split = episode.best, set_split(episode.best, terms.params)
    return {
        "event": episode.event.code,
        "kind": best.kind.value,
        "opened_ms": episode.opened_ms,
        "closed_ms": episode.closed_ms,
        "duration_ms": episode.duration_ms,
        "ended": _refusal(episode.ended),
        "plan_id": best.plan_id,
        "sets": best.size,
        "limited_by": best.limited_by,
        "edge": _edge(best.margin),
        "per_set": asdict(split) | {"net": split.net},
        "first": {"plan_id": episode.first.plan_id, "sets": episode.first.size} | _edge(episode.first.margin),
        "available": episode.available,
        "captured": episode.captured,
        "not_sent": episode.not_sent,
        "attempts": [_attempt(attempt) for attempt in episode.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "plan_id": attempt.plan.plan_id,
        "fired_ms": attempt.fired_ms,
        "arrived_ms": attempt.arrived_ms,
        "wanted": attempt.plan.size,
        "sets": attempt.sets,
        "spent": attempt.spent,
        "payout": attempt.payout,
        "result": attempt.result,
        "broken": attempt.broken,
        "loss_bound": attempt.plan.risk.bound,
        "loss_hard": attempt.plan.risk.hard,
        "legs": [asdict(leg) | {"failed": leg.failed} for leg in attempt.legs],
    }


def print_report(
    console: Console,
    result: BacktestResult,
    terms: BacktestTerms,
    told: Mapping[str, Any],
    *,
    verbose: bool,
) -> None:
    """Print the windows, the sums and what was refused; with `verbose` every window's split, too."""
    console.print(_events_table(result))
    if result.episodes:
        console.print(_windows_table(result))
    else:
        console.print("no window: at no moment did a plan of any event pass every guard")
    if verbose:
        for episode in result.episodes:
            _print_split(console, episode, terms)
    for line in _sums(told, terms, verbose=verbose):
        console.print(line, markup=False, soft_wrap=True)


def _events_table(result: BacktestResult) -> Table:
    table = Table("event", "looks", "planned", "refused")
    for course in result.events:
        counts = " · ".join(f"{kind.value} {count}" for kind, count in course.refusals) or "-"
        # One sentence is enough where a guard bars several kinds for the same reason.
        barred = {refusal.text: f"{kind.value} barred: {refusal.text}" for kind, refusal in course.barred}
        words = "\n".join([counts, *barred.values()])
        table.add_row(course.event.code, str(course.looks), str(course.planned), words)
    return table


def _windows_table(result: BacktestResult) -> Table:
    """Return a row per window, in two lines each: a terminal of eighty columns holds it."""
    table = Table("event", "window", title="windows, each at its best plan", box=SIMPLE_HEAD)
    for name in ("sets", "gross", "after fee", "net", "captured"):
        table.add_column(name, justify="right", no_wrap=True)
    for episode in result.episodes:
        best, margin = episode.best, episode.best.margin
        ended = "end of the recording" if episode.ended is None else episode.ended.kind.value
        captured = _cents(episode.captured) if episode.attempts else "not sent"
        table.add_row(
            f"{episode.event.code}\n{best.kind.value}",
            f"{_utc(episode.opened_ms)}\n{episode.duration_ms / 1000:.1f} s, until {ended}",
            format_size(best.size),
            _cents(margin.gross),
            _cents(margin.gross - margin.fee),
            _cents(margin.net),
            f"{captured}\nof {_cents(episode.available)}",
        )
    return table


def _print_split(console: Console, episode: Episode, terms: BacktestTerms) -> None:
    """Print the split of strategy 3.8: per set at the best prices, and of the whole plan."""
    best, split = episode.best, set_split(episode.best, terms.params)
    code, sets = episode.event.code, format_size(best.size)
    title = f"{code} {_utc(episode.opened_ms)} · {sets} sets · {best.plan_id[:10]}"
    table = Table("USDC", title=title)
    table.add_column("per set, at the best prices", justify="right")
    table.add_column("whole plan", justify="right")
    for name in _NAMES:
        sign = -1 if name in COSTS else 1
        per_set = getattr(split, name, None)
        table.add_row(
            name,
            "-" if per_set is None else format_usdc(Usdc(sign * per_set)),
            format_usdc(Usdc(sign * getattr(best.margin, name))),
        )
    console.print(table)
    for attempt in episode.attempts:
        console.print(_attempt_words(attempt), markup=False, soft_wrap=True)
    if episode.not_sent is not None:
        console.print(f"not sent: {episode.not_sent}", markup=False, soft_wrap=True)


def _attempt_words(attempt: Attempt) -> str:
    missing = [
        f"{leg.name} {format_size(leg.filled)} of {format_size(leg.wanted)}"
        for leg in attempt.legs
        if leg.failed
    ]
    verdict = f"broken: {', '.join(missing)}" if missing else "complete"
    return (
        f"sent {_utc(attempt.fired_ms)}: {format_size(attempt.sets)} of {format_size(attempt.plan.size)} "
        f"sets, {verdict}; spent {format_usdc(attempt.spent)}, result {format_usdc(attempt.result)} USDC "
        f"(bound on the loss {format_cents(attempt.plan.risk.bound, Rounding.UP)})"
    )


def _sums(told: Mapping[str, Any], terms: BacktestTerms, *, verbose: bool) -> list[str]:
    sums, recording = told["totals"], told["recording"]
    available, captured = sums["available"], sums["captured"]
    share = f" ({100 * captured // available} %)" if available > 0 else ""
    lasted = (recording["last_ms"] or 0) - (recording["first_ms"] or 0)
    edge = _cents(sums["gross"]), _cents(sums["gross"] - sums["fee"]), _cents(sums["net"])
    plans = f"{sums['attempts']} sent: {sums['complete']} complete, {sums['broken']} broken"
    legs = f"{sums['legs_failed']} of {sums['legs']} legs failed"
    late = f"{terms.latency_ms} ms late, sets counted at what they pay later"
    costs = ", ".join(f"{name} {format_usdc(Usdc(-sums[name]))}" for name in COSTS)
    split = f"gross {format_usdc(sums['gross'])}, {costs}, net {format_usdc(sums['net'])} USDC"
    runs = len(recording["runs"])
    return [
        f"recorded    {lasted / 1000:.1f} s, {recording['inputs']} inputs, {runs} run{'s' * (runs != 1)}",
        f"windows     {sums['episodes']}, open {sums['open_ms'] / 1000:.1f} s together",
        f"edge        gross {edge[0]}, after fees {edge[1]}, net of every buffer {edge[2]} USDC",
        *([f"in all      {split}"] if verbose else []),
        f"captured    {_cents(captured)} of {_cents(available)} USDC{share}, {late}",
        f"plans       {plans}; {legs}; {sums['unanswered']} unanswered at the end",
        *(f"note        {note}" for note in recording["notes"]),
        *([] if recording["damage"] is None else [f"damage      {recording['damage']}"]),
        f"sha256      {told['sha256']}",
    ]


def _cents(amount: Usdc | int) -> str:
    """Return dollars rounded against us: gains down, losses up."""
    rounding = Rounding.UP if amount < 0 else Rounding.DOWN
    return format_cents(Usdc(amount), rounding)


def _utc(at_ms: Ms) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    return at.strftime("%Y-%m-%d %H:%M:%S")
