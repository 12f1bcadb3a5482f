"""What must survive a restart so that the desk stays still: the halt, and events that wait for a person."""

from engine.domain.ids import EventId
from engine.domain.units import Ms
from storage.db import Transaction

HALT = "SELECT reason FROM halts ORDER BY seq DESC LIMIT 1"
"""The newest row speaks; no row or NULL means not halted."""


async def record_halt(transaction: Transaction, reason: str | None, at_ms: Ms) -> None:
    """Store a halt, or its lifting with None; earlier ones stay as history."""
    await transaction.run("INSERT INTO halts (at_ms, reason) VALUES (?, ?)", (at_ms, reason))


async def load_halt(transaction: Transaction) -> str | None:
    """Return why the desk is halted, None if it is not."""
    row = await transaction.row(HALT)
    return None if row is None or row["reason"] is None else str(row["reason"])


async def record_freeze(transaction: Transaction, event_id: EventId, reason: str | None, at_ms: Ms) -> None:
    """Store that an event takes no new plans; a second freeze replaces the reason, None lifts it."""
    if reason is None:
        await transaction.run("DELETE FROM freezes WHERE event_id = ?", (event_id,))
        return
    await transaction.run(
        "INSERT INTO freezes (event_id, reason, at_ms) VALUES (:event_id, :reason, :at_ms) "
        "ON CONFLICT (event_id) DO UPDATE SET reason = :reason, at_ms = :at_ms",
        {"event_id": event_id, "reason": reason, "at_ms": at_ms},
    )


async def load_freezes(transaction: Transaction) -> tuple[tuple[EventId, str], ...]:
    """Return frozen events, each with its reason."""
    rows = await transaction.rows("SELECT event_id, reason FROM freezes ORDER BY event_id")
    return tuple((EventId(row["event_id"]), row["reason"]) for row in rows)
