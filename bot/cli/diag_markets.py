"""`diag-markets`: both catalogues looked at alone and side by side, with every finding in a log file.

For finding out what is wrong with a venue's answers: time-outs, pages of a front, fields that do not fit. A
few pages are read and nothing is stored; a desk may run on the same folder.
"""

import asyncio
import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import click

from bot.cli.markets import JSON, TIMEOUT_S, MarketsUnreadError, stored
from bot.cli.run import CONFIG, DATA
from bot.cli.venue_hosts import hosts_of
from config.settings import load
from engine.clock import perf_us
from engine.domain.catalogue import SkippedEvent
from engine.domain.failure import VenueFailure
from engine.domain.market import Market
from engine.venue.catalogue_calls import clob_pages, gamma_pages, read_clob_market
from engine.venue.clob_rows import ClobRow
from engine.venue.endpoints import VenueHosts
from engine.venue.gamma import GammaEvent, GammaMarket
from engine.venue.http_client import HttpClient
from engine.venue.market_lookup import MarketLookup

GAMMA_PAGES = 3
CLOB_PAGES = 3
DETAILS = 20
"""Enough to see whether something is wrong and with what, at most some seconds on a slow line."""


@dataclass(slots=True)
class Report:
    """What was seen; every line goes to the log at once, so that an interrupted run leaves what it knew."""

    log: TextIO
    began_us: int = field(default_factory=perf_us)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        """Write one line with the milliseconds since the start."""
        self.log.write(f"+{(perf_us() - self.began_us) // 1000} ms {text}\n")
        self.log.flush()

    def fault(self, text: str) -> None:
        """Write a line about something that is not as it should be, and keep it for the summary."""
        self.faults.append(text)
        self.line(f"FAULT {text}")


@click.command("diag-markets")
@CONFIG
@DATA
@click.option(
    "--log",
    "log_path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File that everything is written to; an old one is replaced.",
)
@click.option(
    "--clob-max-pages",
    type=click.IntRange(min=0),
    default=CLOB_PAGES,
    show_default=True,
    help="Most pages of the order service's /markets.",
)
@click.option(
    "--clob-details-limit",
    type=click.IntRange(min=0),
    default=DETAILS,
    show_default=True,
    help="Most markets to hold side by side, one call of /markets/{condition} each.",
)
@JSON
def diag_markets(
    *,
    config_path: Path,
    data_dir: Path,
    log_path: Path,
    clob_max_pages: int,
    clob_details_limit: int,
    as_json: bool,
) -> None:
    """Look at the listing, at the order service, and at how markets are found; write it all to a log file."""
    hosts = hosts_of(load(config_path), data_dir)
    try:
        with log_path.open("w", encoding="utf-8") as log:
            report = Report(log)
            asyncio.run(_passes(report, hosts, data_dir, clob_max_pages, clob_details_limit))
    except OSError as error:
        raise MarketsUnreadError(
            f"expected to write the log to {log_path}, found: {error.strerror}; name another file with --log"
        ) from None
    if as_json:
        summary: dict[str, Any] = {"counts": dict(report.counts), "faults": report.faults}
        click.echo(json.dumps(summary | {"log": str(log_path)}))
        return
    for name, count in report.counts.items():
        click.echo(f"{count:>6}  {name}")
    faults = len(report.faults)
    click.echo(f"faults: {faults}, the first: {report.faults[0]}" if faults else "no faults")
    click.echo(f"everything is in {log_path}")


async def _passes(report: Report, hosts: VenueHosts, data_dir: Path, pages: int, details: int) -> None:
    http = HttpClient(timeout_s=TIMEOUT_S)
    try:
        report.line(f"listing: {hosts.gamma}, at most {GAMMA_PAGES} pages")
        listed = await _gamma_pass(report, http, hosts.gamma)
        report.line(f"order service: {hosts.clob}, at most {pages} pages and {details} markets")
        await _clob_pass(report, http, hosts.clob, pages)
        for market in listed[:details]:
            await _side_by_side(report, http, hosts.clob, market)
        for market in listed[:1]:
            for what in (market.condition_id, market.yes):
                await _resolve_pass(report, MarketLookup(http, hosts), what, data_dir)
    finally:
        await http.close()


async def _gamma_pass(report: Report, http: HttpClient, gamma: str) -> list[Market]:
    """Read a few pages of the listing alone; return the markets that it tells completely."""
    markets: list[Market] = []
    async for page in gamma_pages(http, gamma, GAMMA_PAGES):
        if isinstance(page, VenueFailure):
            report.fault(page.reason)
            break
        report.counts["pages of the listing"] += 1
        more = "there is another" if page.cursor else "the last"
        report.line(f"page of the listing with {len(page.events)} events, {more}")
        for event in page.events:
            if isinstance(event, SkippedEvent):
                name = event.slug or event.event_id or "without an id"
                report.fault(f"event {name}: {event.reason.value}: {event.detail}")
            else:
                markets += _children(report, event)
    return markets


def _children(report: Report, event: GammaEvent) -> list[Market]:
    whole = [child.market for child in event.children if isinstance(child, GammaMarket)]
    report.counts["events listed"] += 1
    report.counts["markets listed"] += len(event.children)
    told = f"{len(whole)} of {len(event.children)} markets complete"
    report.line(f"event {event.event_id} {event.slug}: {told}")
    for child in event.children:
        if not isinstance(child, GammaMarket):
            name = child.row.slug or child.row.question or "without a name"
            report.fault(f"market {name} of {event.slug}: the listing lacks {', '.join(child.lacks)}")
    return whole


async def _clob_pass(report: Report, http: HttpClient, clob: str, pages_max: int) -> None:
    async for page in clob_pages(http, clob, pages_max):
        if isinstance(page, VenueFailure):
            report.fault(page.reason)
            return
        report.counts["pages of the order service"] += 1
        report.counts["markets of the order service"] += len(page.rows)
        more = "there is another" if page.cursor else "the last"
        report.line(f"page of the order service with {len(page.rows)} markets, {more}")
        if page.odd:
            report.fault(f"{page.odd} markets on a page of /markets could not be read")


async def _side_by_side(report: Report, http: HttpClient, clob: str, market: Market) -> None:
    """Hold what both sources say of one market against each other."""
    row = await read_clob_market(http, clob, market.condition_id)
    report.counts["markets compared"] += 1
    if isinstance(row, VenueFailure):
        report.fault(row.reason)
    elif row is None:
        report.fault(f"market {market.condition_id}: the order service does not know it")
    elif different := _differences(market, row):
        report.fault(f"market {market.condition_id}: the sources disagree on {'; '.join(different)}")
    else:
        report.line(f"market {market.condition_id}: both sources agree")


def _differences(market: Market, row: ClobRow) -> list[str]:
    tick = None if row.tick is None else int(row.tick.scaleb(4))
    pairs = (
        ("condition id", market.condition_id, row.condition_id),
        ("tokens", (market.yes, market.no), row.tokens),
        ("neg-risk flag", market.neg_risk, bool(row.neg_risk)),
        ("tick in 1e-4", market.terms.tick, tick),
    )
    return [f"{what} {ours} and {theirs}" for what, ours, theirs in pairs if ours != theirs]


async def _resolve_pass(report: Report, lookup: MarketLookup, what: str, data_dir: Path) -> None:
    """Find one market in every place, also where the first one would have been enough."""
    in_file, first = stored(what, data_dir)
    found = await lookup.find(what)
    report.line(f"resolve {what}: {len(in_file)} stored, {len(found)} at the venue")
    for attempt in (first, *lookup.attempts):
        report.line(f"  {json.dumps(asdict(attempt), ensure_ascii=False)}")
    report.counts["names resolved"] += bool(found)
    if not found:
        report.fault(f"{what} is listed but was not found by that name")
