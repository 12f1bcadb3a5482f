"""`dutch-run-replay`: a recording through the desk's own planner, with pessimistic fills. Sends nothing.

Reads recordings, the stored catalogue and the settings; writes a chart if asked.
"""

import json
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from bot.charts import backtest_chart
from bot.cli.backtest_report import artefact, print_report
from bot.cli.chart_file import PNG, demand_folder, write_chart
from bot.cli.recorded_events import EventReading, demand_code, demand_something, hint, run_recording
from bot.cli.run import CONFIG
from config.desk_settings import desk_settings
from config.settings import load
from engine.core.backtest.run import Backtest, BacktestTerms
from engine.domain.units import Ms
from storage.recording import recording_paths
from storage.stored_events import read_reviewed


@click.command("dutch-run-replay")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@CONFIG
@click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Data folder: market.db tells which outcomes form an event, ledger.db which rules were read.",
)
@click.option("--event", "wanted", metavar="CODE", help="Only this event. Default: every event recorded.")
@click.option(
    "--allow-other",
    is_flag=True,
    help='Count "Other" of a non-augmented event as a leg, as allow_other in the TOML does.',
)
@click.option(
    "--latency-ms",
    type=click.IntRange(0, 60_000),
    default=250,
    show_default=True,
    help="From the book that made a plan to the matching of its orders.",
)
@click.option("--verbose", is_flag=True, help="Print where every window's edge goes, per set and in all.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; money in 1e-6 USDC.")
@click.option(
    "--png",
    type=PNG,
    help="Write a chart of the equity and of every window's edge.",
)
def dutch_run_replay(
    *,
    paths: tuple[Path, ...],
    config_path: Path,
    data_dir: Path,
    wanted: str | None,
    allow_other: bool,
    latency_ms: int,
    verbose: bool,
    as_json: bool,
    png: Path | None,
) -> None:
    """Run the Dutch planner over recordings (files, or folders of them) and tell what it would have made.

    Guards, planner and limits are the desk's own, with the knobs of the TOML. Orders fill only against the
    books of a latency later, within their limits, and take a level's size once. One recording gives the same
    sha256 every time. Exit status 1 if the recording is damaged before its end, or nothing of it is known.
    """
    files = recording_paths(paths)
    demand_folder(png)
    terms = _terms(config_path, data_dir, allow_other=allow_other, latency_ms=latency_ms)
    if wanted is not None:
        demand_code(data_dir, wanted)
    backtest = Backtest(terms)
    reading = EventReading(data_dir, wanted, backtest)
    run_recording(reading, files)
    demand_something(reading)
    result = backtest.finish()
    told = artefact(result, terms, recording=reading.told(), unknown=reading.unknown)
    if png is not None:
        write_chart(png, backtest_chart(result))
    if as_json:
        click.echo(json.dumps(told))
    else:
        print_report(Console(highlight=False), result, terms, told, verbose=verbose)
    hint(reading)
    if reading.course.damage is not None:
        raise SystemExit(1)


def _terms(config_path: Path, data_dir: Path, *, allow_other: bool, latency_ms: int) -> BacktestTerms:
    settings = desk_settings(load(config_path))
    params = settings.dutch
    if allow_other:
        params = replace(params, allow_other=True)
    # An entry of the TOML outranks what was read in the chat, as at the desk's start.
    reviewed = read_reviewed(data_dir) | dict(settings.reviewed)
    caps = settings.caps
    return BacktestTerms(
        params=params, ticket=caps.ticket, day=caps.day, reviewed=reviewed, latency_ms=Ms(latency_ms)
    )
