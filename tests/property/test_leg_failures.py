"""A slice of the campaign of failing legs: the printed bounds hold, and the repair is the brute force's."""

from tests.campaigns.leg_failures import KINDS, executions

EXECUTIONS = 30
SEED = 7


def test_losses_stay_within_the_printed_bounds_and_the_cheapest_repair_is_chosen():
    tally = executions(EXECUTIONS, SEED)

    assert tally.faults == [], f"seed {SEED}"
    assert all(tally.broken_kinds[kind.value] for kind in KINDS), "every kind breaks"
    assert tally.broken > EXECUTIONS // 3, "legs fail often enough to say something"
    assert tally.agreed == tally.priced > 0, f"seed {SEED}: {tally.apart} micro-dollars apart"
