"""The audit: an append-only chain in which every line carries the hash of the line before it.

`hash = SHA-256(seq, prev_hash, payload)`, each on its own line. A chain proves that no line was changed;
that its newest lines were cut off is seen by the head kept apart from it (`storage.anchor`).
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from engine.domain.effects import Audit
from storage.anchor import ANCHOR_FILE, Anchor
from storage.codec import encode_audit
from storage.db import Transaction

GENESIS = "0" * 64
"""`prev_hash` of the first line."""
CHAIN = "SELECT seq, prev_hash, payload, hash FROM audit ORDER BY seq"
HEAD = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"


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


async def append_line(transaction: Transaction, line: Audit) -> Anchor:
    """Append one line behind the newest, and return it as the new head."""
    head = await transaction.row(HEAD)
    seq, prev_hash = (1, GENESIS) if head is None else (head["seq"] + 1, head["hash"])
    payload = encode_audit(line)
    anchor = Anchor(seq, link(seq, prev_hash, payload))
    await transaction.run(
        "INSERT INTO audit (seq, prev_hash, payload, hash) VALUES (?, ?, ?, ?)",
        (seq, prev_hash, payload, anchor.hash),
    )
    return anchor


def verify_chain(rows: Iterable[sqlite3.Row], anchor: Anchor | None) -> ChainIntact | ChainBroken:
    """Walk the lines of `CHAIN` from the first and judge them, by themselves and by the anchor.

    The anchor may be older than the chain, never newer; a chain with lines has one.
    """
    lines, head = 0, GENESIS
    anchored = anchor is None or anchor == Anchor(0, GENESIS)
    for row in rows:
        seq = row["seq"]
        if seq != lines + 1:
            return ChainBroken(lines + 1, f"expected line {lines + 1}, found line {seq}: lines are missing")
        if row["prev_hash"] != head:
            return ChainBroken(seq, "its link to the line before was changed")
        if row["hash"] != link(seq, head, row["payload"]):
            return ChainBroken(seq, "its text or its hash was changed")
        lines, head = seq, row["hash"]
        if anchor is not None and anchor.seq == seq:
            if anchor.hash != head:
                return ChainBroken(seq, "it is another line than the anchor names: it was written anew")
            anchored = True
    if not anchored:
        assert anchor is not None, "only an anchor can be missed"
        return ChainBroken(
            lines + 1, f"expected lines up to {anchor.seq} as the anchor says: the newest are missing"
        )
    if anchor is None and lines:
        return ChainBroken(
            lines + 1, f"the anchor `{ANCHOR_FILE}` is missing: newer lines may have been cut off"
        )
    return ChainIntact(lines, head)
