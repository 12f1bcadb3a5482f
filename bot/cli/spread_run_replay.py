"""`spread-run-replay`: a recording through the desk's own quoter, under both queue models. Sends nothing.

Reads recordings, the stored catalogue and the settings; writes a chart if asked.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console

from bot.cli.chart_file import PNG, demand_folder, write_chart
from bot.cli.recorded_events import (
    BacktestError,
    EventReading,
    demand_code,
    demand_something,
    hint,
    run_recording,
)
from bot.cli.run import CONFIG
from bot.cli.spread_report import artefact, print_report
from bot.quote_chart import quote_chart
from config.desk_settings import desk_settings
from config.settings import parse, read_toml
from engine.core.backtest.our_quoter import OurQuoter
from engine.core.backtest.spread_run import SpreadBacktest, SpreadTerms
from engine.core.quotes import SpreadRules
from engine.domain.quote import RewardTerms
from engine.domain.units import Ms, Size, parse_price, parse_size, parse_usdc
from storage.recording import recording_paths

OURS = "ours"
_T = TypeVar("_T")


@click.command("spread-run-replay")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@CONFIG
@click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Data folder: market.db tells which tokens form a market, and its fees.",
)
@click.option("--event", "wanted", metavar="CODE", help="Only this event. Default: every event recorded.")
@click.option(
    "--knob",
    "turned",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set one key of [spread] for this run, as in the TOML. May be given several times.",
)
@click.option(
    "--rewards",
    metavar="DAILY:SPREAD:SIZE",
    help='Assume these liquidity rewards in every market: USDC a day, distance, shares ("50:0.03:20").',
)
@click.option("--budget", default="1000", show_default=True, help="USDC for each market.")
@click.option(
    "--latency-ms",
    type=click.IntRange(0, 60_000),
    default=250,
    show_default=True,
    help="From a decision until its order or cancel is at the venue.",
)
@click.option(
    "--look-ms",
    type=click.IntRange(0, 1_000),
    default=200,
    show_default=True,
    help="A touched book is looked at again after so long; every book is once a second.",
)
@click.option("--verbose", is_flag=True, help="Print every fill, and what each rule held back.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; money in 1e-6 USDC.")
@click.option("--png", type=PNG, help="Write a chart of the market with the most fills.")
def spread_run_replay(
    *,
    paths: tuple[Path, ...],
    config_path: Path,
    data_dir: Path,
    wanted: str | None,
    turned: tuple[str, ...],
    rewards: str | None,
    budget: str,
    latency_ms: int,
    look_ms: int,
    verbose: bool,
    as_json: bool,
    png: Path | None,
) -> None:
    """Quote recordings (files, or folders of them) and tell what it would have made.

    Pricing, regimes and thresholds are the desk's own, with the knobs of the TOML. Orders wait in the queue
    of their level: the result is what trades alone let through (conservative), beside it an upper bound
    where cancels ahead of us count (log-probabilistic). Nobody reacts to the orders. One recording gives the
    same sha256 every time.

    Exit status 1 if the recording is damaged before its end, or nothing of it is known.
    """
    files = recording_paths(paths)
    demand_folder(png)
    offered = None if rewards is None else _reward_terms(rewards)
    rules = _rules(config_path, turned)
    terms = SpreadTerms(
        knobs=rules.knobs,
        makers=((OURS, OurQuoter),),
        budget=_read("--budget", budget, parse_usdc),
        latency_ms=Ms(latency_ms),
        look_ms=Ms(look_ms),
        rebate_pct=rules.rebate_pct,
        rewards=offered,
    )
    if wanted is not None:
        demand_code(data_dir, wanted)
    backtest = SpreadBacktest(terms)
    reading = EventReading(data_dir, wanted, backtest)
    run_recording(reading, files)
    demand_something(reading)
    result = backtest.finish()
    told = artefact(result, terms, recording=reading.told(), unknown=reading.unknown)
    if png is not None:
        write_chart(png, quote_chart(result))
    if as_json:
        click.echo(json.dumps(told))
    else:
        print_report(Console(highlight=False), result, terms, told, verbose=verbose)
    hint(reading)
    if reading.course.damage is not None:
        raise SystemExit(1)


def _rules(config_path: Path, turned: tuple[str, ...]) -> SpreadRules:
    """Return the quoter's rules with some knobs turned; raises SettingsError, as for the TOML."""
    values = read_toml(config_path)
    spread = dict(values.get("spread", {}))
    for words in turned:
        name, equals, value = words.partition("=")
        if not (name and equals and value):
            raise BacktestError(f'expected --knob as NAME=VALUE ("stale_ms=3000"), found {words!r}')
        spread[name] = value
    source = f"{config_path.name} with --knob" if turned else config_path.name
    return desk_settings(parse({**values, "spread": spread}, source=source)).spread


def _reward_terms(words: str) -> RewardTerms:
    parts = words.split(":")
    if len(parts) != len(("daily", "spread", "size")):
        raise BacktestError(f'expected --rewards as DAILY:SPREAD:SIZE ("50:0.03:20"), found {words!r}')
    return RewardTerms(
        max_spread=_read("--rewards", parts[1], parse_price),
        min_size=Size(_read("--rewards", parts[2], parse_size)),
        daily=_read("--rewards", parts[0], parse_usdc),
        others_milli=0,
    )


def _read(option: str, text: str, parse: Callable[[str], _T]) -> _T:
    try:
        return parse(text)
    except ValueError as error:
        raise BacktestError(f"{option}: {error}; give another value") from error
