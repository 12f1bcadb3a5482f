"""Books kept by a running desk; and a market file that is full, which must stop nothing."""

import asyncio

import pytest

from engine.clock import SystemClock
from engine.domain.book import LiveBook
from engine.domain.events import Job, JobDue
from engine.domain.ids import TicketId, TokenId
from engine.domain.ticket import TicketState
from engine.domain.units import Ms
from engine.domain.views import Gate, Severity
from engine.simulator.server import LocalExchange
from storage.db import Database
from storage.readonly import read_outcomes, read_snapshots
from tests.support.local_exchange import FED, running_exchange
from tests.support.running_desk import SEED, RunningDesk, running_desk
from tests.unit.storage.rows import read

EVER = Ms(2**62)


@pytest.fixture
async def exchange():
    async with running_exchange(seed=SEED, clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


def live_books(desk: RunningDesk) -> dict[TokenId, LiveBook]:
    """Every book the desk could plan on now."""
    core = desk.service.desk
    now = desk.service._clock.now_ms()
    tokens = [t for group in core.events.values() for m in group.markets for t in (m.yes, m.no)]
    found = {token: core.feeds.live(token, now) for token in tokens}
    return {token: book for token, book in found.items() if isinstance(book, LiveBook)}


def job(desk: RunningDesk, which: Job) -> None:
    desk.service.post(JobDue(desk.service._clock.now_ms(), which))


async def allow_pages(desk: RunningDesk, more: int) -> None:
    """Let the market file grow by so many pages and no further: SQLite then answers as for a full disk."""
    market: Database = desk.service._store._market  # type: ignore[attr-defined]
    async with market.transaction() as transaction:
        row = await transaction.row("PRAGMA page_count")
        assert row is not None
        await transaction.rows(f"PRAGMA max_page_count = {row[0] + more}")


async def test_every_proven_book_is_in_the_file_as_the_desk_had_it(tmp_path, exchange: LocalExchange):
    async with running_desk(tmp_path, exchange) as desk:
        books = live_books(desk)
        job(desk, Job.SNAPSHOTS)
        await desk.until(lambda: desk.metrics.value("snapshots_total", "kept") == len(books))

        for token, book in books.items():
            (kept,) = read_snapshots(tmp_path, token, since_ms=Ms(0), until_ms=EVER)
            assert (kept.bids, kept.asks, kept.hash) == (book.bids, book.asks, book.hash)
        named = read(
            tmp_path / "market.db", "SELECT count(DISTINCT token_id) AS n FROM v_snapshot WHERE code <> ''"
        )
    assert books
    assert named == [{"n": len(books)}]


async def test_books_handed_over_before_a_stop_are_in_the_file_after_it(tmp_path, exchange: LocalExchange):
    async with running_desk(tmp_path, exchange) as desk:
        books = live_books(desk)
        job(desk, Job.SNAPSHOTS)

    rows = read(tmp_path / "market.db", "SELECT count(*) AS n FROM book_snapshots")
    assert rows == [{"n": len(books)}]


async def test_full_market_file_stops_no_trade_and_is_told_once(tmp_path, exchange: LocalExchange):
    async with running_desk(tmp_path, exchange) as desk:
        books = live_books(desk)
        await allow_pages(desk, 0)

        for done in range(1, 4):
            job(desk, Job.SNAPSHOTS)
            await desk.until(lambda done=done: lost(desk) == done * len(books))
        ticket = await bought(desk)

        assert desk.service.desk.gate is Gate.RUN
        await desk.until(lambda: desk.ticket(ticket).state is TicketState.DONE)
        told = [alert for alert in desk.chat.alerts if alert.subject == "market history"]
        assert [alert.severity for alert in told] == [Severity.WARN]
        assert "the disk is full" in told[0].text

        await allow_pages(desk, 10_000)
        job(desk, Job.SNAPSHOTS)
        await desk.until(lambda: desk.metrics.value("snapshots_total", "kept") == len(books))
        assert [a.severity for a in desk.chat.alerts if a.subject == "market history"] == [
            Severity.WARN,
            Severity.INFO,
        ]


async def test_catalogue_that_does_not_fit_is_used_all_the_same(tmp_path, exchange: LocalExchange):
    async with running_desk(tmp_path, exchange) as desk:
        await allow_pages(desk, 0)
        desk.service.desk.events.clear()

        job(desk, Job.CATALOGUE_REFRESH)
        await desk.until(lambda: bool(desk.service.desk.events))

        assert desk.service.desk.gate is Gate.RUN


async def test_slow_market_file_holds_up_neither_ledger_nor_commands(tmp_path, exchange: LocalExchange):
    async with running_desk(tmp_path, exchange) as desk:
        market: Database = desk.service._store._market  # type: ignore[attr-defined]
        async with market.transaction():
            job(desk, Job.SNAPSHOTS)
            ticket = await asyncio.wait_for(bought(desk), 20)
            await desk.until(lambda: desk.ticket(ticket).state is TicketState.DONE)
            assert desk.metrics.value("snapshots_total", "kept") == 0
        await desk.until(lambda: desk.metrics.value("snapshots_total", "kept") > 0)


async def test_retention_of_a_running_desk_leaves_what_is_young(tmp_path, exchange: LocalExchange):
    async with running_desk(tmp_path, exchange) as desk:
        job(desk, Job.SNAPSHOTS)
        await desk.until(lambda: desk.metrics.value("snapshots_total", "kept") > 0)
        job(desk, Job.RETENTION)
        await desk.until(lambda: not desk.service._tasks._tasks)

        assert len(read_outcomes(tmp_path)) > 0
        assert desk.metrics.total("history_pruned_total") == 0
        assert read(tmp_path / "market.db", "SELECT count(*) AS n FROM book_snapshots")[0]["n"] > 0


async def bought(desk: RunningDesk) -> TicketId:
    """Let a window open at the exchange and buy it."""
    exchange = desk.exchange
    assert exchange.flow.open_window(FED, 600_000, exchange.venue.now_ms()) is not None
    exchange.venue.publish()
    await desk.until(lambda: desk.pays(FED))
    return await desk.buy("fed5", 50)


def lost(desk: RunningDesk) -> int:
    return desk.metrics.value("snapshots_total", "lost")
