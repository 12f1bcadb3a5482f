"""`dutchdesk prune`: takes old market history out of a data folder and says what it took."""

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from bot.cli.run import DATA
from engine.clock import SystemClock
from engine.domain.history import Pruned
from engine.domain.market import canonical_json
from storage.files import open_storage
from storage.lock import hold_folder
from storage.readonly import read_prunable, read_reusable_bytes, read_schemas


@click.command()
@DATA
@click.option("--dry-run", is_flag=True, help="Only count; works beside a running desk.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def prune(data_dir: Path, dry_run: bool, as_json: bool) -> None:  # noqa: FBT001 - options of the command line
    """Thin old books and catalogue reads of market.db, as a running desk does once a day.

    Everything of the last 24 hours stays, then one book an hour for 30 days, then one a day.
    """
    read_schemas(data_dir)  # a folder no desk has used is refused, not made
    now_ms = SystemClock().now_ms()

    async def take_out() -> Pruned:
        with hold_folder(data_dir) as lock:
            async with open_storage(lock, SystemClock()) as storage:
                return sum([part async for part in storage.store.prune_history(now_ms)], Pruned())

    pruned = read_prunable(data_dir, now_ms) if dry_run else asyncio.run(take_out())
    reusable = read_reusable_bytes(data_dir)
    if as_json:
        told = asdict(pruned) | {"dry_run": dry_run, "reusable_bytes": reusable}
        click.echo(canonical_json(told))
        return
    verb = "would take out" if dry_run else "took out"
    click.echo(f"{verb} {pruned.snapshots} books and {pruned.catalogue_reads} catalogue reads")
    click.echo(f"{reusable // 1024} KiB of market.db are free for new rows; the file itself does not shrink")
