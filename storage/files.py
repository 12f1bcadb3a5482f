"""The two files of a data folder: opened together, migrated, and given to the store and the inbox.

`ledger.db` (synced at every commit) proves what the desk did; `market.db` can be read again from the venue.
Whoever opens them holds the folder's lock.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.clock import Clock
from engine.domain.units import Ms
from engine.ports import StoreError
from storage.anchor import Anchor, write_anchor
from storage.audit import HEAD
from storage.db import Database, to_the_end
from storage.inbox import Inbox
from storage.lease import count_unclean, end_lease, take_lease
from storage.local_disk import refuse_network_disk
from storage.lock import FolderLock
from storage.migrate import migrate, shipped
from storage.profile import Durability, SqliteVersion, open_database, sqlite_version
from storage.store import LedgerStore

LOG = logging.getLogger(__name__)

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
    epoch: int
    """The lease of this opening: attempts are stored under it, and refused once another has a newer one."""
    unclean_starts: int
    """Desks that began on this ledger within the last ten minutes and did not stop in order."""


@asynccontextmanager
async def open_storage(lock: FolderLock, clock: Clock, *, wallet: str = "") -> AsyncIterator[Storage]:
    """Open both files of the locked folder, bring their schemas up to date, close them at the end.

    A desk names the wallet it sends orders of. Every opening takes the next lease; leaving without a fault,
    or because somebody asked to stop, counts as a clean stop.

    Raises StoreError, having repaired or replaced nothing, if the folder is on a network disk, or a file is
    damaged, newer than this program, or missing from a folder that has been in use.
    """
    assert lock.held, f"expected the lock of {lock.folder} to be held"
    refuse_network_disk(lock.folder)
    version = sqlite_version()
    _refuse_lost_ledger(lock.folder)
    ledger = await open_database(lock.folder / LEDGER_FILE, Durability.FULL)
    try:
        migrated = await _prepare(ledger, "ledger", clock.now_ms())
        secret = await _install_secret(ledger, clock.now_ms())
        market = await open_database(lock.folder / MARKET_FILE, Durability.NORMAL)
        try:
            migrated += await _prepare(market, "market", clock.now_ms())
            async with _leased(ledger, clock, wallet) as (epoch, unclean):
                yield Storage(
                    store=LedgerStore(ledger, market, clock, epoch),
                    inbox=Inbox(ledger),
                    install_secret=secret,
                    sqlite=version,
                    migrated=migrated,
                    epoch=epoch,
                    unclean_starts=unclean,
                )
        finally:
            await market.close()
    finally:
        await ledger.close()


@asynccontextmanager
async def _leased(ledger: Database, clock: Clock, wallet: str) -> AsyncIterator[tuple[int, int]]:
    """Take the next lease and record a clean end; gives its epoch and the unclean starts before it."""
    async with ledger.transaction() as transaction:
        epoch = await take_lease(transaction, wallet, clock.now_ms())
        unclean = await count_unclean(transaction, epoch, clock.now_ms())
    try:
        yield epoch, unclean
    except asyncio.CancelledError:
        await to_the_end(_end(ledger, clock, epoch))
        raise
    await _end(ledger, clock, epoch)


async def _end(ledger: Database, clock: Clock, epoch: int) -> None:
    try:
        async with ledger.transaction() as transaction:
            await end_lease(transaction, epoch, clock.now_ms())
    except StoreError as error:
        # Nothing depends on it but the count of crashes, and a full disk must not turn a stop into a fault.
        LOG.warning("the clean stop was not recorded: %s", error)


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
    if "0004_evidence" in applied:
        await _anchor_first(database)
    async with database.transaction() as transaction:
        broken = await transaction.row("PRAGMA foreign_key_check")
    if broken is not None:
        raise StoreError(
            f"{database.path.name} is damaged: a row of {broken['table']} points to a missing row of "
            f"{broken['parent']}; keep the file and restore the newest backup"
        )
    return tuple(f"{name}/{migration}" for migration in applied)


async def _anchor_first(ledger: Database) -> None:
    """Anchor an audit that was begun before there were anchors, once."""
    async with ledger.transaction() as transaction:
        head = await transaction.row(HEAD)
    if head is not None:
        write_anchor(ledger.path.parent, Anchor(head["seq"], head["hash"]))


async def _install_secret(ledger: Database, at_ms: Ms) -> bytes:
    async with ledger.transaction() as transaction:
        await transaction.run(
            "INSERT INTO meta (one, install_secret, created_ms) VALUES (1, ?, ?) ON CONFLICT DO NOTHING",
            (secrets.token_bytes(32), at_ms),
        )
        row = await transaction.row("SELECT install_secret FROM meta")
    assert row is not None, "the row was inserted in this very transaction"
    return bytes(row["install_secret"])
