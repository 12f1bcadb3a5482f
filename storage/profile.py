"""How a file is opened: created for its owner alone, the ledger proven sound, set to the desk's profile.

The profile is that of reliability E10. Nothing is ever repaired or created anew in place of a damaged file.
"""

import os
import sqlite3
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import aiosqlite

from engine.ports import StoreError
from storage.db import Database, to_the_end, translated

BUSY_TIMEOUT_MS = 5000
"""How long a statement waits for a lock that some other program holds (reliability E10)."""
OLDEST_USABLE = (3, 37, 0)
"""STRICT tables came with this version."""
OLDEST_SAFE = (3, 51, 3)
"""First version without the WAL-reset bug, which needs two writing connections (reliability A12)."""


class Durability(Enum):
    """When a commit counts as done; the value is SQLite's word."""

    FULL = "FULL"
    """Synced to the disk: survives a power cut."""
    NORMAL = "NORMAL"
    """Survives the death of the process; a power cut may take the last commits."""


@dataclass(frozen=True, slots=True)
class SqliteVersion:
    """The library in use; `warning` is None when nothing is known against it."""

    version: str
    warning: str | None


def sqlite_version(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> SqliteVersion:
    """Return what start-up reports about the SQLite library; raises StoreError if it is too old to work."""
    text = ".".join(str(part) for part in version)
    if version < OLDEST_USABLE:
        raise StoreError(f"expected SQLite 3.37.0 or newer, found {text}: use a newer Python build")
    if version < OLDEST_SAFE:
        warning = f"SQLite {text} is older than 3.51.3: never open the ledger for writing beside the desk"
        return SqliteVersion(text, warning)
    return SqliteVersion(text, None)


async def open_database(path: Path, durability: Durability) -> Database:
    """Open or create the file, prove that a FULL one is sound; raises StoreError with what to do.

    The proof reads every page. Market history may be gigabytes, and no order may wait for that: damage
    in it is met when its page is used, and refused then.

    The file is created readable by its owner alone; its WAL inherits that.
    """
    with translated(path):
        _create_private(path)
        connection = await aiosqlite.connect(path, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            await connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            if durability is Durability.FULL:
                await _check(connection, path)
            await _set_profile(connection, path, durability)
        except BaseException:  # boundary: a connection that was not taken is closed
            await to_the_end(connection.close())
            raise
    return Database(connection, path)


def _create_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(
            f"{path.name} cannot be opened for writing ({error.strerror}): check folder and owner"
        ) from error


async def _check(connection: aiosqlite.Connection, path: Path) -> None:
    """Refuse a damaged file before anything is written to it."""
    for row in await connection.execute_fetchall("PRAGMA quick_check(1)"):
        if row[0] != "ok":
            raise StoreError(
                f"{path.name} is damaged ({str(row[0])[:120]}): nothing was changed; keep the file and "
                "restore the newest backup"
            )


async def _set_profile(connection: aiosqlite.Connection, path: Path, durability: Durability) -> None:
    for row in await connection.execute_fetchall("PRAGMA journal_mode = WAL"):
        if row[0] != "wal":
            raise StoreError(f"{path.name}: expected WAL mode, got {row[0]!r}: use a folder on a local disk")
    await connection.execute(f"PRAGMA synchronous = {durability.value}")
    await connection.execute("PRAGMA foreign_keys = ON")
    # Purged bytes are overwritten, not only forgotten: signed orders are as good as money.
    await connection.execute(f"PRAGMA secure_delete = {'ON' if durability is Durability.FULL else 'OFF'}")
    await connection.execute("PRAGMA trusted_schema = OFF")
