"""How far back a read of the account must reach, so that no execution falls between two reads.

A read that is too short is worse than none: it shows an order gone and not the trade that ended it.
"""

from collections.abc import Iterable

from engine.core.state import Desk, fills_of, unfinished
from engine.domain.effects import ReadAccount
from engine.domain.ids import OrderId
from engine.domain.units import Ms

OVERLAP_MS = 600_000
"""Trades are read again this far behind the oldest one that matters (reliability E4)."""


def reach_back(desk: Desk, ended: Iterable[tuple[OrderId, Ms]]) -> None:
    """Let the first read reach back to where the oldest tombstone ended: it may have traded since."""
    desk.read_to_ms = min((ended_ms for _, ended_ms in ended), default=None)


def read_account(desk: Desk, at_ms: Ms, reason: str) -> ReadAccount:
    """Return the effect that reads everything that can still matter.

    That is: whatever came since the last complete read, and all that orders of which more may be learned
    can have done.
    """
    open_ones = unfinished(desk)
    unsettled = [
        fill.matched_ms
        for order in open_ones
        for fill in fills_of(desk, order.order_id)
        if not fill.settlement.is_final
    ]
    known_to = at_ms if desk.read_to_ms is None else desk.read_to_ms
    oldest = min([at_ms, known_to, *unsettled, *(order.intent.created_ms for order in open_ones)])
    return ReadAccount(Ms(max(0, oldest - OVERLAP_MS)), reason)
