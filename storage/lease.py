"""The lease: which opening of the ledger may send. Each takes the next epoch; older ones send nothing more.

The folder's lock keeps two desks apart as long as it is one file on one machine. The lease holds beyond that:
a desk that was paused while another took its place finds its next attempt refused by the ledger itself
(reliability E9). The rows also tell which processes stopped in order and which did not.
"""

import os
import socket

from engine.domain.units import Ms
from storage.db import Transaction

CRASH_WINDOW_MS = 600_000
"""Starts without a clean stop are counted over ten minutes (reliability B 39)."""
UNCLEAN = """
SELECT count(*) AS starts FROM leases
WHERE stopped_ms IS NULL AND wallet <> '' AND acquired_ms >= :since_ms AND epoch < :epoch
"""
"""Desks that began since then, before this epoch, and did not stop in order; commands do not count."""


async def take_lease(transaction: Transaction, wallet: str, at_ms: Ms) -> int:
    """Take the next epoch and return it; from this commit on no older one stores an attempt."""
    row = await transaction.row(
        "INSERT INTO leases (epoch, wallet, holder, acquired_ms) "
        "SELECT 1 + coalesce(max(epoch), 0), ?, ?, ? FROM leases RETURNING epoch",
        (wallet, f"{socket.gethostname()}:{os.getpid()}", at_ms),
    )
    assert row is not None, "expected the database to return the new epoch"
    return int(row["epoch"])


async def end_lease(transaction: Transaction, epoch: int, at_ms: Ms) -> None:
    """Record a clean stop; nothing to record when another desk took over meanwhile."""
    await transaction.run(
        "UPDATE leases SET stopped_ms = ? WHERE epoch = ? AND epoch = (SELECT max(epoch) FROM leases)",
        (at_ms, epoch),
    )


async def count_unclean(transaction: Transaction, epoch: int, at_ms: Ms) -> int:
    """Return how many desks before this epoch began in the last ten minutes and did not stop in order."""
    row = await transaction.row(UNCLEAN, {"since_ms": at_ms - CRASH_WINDOW_MS, "epoch": epoch})
    assert row is not None, "a count always has a row"
    return int(row["starts"])
