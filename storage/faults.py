"""SQLite's errors in operator's words: what happened, what is safe, what to do.

Every failure leaves this folder as `StoreError`. This module opens nothing and decides nothing.
"""

import sqlite3
from pathlib import Path

from engine.ports import StoreError

_SENTENCES: tuple[tuple[str, str], ...] = (
    ("SQLITE_FULL", "the disk is full: free space on it, then start the desk again"),
    ("SQLITE_READONLY", "the file or its folder is read-only: give the desk's user write access to both"),
    ("SQLITE_CORRUPT", "the file is damaged: stop the desk, keep the file, restore the newest backup"),
    ("SQLITE_NOTADB", "the file is not a database or is damaged: keep it, restore the newest backup"),
    ("SQLITE_BUSY", "another program is writing to it: end that program (only one desk may use a folder)"),
    ("SQLITE_LOCKED", "another program is writing to it: end that program (only one desk may use a folder)"),
    (
        "SQLITE_CANTOPEN",
        "the file cannot be opened: check that its folder exists and belongs to the desk's user",
    ),
    ("SQLITE_IOERR", "the disk failed to read or write: check the disk, then start the desk again"),
)
"""Beginning of SQLite's error name (result codes, sqlite.org/rescode.html), and what the operator reads."""

_RULES: tuple[tuple[str, str], ...] = (
    (
        "intents.intent_key",
        "this leg of this plan was sent before, and a leg is sent once for ever: make a new plan",
    ),
    ("orders.order_id", "an order with this id is in the ledger already: make a new plan"),
    (
        "attempts: another desk took over",
        "another desk took over this ledger: this one sends nothing more; stop it, and look at the other one",
    ),
    (
        "intents: a known key came again",
        "this leg of this plan was stored before with another content: nothing is sent; make a new plan",
    ),
    ("confirms.ticket_id", "this ticket was sent before: open a new one"),
    ("events.code", "the short code already belongs to another event: the catalogue must choose another"),
)
"""Fragment of a constraint's message, and what the operator reads; every other rule speaks for itself."""


def store_error(error: sqlite3.Error | OverflowError, path: Path) -> StoreError:
    """Return the fault as one sentence that names the file, the cause and the next step."""
    return StoreError(f"{path.name}: {_cause(error)}; nothing of this step was stored")


def _cause(error: sqlite3.Error | OverflowError) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_CONSTRAINT"):
        found = next((sentence for fragment, sentence in _RULES if fragment in str(error)), None)
        return found or f"a rule of the database refused the row ({error})"
    found = next((sentence for prefix, sentence in _SENTENCES if name.startswith(prefix)), None)
    return f"{found} ({error})" if found else f"the database refused ({error}): report this"
