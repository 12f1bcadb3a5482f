"""The storage benchmark measures what it says: both lanes write the same rows, every round is timed."""

from tests.benchmarks.bench_storage import race_writers


async def test_both_lanes_write_the_same_rows_and_every_round_is_timed():
    times = await race_writers(batches=1, rounds=2, seed=1)

    assert times.rows == 1_000
    assert len(times.ours) == len(times.bare) == 2
    assert all(ns > 0 for ns in (*times.ours, *times.bare))
