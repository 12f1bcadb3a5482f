"""What was measured as a table for people and as JSON for machines."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import JustifyMethod
from rich.table import Table

from tests.benchmarks.goals import ROWS, Figure, Row, Verdict

_COLOURS = {Verdict.STRETCH: "green", Verdict.MET: "green", Verdict.MISSED: "red", Verdict.SHOWN: "dim"}

WIDTH = 190
"""Of the table, however narrow the terminal says it is: a row that wraps is hard to compare."""
COLUMNS: tuple[tuple[str, JustifyMethod], ...] = (
    ("goal", "left"),
    ("what", "left"),
    ("must", "right"),
    ("stretch", "right"),
    ("", "right"),
    ("smallest .. largest", "right"),
    ("verdict", "left"),
    ("measured on", "left"),
)


def machine() -> str:
    """The class of this machine, without anything that names it."""
    version = platform.python_version()
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, CPython {version}"


def as_table(
    found: Mapping[str, Figure],
    *,
    title: str,
    rows: Sequence[Row] = ROWS,
    measured: str = "median",
) -> Table:
    """Return the rows that were measured, in the order of the goals; `measured` says what is judged."""
    today = datetime.now(UTC).date().isoformat()
    table = Table(
        title=f"{title}, {today}",
        caption=(
            f"{machine()}. CPU time, shared and noisy machine: read the ratios, and the spread beside them "
            "(smallest to largest round)."
        ),
    )
    for heading, justify in COLUMNS:
        table.add_column(heading or measured, overflow="fold", justify=justify)
    for row in rows:
        if row.key in found:
            table.add_row(*_cells(row, found[row.key]))
    return table


def as_json(
    found: Mapping[str, Figure], *, seed: int, quick: bool, rows: Sequence[Row] = ROWS
) -> dict[str, Any]:
    """Return everything that the table says; `measured` is the number that was judged."""
    told = [
        {
            "key": row.key,
            "what": row.what,
            "unit": row.unit,
            "better": row.better.value,
            "must": row.must,
            "stretch": row.stretch,
            "measured": figure.spread.median,
            "low": figure.spread.low,
            "high": figure.spread.high,
            "verdict": row.verdict(figure).value,
            "measured_on": figure.note,
        }
        for row in rows
        if (figure := found.get(row.key)) is not None
    ]
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    return {"taken": taken, "machine": machine(), "shared": True, "seed": seed, "quick": quick, "rows": told}


def _cells(row: Row, figure: Figure) -> tuple[str, ...]:
    verdict, spread = row.verdict(figure), figure.spread
    bound = [
        "" if value is None else f"{row.better.value} {_number(value, row.unit)}"
        for value in (row.must, row.stretch)
    ]
    return (
        row.key if row.must is not None else "",
        row.what,
        *bound,
        _number(spread.median, row.unit),
        f"{_number(spread.low, row.unit)} .. {_number(spread.high, row.unit)}",
        f"[{_COLOURS[verdict]}]{verdict.value}[/]",
        figure.note,
    )


def _number(value: float, unit: str) -> str:
    words = f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
    return f"{words}{unit}" if unit == "x" else words if unit == "share" else f"{words} {unit}"
