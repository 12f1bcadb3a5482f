"""An order's price and size as the two amounts that are signed, in integers of 1e-6 (protocol 4.2).

Limit orders only. Equal to the official client's decimals: on the tick's grid its rounding never bites.
"""

from dataclasses import dataclass

from engine.domain.market import TICKS, Side
from engine.domain.units import LOT, Price, Rounding, Size, is_on_grid, notional


@dataclass(frozen=True, slots=True)
class Amounts:
    """What the order gives and what it takes, both in 1e-6."""

    maker: int
    taker: int


def limit_amounts(side: Side, price: Price, size: Size, tick: Price) -> Amounts:
    """Return the amounts of a limit order; the size is floored to 0.01 share, as the venue does.

    A BUY gives collateral and takes shares, a SELL the other way round. The collateral is exact: a price on
    the grid has at most four decimals and a lot two. Off-grid prices and unknown ticks are errors of ours.
    """
    assert tick in TICKS, f"expected one of the venue's ticks, was {tick} x 1e-4"
    assert is_on_grid(price, tick), f"expected a price on the grid of {tick} x 1e-4, was {price} x 1e-4"
    shares = Size(size - size % LOT)
    assert shares > 0, f"expected at least 0.01 share, was {size} x 1e-6"
    collateral = notional(price, shares, Rounding.DOWN)
    return Amounts(collateral, shares) if side is Side.BUY else Amounts(shares, collateral)
