"""The JSON shapes of the market channel and of REST books as typed structs (protocol 5.1, 5.2; 2026-11).

Only what the desk reads is named; other fields may come and go. Texts stay texts: the checksum needs them.
"""

import msgspec
from msgspec import UNSET, UnsetType

from engine.domain.market import Side


class LevelShape(msgspec.Struct, gc=False):
    """One level of a book."""

    price: str
    size: str


class RestBookShape(msgspec.Struct):
    """A book; the stream leaves some of the last four out, the one after a trade all of them."""

    market: str
    asset_id: str
    timestamp: str
    hash: str
    bids: list[LevelShape]
    asks: list[LevelShape]
    min_order_size: str | UnsetType = UNSET
    tick_size: str | UnsetType = UNSET
    neg_risk: bool | UnsetType = UNSET
    last_trade_price: str | UnsetType = UNSET


class BookShape(RestBookShape, tag_field="event_type", tag="book"):
    """A book on the stream."""


class ChangeShape(msgspec.Struct, gc=False):
    """One entry of a `price_change`."""

    asset_id: str
    price: str
    size: str
    side: Side
    hash: str
    best_bid: str
    best_ask: str


class PriceChangeShape(msgspec.Struct, tag_field="event_type", tag="price_change"):
    """Changes of one market at one instant."""

    market: str
    timestamp: str
    price_changes: list[ChangeShape]


class LastTradeShape(msgspec.Struct, tag_field="event_type", tag="last_trade_price"):
    """A trade on the tape."""

    market: str
    asset_id: str
    price: str
    timestamp: str


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
    BookShape
    | PriceChangeShape
    | LastTradeShape
    | TickChangeShape
    | BestBidAskShape
    | NewMarketShape
    | MarketResolvedShape
)
