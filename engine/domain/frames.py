"""The market channel's messages as values: decoded in `engine.venue.wire`, understood in `engine.core.feed`.

Wire texts are kept beside the integers because the venue's checksum is taken over them verbatim.
"""

from dataclasses import dataclass

from engine.domain.ids import ConditionId, TokenId
from engine.domain.market import Side
from engine.domain.units import Ms, Price, Size


@dataclass(frozen=True, slots=True)
class WireLevel:
    """One level with the texts it came in; a size of zero removes the level."""

    price: Price
    size: Size
    price_text: str
    size_text: str


@dataclass(frozen=True, slots=True)
class BookTerms:
    """The four inputs of a book's checksum that are not levels, as wire texts (None: not told)."""

    min_order_size: str | None
    tick_size: str | None
    neg_risk: bool | None
    last_trade_price: str | None


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A whole book: the subscribe dump, the book after a trade, or a REST answer."""

    condition_id: ConditionId
    token_id: TokenId
    venue_ms: Ms
    timestamp_text: str
    hash: str
    bids: tuple[WireLevel, ...]
    asks: tuple[WireLevel, ...]
    terms: BookTerms


@dataclass(frozen=True, slots=True)
class LevelChange:
    """One entry of a `price_change`: the level's new total, and the checksum of the whole book after it."""

    token_id: TokenId
    side: Side
    level: WireLevel
    hash: str
    best_bid: Price | None
    """Best bid after the change; None for an empty side."""
    best_ask: Price | None


@dataclass(frozen=True, slots=True)
class BookDelta:
    """One `price_change` message: usually a change and its mirror on the complement."""

    condition_id: ConditionId
    venue_ms: Ms
    timestamp_text: str
    changes: tuple[LevelChange, ...]


@dataclass(frozen=True, slots=True)
class LastTrade:
    """Somebody's trade on the tape; its price enters the checksum of both books of the market."""

    condition_id: ConditionId
    token_id: TokenId
    price_text: str
    venue_ms: Ms


@dataclass(frozen=True, slots=True)
class TickChange:
    """The market's tick changed: the book's grid is void until a new snapshot."""

    condition_id: ConditionId
    token_id: TokenId
    new_tick: Price
    new_tick_text: str
    venue_ms: Ms


@dataclass(frozen=True, slots=True)
class Ignored:
    """A well-formed message the desk has no use for yet; counted by its kind."""

    kind: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that is not what the protocol says; counted by `reason`, nothing of it is applied."""

    reason: str
    """One word of a fixed set: it becomes a metric label."""
    detail: str
    """What was expected and what was found, for the log."""


Frame = BookSnapshot | BookDelta | LastTrade | TickChange | Ignored | Malformed
