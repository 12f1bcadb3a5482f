"""The market channel's messages as values: decoded in `engine.venue.wire`, understood in `core.feed.feeds`.

What comes thousands of times a second is a struct that the decoder fills by itself, with the wire's own words
for every number: the venue's checksum is taken over them verbatim, and a number that nobody asks for is never
worked out. `engine.venue.wire` lets none through whose words are not numbers. Of the decoder's library the
core knows this page only.
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.market import Side
from engine.domain.units import Ms, Price

HashText = Annotated[str, Meta(min_length=40, max_length=40)]
"""A SHA-1 in hex."""
ConditionText = Annotated[ConditionId, Meta(min_length=66, max_length=66)]
"""0x and 64 hex digits."""
TokenText = Annotated[TokenId, Meta(min_length=1, max_length=78)]
"""The decimal text of a 256-bit number."""


class WireLevel(Struct, frozen=True, gc=False):
    """One level of a book, in the wire's words; a size of zero removes the level."""

    price: str
    size: str


@dataclass(frozen=True, slots=True)
class BookTerms:
    """The four inputs of a book's checksum that are not levels, as wire texts (None: not told)."""

    min_order_size: str | None
    tick_size: str | None
    neg_risk: bool | None
    last_trade_price: str | None


class BookSnapshot(Struct, frozen=True, kw_only=True):
    """A whole book: the subscribe dump, the book after a trade, or a REST answer."""

    condition_id: ConditionId = field(name="market")
    token_id: TokenId = field(name="asset_id")
    timestamp_text: str = field(name="timestamp")
    hash: HashText
    bids: list[WireLevel]
    asks: list[WireLevel]
    min_order_size: str | UnsetType = UNSET
    tick_size: str | UnsetType = UNSET
    neg_risk: bool | UnsetType = UNSET
    last_trade_price: str | UnsetType = UNSET

    @property
    def venue_ms(self) -> Ms:
        """When the venue says the book last changed."""
        return Ms(int(self.timestamp_text))

    @property
    def terms(self) -> BookTerms:
        """What the message tells of the rest of the checksum's inputs; the stream leaves some out."""
        return BookTerms(
            None if self.min_order_size is UNSET else self.min_order_size,
            None if self.tick_size is UNSET else self.tick_size,
            None if self.neg_risk is UNSET else self.neg_risk,
            None if self.last_trade_price is UNSET else self.last_trade_price,
        )


class LevelChange(Struct, frozen=True, gc=False):
    """One entry of a `price_change`: the level's new total, and the checksum of the whole book after it."""

    token_id: TokenText = field(name="asset_id")
    price: str
    size: str
    side: Side
    hash: HashText
    best_bid: str
    """Best bid after the change; "0" for an empty side."""
    best_ask: str
    """Best ask after the change; "1" for an empty side."""


class BookDelta(Struct, frozen=True, tag_field="event_type", tag="price_change"):
    """One `price_change` message: usually a change and its mirror on the complement."""

    condition_id: ConditionText = field(name="market")
    timestamp_text: str = field(name="timestamp")
    changes: list[LevelChange] = field(name="price_changes")

    @property
    def venue_ms(self) -> Ms:
        """When the venue says the changes happened."""
        return Ms(int(self.timestamp_text))


@dataclass(frozen=True, slots=True)
class LastTrade:
    """Somebody's trade on the tape; its price enters the checksum of both books of the market."""

    condition_id: ConditionId
    token_id: TokenId
    price_text: str
    venue_ms: Ms
    size_text: str = ""
    """Shares; empty where the message does not tell them in a way that can be read."""
    taker: Side | None = None
    """What the taker did with this token; None where that is not certain."""


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
    """A token's best prices (`best_bid_ask`), in the wire's words; "0" and "1" for an empty side."""

    condition_id: ConditionId
    token_id: TokenId
    best_bid: str
    best_ask: str
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
