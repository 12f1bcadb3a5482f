"""Commands about the catalogue: read it whole and store it, or find one market by whatever it is called."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from bot.cli.catalogue_progress import shown_progress
from bot.cli.kept_terms import save_kept, take_kept
from bot.cli.run import CONFIG, DATA
from bot.cli.venue_hosts import hosts_of
from config.settings import load
from engine.clock import SystemClock, perf_us
from engine.core.rules.catalogue_retry import pause_ms
from engine.domain.catalogue import Catalogue, NamedMarket
from engine.domain.failure import VenueFailure
from engine.ports import StoreError
from engine.venue.catalogue_calls import Progress, Told
from engine.venue.catalogue_reads import CatalogueReads
from engine.venue.clob_fallback import Budget
from engine.venue.endpoints import VenueHosts
from engine.venue.event_codes import coded
from engine.venue.http_client import HttpClient
from engine.venue.market_lookup import Attempt, MarketLookup
from engine.venue.terms_reads import TermsReads
from storage.files import MARKET_FILE, open_storage
from storage.lock import hold_folder
from storage.readonly import read_named_markets

TRIES = 3
"""A read of thousands of calls may meet one that is not answered; what was read is kept for the next try."""
SHOWN_MAX = 10
TIMEOUT_S = 30.0
"""For one call: a page of the listing may be megabytes, and no order waits behind it here."""
ReadOnce = Callable[[Told], Awaitable[Catalogue | VenueFailure]]
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
CLOB_PAGES = click.option(
    "--clob-max-pages",
    type=click.IntRange(min=0),
    default=Budget().clob_pages,
    show_default=True,
    help="Most pages of the order service's /markets, asked only for what the listing lacks.",
)
CLOB_DETAILS = click.option(
    "--clob-details-limit",
    type=click.IntRange(min=0),
    default=Budget().clob_details,
    show_default=True,
    help="Most calls of the order service's /markets/{condition}, asked only for what the listing lacks.",
)


class MarketsUnreadError(Exception):
    """The venue could not be read; the text says what was expected, what was found, and what happens next."""


@click.command("markets-sync")
@CONFIG
@DATA
@CLOB_PAGES
@CLOB_DETAILS
@JSON
def markets_sync(
    *, config_path: Path, data_dir: Path, clob_max_pages: int, clob_details_limit: int, as_json: bool
) -> None:
    """Read the whole catalogue and store it in market.db. The desk does the same by itself while it runs."""
    hosts = hosts_of(load(config_path), data_dir)
    hold_folder(data_dir).release()  # a desk on the folder is told before a long read, not after
    budget = Budget(clob_pages=clob_max_pages, clob_details=clob_details_limit)
    began = perf_us()
    try:
        catalogue = asyncio.run(_read_and_store(hosts, data_dir, budget))
    except KeyboardInterrupt:
        raise MarketsUnreadError("stopped: nothing was stored, the catalogue read before stays") from None
    summary = _summary(catalogue, (perf_us() - began) // 1000)
    if as_json:
        click.echo(json.dumps(summary))
    else:
        _print_sync(catalogue, summary)


async def _read_and_store(hosts: VenueHosts, data_dir: Path, budget: Budget) -> Catalogue:
    clock = SystemClock()
    http = HttpClient(timeout_s=TIMEOUT_S)
    terms = TermsReads(http, hosts.clob)
    take_kept(data_dir, hosts.clob, terms, clock)
    try:
        with shown_progress() as told:
            reads = CatalogueReads(http, hosts, terms, {}, budget)
            catalogue = await read_in_tries(reads.read, told, asyncio.sleep)
    finally:
        await http.close()
        if kept := save_kept(data_dir, hosts.clob, terms, clock):
            click.echo(f"terms of {kept} markets are kept: a run within 5 minutes goes on there", err=True)
    with hold_folder(data_dir) as lock:
        async with open_storage(lock, clock) as storage:
            events = coded(catalogue.events, await storage.store.known_codes())
            await storage.store.save_catalogue(events, clock.now_ms())
    return catalogue


async def read_in_tries(
    read_once: ReadOnce, told: Told, sleep: Callable[[float], Awaitable[None]]
) -> Catalogue:
    """Read the catalogue, a few times if the venue answers in part; raises MarketsUnreadError."""
    number = 0
    while True:
        number += 1
        heard: list[Progress] = []

        def tell(progress: Progress, heard: list[Progress] = heard) -> None:
            heard.append(progress)
            told(progress)

        read = await read_once(tell)
        if isinstance(read, Catalogue):
            return read
        if number == TRIES or not heard:
            raise MarketsUnreadError(
                f"expected the whole catalogue, found {read.reason}; nothing was stored, the catalogue read "
                "before stays; run the command again when the venue answers"
            )
        pause_s = pause_ms(number, random.getrandbits(62)) / 1000
        click.echo(f"{read.reason}; trying again in {pause_s:.1f} s, terms already read are kept", err=True)
        await sleep(pause_s)


def _summary(catalogue: Catalogue, taken_ms: int) -> dict[str, Any]:
    markets = [market for event in catalogue.events for market in event.markets]
    return {
        "events": len(catalogue.events),
        "markets": len(markets),
        "tradable": sum(market.terms.tradable for market in markets),
        "skipped": dict(Counter(skipped.reason.value for skipped in catalogue.skipped)),
        "skips": [asdict(skipped) | {"reason": skipped.reason.value} for skipped in catalogue.skipped],
        "calls": asdict(catalogue.calls),
        "used_up": list(catalogue.used_up),
        "taken_ms": taken_ms,
    }


def _print_sync(catalogue: Catalogue, summary: dict[str, Any]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"stored {summary['events']} events with {summary['markets']} markets in {MARKET_FILE}, "
        f"{summary['tradable']} take orders · {summary['taken_ms'] / 1000:.1f} s"
    )
    calls = catalogue.calls
    console.print(
        f"asked: {calls.gamma_pages} pages of the listing, {calls.terms} terms ({calls.terms_kept} kept from "
        f"before); of the order service {calls.clob_details} markets and {calls.clob_pages} pages"
    )
    for sentence in catalogue.used_up:
        console.print(f"{sentence}; raise it to read them")
    if not catalogue.skipped:
        return
    console.print(f"{len(catalogue.skipped)} left out or without orders:")
    table = Table("event", "reason", "why")
    for skipped in catalogue.skipped[:SHOWN_MAX]:
        table.add_row(skipped.slug or skipped.event_id or "?", skipped.reason.value, skipped.detail)
    console.print(table)
    if len(catalogue.skipped) > SHOWN_MAX:
        console.print(f"and {len(catalogue.skipped) - SHOWN_MAX} more: --json lists all")


@click.command("markets-resolve")
@click.argument("what")
@CONFIG
@DATA
@click.option("--debug", is_flag=True, help="Also print every place that was asked, with counts and times.")
@JSON
def markets_resolve(*, what: str, config_path: Path, data_dir: Path, debug: bool, as_json: bool) -> None:
    """Find WHAT: an event code, slug, condition id, token id, event id, or a question's words.

    Looks into the stored catalogue first, then asks the listing, then the order service. Words are looked for
    in the stored catalogue only.
    """
    settings = load(config_path)
    found, attempts = asyncio.run(resolve(what.strip(), data_dir, lambda: hosts_of(settings, data_dir)))
    if as_json:
        shown: dict[str, Any] = {"found": [asdict(market) for market in found]}
        click.echo(json.dumps(shown | ({"attempts": [asdict(a) for a in attempts]} if debug else {})))
    else:
        _print_resolved(found, attempts if debug else [])
    if not found:
        raise MarketsUnreadError(unresolved(what, attempts))


async def resolve(
    what: str, data_dir: Path, hosts: Callable[[], VenueHosts]
) -> tuple[tuple[NamedMarket, ...], list[Attempt]]:
    """Return what is called `what` and every place that was asked: the venue only if nothing is stored."""
    found, first = stored(what, data_dir)
    if found:
        return found, [first]
    venue = hosts()
    http = HttpClient(timeout_s=TIMEOUT_S)
    lookup = MarketLookup(http, venue)
    try:
        return await lookup.find(what), [first, *lookup.attempts]
    finally:
        await http.close()


def stored(what: str, data_dir: Path) -> tuple[tuple[NamedMarket, ...], Attempt]:
    """Return the stored markets called `what`; a file that cannot be read is the attempt's note."""
    began = perf_us()
    note = ""
    try:
        found = read_named_markets(data_dir, what)
    except StoreError as error:  # the venue is asked instead; --debug shows why
        found, note = (), str(error)
    return found, Attempt("database", MARKET_FILE, len(found), (perf_us() - began) // 1000, note)


def unresolved(what: str, attempts: list[Attempt]) -> str:
    """Return why nothing was found, and what to do."""
    asked = ", ".join(dict.fromkeys(attempt.source for attempt in attempts))
    failed = next((a.note for a in reversed(attempts) if a.note and a.source != "database"), "")
    reason = f" ({failed})" if failed else ""
    return (
        f"expected a market called {what!r}, found none in: {asked}{reason}; check the spelling, or run "
        "markets-sync first and try again"
    )


def _print_resolved(found: tuple[NamedMarket, ...], attempts: list[Attempt]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for attempt in attempts:
        line = f"{attempt.source}: {attempt.call} · {attempt.found} found · {attempt.taken_ms} ms"
        console.print(f"{line} · {attempt.note}" if attempt.note else line, markup=False)
    for market in found:
        name = " · ".join(part for part in (market.code, market.event) if part)
        console.print(f"{market.question or '(title not told)'}{f'  [{name}]' if name else ''}", markup=False)
        for label, value in (("condition", market.condition_id), ("yes", market.yes), ("no", market.no)):
            console.print(f"  {label:<9} {value}", markup=False)
