"""The rounded fees of many legs: exactly at one size, and bounded closely at hundreds of sizes at once.

With x = q - start and n = x steps, a leg's fee is n / per rounded. What rounding up adds is
frac(-n / per), and rounding down takes no less than frac(-n / per) - 1. Along sizes that are evenly spaced
this is an arithmetic progression modulo 1, so one large integer with a lane for every size holds it for one
leg: first x ONES + difference x IOTA, masked to the fraction's bits. Lanes of all legs are added up.

First and difference are rounded up to 2 ** -BITS, so the progression is at most (place + 1) of these too high
before it is masked; a lane that wraps around only becomes lower. What is returned has all of that taken off:
never more than the truth, and less by a hundredth of a step or so.
"""

from collections.abc import Sequence
from struct import unpack

from engine.domain.units import Rounding

BITS = 20
"""Of the fraction of a step."""
SIZES_MAX = 256
"""Sizes in one integer."""
_LANE = 32
_LEGS_MAX = 1 << _LANE - BITS
"""More would overflow a lane; leaving legs out only lowers the bound."""
_ONES = sum([1 << _LANE * place for place in range(SIZES_MAX)])
_IOTA = sum([place << _LANE * place for place in range(SIZES_MAX)])
_FRACTIONS = _ONES * ((1 << BITS) - 1)
assert (SIZES_MAX + 1) << BITS < 1 << _LANE, "expected a lane to hold the whole progression"


Step = tuple[int, int, int]
"""The fee of one leg's active level: (q - start) x steps / per steps, rounded; start, steps and per."""


def fee_steps(steps: Sequence[Step], lots: int, rounding: Rounding) -> int:
    """Return the fees of a size that every active level holds, in whole steps."""
    if rounding is Rounding.UP:
        return -sum([(start - lots) * f // per for start, f, per in steps])
    return sum([(lots - start) * f // per for start, f, per in steps])


def least_rounding(steps: Sequence[Step], sizes: range) -> list[int]:
    """Return, size by size, a lower bound of the sum of frac(-n / per) in 2 ** -BITS of a step.

    At most SIZES_MAX sizes.
    """
    count, first, lot = len(sizes), sizes.start, sizes.step
    whole = (1 << _LANE * count) - 1
    ones, iota, fractions = _ONES & whole, _IOTA & whole, _FRACTIONS & whole
    one = (1 << BITS) - 1
    lanes = sum(
        [
            (-((first - start << BITS) * f // per) & one) * ones + (-((lot << BITS) * f // per) & one) * iota
            & fractions
            for start, f, per in steps[:_LEGS_MAX]
        ]
    )
    error = count * len(steps)
    return [lane - error for lane in unpack(f"<{count}I", lanes.to_bytes(_LANE // 8 * count, "little"))]
