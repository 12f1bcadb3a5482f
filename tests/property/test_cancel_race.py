"""A slice of the races between cancels and fills; the campaign runs 10,000: `tests.campaigns.order_truth`."""

import pytest

from tests.support.cancel_race import race


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_a_fill_wins_against_every_cancel_and_is_counted_once(first):
    for seed in range(first, first + 20):
        race(seed)
