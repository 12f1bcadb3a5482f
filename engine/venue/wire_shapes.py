"""The other JSON shapes of the market channel as typed structs (protocol 5.2; 2026-11).

The two that matter most, books and changes, are `engine.domain.frames`' own. Only what the desk reads is
named; other fields may come and go. Texts stay texts until `engine.venue.wire` has looked at them.
"""

import msgspec
from msgspec import UNSET, UnsetType

from engine.domain.frames import BookDelta, BookSnapshot


class StreamBook(BookSnapshot, frozen=True, tag_field="event_type", tag="book"):
    """A book on the stream: on subscribing two of the last four are left out, after a trade all."""


class LastTradeShape(msgspec.Struct, tag_field="event_type", tag="last_trade_price"):
    """A trade on the tape."""

    market: str
    asset_id: str
    price: str
    timestamp: str
    size: object = None
    side: object = None
    """Only paper orders ask for these two: what cannot be read of them is left out, the rest stands."""


class TickChangeShape(msgspec.Struct, tag_field="event_type", tag="tick_size_change"):
    """A new tick."""

    market: str
    asset_id: str
    new_tick_size: str
    timestamp: str


class BestBidAskShape(msgspec.Struct, tag_field="event_type", tag="best_bid_ask"):
    """A token's best prices."""

    market: str
    asset_id: str
    best_bid: str
    best_ask: str
    timestamp: str


class EventMessageShape(msgspec.Struct):
    """The event that a custom message is about; the venue sends more than its id."""

    id: str | UnsetType = UNSET


class NewMarketShape(msgspec.Struct, tag_field="event_type", tag="new_market"):
    """A listing. What it means for an event is asked of the catalogue."""

    market: str
    question: str = ""
    event_message: EventMessageShape | UnsetType | None = UNSET


class MarketResolvedShape(msgspec.Struct, tag_field="event_type", tag="market_resolved"):
    """An answer; not sent reliably."""

    market: str
    winning_asset_id: str | UnsetType | None = UNSET


class LooseShape(msgspec.Struct):
    """What is looked at in an object that is none of the above."""

    event_type: str | UnsetType = UNSET
    channel: msgspec.Raw | UnsetType = UNSET
    type: msgspec.Raw | UnsetType = UNSET
    data: msgspec.Raw | UnsetType = UNSET


Message = (
    StreamBook
    | BookDelta
    | LastTradeShape
    | TickChangeShape
    | BestBidAskShape
    | NewMarketShape
    | MarketResolvedShape
)
