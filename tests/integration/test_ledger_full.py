"""A disk that fills up at any page of a batch: the commit is refused whole, reading goes on."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.ports import StoreError
from storage.db import Database
from storage.files import open_storage
from storage.lock import hold_folder
from storage.store import LedgerStore
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW
from tests.unit.storage.rows import read

TABLES = ("plans", "confirms", "intents", "orders", "signed", "attempts")


async def allow_pages(ledger: Database, more: int) -> None:
    """Let the file grow by so many pages and no further: SQLite then answers as for a full disk."""
    async with ledger.transaction() as transaction:
        row = await transaction.row("PRAGMA page_count")
        assert row is not None
        await transaction.rows(f"PRAGMA max_page_count = {row[0] + more}")


def counts(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


@pytest.mark.parametrize("pages", range(0, 24, 2))
async def test_disk_that_fills_up_within_a_batch_leaves_nothing_of_it(tmp_path, pages):
    with hold_folder(tmp_path / "desk") as lock:
        async with open_storage(lock, ManualClock(NOW)) as storage:
            store: LedgerStore = storage.store
            before, claim, after, plan = builders.armed()
            await store.save_ticket(before, None)
            heavy = [builders.pair(number) for number in range(15)]
            orders = [(record, replace(bytes_, body=bytes_.body * 90)) for record, bytes_ in heavy]
            await allow_pages(store._ledger, pages)

            with pytest.raises(StoreError, match="the disk is full: free space on it"):
                await store.commit_batch(claim, after, plan, orders)

            assert counts(lock.folder / "ledger.db") == dict.fromkeys(TABLES, 0)
            assert (await store.load(NOW)).tickets == (before,)
            await allow_pages(store._ledger, 10_000)
            assert await store.commit_batch(claim, after, plan, orders)

        assert counts(lock.folder / "ledger.db")["signed"] == 15
        assert read(lock.folder / "ledger.db", "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
