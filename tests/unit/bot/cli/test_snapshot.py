"""`dutchdesk snapshot` against the local exchange: what is read, what is proven, what is stored."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from bot.cli import snapshot as command
from bot.cli.main import cli
from engine.clock import SystemClock
from engine.domain.catalogue import Catalogue
from engine.domain.failure import VenueFailure
from engine.domain.market import EventGroup
from engine.domain.units import Ms
from engine.simulator.server import LocalExchange
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from storage.files import open_storage
from storage.lock import FolderLockedError, hold_folder
from storage.readonly import read_snapshots
from tests.support.local_exchange import running_exchange
from tests.unit.storage.rows import read


class Desk:
    """A data folder that knows the catalogue of a running exchange, and the command on it."""

    def __init__(self, folder: Path, exchange: LocalExchange, events: tuple[EventGroup, ...]) -> None:
        self.folder = folder
        self.exchange = exchange
        self.events = events
        self.toml = folder / "service.toml"
        text = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
        text = text.replace("[relayer]\n", f'[relayer]\nbase_url = "{exchange.url}"\n')
        self.toml.write_text(text, encoding="utf-8")

    def event(self, code: str) -> EventGroup:
        return next(event for event in self.events if event.code == code)

    async def run(self, *arguments: str, data: Path | None = None) -> Result:
        """Run the command in a thread: the exchange lives on this loop."""
        line = ["snapshot", *arguments, "--config", str(self.toml), "--data", str(data or self.folder)]
        return await asyncio.to_thread(CliRunner().invoke, cli, line)

    async def told(self, *arguments: str, status: int = 0, data: Path | None = None) -> dict[str, Any]:
        result = await self.run(*arguments, "--json", data=data)
        assert result.exit_code == status, (result.output, result.exception)
        found: dict[str, Any] = json.loads(result.stdout)
        return found


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with running_exchange(seed=1) as exchange:
        http = HttpClient()
        try:
            hosts = VenueHosts.loopback(exchange.url, exchange.ws_url)
            catalogue = await VenueReads(http, hosts, {}).read_catalogue()
        finally:
            await http.close()
        assert isinstance(catalogue, Catalogue)
        with hold_folder(tmp_path) as lock:
            async with open_storage(lock, SystemClock()) as storage:
                await storage.store.save_catalogue(catalogue.events, SystemClock().now_ms())
        yield Desk(tmp_path, exchange, catalogue.events)


def tokens(books: Iterable[dict[str, Any]]) -> list[str]:
    return [book["token_id"] for book in books]


async def test_without_names_every_market_that_takes_orders_is_read_and_proven(desk: Desk) -> None:
    found = await desk.told()

    tradable = {t for event in desk.events for m in event.markets if m.terms.tradable for t in (m.yes, m.no)}
    assert set(tokens(found["books"])) | set(found["missing"]) == tradable
    assert len(found["books"]) > 10
    assert all(book["hash_ok"] for book in found["books"])
    assert found["stored"] == 0


async def test_books_are_named_by_token_condition_or_code(desk: Desk) -> None:
    fed = desk.event("fed5")
    first = fed.markets[0]

    by_code = await desk.told("fed5")
    by_condition = await desk.told(first.condition_id)
    by_token = await desk.told(first.no, first.no)

    assert tokens(by_code["books"]) == [t for m in fed.markets for t in (m.yes, m.no)]
    assert tokens(by_condition["books"]) == [first.yes, first.no]
    (book,) = by_token["books"]
    assert (book["token_id"], book["condition_id"]) == (first.no, first.condition_id)
    assert (book["code"], book["name"], book["answer"]) == ("fed5", first.name, "NO")
    assert 0 < book["best_bid"] < book["best_ask"] < 10_000
    assert min(book["bid_levels"], book["ask_levels"]) > 0


async def test_token_alone_needs_no_catalogue(desk: Desk, tmp_path: Path) -> None:
    token = desk.event("fed5").markets[0].yes

    found = await desk.told(token, data=tmp_path / "fresh")

    assert tokens(found["books"]) == [token]
    assert found["books"][0]["code"] is None
    assert not (tmp_path / "fresh").exists()


async def test_token_the_venue_does_not_know_is_listed_as_missing(desk: Desk) -> None:
    found = await desk.told("7" * 77)

    assert found == {"books": [], "missing": ["7" * 77], "stored": 0}


async def test_name_nobody_knows_is_wrong_usage(desk: Desk) -> None:
    result = await desk.run("fed6")

    assert result.exit_code == 2
    assert "expected a token, a condition or an event code" in result.output


async def test_nothing_is_stored_unless_asked(desk: Desk) -> None:
    await desk.told("fed5")

    assert read(desk.folder / "market.db", "SELECT count(*) AS n FROM book_snapshots") == [{"n": 0}]


async def test_stored_books_are_those_that_were_printed(desk: Desk) -> None:
    found = await desk.told("fed5", "--store")

    assert found["stored"] == len(found["books"]) == 10
    for book in found["books"]:
        (kept,) = read_snapshots(desk.folder, book["token_id"], since_ms=Ms(0), until_ms=Ms(2**62))
        assert (kept.hash, kept.venue_ms) == (book["hash"], book["venue_ms"])
        assert (kept.bids[0].price, kept.asks[0].price) == (book["best_bid"], book["best_ask"])
        assert (len(kept.bids), len(kept.asks)) == (book["bid_levels"], book["ask_levels"])


async def test_beside_a_desk_reading_works_and_storing_is_refused_before_anything_is_asked(
    desk: Desk,
) -> None:
    with hold_folder(desk.folder):
        found = await desk.told("fed5")
        refused = await desk.run("fed5", "--store")

    assert len(found["books"]) == 10
    assert isinstance(refused.exception, FolderLockedError), "main makes it status 75"


async def test_book_that_does_not_agree_ends_with_status_1_and_is_never_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = desk.event("fed5").markets[0].yes
    read_right = VenueReads.read_books

    async def spoiled(self: VenueReads, asked: Any) -> Any:
        books = await read_right(self, asked)
        assert isinstance(books, tuple)
        return tuple(replace(b, hash="0" * 40) if b.token_id == wrong else b for b in books)

    monkeypatch.setattr(VenueReads, "read_books", spoiled)
    found = await desk.told("fed5", "--store", status=1)

    bad = [book for book in found["books"] if not book["hash_ok"]]
    assert tokens(bad) == [wrong]
    assert "expected checksum 000000000000, found" in bad[0]["problem"]
    assert found["stored"] == 9
    assert read_snapshots(desk.folder, wrong, since_ms=Ms(0), until_ms=Ms(2**62)) == ()


async def test_many_books_are_read_in_batches_and_a_failure_says_how_far_it_came(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_right = VenueReads.read_books
    calls: list[int] = []

    async def tiring(self: VenueReads, asked: Any) -> Any:
        calls.append(len(asked))
        return await read_right(self, asked) if len(calls) < 3 else VenueFailure("POST /books: timed out")

    monkeypatch.setattr(command, "BOOKS_PER_POST", 4)
    monkeypatch.setattr(VenueReads, "read_books", tiring)
    result = await desk.run("fed5", "--store")

    assert calls == [4, 4, 2]
    assert result.exit_code == 1
    assert "8 of 10 books were read and 8 stored, then: POST /books: timed out" in result.output
    assert read(desk.folder / "market.db", "SELECT count(*) AS n FROM book_snapshots") == [{"n": 8}]


async def test_a_person_reads_prices_levels_and_the_verdict(desk: Desk) -> None:
    result = await desk.run("harbour3", "--store")

    market = desk.event("harbour3").markets[0]
    row = next(line for line in result.output.splitlines() if market.name in line and "YES" in line)
    assert "ok" in row
    assert "0." in row
    assert "6 of 6 books agree with their checksum, 6 stored" in result.output
