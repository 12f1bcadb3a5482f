import errno
import sqlite3
from pathlib import Path

import pytest

from storage.faults import store_error


def fault(name: str, text: str = "what SQLite said") -> sqlite3.Error:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = name
    error.sqlite_errorcode = errno.EIO
    return error


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("SQLITE_FULL", "free space"),
        ("SQLITE_READONLY_DBMOVED", "write access"),
        ("SQLITE_CORRUPT_VTAB", "restore the newest backup"),
        ("SQLITE_NOTADB", "restore the newest backup"),
        ("SQLITE_BUSY_SNAPSHOT", "only one desk"),
        ("SQLITE_LOCKED", "only one desk"),
        ("SQLITE_CANTOPEN", "check that its folder exists"),
        ("SQLITE_IOERR_FSYNC", "check the disk"),
        ("SQLITE_NOMEM", "report this"),
    ],
)
def test_every_fault_names_the_file_and_the_next_step(name, advice):
    text = str(store_error(fault(name), Path("/somewhere/ledger.db")))

    assert text.startswith("ledger.db: ")
    assert advice in text
    assert "what SQLite said" in text
    assert text.endswith("nothing of this step was stored")


@pytest.mark.parametrize(
    ("constraint", "sentence"),
    [
        ("UNIQUE constraint failed: intents.intent_key", "sent once for ever"),
        ("UNIQUE constraint failed: orders.order_id", "in the ledger already"),
        ("UNIQUE constraint failed: confirms.ticket_id", "this ticket was sent before"),
        ("UNIQUE constraint failed: events.code", "belongs to another event"),
        ("CHECK constraint failed: size > 0", "CHECK constraint failed: size > 0"),
    ],
)
def test_broken_rule_says_what_it_protects(constraint, sentence):
    text = str(store_error(fault("SQLITE_CONSTRAINT_UNIQUE", constraint), Path("ledger.db")))

    assert sentence in text


def test_fault_outside_the_database_library_is_named_too():
    assert "int too large" in str(store_error(OverflowError("int too large"), Path("ledger.db")))
