"""The update inbox: a Telegram update is durable here before it is acknowledged, and taken once.

Updates are told apart by stored id, not by "greater than": Telegram may restart its numbering after a quiet
week, and keeps what it could not deliver for 24 h. This module reads no update.
"""

from engine.domain.units import Ms
from storage.db import Database

KEPT_MS = 48 * 3600 * 1000
"""Twice as long as Telegram keeps an update."""


class Inbox:
    """Takes updates. Every method is one transaction, durable when it returns; raises StoreError."""

    def __init__(self, ledger: Database) -> None:
        self._ledger = ledger

    async def take(self, update_id: int, raw: bytes, at_ms: Ms) -> bool:
        """Store a new update; False if this id was taken before. Forgets those older than 48 h."""
        async with self._ledger.transaction() as transaction:
            await transaction.run("DELETE FROM inbox WHERE taken_ms < ?", (at_ms - KEPT_MS,))
            taken = await transaction.run(
                "INSERT INTO inbox (update_id, raw, taken_ms, state) VALUES (?, ?, ?, 'taken') "
                "ON CONFLICT (update_id) DO NOTHING",
                (update_id, raw, at_ms),
            )
        return taken == 1

    async def settle(self, update_id: int, outcome: str) -> None:
        """Record what became of an update; the first outcome stays."""
        async with self._ledger.transaction() as transaction:
            await transaction.run(
                "UPDATE inbox SET state = 'settled', outcome = ? WHERE update_id = ? AND state = 'taken'",
                (outcome, update_id),
            )

    async def pending(self) -> list[tuple[int, bytes]]:
        """Return id and bytes of every update not settled, in the order they came."""
        async with self._ledger.transaction() as transaction:
            rows = await transaction.rows(
                "SELECT update_id, raw FROM inbox WHERE state = 'taken' ORDER BY taken_ms, update_id"
            )
        return [(row["update_id"], row["raw"]) for row in rows]
