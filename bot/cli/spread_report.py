"""What quoting a recording came to, as a JSON artefact that is the same every time and as tables.

Money in the artefact is whole micro-dollars, fair values micro per share, sizes micro-shares, times
milliseconds since 1970. The conservative queue model is the result; the other is its upper bound.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import reduce
from operator import add
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engine.core.backtest.spread_run import SpreadTerms
from engine.core.spread.queue_models import QueueModel
from engine.domain.ids import TokenId
from engine.domain.market import canonical_json, text_hash
from engine.domain.quoting import Execution, ProfitSplit, Quietness, Quoted, QuotedCourse, QuotingResult
from engine.domain.units import (
    Ms,
    Rounding,
    Usdc,
    divide,
    format_cents,
    format_price,
    format_scaled,
    format_size,
)

FORMAT = "spread-backtest/1"
HORIZONS = ("10 s", "1 min", "10 min")
_WORDS = {
    QueueModel.CONSERVATIVE.value: "conservative",
    QueueModel.PROBABILISTIC.value: "upper bound",
}


def artefact(
    result: QuotingResult,
    terms: SpreadTerms,
    *,
    recording: Mapping[str, object],
    unknown: Sequence[TokenId],
) -> dict[str, Any]:
    """Return the whole report; `sha256` is that of the canonical JSON of everything else."""
    told: dict[str, Any] = {
        "format": FORMAT,
        "recording": dict(recording),
        "terms": {
            "knobs": {name: _plain(value) for name, value in asdict(terms.knobs).items()},
            "budget": terms.budget,
            "latency_ms": terms.latency_ms,
            "look_ms": terms.look_ms,
            "rebate_pct": terms.rebate_pct,
            "rewards": None if terms.rewards is None else asdict(terms.rewards),
        },
        "markets": [_course(course) for course in result.markets],
        "totals": {model.value: total(result, model) for model in QueueModel},
        "left_out": [list(row) for row in result.left_out],
        "unknown_tokens": list(unknown),
    }
    return told | {"sha256": text_hash(canonical_json(told))}


def total(result: QuotingResult, model: QueueModel) -> dict[str, Any]:
    """Return the sums over all markets under one model."""
    runs = [run for course in result.markets for run in course.runs if run.model == model.value]
    if not runs:
        return {}
    split, quietness = reduce(add, (run.split for run in runs)), reduce(add, (run.quietness for run in runs))
    fills = [execution for run in runs for execution in run.executions]
    return _sums(split, quietness, fills) | {
        "net_variance": sum(run.quietness.net_variance for run in runs) // len(runs)
    }


def _sums(split: ProfitSplit, quietness: Quietness, fills: Sequence[Execution]) -> dict[str, Any]:
    return {
        "fills": len(fills),
        "shares": sum(execution.size for execution in fills),
        "captured": split.captured,
        "markouts": list(split.markouts),
        "mark": split.mark,
        "fees": split.fees,
        "net": split.net,
        "net_after": [split.after(number) for number in range(len(HORIZONS))],
        "rebates_estimated": split.rebates,
        "rewards_estimated": split.rewards,
        "quietness": {
            name: value for name, value in asdict(quietness).items() if name not in ("net_sum", "net_squares")
        },
    }


def _course(course: QuotedCourse) -> dict[str, Any]:
    return {
        "event": course.code,
        "market": course.name,
        "condition_id": course.condition_id,
        "looks": course.looks,
        "models": {run.model: _quoted(run) for run in course.runs},
    }


def _quoted(run: Quoted) -> dict[str, Any]:
    return _sums(run.split, run.quietness, run.executions) | {
        "net_variance": run.quietness.net_variance,
        "inventory": run.net,
        "suppressed": dict(run.suppressed),
        "executions": [
            {name: _plain(value) for name, value in asdict(execution).items()} for execution in run.executions
        ],
    }


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def print_report(
    console: Console,
    result: QuotingResult,
    terms: SpreadTerms,
    told: Mapping[str, Any],
    *,
    verbose: bool,
) -> None:
    """Print the markets and the sums under both models; with `verbose` fills and suppressions, too."""
    console.print(_markets_table(result))
    console.print(_sums_table(told["totals"]))
    if verbose:
        for course in result.markets:
            for run in course.runs:
                _print_run(console, course, run)
    for line in _lines(told, terms):
        console.print(line, markup=False, soft_wrap=True)


def _markets_table(result: QuotingResult) -> Table:
    table = Table("event", "market", title="markets, conservative (net: upper bound below)", box=SIMPLE_HEAD)
    for name in ("fills", "captured", "after 1 min", "net", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    for course in result.markets:
        first, *others = course.runs
        table.add_row(
            course.code,
            course.name,
            "\n".join(str(len(run.executions)) for run in (first, *others)),
            "\n".join(_cents(run.split.captured) for run in (first, *others)),
            "\n".join(_cents(run.split.after(1)) for run in (first, *others)),
            "\n".join(_cents(run.split.net) for run in (first, *others)),
            "\n".join(format_size(run.net) for run in (first, *others)),
        )
    return table


def _sums_table(totals: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("USDC", title="where it came from", box=SIMPLE_HEAD)
    models = [model for model in _WORDS if totals[model]]
    for model in models:
        table.add_column(_WORDS[model], justify="right", no_wrap=True)
    for name, read in _ROWS:
        table.add_row(name, *(read(totals[model]) for model in models))
    return table


def _share(count: int, of: int) -> str:
    return f"{100 * count // of} %" if of else "-"


def _per_fill(told: Mapping[str, Any]) -> str:
    fills = told["fills"]
    if not fills:
        return "-"
    return format_scaled(divide(100 * told["quietness"]["cancelled"], fills, Rounding.UP), 2, at_least=2)


def _markout(number: int) -> Callable[[Mapping[str, Any]], str]:
    return lambda told: _cents(told["markouts"][number])


_ROWS: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("spread captured", lambda told: _cents(told["captured"])),
    *((f"markout {words}", _markout(number)) for number, words in enumerate(HORIZONS)),
    ("inventory mark", lambda told: _cents(told["mark"])),
    ("fees", lambda told: _cents(-told["fees"])),
    ("net", lambda told: _cents(told["net"])),
    ("rebates, estimated apart", lambda told: _cents(told["rebates_estimated"])),
    ("rewards, estimated apart", lambda told: _cents(told["rewards_estimated"])),
    ("fills", lambda told: str(told["fills"])),
    ("cancels per fill", _per_fill),
    ("variance of inventory", lambda told: f"{told['net_variance']} shares²"),
    ("two-sided", lambda told: _share(told["quietness"]["two_sided"], told["quietness"]["seconds"])),
    ("in the reward band", lambda told: _share(told["quietness"]["in_band"], told["quietness"]["banded"])),
)


def _print_run(console: Console, course: QuotedCourse, run: Quoted) -> None:
    quiet = run.quietness
    sent = f"{quiet.placed} placed, {quiet.cancelled} cancelled, {quiet.refused} refused"
    held = ", ".join(f"{name} {count}" for name, count in run.suppressed) or "nothing"
    lines = [
        f"{course.code} {course.name}, {_WORDS[run.model]}: {sent}",
        f"  held back: {held}",
        *(f"  {_fill_words(execution)}" for execution in run.executions),
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _fill_words(fill: Execution) -> str:
    fair = format_scaled(fill.fair, 6, at_least=3)
    what = f"{fill.side.value} {format_size(fill.size)} at {format_price(fill.yes)}"
    return f"{_utc(fill.at_ms)} {what}, fair {fair}"


def _lines(told: Mapping[str, Any], terms: SpreadTerms) -> Iterable[str]:
    recording = told["recording"]
    lasted = (recording["last_ms"] or 0) - (recording["first_ms"] or 0)
    runs = len(recording["runs"])
    budget = format_cents(terms.budget, Rounding.DOWN)
    yield (
        f"recorded    {lasted / 1000:.1f} s, {recording['inputs']} inputs, {runs} run{'s' * (runs != 1)}, "
        f"{len(told['markets'])} markets of {budget} USDC each, {terms.latency_ms} ms late"
    )
    yield (
        "result      the conservative column. The upper bound is one of fills, not of money: cancels ahead "
        "of us count, and books that come through our price"
    )
    for name, why in told["left_out"]:
        yield f"left out    {name}: {why}"
    for note in recording["notes"]:
        yield f"note        {note}"
    if recording["damage"] is not None:
        yield f"damage      {recording['damage']}"
    yield f"sha256      {told['sha256']}"


def _cents(amount: Usdc | int) -> str:
    """Return dollars rounded against us: gains down, losses up."""
    return format_cents(Usdc(amount), Rounding.UP if amount < 0 else Rounding.DOWN)


def _utc(at_ms: Ms) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    return at.strftime("%Y-%m-%d %H:%M:%S")
