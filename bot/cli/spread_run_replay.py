"""`spread-run-replay`: a recording through the desk's own quoter, under both queue models. Sends nothing.

Reads recordings and the stored catalogue; writes a chart if asked.
"""

import json
from collections.abc import Callable
from dataclasses import fields, replace
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
from bot.cli.spread_report import artefact, print_report
from bot.quote_chart import quote_chart
from config.quote_defaults import USUAL_KNOBS
from engine.core.backtest.our_quoter import OurQuoter
from engine.core.backtest.spread_run import SpreadBacktest, SpreadTerms
from engine.domain.quote import QuoteKnobs, RewardMode, RewardTerms
from engine.domain.units import Ms, Size, parse_price, parse_size, parse_usdc
from storage.recording import recording_paths

OURS = "ours"
REBATE_PCT = 25
"""The makers' share of the takers' fees in most categories (protocol 8.1, 2026-10)."""
_T = TypeVar("_T")
_IN_SHARES = ("min_level_size", "inventory_max", "base_size")


@click.command("spread-run-replay")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
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
    help="Turn one knob of the quoter; sizes in shares. May be given several times.",
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

    Pricing, regimes and thresholds are the desk's own. Orders wait in the queue of their level: the result
    is what trades alone let through (conservative), beside it an upper bound where cancels ahead of us
    count (log-probabilistic). Nobody reacts to the orders. One recording gives the same sha256 every time.
    Exit status 1 if the recording is damaged before its end, or nothing of it is known.
    """
    files = recording_paths(paths)
    demand_folder(png)
    offered = None if rewards is None else _reward_terms(rewards)
    terms = SpreadTerms(
        knobs=_knobs(turned),
        makers=((OURS, OurQuoter),),
        budget=_read("--budget", budget, parse_usdc),
        latency_ms=Ms(latency_ms),
        look_ms=Ms(look_ms),
        rebate_pct=REBATE_PCT,
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


def _knobs(turned: tuple[str, ...]) -> QuoteKnobs:
    """Return the usual knobs with some of them turned; raises BacktestError."""
    names = {field.name for field in fields(QuoteKnobs)}
    values: dict[str, object] = {}
    for words in turned:
        name, _, value = words.partition("=")
        if name not in names:
            raise BacktestError(
                f"expected the name of a knob, found {name!r}; one of: {', '.join(sorted(names))}"
            )
        values[name] = _value(name, value)
    return replace(USUAL_KNOBS, **values)  # type: ignore[arg-type]


def _value(name: str, value: str) -> object:
    words = f"--knob {name}"
    if name == "reward_mode":
        return _read(words, value, RewardMode)
    return _read(words, value, parse_size if name in _IN_SHARES else _whole)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"expected a whole number, was {text!r}")
    return int(text)


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
