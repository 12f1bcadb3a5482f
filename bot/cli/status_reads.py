"""How execution goes: one line for the day, and the markets that cause most trouble. Needs no desk.

The day's requests come from the ledger; what lives only in the process (gate, resyncs, rejects since its
start) is asked of the desk if one runs.
"""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from bot.cli.desk_call import DeskRefusedError, NoDeskError, call_desk
from bot.cli.run import DATA
from engine.clock import SystemClock
from engine.domain.market import canonical_json
from engine.domain.units import format_usdc
from storage.execution_counts import ExecutionCounts, read_execution_counts
from storage.files import MARKET_FILE
from storage.readonly import read_outcomes, read_status

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
QUOTES = {"quotes_rate_limited": 0, "quotes_cancel_rate_limited": 0}
"""Keys that dashboards read; this version places no quotes, so nothing limits them."""
LIVE_KEYS = ("gate", "gate_reason", "feeds_live", "feeds_total", "resyncs", "rejects")
ID_SHOWN = 14
WIDTH_MIN = 130
"""Columns of text: a name that is cut off cannot be looked up."""


@click.command("status-summary")
@DATA
@JSON
def status_summary(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Sum up the UTC day: orders, rejects, errors, rate limits, answer time; with a desk, its gate."""
    now_ms = SystemClock().now_ms()
    ledger = read_status(data_dir, now_ms)
    day, _ = read_execution_counts(data_dir, now_ms)
    live = _live(data_dir)
    unknown = sum(order.state == "unknown" for order in ledger.orders)
    if as_json:
        told = {
            "halted": ledger.halted,
            "open_orders": len(ledger.orders),
            "unknown_orders": unknown,
            "fills_today": ledger.fills_today,
            "spent_today": ledger.spent_today,
            **_as_json(day),
            **QUOTES,
            "desk": live,
        }
        click.echo(canonical_json(told))
        return
    stands = f"gate {live['gate']}" if live else "no desk answers"
    if ledger.halted:
        stands = f"{stands}, HALTED: {ledger.halted}"
    click.echo(f"{stands} · open {len(ledger.orders)}, unknown {unknown}")
    click.echo(
        f"today (UTC): {day.orders} orders, {ledger.fills_today} fills, "
        f"{format_usdc(ledger.spent_today)} USDC spent"
    )
    click.echo(
        f"rejects {day.rejects} · place_errors {day.place_errors} · rate_limited {day.rate_limited} · "
        f"cancel_rate_limited {day.cancel_rate_limited} · timeouts {day.timeouts} · "
        f"ack_avg_ms {_average(day)}"
    )


@click.command("status-top")
@DATA
@click.option(
    "-n", "rows", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Markets shown."
)
@JSON
def status_top(data_dir: Path, rows: int, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """List the markets of the UTC day that cause most trouble, worst first.

    Sorted by rejects, place_errors, then rate-limited cancels. The last row is the whole day: its timeouts
    hold those of cancels, too.
    """
    day, markets = read_execution_counts(data_dir, SystemClock().now_ms())
    names = _names(data_dir)
    worst = sorted(markets, key=_trouble)[:rows]
    live = _live(data_dir)
    if as_json:
        listed = [{"market": _name(names, row), **_as_json(row)} for row in worst]
        click.echo(canonical_json({"markets": listed, "all": {**_as_json(day), **QUOTES}, "desk": live}))
        return
    table = Table("market", *(Column(name, no_wrap=True) for name in COLUMNS))
    for row in worst:
        table.add_row(_name(names, row), *_cells(row))
    table.add_row("all", *_cells(day), style="bold")
    Console(width=max(Console().width, WIDTH_MIN)).print(table)
    if live is None:
        click.echo("no desk answers: its resyncs are not known")
    else:
        click.echo(f"resyncs of all books since the desk started: {live['resyncs']}")


COLUMNS = (
    "orders",
    "rejects",
    "place_errors",
    "cancel_rate_limited",
    "rate_limited",
    "timeouts",
    "ack_avg_ms",
)


def _trouble(row: ExecutionCounts) -> tuple[int, int, int, str]:
    return (-row.rejects, -row.place_errors, -row.cancel_rate_limited, row.condition_id)


def _cells(row: ExecutionCounts) -> list[str]:
    counts = (
        row.orders,
        row.rejects,
        row.place_errors,
        row.cancel_rate_limited,
        row.rate_limited,
        row.timeouts,
    )
    return [*map(str, counts), _average(row)]


def _average(row: ExecutionCounts) -> str:
    return "-" if row.ack_avg_ms is None else str(row.ack_avg_ms)


def _as_json(row: ExecutionCounts) -> dict[str, Any]:
    return {
        "condition_id": row.condition_id or None,
        "orders": row.orders,
        "rejects": row.rejects,
        "place_errors": row.place_errors,
        "relayer_rate_limited_events": row.rate_limited,
        "relayer_timeouts_events": row.timeouts,
        "ack_avg_ms": row.ack_avg_ms,
        "cancel_rate_limited": row.cancel_rate_limited,
    }


def _names(data_dir: Path) -> dict[str, str]:
    """Return code and name of every stored market; the market file can be lost, its names with it."""
    if not (data_dir / MARKET_FILE).exists():
        return {}
    return {line.condition_id: f"{line.code} {line.name}" for line in read_outcomes(data_dir)}


def _name(names: dict[str, str], row: ExecutionCounts) -> str:
    return names.get(row.condition_id, row.condition_id[:ID_SHOWN])


def _live(data_dir: Path) -> dict[str, Any] | None:
    """Return what only the running desk knows, None without one."""
    try:
        found = call_desk(data_dir, "/status", {})
    except (NoDeskError, DeskRefusedError):
        return None
    return {key: found[key] for key in LIVE_KEYS}
