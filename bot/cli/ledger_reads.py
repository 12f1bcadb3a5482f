"""What the ledger says of open orders and of the audit. Read-only: needs no desk and disturbs none."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from bot.cli.run import DATA
from engine.domain.market import Side, canonical_json
from engine.domain.order import OrderRecord, OrderState
from engine.domain.units import Ms, format_price, format_size
from storage.audit import ChainIntact
from storage.readonly import AuditLine, read_audit_tail, read_open_orders, verify_audit

ID_SHOWN = 14


@click.command()
@DATA
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; prices in 1e-4, sizes in 1e-6.")
def orders(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """List orders that may still execute: open, unknown, and shares reserved by sells."""
    found = read_open_orders(data_dir)
    unknown = sum(order.state is OrderState.UNKNOWN for order in found)
    reserved = _reserved(found)
    if as_json:
        rows = [_order_json(order) for order in found]
        click.echo(canonical_json({"open": rows, "unknown": unknown, "sells_reserved": reserved}))
        return
    console = Console()
    if not found:
        console.print("no order may still execute")
        return
    whole = [Column(name, no_wrap=True) for name in ("order", "ticket", "state")]  # what `cancel` is given
    table = Table(*whole, "side", "outcome", "limit", "size", "filled", "type")
    for order in found:
        intent = order.intent
        table.add_row(
            order.order_id[:ID_SHOWN],
            intent.ticket_id,
            order.state.value,
            intent.side.value,
            intent.name,
            format_price(intent.price),
            format_size(intent.size),
            format_size(order.filled),
            f"{intent.time_in_force.value}{' post-only' if intent.post_only else ''}",
        )
    console.print(table)
    console.print(f"{len(found)} open, of them {unknown} unknown: counted as filled until proven")
    for token, size in reserved.items():
        console.print(f"reserved by sells: {format_size(size)} of {token[:ID_SHOWN]}…")


def _reserved(found: tuple[OrderRecord, ...]) -> dict[str, Any]:
    """Return shares per token that SELLs may still take, micro-shares."""
    sums: dict[str, Any] = {}
    for order in found:
        if order.intent.side is Side.SELL:
            sums[order.intent.token_id] = sums.get(order.intent.token_id, 0) + order.remaining
    return sums


def _order_json(order: OrderRecord) -> dict[str, Any]:
    intent = order.intent
    return {
        "order_id": order.order_id,
        "ticket": intent.ticket_id,
        "state": order.state.value,
        "side": intent.side.value,
        "token_id": intent.token_id,
        "name": intent.name,
        "price": intent.price,
        "size": intent.size,
        "filled": order.filled,
        "type": intent.time_in_force.value,
        "post_only": intent.post_only,
        "sends": order.sends,
        "reason": order.reason,
    }


@click.command("audit-tail")
@DATA
@click.option(
    "-n", "lines", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Newest lines."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def audit_tail(data_dir: Path, lines: int, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Print the newest lines of the audit: who did what, about which ids."""
    for found in read_audit_tail(data_dir, lines):
        click.echo(json.dumps(_audit_json(found)) if as_json else _audit_words(found))


def _audit_json(found: AuditLine) -> dict[str, Any]:
    line = found.line
    return {
        "seq": found.seq,
        "at_ms": line.at_ms,
        "who": None if line.who is None else line.who.name,
        "what": line.what,
        "subject": line.subject,
        "detail": line.detail,
    }


def _audit_words(found: AuditLine) -> str:
    line = found.line
    who = "the desk" if line.who is None else line.who.name
    about = " · ".join(part for part in (line.subject, line.detail) if part)
    return f"{found.seq} {_utc(line.at_ms)} {who}: {line.what}{f' · {about}' if about else ''}"


def _utc(at_ms: Ms) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    return at.strftime("%Y-%m-%d %H:%M:%S")


@click.group()
def audit() -> None:
    """Prove the audit."""


@audit.command()
@DATA
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Walk the whole chain; status 1 and the first bad row if a line was changed or is missing."""
    found = verify_audit(data_dir)
    intact = isinstance(found, ChainIntact)
    if isinstance(found, ChainIntact):
        told: dict[str, Any] = {"intact": True, "lines": found.lines, "head": found.head}
        words = f"intact: {found.lines} lines, head {found.head}"
    else:
        told = {"intact": False, "first_bad": found.seq, "problem": found.problem}
        words = (
            f"NOT intact, first bad row {found.seq}: {found.problem}; keep a copy of the data folder, then "
            "look who could write it"
        )
    click.echo(json.dumps(told) if as_json else words)
    if not intact:
        raise SystemExit(1)
