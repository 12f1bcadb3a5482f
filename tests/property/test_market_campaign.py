"""A slice of the mutation campaigns; `python -m tests.campaigns.market_frames` runs the million."""

import pytest

from tests.campaigns.market_frames import MarketCampaign
from tests.campaigns.memory import resident_bytes

FRAMES = 7_000


@pytest.mark.parametrize("seed", range(2))
def test_mutated_frames_on_one_connection_break_nothing_and_change_no_book(seed: int):
    campaign = MarketCampaign(seed, connections=1, ticks=False)

    figures = campaign.run(FRAMES)

    assert not figures.failures, f"seed {seed}: {figures.examples}"
    assert figures.live > FRAMES, f"seed {seed}: the books were hardly ever live"
    assert figures.held > FRAMES / 2, f"seed {seed}"


@pytest.mark.xfail(strict=True, reason="books of other connections, books older than a tick: test_found_feed")
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
