"""Recorded minutes of the local exchange, with losses and reconnects, through the backtest."""

from pathlib import Path

import pytest

from tests.campaigns.backtest_hour import events_of, explained, lived


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_window_of_recorded_minutes_is_found_or_explained_and_again_the_same(
    tmp_path: Path, seed: int
):
    minutes = await lived(tmp_path, seconds=120, seed=seed)

    assert len(minutes.openings) >= 2, f"seed {seed}"
    assert minutes.lost == [], f"seed {seed}"
    assert minutes.found + sum(minutes.explained.values()) == len(minutes.openings)
    assert minutes.found > 0, f"seed {seed}"
    again = explained(tuple(sorted(tmp_path.glob("*.zst"))), await events_of(seed))
    assert again.finish() == minutes.result
    for attempt in minutes.result.attempts:
        assert attempt.result >= -attempt.plan.risk.hard, f"seed {seed}: {attempt.plan.plan_id}"
