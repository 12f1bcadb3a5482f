"""The words of paper trading: markets, orders, and what becomes of them. Values only.

Paper orders never reach anybody. Prices and sizes are in the order's own token; `on_book` mirrors them onto
the one book of the market, in prices of YES, as the venue matches them.
"""

from dataclasses import dataclass
from enum import Enum

from engine.core.spread.queue_models import QueueModel
from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, OrderId, TokenId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.quote import QuoteSide
from engine.domain.units import Ms, Price, Size, Usdc, complement


@dataclass(frozen=True, slots=True)
class PaperMarket:
    """What fixes how orders of one market are taken."""

    condition_id: ConditionId
    yes: TokenId
    """The token whose prices the one book is kept in; of a pair either will do."""
    no: TokenId
    tick: Price
    min_size: Size
    fee: FeeCurve
    """Takers pay it, per match; makers pay nothing."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long orders and cancels are on their way, in milliseconds."""

    place_ms: Ms
    cancel_ms: Ms


@dataclass(frozen=True, slots=True)
class PaperOrder:
    """One order as it is sent."""

    order_id: OrderId
    token_id: TokenId
    side: Side
    price: Price
    size: Size
    time_in_force: TimeInForce
    post_only: bool
    expires_ms: Ms | None
    """When it ends by itself, in the time that the book is told; None: never."""


class PaperState(Enum):
    """Where a paper order stands."""

    SENT = "sent"
    RESTING = "resting"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    KILLED = "killed"
    """FAK: what did not match at once is gone."""
    REFUSED = "refused"

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more happens to it."""
        return self not in (PaperState.SENT, PaperState.RESTING)


class PaperRefusal(Enum):
    """Why an order is not taken, in the venue's documented words (protocol 4.5)."""

    TICK = "breaks minimum tick size rule"
    MINIMUM = "Size lower than the minimum"
    ONE_DOLLAR = "invalid amount for a marketable BUY order, min size: $1"
    CROSSES = "invalid post-only order: order crosses book"
    BALANCE = "not enough balance / allowance: the balance is not enough"
    EXPIRATION = "invalid expiration"
    UNMATCHED = (
        "no orders found to match with FAK order. "
        "FAK orders are partially filled or killed if no match is found."
    )
    UNFILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
    NO_BOOK = "the market is not yet ready to process new orders"
    """No snapshot of the market has been heard: nobody knows what the order would meet."""


@dataclass(frozen=True, slots=True)
class Rested:
    """An order, or what is left of it, rests."""

    order_id: OrderId
    at_ms: Ms
    left: Size
    ahead: Size
    """What stands before it at its price."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Shares that an order got under one model; a taker's are the same under both, one for each."""

    order_id: OrderId
    at_ms: Ms
    model: QueueModel
    maker: bool
    price: Price
    """In the order's own token: a maker's own limit, a taker's the level it met."""
    size: Size
    cash: Usdc
    """Collateral without fee, rounded down; exact for whole lots."""
    fee: Usdc


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more happens to an order. `refusal` is set for REFUSED alone."""

    order_id: OrderId
    at_ms: Ms
    state: PaperState
    refusal: PaperRefusal | None


PaperEvent = Rested | Filled | Ended


def on_book(market: PaperMarket, token: TokenId, side: Side, price: Price) -> tuple[QuoteSide, Price]:
    """Return the side of the YES book and the price there of an order, or of a level, of either token."""
    assert token in (market.yes, market.no), f"expected a token of {market.condition_id}, was {token}"
    is_yes = token == market.yes
    is_bid = (side is Side.BUY) is is_yes
    return QuoteSide.BID if is_bid else QuoteSide.ASK, price if is_yes else complement(price)


def other(side: QuoteSide) -> QuoteSide:
    """Return the side that this one trades with."""
    return QuoteSide.ASK if side is QuoteSide.BID else QuoteSide.BID


def is_through(side: QuoteSide, price: Price, limit: Price) -> bool:
    """Tell whether a price is worse for its taker than `limit` of an order that rests on `side`."""
    return price < limit if side is QuoteSide.BID else price > limit
