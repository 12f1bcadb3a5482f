"""The two files of a data folder: opened together, migrated, and given to the store and the inbox.

`ledger.db` (synced at every commit) proves what the desk did; `market.db` can be read again from the venue.
Whoever opens them holds the folder's lock.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.clock import Clock
from engine.domain.units import Ms
from engine.ports import StoreError
from storage.db import Database
from storage.inbox import Inbox
from storage.lock import FolderLock
from storage.migrate import migrate, shipped
from storage.profile import Durability, SqliteVersion, open_database, sqlite_version
from storage.store import LedgerStore

LEDGER_FILE = "ledger.db"
MARKET_FILE = "market.db"


@dataclass(frozen=True, slots=True)
class Storage:
    """Everything durable of one desk."""

    store: LedgerStore
    inbox: Inbox
    install_secret: bytes = field(repr=False)
    """32 random bytes, made once per ledger: salts and button codes are derived from it. Never shown."""
    sqlite: SqliteVersion
    migrated: tuple[str, ...]
    """Names of the migrations applied by this opening."""


@asynccontextmanager
async def open_storage(lock: FolderLock, clock: Clock) -> AsyncIterator[Storage]:
    """Open both files of the locked folder, bring their schemas up to date, close them at the end.

    Raises StoreError, having repaired or replaced nothing, if a file is damaged, newer than this program, or
    missing from a folder that has been in use.
    """
    assert lock.held, f"expected the lock of {lock.folder} to be held"
    version = sqlite_version()
    _refuse_lost_ledger(lock.folder)
    ledger = await open_database(lock.folder / LEDGER_FILE, Durability.FULL)
    try:
        migrated = await _prepare(ledger, "ledger", clock.now_ms())
        secret = await _install_secret(ledger, clock.now_ms())
        market = await open_database(lock.folder / MARKET_FILE, Durability.NORMAL)
        try:
            migrated += await _prepare(market, "market", clock.now_ms())
            yield Storage(
                store=LedgerStore(ledger, market, clock),
                inbox=Inbox(ledger),
                install_secret=secret,
                sqlite=version,
                migrated=migrated,
            )
        finally:
            await market.close()
    finally:
        await ledger.close()


def _refuse_lost_ledger(folder: Path) -> None:
    """Refuse a new ledger beside an old market file: orders may be open that only the old ledger knew."""
    ledger = folder / LEDGER_FILE
    # A file of zero bytes is a new database to SQLite; ours is never empty once it was opened.
    lost = not ledger.exists() or ledger.stat().st_size == 0
    if lost and (folder / MARKET_FILE).exists():
        raise StoreError(
            f"{LEDGER_FILE} is missing or empty in {folder}, which a desk has used: restore the newest "
            "backup; to begin anew on purpose choose another folder"
        )


async def _prepare(database: Database, name: str, at_ms: Ms) -> tuple[str, ...]:
    applied = await migrate(database, shipped(name), at_ms)
    async with database.transaction() as transaction:
        broken = await transaction.row("PRAGMA foreign_key_check")
    if broken is not None:
        raise StoreError(
            f"{database.path.name} is damaged: a row of {broken['table']} points to a missing row of "
            f"{broken['parent']}; keep the file and restore the newest backup"
        )
    return tuple(f"{name}/{migration}" for migration in applied)


async def _install_secret(ledger: Database, at_ms: Ms) -> bytes:
    async with ledger.transaction() as transaction:
        await transaction.run(
            "INSERT INTO meta (one, install_secret, created_ms) VALUES (1, ?, ?) ON CONFLICT DO NOTHING",
            (secrets.token_bytes(32), at_ms),
        )
        row = await transaction.row("SELECT install_secret FROM meta")
    assert row is not None, "the row was inserted in this very transaction"
    return bytes(row["install_secret"])
