"""The market channel's messages as values: decoded in `engine.venue.wire`, understood in `engine.core.feed`.

Wire texts are kept beside the integers because the venue's checksum is taken over them verbatim. What comes
thousands of times a second is a named tuple: it costs half of a frozen dataclass to make.
"""

from dataclasses import dataclass
from typing import NamedTuple

from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.market import Side
from engine.domain.units import Ms, Price, Size


class WireLevel(NamedTuple):
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


class LevelChange(NamedTuple):
    """One entry of a `price_change`: the level's new total, and the checksum of the whole book after it."""

    token_id: TokenId
    side: Side
    level: WireLevel
    hash: str
    best_bid: Price | None
    """Best bid after the change; None for an empty side."""
    best_ask: Price | None


class BookDelta(NamedTuple):
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
class BestTouch:
    """A token's best prices (`best_bid_ask`); None for an empty side."""

    condition_id: ConditionId
    token_id: TokenId
    best_bid: Price | None
    best_ask: Price | None
    venue_ms: Ms


@dataclass(frozen=True, slots=True)
class NewMarket:
    """A market was listed. If it joins an event, that event has one more outcome than we know."""

    condition_id: ConditionId
    event_id: EventId | None
    question: str


@dataclass(frozen=True, slots=True)
class MarketResolved:
    """A market has an answer. Not sent reliably: the catalogue is the authority."""

    condition_id: ConditionId
    winner: TokenId | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A well-formed message of another kind or channel; counted by its kind."""

    kind: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that is not what the protocol says; counted by `reason`, nothing of it is applied."""

    reason: str
    """One word of a fixed set: it becomes a metric label."""
    detail: str
    """What was expected and what was found, for the log."""


Frame = (
    BookSnapshot
    | BookDelta
    | LastTrade
    | TickChange
    | BestTouch
    | NewMarket
    | MarketResolved
    | Ignored
    | Malformed
)
