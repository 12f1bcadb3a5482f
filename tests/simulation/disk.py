"""The two database files of a desk as SQLite in memory, written by a thread that virtual time stands for.

Every statement is queued and takes its seeded microseconds, so a crash falls before it, or after it and
before the desk learns of it. A crash loses the open transaction and keeps what was committed. The rest is
real: `storage.files.open_storage`, `storage.db.Database`, the migrations and every line of SQL.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from storage.anchor import Anchor
from storage.db import Database
from storage.files import LEDGER_FILE, MARKET_FILE
from storage.health import Finding, crashes
from storage.profile import Durability
from tests.simulation.loop import Agenda, ProcessLoop

FOLDER = Path("simulated-disk")
"""Exists nowhere: the names of the files are all that is used of it."""
_T = TypeVar("_T")


class Disk:
    """What survives a crash. `full` makes every write fail until it is taken back."""

    def __init__(self, agenda: Agenda, rng: Random) -> None:
        self._agenda = agenda
        self._rng = rng
        self.raw = {name: _opened() for name in (LEDGER_FILE, MARKET_FILE)}
        self.anchor: Anchor | None = None
        """The audit's anchor, a file of its own beside the ledger."""
        self.full = False
        self.full_ms: list[tuple[int, int]] = []
        """Spans in which it was full, on the desk's clock."""
        self.refused = 0
        self.on_commit: Callable[[], None] = lambda: None
        """Called when the ledger has committed, before the desk learns of it."""

    @property
    def ledger(self) -> sqlite3.Connection:
        """The ledger, for checks between two statements: what is not committed yet shows as well."""
        return self.raw[LEDGER_FILE]

    def opener(self, loop: ProcessLoop) -> Callable[[Path, Durability], Any]:
        """Return what stands in for `storage.profile.open_database` in one process."""

        async def open_database(path: Path, _durability: Durability) -> Database:
            connection: Any = SimulatedConnection(self, path.name, loop)
            return Database(connection, path)

        return open_database

    def write_anchor(self, _folder: Path, anchor: Anchor) -> None:
        """Stand in for `storage.anchor.write_anchor`."""
        if self.full:
            raise OSError("no space left on device")
        self.anchor = anchor

    def examine_start(self, _ledger: Path, unclean_starts: int) -> tuple[Finding, ...]:
        """Stand in for `storage.health.examine_start`, which opens the file itself."""
        return (crashes(unclean_starts),)

    def crash(self) -> None:
        """Lose what was not committed."""
        for raw in self.raw.values():
            if raw.in_transaction:
                raw.rollback()

    def close(self) -> None:
        """Give the memory back."""
        for raw in self.raw.values():
            raw.close()

    def duration_us(self, sql: str) -> int:
        """Return how long a statement takes: a commit waits for the disk, sometimes long."""
        if sql != "COMMIT":
            return self._rng.randrange(5, 60)
        return (
            self._rng.randrange(10_000, 80_000)
            if self._rng.random() < 0.02
            else self._rng.randrange(200, 3_000)
        )

    def carry_out(self, name: str, sql: str, work: Callable[[], _T]) -> _T:
        """Do the work of one statement."""
        if (
            self.full
            and name == LEDGER_FILE
            and not sql.startswith(("SELECT", "PRAGMA", "BEGIN", "ROLLBACK", "CLOSE"))
        ):
            self.refused += 1
            if self.raw[name].in_transaction:
                self.raw[name].rollback()  # as SQLite does by itself when the disk is full
            raise sqlite3.OperationalError("database or disk is full")
        result = work()
        if sql == "COMMIT" and name == LEDGER_FILE:
            self.on_commit()
        return result

    def queue(
        self, loop: ProcessLoop, begin_us: int, sql: str, name: str, work: Callable[[], _T]
    ) -> tuple[asyncio.Future[_T], int]:
        """Queue one statement behind `begin_us`; return the future of its result and when it will be done."""
        future: asyncio.Future[_T] = loop.create_future()
        done_us = max(begin_us, self._agenda.now_us) + self.duration_us(sql)

        def run() -> None:
            if loop.dead:
                return
            try:
                result = self.carry_out(name, sql, work)
            except Exception as error:  # noqa: BLE001 - boundary: it belongs to whoever awaits the statement
                if not future.cancelled():
                    future.set_exception(error)
            else:
                if not future.cancelled():
                    future.set_result(result)

        self._agenda.at(done_us, run)
        return future, done_us


class SimulatedConnection:
    """What `storage.db` uses of an aiosqlite connection."""

    def __init__(self, disk: Disk, name: str, loop: ProcessLoop) -> None:
        self._disk = disk
        self._name = name
        self._loop = loop
        self._raw = disk.raw[name]
        self._busy_until_us = 0

    def execute(self, sql: str, parameters: Any = ()) -> Awaitable[sqlite3.Cursor]:
        return self._call(sql, lambda: self._raw.execute(sql, parameters))

    def executemany(self, sql: str, rows: Iterable[Any]) -> Awaitable[sqlite3.Cursor]:
        return self._call(sql, lambda: self._raw.executemany(sql, rows))

    def execute_fetchall(self, sql: str, parameters: Any = ()) -> Awaitable[list[Any]]:
        return self._call(sql, lambda: self._raw.execute(sql, parameters).fetchall())

    def rollback(self) -> Awaitable[None]:
        return self._call("ROLLBACK", self._roll_back)

    def close(self) -> Awaitable[None]:
        """Leave the memory to the disk: the next process opens it again."""
        return self._call("CLOSE", lambda: None)

    def _roll_back(self) -> None:
        if self._raw.in_transaction:
            self._raw.rollback()

    def _call(self, sql: str, work: Callable[[], _T]) -> Awaitable[_T]:
        future, self._busy_until_us = self._disk.queue(self._loop, self._busy_until_us, sql, self._name, work)
        return future


def _opened() -> sqlite3.Connection:
    raw = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
    raw.row_factory = sqlite3.Row
    raw.execute("PRAGMA foreign_keys = ON")
    return raw
