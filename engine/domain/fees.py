"""The venue's taker fee curve, exact in integers (protocol 8.1, documentation page /trading/fees, 2026).

`fee = shares x rate x (p (1 - p)) ** exponent`, takers only, charged in collateral on both sides, per
match, in steps of 0.00001 USDC. The direction of the venue's rounding is documented as "rounded" only;
plans round up, the desk books what was charged (design, section 7).
"""

from dataclasses import dataclass
from typing import ClassVar

from engine.domain.units import (
    FEE_STEP,
    PRICE_ONE,
    SIZE_ONE,
    Price,
    Rounding,
    Size,
    Usdc,
    divide,
    notional,
)

RATE_ONE = 1_000_000
"""A rate of 1.0 (100 %) in the units of `FeeCurve.rate`."""
EXPONENT_MAX = 4
"""No schedule beyond exponent 2 has been seen; more is refused as unknown rather than computed."""


@dataclass(frozen=True, slots=True)
class FeeCurve:
    """One market's fee schedule: `rate` in 1e-6, integer `exponent`. A free market has rate 0."""

    rate: int
    exponent: int
    per: ClassVar[int] = RATE_ONE
    """`rate` counts 1 / per dollar per share."""

    def __post_init__(self) -> None:
        """Refuse a curve the planner's monotonicity lemma does not cover (strategy 3.4)."""
        if not 0 <= self.rate <= RATE_ONE:
            raise ValueError(f"expected a fee rate between 0 and 1, was {self.rate} x 1e-6")
        if not 0 <= self.exponent <= EXPONENT_MAX:
            raise ValueError(f"expected an integer fee exponent of 0 to {EXPONENT_MAX}, was {self.exponent}")


FREE = FeeCurve(rate=0, exponent=1)
"""The curve of a market without fees."""


def taker_fee(curve: FeeCurve, price: Price, size: Size, rounding: Rounding) -> Usdc:
    """Return the fee of one match in micro-dollars, rounded to the venue's step of 10 micro."""
    spread = (price * (PRICE_ONE - price)) ** curve.exponent
    numerator = size * curve.rate * spread
    denominator = RATE_ONE * (PRICE_ONE * PRICE_ONE) ** curve.exponent * FEE_STEP
    assert SIZE_ONE == RATE_ONE, "micro-shares times a dollar fee per share are micro-dollars"
    return Usdc(divide(numerator, denominator, rounding) * FEE_STEP)


def outlay_bound(curve: FeeCurve, limit: Price, size: Size) -> Usdc:
    """Return the most a BUY of `size` at or below `limit` can cost, fee included, rounded up.

    The fee per share peaks at p = 0.5, so below a dearer limit the dearest fee is the one at 0.5.
    """
    dearest = Price(min(limit, PRICE_ONE // 2))
    cost = notional(limit, size, Rounding.UP)
    return Usdc(cost + taker_fee(curve, dearest, size, Rounding.UP))
