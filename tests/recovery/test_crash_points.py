"""Desks killed -9 at every crash point, four times each, and started again: nothing lost, nothing doubled.

Four folders at a time, because a desk that starts or waits for its venue leaves the machine idle. Any number
of kills: `python -m tests.campaigns.crashes`.
"""

import asyncio
import random

import pytest

from tests.campaigns.crashes import run
from tests.recovery.crash_points import POINTS

pytestmark = pytest.mark.slow

FOLDERS = 4
SEED = 20_261_122


async def test_desk_killed_at_every_crash_point_restarts_to_the_venues_truth() -> None:
    print(f"seed {SEED}")  # noqa: T201 - shown when it fails

    found = await asyncio.gather(
        *(
            run(random.Random(SEED + number).sample(POINTS, len(POINTS)), at_random=0, seed=SEED + number)
            for number in range(FOLDERS)
        )
    )

    for findings in found:
        assert findings.wrong == []
        assert set(findings.kills) == {f"{point.number} {point.name}" for point in POINTS}
