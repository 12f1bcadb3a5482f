"""`dutchdesk snapshot`: books read over REST now, each checked against the venue's checksum, stored if asked.

Runs beside a desk; only storing needs the folder for itself. Nothing here decides what may be traded.
"""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from bot.cli.run import CONFIG, DATA
from bot.cli.venue_hosts import hosts_of
from config.settings import load
from engine.clock import SystemClock
from engine.core.feed.snapshot_check import checked_snapshot
from engine.core.feed.table import Fault
from engine.domain.failure import VenueFailure
from engine.domain.frames import BookSnapshot
from engine.domain.history import KeptSnapshot
from engine.domain.ids import TokenId
from engine.domain.market import canonical_json
from engine.domain.units import PRICES, Ms, Price, format_price
from engine.ports import Store
from engine.venue.clob import VenueReads
from engine.venue.endpoints import BOOKS_PER_POST, VenueHosts
from engine.venue.http_client import HttpClient
from storage.files import MARKET_FILE, open_storage
from storage.lock import hold_folder
from storage.readonly import OutcomeLine, read_outcomes

TOKEN_DIGITS_MIN = 20
"""Token ids are 256-bit numbers; a code of digits alone is shorter."""


class SnapshotError(Exception):
    """The books could not be read; the text says how far it came."""


@dataclass(frozen=True, slots=True)
class Line:
    """One book as it was read: the checked book, or what is wrong with it."""

    token_id: TokenId
    outcome: OutcomeLine | None
    """None for a token the stored catalogue does not have."""
    read: BookSnapshot
    judged: KeptSnapshot | Fault


@dataclass(frozen=True, slots=True)
class Found:
    """What one call came to."""

    lines: tuple[Line, ...]
    missing: tuple[TokenId, ...]
    """Asked for and not told by the venue: it has no book."""
    stored: int


@click.command()
@click.argument("names", nargs=-1)
@CONFIG
@DATA
@click.option(
    "--store", "store_them", is_flag=True, help="Keep proven books in market.db of the data folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; prices in 1e-4, sizes in 1e-6.")
def snapshot(
    names: tuple[str, ...],
    config_path: Path,
    data_dir: Path,
    store_them: bool,  # noqa: FBT001 - an option of the command line
    as_json: bool,  # noqa: FBT001 - an option of the command line
) -> None:
    """Read books now and check each against the venue's checksum.

    NAMES are tokens, conditions or event codes; without any, every market of the stored catalogue that takes
    orders. Ends with status 1 when a book does not agree with its checksum; such a book is never stored.
    """
    settings = load(config_path)
    hosts = hosts_of(settings, data_dir)
    wanted = wanted_tokens(names, data_dir)
    try:
        found = asyncio.run(
            _take(wanted, hosts, settings.relayer.timeout_s, data_dir if store_them else None)
        )
    except SnapshotError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if as_json:
        click.echo(canonical_json(_as_json(found)))
    else:
        _print(found, store_them=store_them)
    if any(isinstance(line.judged, Fault) for line in found.lines):
        sys.exit(1)


def wanted_tokens(names: Sequence[str], data_dir: Path) -> dict[TokenId, OutcomeLine | None]:
    """Return the tokens that are meant, with their names; raises StoreError or click.UsageError.

    Without names every tradable one. A token needs no catalogue, everything else is looked up in the stored
    one.
    """
    if names and all(map(_is_token, names)) and not (data_dir / MARKET_FILE).exists():
        return dict.fromkeys(map(TokenId, names))
    outcomes = read_outcomes(data_dir)
    if not names:
        tradable: dict[TokenId, OutcomeLine | None] = {o.token_id: o for o in outcomes if o.tradable}
        if not tradable:
            raise click.UsageError(
                "the stored catalogue has no market that takes orders: name tokens instead"
            )
        return tradable
    wanted: dict[TokenId, OutcomeLine | None] = {}
    for name in names:
        named: dict[TokenId, OutcomeLine | None] = {
            o.token_id: o for o in outcomes if name in (o.token_id, o.condition_id, o.code)
        }
        if not named and not _is_token(name):
            raise click.UsageError(
                f"expected a token, a condition or an event code of the stored catalogue, found {name!r}; "
                f"`dutchdesk snapshot --data {data_dir}` shows those that take orders"
            )
        wanted |= named or {TokenId(name): None}
    return wanted


def _is_token(name: str) -> bool:
    return name.isdecimal() and len(name) >= TOKEN_DIGITS_MIN


async def _take(
    wanted: dict[TokenId, OutcomeLine | None], hosts: VenueHosts, timeout_s: int, folder: Path | None
) -> Found:
    """Read, check and, with a folder, store; the folder is ours before the first request leaves."""
    clock = SystemClock()
    lines: list[Line] = []
    stored = 0
    async with AsyncExitStack() as stack:
        store: Store | None = None
        if folder is not None:
            lock = stack.enter_context(hold_folder(folder))
            store = (await stack.enter_async_context(open_storage(lock, clock))).store
        http = HttpClient(timeout_s=timeout_s)
        stack.push_async_callback(http.close)
        reads = VenueReads(http, hosts, {})
        bar = stack.enter_context(_progress(len(wanted)))
        task = bar.add_task("books", total=len(wanted))
        for asked in _batches(tuple(wanted)):
            books = await reads.read_books(asked)
            if isinstance(books, VenueFailure):
                raise SnapshotError(
                    f"{len(lines)} of {len(wanted)} books were read and {stored} stored, then: {books.reason}"
                )
            fresh = [_line(book, wanted, clock.now_ms()) for book in books if book.token_id in wanted]
            lines += fresh
            proven = [line.judged for line in fresh if isinstance(line.judged, KeptSnapshot)]
            if store is not None:
                await store.save_snapshots(proven)
                stored += len(proven)
            bar.advance(task, len(asked))
    told = {line.token_id for line in lines}
    order = {token: place for place, token in enumerate(wanted)}
    lines.sort(key=lambda line: order[line.token_id])
    return Found(tuple(lines), tuple(token for token in wanted if token not in told), stored)


def _line(book: BookSnapshot, wanted: dict[TokenId, OutcomeLine | None], at_ms: Ms) -> Line:
    return Line(book.token_id, wanted[book.token_id], book, checked_snapshot(book, at_ms))


def _batches(tokens: tuple[TokenId, ...]) -> Iterator[tuple[TokenId, ...]]:
    for start in range(0, len(tokens), BOOKS_PER_POST):
        yield tokens[start : start + BOOKS_PER_POST]


def _progress(books: int) -> Progress:
    """Return a bar on standard error; one request, or no terminal, needs none."""
    console = Console(stderr=True)
    hidden = books <= BOOKS_PER_POST or not console.is_terminal
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=hidden)


def _print(found: Found, *, store_them: bool) -> None:
    console = Console()
    table = Table("event", "outcome", "", "bid", "ask", "levels", "hash")
    for line in found.lines:
        bid, ask = _touch(line.read)
        name = (line.token_id[:12], "", "") if line.outcome is None else _named(line.outcome)
        verdict = "ok" if isinstance(line.judged, KeptSnapshot) else _sentence(line.judged)
        levels = f"{len(line.read.bids)} + {len(line.read.asks)}"
        table.add_row(*name, _price(bid), _price(ask), levels, verdict)
    if found.lines:
        console.print(table)
    proven = sum(isinstance(line.judged, KeptSnapshot) for line in found.lines)
    kept = f", {found.stored} stored" if store_them else ""
    console.print(f"{proven} of {len(found.lines)} books agree with their checksum{kept}")
    for token in found.missing:
        console.print(f"the venue has no book of {token}")


def _named(outcome: OutcomeLine) -> tuple[str, str, str]:
    return outcome.code, outcome.name, outcome.answer


def _touch(book: BookSnapshot) -> tuple[Price | None, Price | None]:
    """Return best bid and best ask as the venue told them, right or not."""
    bid = max((PRICES[level.price] for level in book.bids), default=None)
    return bid, min((PRICES[level.price] for level in book.asks), default=None)


def _price(price: Price | None) -> str:
    return "none" if price is None else format_price(price)


def _sentence(fault: Fault) -> str:
    return f"NOT OK: expected {fault.expected}, found {fault.found}"


def _as_json(found: Found) -> dict[str, Any]:
    return {
        "books": [_line_json(line) for line in found.lines],
        "missing": list(found.missing),
        "stored": found.stored,
    }


def _line_json(line: Line) -> dict[str, Any]:
    bid, ask = _touch(line.read)
    outcome = line.outcome
    return {
        "token_id": line.token_id,
        "condition_id": line.read.condition_id,
        "code": None if outcome is None else outcome.code,
        "name": None if outcome is None else outcome.name,
        "answer": None if outcome is None else outcome.answer,
        "venue_ms": line.read.venue_ms,
        "best_bid": bid,
        "best_ask": ask,
        "bid_levels": len(line.read.bids),
        "ask_levels": len(line.read.asks),
        "hash": line.read.hash,
        "hash_ok": isinstance(line.judged, KeptSnapshot),
        "problem": _sentence(line.judged) if isinstance(line.judged, Fault) else None,
    }
