"""Numbered schema changes, forward only: each one transaction, each with a checksum that is never changed.

The scripts are the `.sql` files under `storage/migrations/<database>`. This module contains no SQL of the
tables themselves and never goes back.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from engine.domain.units import Ms
from engine.ports import StoreError
from storage.db import Database, Transaction

_VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL CHECK (length(checksum) = 64),
    applied_ms INTEGER NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One script; numbers count up from 1 without a gap."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the script, the same for Windows and Unix line ends."""
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


def shipped(database: str) -> tuple[Migration, ...]:
    """Return the scripts that belong to this program for `ledger` or `market`, in order."""
    folder = files("storage").joinpath("migrations", database)
    scripts = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    found = tuple(
        Migration(int(script.name[:4]), script.name.removesuffix(".sql"), script.read_text(encoding="utf-8"))
        for script in scripts
    )
    assert [m.number for m in found] == list(range(1, len(found) + 1)), f"expected 1, 2, 3, … in {database}"
    return found


async def migrate(database: Database, migrations: Sequence[Migration], at_ms: Ms) -> tuple[str, ...]:
    """Bring the file up to the newest script and return the names of those applied now.

    Raises StoreError, with the file unchanged, if it was written by a newer program or by other scripts
    than these; a script that fails leaves everything before it in place.
    """
    async with database.transaction() as transaction:
        await transaction.run(_VERSION_TABLE)
        rows = await transaction.rows("SELECT number, name, checksum FROM migrations ORDER BY number")
    applied = {row["number"]: row["checksum"] for row in rows}
    newest = max(applied, default=0)
    if newest > len(migrations):
        raise StoreError(
            f"{database.path.name} has schema {newest}, this program knows {len(migrations)}: it was "
            "written by a newer version; start that version, nothing was changed"
        )
    for migration in migrations[:newest]:
        if applied.get(migration.number) != migration.checksum:
            raise StoreError(
                f"{database.path.name}: migration {migration.name} differs from the one that was applied: "
                "reinstall the program or restore the backup that fits it; nothing was changed"
            )
    for migration in migrations[newest:]:
        async with database.transaction() as transaction:
            await _apply(transaction, migration, at_ms)
    return tuple(migration.name for migration in migrations[newest:])


async def _apply(transaction: Transaction, migration: Migration, at_ms: Ms) -> None:
    for statement in statements(migration.sql):
        await transaction.run(statement)
    await transaction.run(
        "INSERT INTO migrations (number, name, checksum, applied_ms) VALUES (?, ?, ?, ?)",
        (migration.number, migration.name, migration.checksum, at_ms),
    )


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; each must end at the end of a line.

    The library's own script runner would commit the transaction it is called in.
    """
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    assert not pending.strip(), f"expected a finished statement, found {pending.strip()[:60]!r}"
