"""The venue's account as read over REST: open orders, trades, balance. Values only, already parsed."""

from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import ConditionId, OrderId, TokenId, TradeId
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.units import Ms, Price, Size, Usdc


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """One order resting at the venue under our key."""

    order_id: OrderId
    condition_id: ConditionId
    token_id: TokenId
    side: Side
    price: Price
    original_size: Size
    matched_size: Size
    delayed: bool = False
    """The venue holds it back (taker delay): it may match later and cannot be cancelled now."""


@dataclass(frozen=True, slots=True)
class MakerMatch:
    """One maker's part of a trade, as the taker's token sees it: price and cash are the taker's."""

    order_id: OrderId
    token_id: TokenId
    side: Side
    price: Price
    """The maker's own price on its own token."""
    size: Size


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """One trade that involves our key, as taker or as maker."""

    trade_id: TradeId
    condition_id: ConditionId
    taker_order_id: OrderId
    token_id: TokenId
    side: Side
    size: Size
    matched_ms: Ms
    settlement: Settlement
    makers: tuple[MakerMatch, ...]


@dataclass(frozen=True, slots=True)
class AccountState:
    """One complete read; a partial read is a failure, never a smaller account."""

    open_orders: tuple[OpenOrder, ...]
    trades: tuple[VenueTrade, ...]
    """Trades since the asked watermark, oldest first."""
    balance: Usdc
    """Collateral, reservations included."""
    shares: tuple[tuple[TokenId, Size], ...] = ()
    """What the venue says is held of each outcome token that was asked about, reservations included."""


class UserOrderStatus(Enum):
    """What the user stream says an order does; every word it does not document is OTHER."""

    LIVE = "LIVE"
    DELAYED = "DELAYED"
    MATCHED = "MATCHED"
    UNMATCHED = "UNMATCHED"
    CANCELLED = "CANCELED"
    """Every word that begins so: by us, by resolution, for lack of balance, by time."""
    INVALID = "INVALID"
    OTHER = ""


@dataclass(frozen=True, slots=True)
class UserOrder:
    """One order event of the user stream: a sight of an order, never a proof that it is gone."""

    order_id: OrderId
    condition_id: ConditionId
    token_id: TokenId
    side: Side
    price: Price
    original_size: Size
    matched_size: Size
    """Cumulative."""
    status: UserOrderStatus
    status_text: str
    """The venue's word, for log and card."""
    venue_ms: Ms


class CancelReply(Enum):
    """What a cancel's answer said about one id."""

    CANCELLED = "cancelled"
    MATCHED = "already matched or cancelled"
    NOT_FOUND = "not found"
    OTHER = "not cancelled"
