"""One leg's side of the book as the planner walks it: lots, micro-dollars, fees rounded level by level.

Inside the planner a lot is 0.01 share, so price (1e-4) x lots is exactly micro-dollars. Ladders are walked
lazily: a plan that ends on the third level never looks at the fourth. This module knows no plan, no cap
and no clock.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import NamedTuple

from engine.domain.book import Level
from engine.domain.fees import FeeCurve
from engine.domain.market import Side
from engine.domain.units import FEE_STEP, LOT, PRICE_ONE, Price, Rounding, Size, Usdc, divide


@dataclass(frozen=True, slots=True)
class OddCurve:
    """Any rate and exponent: a fee curve of the file format, which no market of the desk may have."""

    rate: int
    """In 1 / per dollar per share, not negative."""
    per: int
    exponent: int


@dataclass(frozen=True, slots=True)
class LegInput:
    """One leg before its size is known."""

    side: Side
    """BUY walks asks, SELL walks bids."""
    levels: Sequence[Level]
    """Best first, each price once, as a live book gives them; `tidy_levels` makes it so for other sources."""
    tick: Price
    fee: FeeCurve | OddCurve
    min_size: Size
    max_size: Size | None
    """None for no cap of its own."""
    min_notional: Usdc
    """What the leg must cost at its fill prices, before fees."""


class Rung(NamedTuple):
    """One level of a walk. The fee of x lots on it is FEE_STEP x round(x * fee_steps / fee_per) / grain."""

    start: int
    """Lots on the levels before."""
    end: int
    """Lots up to and including this level."""
    price: Price
    raw: int
    """Micro-dollars of the lots before `start`."""
    fee: int
    """Fees of the levels before, each rounded on its own, in 1 / grain micro-dollar."""
    fee_steps: int
    fee_per: int


class LegFill(NamedTuple):
    """What one leg comes to at a given size."""

    touch: Price
    worst: Price
    """The last level touched."""
    raw: Usdc
    fee: Usdc
    """Micro-dollars at the venue's grain of 1."""


def tidy_levels(levels: Iterable[Level], side: Side) -> tuple[Level, ...]:
    """Return the levels best first: equal prices added up, zero sizes and impossible prices dropped."""
    sizes: dict[Price, int] = {}
    for level in levels:
        if level.size > 0 and 0 < level.price < PRICE_ONE:
            sizes[level.price] = sizes.get(level.price, 0) + level.size
    best_first = sorted(sizes, reverse=side is Side.SELL)
    return tuple(Level(price=price, size=Size(sizes[price])) for price in best_first)


def fee_fraction(curve: FeeCurve | OddCurve, price: Price, grain: int = 1) -> tuple[int, int]:
    """Return the fee of one lot at `price` in steps of FEE_STEP / grain micro-dollars, a reduced fraction."""
    steps = LOT * curve.rate * (price * (PRICE_ONE - price)) ** curve.exponent * grain
    per = curve.per * (PRICE_ONE * PRICE_ONE) ** curve.exponent * FEE_STEP
    common = gcd(steps, per)
    return steps // common, per // common


class FeeTable(dict[Price, tuple[int, int]]):
    """`fee_fraction` by price, of one curve and grain; a price is worked out when it is first met."""

    def __init__(self, curve: FeeCurve | OddCurve, grain: int) -> None:
        """Begin empty."""
        super().__init__()
        self._curve, self._grain = curve, grain

    def __missing__(self, price: Price) -> tuple[int, int]:
        """Work it out and keep it."""
        found = self[price] = fee_fraction(self._curve, price, self._grain)
        return found


@lru_cache(maxsize=64)
def _kept_table(rate: int, exponent: int) -> FeeTable:
    return FeeTable(FeeCurve(rate, exponent), 1)


def fee_table(curve: FeeCurve | OddCurve, grain: int = 1) -> FeeTable:
    """Return the fees of a curve; those of the desk's markets are worked out once and kept."""
    if grain == 1 and type(curve) is FeeCurve:
        return _kept_table(curve.rate, curve.exponent)
    return FeeTable(curve, grain)


def rungs(leg: LegInput, rounding: Rounding, grain: int = 1) -> Iterator[Rung]:
    """Walk the ladder from the touch. Sizes are floored to lots, so a planned cost is never too small."""
    start = raw = fee = 0
    fees = fee_table(leg.fee, grain)
    previous: Price | None = None
    for level in leg.levels:
        assert previous is None or (level.price > previous) is (leg.side is Side.BUY), "expected best first"
        previous = level.price
        lots = level.size // LOT
        if lots == 0:
            continue
        fee_steps, fee_per = fees[level.price]
        yield Rung(start, start + lots, level.price, raw, fee, fee_steps, fee_per)
        start += lots
        raw += lots * level.price
        due = lots * fee_steps
        fee += FEE_STEP * (-(-due // fee_per) if rounding is Rounding.UP else due // fee_per)


def fill_at(leg: LegInput, lots: int, rounding: Rounding, grain: int = 1) -> LegFill | None:
    """Return what `lots` come to, or None if the ladder does not hold that many.

    With another grain than the venue's, the fee is in 1 / grain micro-dollar.
    """
    assert lots > 0, f"expected at least one lot, was {lots}"
    touch: Price | None = None
    for rung in rungs(leg, rounding, grain):
        touch = rung.price if touch is None else touch
        if rung.end >= lots:
            return fill_on(rung, lots, rounding, touch=touch)
    return None


def fill_on(rung: Rung, lots: int, rounding: Rounding, *, touch: Price) -> LegFill:
    """Return what `lots` come to when the last of them is on `rung`; `touch` is the ladder's best price."""
    start, _, price, raw, fee, fee_steps, fee_per = rung
    taken = lots - start
    steps = -(-taken * fee_steps // fee_per) if rounding is Rounding.UP else taken * fee_steps // fee_per
    return LegFill(touch, price, Usdc(raw + taken * price), Usdc(fee + FEE_STEP * steps))


def lots_to_reach(leg: LegInput, notional: Usdc) -> int | None:
    """Return the fewest lots whose raw notional is at least `notional`, or None beyond the ladder's end."""
    if notional <= 0 and leg.levels:
        return 0
    start, missing = 0, max(notional, 0)
    for level in leg.levels:
        lots, price = level.size // LOT, level.price
        if lots > 0 and missing <= lots * price:
            return start + divide(missing, price, Rounding.UP)
        start += lots
        missing -= lots * price
    return None
