"""Fees of many legs in one multiplication are the fees added up one by one, to the last step."""

from random import Random

from engine.core.fee_sum import LANES_MIN, Step, fee_sum, fee_sums

SEED = 20_261_122


def random_steps(rng: Random, count: int, start: int) -> list[Step]:
    steps = []
    for _ in range(count):
        per = rng.choice((1, 3, 25, 10**3, 2_500_000, 10**11, 10 ** rng.randint(1, 60)))
        rate = rng.choice((0, 1, rng.randint(0, per), rng.randint(0, 40 * per)))
        spare = rng.choice((0, per - 1))
        steps.append(Step(rng.randint(0, start), rate, per, spare, rng.choice((10**9, 10**9, 10**9 + 77))))
    return steps


def test_packed_sums_equal_plain_ones_for_any_rates_and_sizes():
    for seed in range(SEED, SEED + 150):
        rng = Random(seed)
        start = rng.choice((0, 7, 10**6, 10**25))
        last = start + rng.choice((1, 90, 10**5, 10**22))
        steps = random_steps(rng, rng.randint(LANES_MIN, 60), start)

        packed = fee_sums(steps, last)

        for lots in {start, last, *(rng.randint(start, last) for _ in range(20))}:
            assert packed(lots) == fee_sum(steps, lots), f"seed {seed}, {lots} lots"


def test_packed_sums_are_exact_where_a_fee_is_a_whole_number_of_steps():
    """Just there one lot of error in a lane would charge a step too many or too few."""
    steps = [Step(0, 1, per, spare, 1) for per in range(2, 40) for spare in (0, per - 1)]
    packed = fee_sums(steps, 10**6)

    for lots in (1, *range(2, 800), 999_999, 10**6):
        assert packed(lots) == fee_sum(steps, lots), f"{lots} lots"


def test_few_legs_are_added_up_plainly():
    steps = random_steps(Random(SEED), LANES_MIN - 1, 5)

    assert fee_sums(steps, 50)(9) == fee_sum(steps, 9)
