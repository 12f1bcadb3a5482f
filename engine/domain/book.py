"""What a planner may look at: one token's levels, proven by the venue's checksum.

`LiveBook` is made by `engine.core.feed.feeds` only, after the newest checksum matched on a connection that is
heard. A planner takes this type, so planning on a doubtful book does not type-check.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import ConditionId, TokenId
from engine.domain.units import Ms, Price, Size


@dataclass(frozen=True, slots=True)
class Level:
    """All resting size at one price."""

    price: Price
    size: Size


@dataclass(frozen=True, slots=True)
class LiveBook:
    """A proven book: bids best (dearest) first, asks best (cheapest) first."""

    condition_id: ConditionId
    token_id: TokenId
    tick: Price
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    hash: str
    """The venue's checksum that proved it."""
    epoch: int
    """Counts snapshots: a resync starts a new epoch."""
    venue_ms: Ms
    """Venue time of the newest change it holds."""
    confirmed_ms: Ms
    """Desk time up to which it is known that nothing newer was out: by its connection or by a probe."""


class NotLive(Enum):
    """Why a book may not be planned on; the value is what the operator reads."""

    UNTRACKED = "this market is not subscribed"
    WAITING = "no snapshot yet"
    UNPROVEN = "the checksum has not been confirmed since the reconnect"
    RESYNCING = "resync in progress"
    STALE = "nothing has confirmed the book in time"
    FROZEN = "the market connection delivers nothing while the venue moves on"
    DOWN = "the market connection is down"
    CROSSED = "bid and ask cross"
    EMPTY = "one side is empty"
