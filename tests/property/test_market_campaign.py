"""A slice of the mutation campaigns.

`python -m tests.campaigns.market_frames` runs the million, `python -m tests.campaigns.rest_books` the rest.
"""

import pytest

from tests.campaigns.market_frames import MarketCampaign
from tests.campaigns.memory import resident_bytes
from tests.campaigns.rest_books import RestCampaign

FRAMES = 5_000


@pytest.mark.parametrize("seed", range(2))
def test_mutated_frames_on_one_connection_break_nothing_and_change_no_book(seed: int):
    campaign = MarketCampaign(seed, connections=1, ticks=False)

    figures = campaign.run(FRAMES)

    assert not figures.failures, f"seed {seed}: {figures.examples}"
    assert figures.live > FRAMES, f"seed {seed}: the books were hardly ever live"
    assert figures.held > FRAMES / 2, f"seed {seed}"


def test_mutated_frames_on_two_connections_and_changing_ticks_break_nothing():
    seed = 1
    campaign = MarketCampaign(seed, connections=2)

    figures = campaign.run(FRAMES)

    assert not figures.failures, f"seed {seed}: {figures.examples}"
    assert figures.live > FRAMES, f"seed {seed}: the books were hardly ever live"


def test_mutated_frames_do_not_make_memory_grow():
    """Past the first frames, which fill bounded caches, nothing may be kept of what was refused."""
    seed = 3
    campaign = MarketCampaign(seed, connections=1, ticks=False)
    held: list[int] = []

    campaign.run(5_000, lambda tenth: held.append(resident_bytes()) if tenth in (5, 10) else None)

    grown = (held[1] - held[0]) / 2**20
    assert grown < 32, f"seed {seed}: {grown:.0f} MiB more after 2,500 frames"


def test_mutated_rest_answers_break_nothing_and_restore_only_the_venues_books():
    seed = 4
    figures = RestCampaign(seed).run(2_000)

    assert not figures.failures, f"seed {seed}: {figures.examples}"
    assert figures.by_verdict["refused"] > 800, f"seed {seed}"
    assert figures.by_verdict["read, restores a book"] > 50, f"seed {seed}"
