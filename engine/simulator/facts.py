"""What the exchange says has happened, in order. Streams and books are projections of these facts."""

from dataclasses import dataclass
from enum import Enum

from engine.domain.units import Ms, Price, Size
from engine.simulator.market import BookSide
from engine.simulator.orders import NewOrder, OrderState, Trade, TradeStatus


class OrderChange(Enum):
    """Kinds of order events on the user stream (protocol 6)."""

    PLACEMENT = "PLACEMENT"
    UPDATE = "UPDATE"
    CANCELLATION = "CANCELLATION"


@dataclass(frozen=True, slots=True)
class LevelSet:
    """A price level of the YES book now holds `size`; zero removes it. A trade's own levels are marked."""

    condition_id: str
    side: BookSide
    price: Price
    size: Size
    by_trade: bool
    at_ms: Ms


@dataclass(frozen=True, slots=True)
class Traded:
    """All trades of one taker order, after their level changes."""

    condition_id: str
    trades: tuple[Trade, ...]
    at_ms: Ms


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An outsider's order was placed, matched or ended; `filled` is cumulative at that moment."""

    change: OrderChange
    terms: NewOrder
    filled: Size
    state: OrderState
    trade_ids: tuple[str, ...]
    placed_ms: Ms
    at_ms: Ms


@dataclass(frozen=True, slots=True)
class TradeMoved:
    """A trade of an outsider reached a settlement status."""

    trade: Trade
    status: TradeStatus
    at_ms: Ms


Fact = LevelSet | Traded | OrderChanged | TradeMoved
