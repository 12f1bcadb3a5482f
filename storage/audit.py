"""The audit: an append-only chain in which every line carries the hash of the line before it.

`hash = SHA-256(seq, prev_hash, payload)`, each on its own line. A chain proves that no line was changed;
it cannot see that its newest lines were cut off: for that, compare the head with one kept elsewhere.
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from engine.domain.effects import Audit
from storage.codec import encode_audit
from storage.db import Transaction

GENESIS = "0" * 64
"""`prev_hash` of the first line."""
CHAIN = "SELECT seq, prev_hash, payload, hash FROM audit ORDER BY seq"
_HEAD = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class ChainIntact:
    """Every line follows from the one before; `head` is the newest hash."""

    lines: int
    head: str


@dataclass(frozen=True, slots=True)
class ChainBroken:
    """The first line that does not follow, and how."""

    seq: int
    problem: str


def link(seq: int, prev_hash: str, payload: str) -> str:
    """Return the hash of one line."""
    return hashlib.sha256(f"{seq}\n{prev_hash}\n{payload}".encode()).hexdigest()


async def append_line(transaction: Transaction, line: Audit) -> None:
    """Append one line behind the newest."""
    head = await transaction.row(_HEAD)
    seq, prev_hash = (1, GENESIS) if head is None else (head["seq"] + 1, head["hash"])
    payload = encode_audit(line)
    await transaction.run(
        "INSERT INTO audit (seq, prev_hash, payload, hash) VALUES (?, ?, ?, ?)",
        (seq, prev_hash, payload, link(seq, prev_hash, payload)),
    )


def verify_chain(rows: Iterable[sqlite3.Row]) -> ChainIntact | ChainBroken:
    """Walk the lines of `CHAIN` from the first and judge them."""
    lines, head = 0, GENESIS
    for row in rows:
        seq = row["seq"]
        if seq != lines + 1:
            return ChainBroken(lines + 1, f"expected line {lines + 1}, found line {seq}: lines are missing")
        if row["prev_hash"] != head:
            return ChainBroken(seq, "its link to the line before was changed")
        if row["hash"] != link(seq, head, row["payload"]):
            return ChainBroken(seq, "its text or its hash was changed")
        lines, head = seq, row["hash"]
    return ChainIntact(lines, head)
