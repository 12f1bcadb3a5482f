"""Commands that look: the ledger's state, the configuration, the schemas. They change nothing but schemas."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Column, Table

from bot.cli.run import CONFIG, DATA
from config.modes import refusals
from config.settings import load
from engine.clock import SystemClock
from engine.domain.market import canonical_json
from engine.domain.units import format_size, format_usdc
from storage.files import open_storage
from storage.lock import hold_folder
from storage.readonly import LedgerStatus, read_schemas, read_status


@click.command()
@DATA
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Show what the ledger of a data folder says, whether its desk runs or not."""
    found = read_status(data_dir, SystemClock().now_ms())
    if as_json:
        click.echo(canonical_json(asdict(found)))
        return
    _print_status(found)


def _print_status(found: LedgerStatus) -> None:
    console = Console()
    halted = f"HALTED: {found.halted}" if found.halted else "not halted"
    console.print(
        f"{halted} · spent today {format_usdc(found.spent_today)} USDC in {found.fills_today} fills"
    )
    for event_id in found.frozen_events:
        console.print(f"frozen event: {event_id}")
    table = Table("ticket", "kind", "stage", "owner")
    for ticket in found.tickets:
        table.add_row(ticket.ticket_id, ticket.kind, ticket.state, ticket.owner)
    console.print(table if found.tickets else "no open tickets")
    whole = [Column(name, no_wrap=True) for name in ("order", "ticket")]
    orders = Table(*whole, "leg", "state", "side", "size", "filled")
    for order in found.orders:
        sizes = (format_size(order.size), format_size(order.filled))
        orders.add_row(order.order_id[:14], order.ticket_id, str(order.leg), order.state, order.side, *sizes)
    console.print(orders if found.orders else "no orders that may still execute")


@click.command("check-config")
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check_config(config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Check the TOML and the secrets file without starting anything. Secrets are never printed."""
    settings = load(config_path)
    problems = refusals(settings)
    if as_json:
        click.echo(json.dumps({"mode": settings.mode.value, "starts": not problems, "problems": problems}))
    elif problems:
        click.echo("\n".join(f"- {problem}" for problem in problems))
    else:
        people = ", ".join(f"{row.name} ({row.role.value})" for row in settings.operators)
        click.echo(f"{config_path.name} is fine: mode {settings.mode.value}, operators {people}")
    if problems:
        raise SystemExit(1)


@click.command()
@DATA
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def migrate(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Bring the schemas of a data folder up to date. The desk does the same at every start."""

    async def apply() -> tuple[str, ...]:
        with hold_folder(data_dir) as lock:
            async with open_storage(lock, SystemClock()) as storage:
                return storage.migrated

    applied = asyncio.run(apply())
    schemas = read_schemas(data_dir)
    if as_json:
        click.echo(json.dumps({"applied": list(applied), "schemas": [asdict(line) for line in schemas]}))
        return
    for name in applied:
        click.echo(f"applied {name}")
    for line in schemas:
        click.echo(f"{line.file}: schema {line.current} of {line.newest}")
