"""What the matching needs to know of one market: ids, grid, minimum, fee, flags. Values only."""

from dataclasses import dataclass
from enum import Enum

from engine.domain.fees import FeeCurve
from engine.domain.units import PRICE_ONE, Price, Size, format_scaled


class Side(Enum):
    """What an order does with its own token."""

    BUY = "BUY"
    SELL = "SELL"


class BookSide(Enum):
    """Where an order stands in the one logical book of its market, counted in the price of YES."""

    BID = "bid"
    ASK = "ask"

    @property
    def opposite(self) -> "BookSide":
        """The side this one trades against."""
        return BookSide.ASK if self is BookSide.BID else BookSide.BID


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """One market's trading parameters; index 0 of `tokens` and `outcomes` is YES, index 1 its complement."""

    condition_id: str
    tokens: tuple[str, str]
    outcomes: tuple[str, str]
    tick: Price
    min_size: Size
    fee: FeeCurve
    neg_risk: bool
    accepting: bool
    taker_delay: bool
    positions: bool = False
    """Whether its tokens are position ids of Protocol V2 (protocol 4.1)."""

    @property
    def tick_text(self) -> str:
        """The tick as the venue prints it ("0.001")."""
        return format_scaled(self.tick, 4)

    @property
    def min_size_text(self) -> str:
        """The minimum order size as the venue prints it ("5")."""
        return format_scaled(self.min_size, 6)


def book_side(token_index: int, side: Side) -> BookSide:
    """Return the side of the YES book: buying NO is asking for YES, selling NO is bidding for it."""
    bids = (token_index == 0) == (side is Side.BUY)
    return BookSide.BID if bids else BookSide.ASK


def mirrored(token_index: int, price: Price) -> Price:
    """Convert between a token's own price and the price of YES; the mirror is its own inverse."""
    return price if token_index == 0 else Price(PRICE_ONE - price)
