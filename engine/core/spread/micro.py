"""Micro-dollars per share, the unit in which fair values are held: finer than any tick, whole numbers only.

A value that goes both ways (a pull, a skew) is rounded toward zero, so that the mirrored market gives the
mirrored value exactly. Knows no market.
"""

from engine.domain.units import PRICE_ONE, Price

MICRO_ONE = 1_000_000
"""One dollar per share: the price of a YES and a NO together."""
MICRO_PER_PRICE = MICRO_ONE // PRICE_ONE


def to_micro(price: Price) -> int:
    """Return the price in micro; exact. Also turns a tick or another distance into micro."""
    return price * MICRO_PER_PRICE


def grid_floor(value: int, tick: Price) -> Price:
    """Return the dearest multiple of `tick` that is not above `value` micro; may lie outside 0 to 1."""
    return Price(value // to_micro(tick) * tick)


def grid_ceil(value: int, tick: Price) -> Price:
    """Return the cheapest multiple of `tick` that is not below `value` micro; may lie outside 0 to 1."""
    return Price(-(-value // to_micro(tick)) * tick)


def toward_zero(numerator: int, denominator: int) -> int:
    """Return the quotient of any signed numerator, rounded toward zero: odd in the numerator."""
    assert denominator > 0, f"expected a positive denominator, was {denominator}"
    quotient = abs(numerator) // denominator
    return -quotient if numerator < 0 else quotient


def clamped(value: int, *, least: int, most: int) -> int:
    """Return `value`, or the bound that it passes."""
    assert least <= most, f"expected bounds in order, were {least} and {most}"
    return min(max(value, least), most)


def variance_of(fair: int) -> int:
    """Return fv (1 - fv) of a fair value in micro; at most 250,000, rounded down."""
    return fair * (MICRO_ONE - fair) // MICRO_ONE
