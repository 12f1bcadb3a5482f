"""When a YES and a NO of one market are better turned into collateral, or made from it. Advice only. Pure.

Merging gives one dollar for a pair; splitting costs one. What it costs in gas or to the gas relayer is an
argument, because the venue may charge none. Sizes in micro-shares, money in micro-dollars; proceeds round
down, fees up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.domain.book import Level
from engine.domain.fees import FeeCurve, taker_fee
from engine.domain.units import LOT, PRICE_ONE, Price, Rounding, Size, Usdc, notional


@dataclass(frozen=True, slots=True)
class ConversionCosts:
    """What one act on chain costs."""

    fixed: Usdc
    """Gas or relayer fee of one act, whatever its size."""
    least: Usdc
    """What an act must bring, beyond its cost, to be worth the trouble."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Turn `size` pairs into collateral: `returns` comes back after the act's cost."""

    size: Size
    returns: Usdc


@dataclass(frozen=True, slots=True)
class Split:
    """Make `size` pairs and sell both sides to the bids: `gain` remains after fees and the act's cost."""

    size: Size
    gain: Usdc


def should_merge(yes: Size, no: Size, costs: ConversionCosts) -> Merge | None:
    """Return the merge that confirmed shares of both sides allow, None if it would not pay for itself.

    Only confirmed shares count: the venue can still take back the others.
    """
    pairs = Size(min(yes, no) // LOT * LOT)
    returns = Usdc(pairs - costs.fixed)
    if pairs == 0 or returns < costs.least:
        return None
    return Merge(pairs, returns)


def should_split(
    yes_bids: Sequence[Level],
    no_bids: Sequence[Level],
    fee: FeeCurve,
    budget: Usdc,
    costs: ConversionCosts,
) -> Split | None:
    """Return the split whose two halves the bids would buy for more than a dollar, None if there is none.

    Walks both sides together, best bids first, as long as the next lot brings more than it costs. `budget`
    is the most collateral that may be tied up.
    """
    best, gain, size = Split(Size(0), Usdc(0)), 0, 0
    for yes_price, no_price, step in _steps(yes_bids, no_bids, budget):
        if yes_price + no_price <= PRICE_ONE:
            break
        brought = sum(
            notional(price, step, Rounding.DOWN) - taker_fee(fee, price, step, Rounding.UP)
            for price in (yes_price, no_price)
        )
        gain += brought - step
        size += step
        if gain > best.gain:
            best = Split(Size(size), Usdc(gain))
    net = Usdc(best.gain - costs.fixed)
    return Split(best.size, net) if best.size and net >= max(costs.least, 1) else None


def _steps(
    yes_bids: Sequence[Level], no_bids: Sequence[Level], budget: Usdc
) -> list[tuple[Price, Price, Size]]:
    """Return the joint ladder: both prices, and how many pairs in whole lots both sides take at them."""
    steps: list[tuple[Price, Price, Size]] = []
    left = [level.size // LOT * LOT for level in yes_bids], [level.size // LOT * LOT for level in no_bids]
    i = j = 0
    room = budget // LOT * LOT
    while i < len(yes_bids) and j < len(no_bids) and room:
        step = min(left[0][i], left[1][j], room)
        if step:
            steps.append((yes_bids[i].price, no_bids[j].price, Size(step)))
        room -= step
        left[0][i] -= step
        left[1][j] -= step
        i += left[0][i] == 0
        j += left[1][j] == 0
    return steps
