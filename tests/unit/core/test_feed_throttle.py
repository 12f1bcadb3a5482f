import pytest

from engine.core.feed.throttle import ANSWER_MS_MAX, BURST, REFILL_MS, FetchThrottle
from engine.domain.units import Ms

START = Ms(1_790_000_000_000)


def asked(throttle: FetchThrottle, at_ms: int) -> bool:
    """Ask, and have the answer at once."""
    granted = throttle.ask(Ms(at_ms))
    throttle.answered()
    return granted


def test_throttle_allows_a_burst_and_then_nothing():
    throttle = FetchThrottle(START)

    assert [asked(throttle, START) for _ in range(4)] == [True] * BURST + [False] * 2


def test_throttle_refills_one_every_five_seconds():
    throttle = FetchThrottle(START)
    for _ in range(BURST):
        asked(throttle, START)

    assert not asked(throttle, START + REFILL_MS - 1)
    assert asked(throttle, START + REFILL_MS)
    assert not asked(throttle, START + REFILL_MS + 1)


def test_throttle_never_saves_more_than_a_burst():
    throttle = FetchThrottle(START)

    later = START + 3_600_000

    assert [asked(throttle, later) for _ in range(4)] == [True, True, False, False]


def test_throttle_over_a_minute_grants_a_burst_and_one_per_refill():
    throttle = FetchThrottle(START)

    granted = sum(asked(throttle, START + ms) for ms in range(0, 60_000, 100))

    assert granted == BURST + 60_000 // REFILL_MS - 1


def test_throttle_has_one_read_in_flight_at_most():
    throttle = FetchThrottle(START)

    assert throttle.ask(START)
    assert not throttle.ask(START)
    throttle.answered()
    assert throttle.ask(START)


def test_throttle_takes_an_unanswered_read_for_lost():
    throttle = FetchThrottle(START)
    assert throttle.ask(START)

    assert not throttle.ask(Ms(START + ANSWER_MS_MAX - 1))
    assert throttle.ask(Ms(START + ANSWER_MS_MAX))


@pytest.mark.parametrize("back_ms", [1, 60_000])
def test_throttle_gains_nothing_from_a_clock_that_went_back(back_ms: int):
    throttle = FetchThrottle(START)
    for _ in range(BURST):
        asked(throttle, START)

    assert not asked(throttle, START - back_ms)
