"""A slice of every execution campaign: whole desks on the local exchange, in virtual time."""

import pytest

from tests.campaigns import unknown_outcomes

SEED = 11


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "count"),
    [(unknown_outcomes.accepted, 56), (unknown_outcomes.outages, 2), (unknown_outcomes.lost, 8)],
)
def test_unknown_outcomes_come_to_one_known_end(part, count):
    result = part(count, SEED)

    assert not result.broken, f"seed {SEED}: {result.text}\n" + "\n".join(result.broken)
