"""The rounded fees of many legs at hundreds of sizes: bounds that hold at every size, and are close."""

from fractions import Fraction
from random import Random

from engine.core.planner.fee_sum import BITS, SIZES_MAX, Step, fee_steps, least_rounding
from engine.domain.units import Rounding

SEED = 20_261_122


def random_steps(rng: Random, count: int, start: int) -> list[Step]:
    steps = []
    for _ in range(count):
        per = rng.choice((1, 3, 25, 10**3, 2_500_000, 10**11, 10 ** rng.randint(1, 60)))
        rate = rng.choice((0, 1, rng.randint(0, per), rng.randint(0, 40 * per)))
        steps.append((rng.randint(0, start), rate, per))
    return steps


def rounding_of(steps: list[Step], lots: int) -> Fraction:
    """What rounding every fee up adds, exactly."""
    return sum((Fraction(-(lots - start) * rate % per, per) for start, rate, per in steps), Fraction(0))


def test_bounds_hold_at_every_size_and_are_close():
    for seed in range(SEED, SEED + 150):
        rng = Random(seed)
        first = rng.choice((1, 7, 10**6, 10**25))
        lot, count = rng.choice((1, 7, 100, 10**9)), rng.choice((1, 2, 90, SIZES_MAX))
        sizes = range(first, first + lot * count, lot)
        steps = random_steps(rng, rng.randint(1, 60), first)

        bounds = least_rounding(steps, sizes)

        assert len(bounds) == count, f"seed {seed}"
        for lots, bound in zip(sizes, bounds, strict=True):
            exact = rounding_of(steps, lots) * 2**BITS
            assert bound <= exact, f"seed {seed}, {lots} lots"
            # Close, but for fees that are whole numbers of steps and for those just below one.
            whole = sum(
                -(lots - start) * rate % per * 2**BITS >= per * (2**BITS - count - 1)
                for start, rate, per in steps
            )
            assert exact - bound <= count * len(steps) + whole * 2**BITS, f"seed {seed}, {lots} lots"


def test_more_legs_than_lanes_can_hold_still_have_a_bound():
    steps = random_steps(Random(SEED), 5_000, 3)
    sizes = range(3, 20)

    for lots, bound in zip(sizes, least_rounding(steps, sizes), strict=True):
        assert 0 < bound <= rounding_of(steps, lots) * 2**BITS, f"{lots} lots"


def test_every_fee_is_rounded_on_its_own():
    steps = [(0, 1, 3), (1, 1, 3), (2, 5, 1), (2, 0, 7)]

    assert fee_steps(steps, 3, Rounding.UP) == 1 + 1 + 5
    assert fee_steps(steps, 4, Rounding.UP) == 2 + 1 + 10
    assert fee_steps(steps, 4, Rounding.DOWN) == 1 + 1 + 10
