"""A catalogue that fails is tried again soon, ever less often, and never twice as often as needed."""

import random

import pytest

from engine.clock import ManualClock
from engine.core.rules.catalogue_retry import FIRST_CEILING_MS, LAST_CEILING_MS, RETRY_TIMER, pause_ms
from engine.domain.effects import ReadCatalogue, SetTimer
from engine.domain.events import CatalogueFailed, CatalogueRead, TimerDue
from engine.domain.units import Ms
from tests.support.desk_run import DeskRun


@pytest.fixture
def run() -> DeskRun:
    return DeskRun()


def fails(run: DeskRun, entropy: int) -> SetTimer:
    effects = run.step(CatalogueFailed(run.at_ms, "timed out", entropy=entropy))
    (timer,) = (e for e in effects if isinstance(e, SetTimer) and e.name == RETRY_TIMER)
    return timer


def succeeds(run: DeskRun) -> None:
    run.step(CatalogueRead(run.at_ms, run.at_ms, tuple(run.desk.events.values()), 0))


@pytest.mark.parametrize(
    ("failures", "ceiling"),
    [
        (1, 2_000),
        (2, 4_000),
        (3, 8_000),
        (4, 16_000),
        (5, 32_000),
        (6, 60_000),
        (7, 60_000),
        (10_000, 60_000),
    ],
)
def test_pause_lies_anywhere_below_a_ceiling_that_doubles(failures, ceiling):
    assert pause_ms(failures, 0) == 0
    assert pause_ms(failures, ceiling) == ceiling
    assert pause_ms(failures, ceiling + 1) == 0

    drawn = random.Random(failures)
    pauses = [pause_ms(failures, drawn.getrandbits(62)) for _ in range(2_000)]
    assert max(pauses) <= ceiling
    assert 0.45 * ceiling < sum(pauses) / len(pauses) < 0.55 * ceiling


def test_failures_in_a_row_are_tried_again_after_growing_pauses(run):
    dues = [fails(run, LAST_CEILING_MS).due_ms - run.at_ms for _ in range(8)]

    # This entropy is a whole ceiling only where the ceiling is the last one.
    assert dues[-1] == LAST_CEILING_MS
    assert dues == [LAST_CEILING_MS % (min(LAST_CEILING_MS, FIRST_CEILING_MS << n) + 1) for n in range(8)]


def test_a_read_that_succeeds_begins_the_pauses_anew(run):
    for _ in range(6):
        fails(run, 0)
    succeeds(run)

    assert fails(run, FIRST_CEILING_MS).due_ms == run.at_ms + FIRST_CEILING_MS


def test_the_timer_reads_again_unless_a_refresh_has_succeeded_meanwhile(run):
    fails(run, 1_000)
    assert run.step(TimerDue(Ms(run.at_ms + 1_000), RETRY_TIMER)) == (ReadCatalogue(),)

    succeeds(run)
    assert run.step(TimerDue(Ms(run.at_ms + 2_000), RETRY_TIMER)) == ()


def test_venue_that_is_away_for_half_an_hour_is_asked_often_at_first_and_noticed_within_a_minute(run):
    clock, drawn, tries = ManualClock(), random.Random(5), []
    began, away_ms = clock.now_ms(), 30 * 60_000
    while clock.now_ms() - began < away_ms:
        tries.append(clock.now_ms() - began)
        event = CatalogueFailed(clock.now_ms(), "away", entropy=drawn.getrandbits(62))
        (timer,) = (e for e in run.step(event) if isinstance(e, SetTimer) and e.name == RETRY_TIMER)
        clock.advance(max(1, timer.due_ms - clock.now_ms()))

    assert sum(at < 60_000 for at in tries) >= 5, "a short absence is not waited out"
    assert 40 < len(tries) < 100, "a long one is not hammered"
    assert clock.now_ms() - began - away_ms <= LAST_CEILING_MS
