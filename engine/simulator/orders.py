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
    FOK = "FOK"

    @property
    def is_immediate(self) -> bool:
        """Whether nothing of it ever rests; such a BUY spends collateral instead of collecting shares."""
        return self in (OrderType.FAK, OrderType.FOK)


class OrderState(Enum):
    """Where an order's life stands; the values are the words of the user stream (protocol 6)."""

    LIVE = "LIVE"
    DELAYED = "DELAYED"
    """Taken, and waiting out a taker delay: it neither trades nor rests, and cannot be cancelled."""
    MATCHED = "MATCHED"
    CANCELED = "CANCELED"
    EXPIRED = "CANCELED_EXPIRED_ORDER"
    RESOLVED = "CANCELED_MARKET_RESOLVED"
    UNCOVERED = "CANCELED_NOT_ENOUGH_BALANCE"


class TradeStatus(Enum):
    """Settlement of a trade; CONFIRMED and FAILED are final (protocol 6). `settlement` holds what follows."""

    UNBROADCAST = "MATCHED_NOT_BROADCASTED"
    """Matched, its transaction not yet sent: reads tell this word, the user stream says MATCHED."""
    MATCHED = "MATCHED"
    MINED = "MINED"
    RETRYING = "RETRYING"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        """Tell whether nothing follows."""
        return self in (TradeStatus.CONFIRMED, TradeStatus.FAILED)


class Origin(Enum):
    """Which way an order came in."""

    API = "api"
    """Signed, by a request."""
    CONTROL = "control"
    """By a test-only call: from the account's owner, but not from its desk."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """Accepted terms of an order.

    `price` and `size` are in the order's own token. `budget` is set for an immediate BUY alone: such
    an order spends collateral instead of collecting `size` shares. `expires_ms` is the effective end of a GTD
    order. `delay_ms` lets an order that would trade wait, beside the delay of its market.
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
    origin: Origin = Origin.API
    delay_ms: int = 0

    @property
    def book_side(self) -> BookSide:
        """The side of the market's one book."""
        return book_side(self.token_index, self.side)

    @property
    def book_price(self) -> Price:
        """The limit in the price of YES."""
        return mirrored(self.token_index, self.price)


@dataclass(frozen=True, slots=True)
class OrderStep:
    """An order reached a state with so many shares filled, cumulative."""

    state: OrderState
    filled: Size
    at_ms: Ms


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
    steps: list[OrderStep] = field(default_factory=list)
    """Every change, oldest first; nothing is ever taken out."""

    def note(self, now_ms: Ms) -> None:
        """Record how the order stands, if it stands differently from before."""
        if not self.steps or (self.steps[-1].state, self.steps[-1].filled) != (self.state, self.filled):
            self.steps.append(OrderStep(self.state, self.filled, now_ms))


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


@dataclass(frozen=True, slots=True)
class TradeStep:
    """A trade reached a settlement status; the hash is empty until a transaction is mined."""

    status: TradeStatus
    at_ms: Ms
    transaction_hash: str


@dataclass(slots=True)
class Trade:
    """A taker order against one price level; `takers[i]` and `makers[i]` are the two halves of one match.

    `steps` is never empty and only grows; its last one is how the trade stands.
    """

    id: str
    condition_id: str
    taker_order_id: str
    takers: tuple[Fill, ...]
    makers: tuple[Fill, ...]
    steps: list[TradeStep]

    @property
    def status(self) -> TradeStatus:
        """How far it has settled."""
        return self.steps[-1].status

    @property
    def transaction_hash(self) -> str:
        """The hash of the newest settling transaction, empty until one is mined."""
        return self.steps[-1].transaction_hash

    @property
    def matched_ms(self) -> Ms:
        """When it was matched."""
        return self.steps[0].at_ms

    @property
    def updated_ms(self) -> Ms:
        """When it reached its status."""
        return self.steps[-1].at_ms

    @property
    def size(self) -> Size:
        """Shares that changed hands."""
        return Size(sum(fill.size for fill in self.takers))

    @property
    def account_ids(self) -> frozenset[str]:
        """Everybody who took part."""
        return frozenset(fill.account_id for fill in (*self.takers, *self.makers))
