"""Orders, fills and trades as the exchange keeps them. No matching and no wire text here."""

from dataclasses import dataclass, field
from enum import Enum

from engine.domain.units import Ms, Price, Size, Usdc
from engine.simulator.market import BookSide, Side, book_side, mirrored

_NONE = Size(0)


class OrderType(Enum):
    """Time in force (protocol 4.3)."""

    GTC = "GTC"
    GTD = "GTD"
    FAK = "FAK"


class OrderState(Enum):
    """Where an order's life stands; the values are the words of the user stream (protocol 6)."""

    LIVE = "LIVE"
    MATCHED = "MATCHED"
    CANCELED = "CANCELED"
    EXPIRED = "CANCELED_EXPIRED_ORDER"
    RESOLVED = "CANCELED_MARKET_RESOLVED"


class TradeStatus(Enum):
    """Settlement of a trade; CONFIRMED is terminal."""

    MATCHED = "MATCHED"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"


@dataclass(frozen=True, slots=True)
class NewOrder:
    """Accepted terms of an order.

    `price` and `size` are in the order's own token. `budget` is set for a FAK BUY alone: such an order
    spends collateral instead of collecting `size` shares. `expires_ms` is the effective end of a GTD order.
    """

    id: str
    account_id: str
    condition_id: str
    token_index: int
    side: Side
    price: Price
    size: Size
    order_type: OrderType
    post_only: bool = False
    expires_ms: Ms | None = None
    budget: Usdc | None = None
    expiration_text: str = "0"

    @property
    def book_side(self) -> BookSide:
        """The side of the market's one book."""
        return book_side(self.token_index, self.side)

    @property
    def book_price(self) -> Price:
        """The limit in the price of YES."""
        return mirrored(self.token_index, self.price)


@dataclass(slots=True)
class Order:
    """An order with its progress; ended orders keep their record, they are never deleted for outsiders."""

    terms: NewOrder
    remaining: Size
    placed_ms: Ms
    filled: Size = _NONE
    state: OrderState = OrderState.LIVE
    ended_ms: Ms | None = None
    trade_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Fill:
    """One order's part of one match: own token, own price, collateral moved without fee, and the fee."""

    order_id: str
    account_id: str
    token_index: int
    side: Side
    price: Price
    size: Size
    cash: Usdc
    fee: Usdc


@dataclass(slots=True)
class Trade:
    """A taker order against one price level; `takers[i]` and `makers[i]` are the two halves of one match."""

    id: str
    condition_id: str
    taker_order_id: str
    takers: tuple[Fill, ...]
    makers: tuple[Fill, ...]
    matched_ms: Ms
    updated_ms: Ms
    status: TradeStatus = TradeStatus.MATCHED

    @property
    def size(self) -> Size:
        """Shares that changed hands."""
        return Size(sum(fill.size for fill in self.takers))

    @property
    def account_ids(self) -> frozenset[str]:
        """Everybody who took part."""
        return frozenset(fill.account_id for fill in (*self.takers, *self.makers))
