"""The rounded fees of many legs at one size, added up: plainly, or all in one multiplication.

Packed, every leg has a lane of bits in one large integer. With p = per, x = q - start and
n = x steps + spare, floor(n / p) is wanted. Let A = ceil(steps 2**k / p) and C = ceil(spare 2**k / p); then

    L = x A + C = 2**k n / p + e        0 <= e < x + 1

and as long as (x + 1) p <= 2**k, e / 2**k < 1 / p: L >> k is floor(n / p) exactly. L is linear in q, so all
lanes together are q times one integer plus another. Masking the low k bits of each lane leaves
floor(n / p) 2**k, and the lanes of W bits add up modulo 2**W - 1, with W so wide that their sum stays
below it. Everything is an integer; nothing is approximate.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

LANES_MIN = 10
"""Fewer legs are added up as fast one by one."""


class Step(NamedTuple):
    """The rounded fee of one leg's active level: weight x floor(((q - start) x steps + spare) / per)."""

    start: int
    steps: int
    per: int
    spare: int
    """per - 1 where fees round up, 0 where they round down."""
    weight: int
    """Units per step of fee."""


def fee_sum(steps: Sequence[Step], lots: int) -> int:
    """Return the fees of a size that every active level holds."""
    return sum([weight * (((lots - start) * f + spare) // per) for start, f, per, spare, weight in steps])


def fee_sums(steps: Sequence[Step], last: int) -> Callable[[int], int]:
    """Return what `fee_sum` returns, for sizes from the largest start up to `last`, to be called often."""
    if len(steps) < LANES_MIN:
        return lambda lots: fee_sum(steps, lots)
    by_weight: dict[int, list[Step]] = {}
    for step in steps:
        by_weight.setdefault(step.weight, []).append(step)
    packs = [(weight, _packed(group, last)) for weight, group in by_weight.items()]
    if len(packs) == 1:
        (weight, count), *_ = packs
        return lambda lots: weight * count(lots)
    return lambda lots: sum([weight * count(lots) for weight, count in packs])


def _packed(steps: Sequence[Step], last: int) -> Callable[[int], int]:
    shift = ((last + 1) * max(step.per for step in steps)).bit_length()
    most = sum((last * step.steps + step.spare) // step.per + 1 for step in steps)
    octets = (shift + most.bit_length() + 2 + 7) // 8
    rates = [-(-(step.steps << shift) // step.per) for step in steps]
    fixed = [-(-(step.spare << shift) // step.per) for step in steps]
    before = [step.start * rate for step, rate in zip(steps, rates, strict=True)]
    rate, constant = _joined(rates, octets), _joined(fixed, octets) - _joined(before, octets)
    around = (1 << 8 * octets) - 1
    mask = _joined([around >> shift << shift] * len(steps), octets)

    def count(lots: int) -> int:
        return (lots * rate + constant & mask) % around >> shift

    return count


def _joined(lanes: Sequence[int], octets: int) -> int:
    return int.from_bytes(b"".join([lane.to_bytes(octets, "little") for lane in lanes]), "little")
