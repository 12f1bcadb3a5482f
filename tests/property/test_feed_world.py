"""Several markets and connections under any mix of faults: only the venue's books, and all come back."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.feed_world import RIGHT, ROUGH, ROUGHEST, Faults, FeedWorld, Line

HEALED_S = 75
"""Seconds of exchange time after the last fault; a market is looked at every 30, a loss waits 3 more."""
RECONCILED_MS = 60_000
"""Protocol 5.4: every book is compared with the venue's within 20 to 60 s."""
SEEDS = st.integers(0, 2**32)
STEPS = st.integers(1, 250)


def trouble(world: FeedWorld, line: Line) -> None:
    """Let a connection break off, stall, or freeze for good."""
    draw = world.rng.random()
    if draw < 0.4 and world.faults.breaks:
        world.disconnect(line, world.rng.choice((100, 3_000, 40_000)))
    elif draw < 0.7:
        line.stalled_until_ms = world.now_ms + world.rng.choice((500, 8_000, 30_000))
    else:
        line.frozen = True
        line.queue.clear()


def step(world: FeedWorld, *, rough: bool) -> None:
    rng = world.rng
    draw = rng.random()
    if draw < 0.45:
        world.change(rng.choice(world.venues))
    elif draw < 0.50:
        world.trade(rng.choice(world.venues))
    elif draw < 0.51:
        world.change_tick(rng.choice(world.venues))
    elif draw < 0.80:
        line = rng.choice(world.lines)
        world.deliver(line, rng.randrange(1, 8))
    elif draw < 0.99:
        world.pass_time(rng.choice((1, 20, 300, 300, 1_000, 3_000, 25_000)))
    elif rough:
        line = rng.choice(world.lines)
        if line.up:
            trouble(world, line)


def run(seed: int, steps: int, faults: Faults = ROUGH) -> FeedWorld:
    world = FeedWorld(seed, faults)
    for _ in range(steps):
        step(world, rough=faults is not RIGHT)
        if world.rng.random() < 0.3:
            world.judge()
    return world


def heal(world: FeedWorld, *, busy: bool) -> int:
    """End every fault and answer everything; returns the seconds until all books were the venue's."""
    world.faults = RIGHT
    for line in world.lines:
        line.stalled_until_ms = 0
    for seconds in range(HEALED_S):
        world.deliver_all()
        world.judge()
        if not world.differing():
            return seconds
        world.pass_time(1_000)
        if busy:
            for venue in world.venues:
                world.change(venue)
    raise AssertionError(f"seed {world.seed}: after {HEALED_S} s: {world.differing()}")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=SEEDS, steps=STEPS, busy=st.booleans())
def test_any_mix_of_faults_offers_only_the_venues_books_and_ends_equal(seed: int, steps: int, busy: bool):
    heal(run(seed, steps), busy=busy)


@pytest.mark.parametrize("seed", range(4))
def test_no_old_book_is_offered_for_longer_than_the_reconcile_takes_while_rest_answers(seed: int):
    """Losses, stalls and frozen connections; what was lost last is seen by the next look."""
    world = run(seed, 500, replace(ROUGH, read_failed=0, read_old=0, read_ms_max=400))

    assert world.lived > 200, f"seed {seed}"
    assert world.oldest_ms <= RECONCILED_MS, f"seed {seed}: {world.oldest_ms} ms"


def test_roughest_mix_of_faults_offers_only_the_venues_books_and_ends_equal():
    """Connections break off too, changes share a millisecond, and changes of tick are lost."""
    for seed in range(100):
        heal(run(seed, 120, ROUGHEST), busy=seed % 2 == 0)


@pytest.mark.parametrize("seed", range(3))
def test_long_rough_stream_is_live_often_and_within_its_reads(seed: int):
    world = run(seed, 2_000)

    heal(world, busy=False)
    assert world.lived > 500, f"seed {seed}"
    assert world.limits.resyncs > 10, f"seed {seed}"
    assert world.limits.probes > 10, f"seed {seed}"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=SEEDS)
def test_right_streams_on_several_connections_cause_no_resync(seed: int):
    """Quiet minutes, trades, stalls and reconnects included; only a change of tick must fetch a book."""
    world = FeedWorld(seed, Faults(instants=True))
    for number in range(300):
        draw = world.rng.random()
        if draw < 0.6:
            world.change(world.rng.choice(world.venues))
        elif draw < 0.7:
            world.trade(world.rng.choice(world.venues))
        elif draw < 0.8:
            world.deliver_all()
            world.pass_time(world.rng.choice((10, 900, 5_000, 60_000)))
        elif draw < 0.81:
            world.deliver_all()
            world.disconnect(world.rng.choice(world.lines), 50)
            world.pass_time(60)
        if number % 4 == 0:
            world.deliver_all()
            world.judge()
    heal(world, busy=True)

    assert world.limits.resyncs == 0, f"seed {seed}"
    assert world.feeds.status(world.at).resyncs == 0, f"seed {seed}"
    assert not world.alerts, f"seed {seed}: {world.alerts}"
