"""One SQLite file with one writing connection, and transactions that end whole or not at all.

All access through a `Database` is serialised by one lock; aiosqlite runs it on one thread. WAL mode, so
readers (`storage.readonly`) never wait. This module knows no table and reads no clock.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiosqlite

from engine.ports import StoreError
from storage.faults import store_error

SqlValue = int | str | bytes | None
Parameters = Sequence[SqlValue] | Mapping[str, SqlValue]


class Transaction:
    """What may be done inside `Database.transaction`; not to be kept beyond it."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement and return how many rows it changed."""
        cursor = await self._connection.execute(sql, _bindable(parameters))
        return cursor.rowcount

    async def run_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        """Run one statement for every row, in one call of the database's thread.

        The rows are taken one by one on that thread: a generator costs the event loop nothing.
        """
        await self._connection.executemany(sql, (_bindable(row) for row in rows))

    async def rows(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Return every row of a query."""
        return list(await self._connection.execute_fetchall(sql, _bindable(parameters)))

    async def row(self, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """Return the first row of a query, None if there is none."""
        return next(iter(await self.rows(sql, parameters)), None)


class Database:
    """An open file, made by `storage.profile`. Its thread keeps the process alive until `close`."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        self._closed = False
        self.path = path

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Give an exclusive transaction: committed at the end of the block, rolled back if it raises.

        Raises StoreError for every fault of disk or database. A cancellation inside the block rolls back; one
        that meets the commit lets it finish, so the caller must take the outcome for unknown and read. Either
        way the outcome stands when this is left, however often the caller was cancelled.
        """
        async with self._turn:
            if self._closed:
                raise StoreError(f"{self.path.name} is closed: the desk is stopping, nothing was stored")
            with translated(self.path):
                try:
                    await self._connection.execute("BEGIN IMMEDIATE")
                    yield Transaction(self._connection)
                    await self._connection.execute("COMMIT")
                except BaseException:
                    # boundary: no transaction stays half done, whatever went wrong. A cancelled await does
                    # not stop its statement: this waits behind it on the database's own thread, where the
                    # library's rollback looks for an open transaction first. There is none after a COMMIT,
                    # nor after SQLITE_FULL, where an explicit ROLLBACK would fail.
                    await to_the_end(self._connection.rollback())
                    raise

    async def close(self) -> None:
        """Let the running transaction end, then close the file."""
        async with self._turn:
            if not self._closed:
                self._closed = True
                await to_the_end(self._connection.close())


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn every fault of SQLite inside the block into a StoreError that names the file."""
    try:
        yield
    except (sqlite3.Error, OverflowError) as error:
        raise store_error(error, path) from error


async def to_the_end(step: Awaitable[object]) -> None:
    """Await `step` until it has ended; a cancellation meanwhile is let through afterwards."""

    async def carry() -> None:
        await step

    task = asyncio.create_task(carry(), name="database step")
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    task.result()


def _bindable(parameters: Parameters) -> Parameters:
    """Return the values as UTF-8 can hold them; what needs no look is told here, a row has ten of them."""
    if isinstance(parameters, Mapping):
        return {
            name: value if not isinstance(value, str) or value.isascii() else _clean(value)
            for name, value in parameters.items()
        }
    return [value if not isinstance(value, str) or value.isascii() else _clean(value) for value in parameters]


def _clean(text: str) -> str:
    """Return the text with a question mark for every lone surrogate of a stranger."""
    return text.encode("utf-8", "replace").decode()
