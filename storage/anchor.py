"""The anchor: the audit's newest line, written down apart from the ledger.

A chain of hashes proves that no line was changed, but not that its newest lines were cut off, nor that the
whole chain was made anew. `audit.head` beside the ledger names the newest line after every append; who keeps
a copy of it elsewhere can prove the audit even against somebody who may write the folder.

It is replaced whole and not synced: after a power cut it is at most older than the chain, never newer.
"""

import os
from dataclasses import dataclass
from pathlib import Path

ANCHOR_FILE = "audit.head"
_HASH_LENGTH = 64


class AnchorUnreadableError(Exception):
    """The file is there and does not hold one line of number and hash."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One line of the chain."""

    seq: int
    hash: str


def write_anchor(folder: Path, anchor: Anchor) -> None:
    """Replace the anchor; raises OSError when the disk refuses, with the old one in place."""
    fresh = folder / f"{ANCHOR_FILE}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, f"{anchor.seq} {anchor.hash}\n".encode())
    finally:
        os.close(descriptor)
    fresh.replace(folder / ANCHOR_FILE)


def read_anchor(folder: Path) -> Anchor | None:
    """Return the anchor, None if there is none; raises AnchorUnreadableError."""
    try:
        text = (folder / ANCHOR_FILE).read_bytes()
    except FileNotFoundError:
        return None
    seq, _, digest = text.decode("ascii", "replace").partition(" ")
    anchor = Anchor(int(seq), digest.removesuffix("\n")) if seq.isascii() and seq.isdigit() else None
    # Written again it must be the same: a blank or a leading zero is not ours either.
    if anchor is None or len(anchor.hash) != _HASH_LENGTH or f"{anchor.seq} {anchor.hash}\n".encode() != text:
        raise AnchorUnreadableError(f"expected `{ANCHOR_FILE}` to hold one number and one hash")
    return anchor
