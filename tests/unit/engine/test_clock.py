"""Desk time never goes backwards and is read in one place."""

import pytest

from engine.clock import ManualClock, SystemClock, perf_us
from tests.support.builders import NOW


def test_system_clock_starts_at_the_wall_clock():
    import time

    before, now, after = time.time_ns(), SystemClock().now_ms(), time.time_ns()

    assert before // 1_000_000 - 1 <= now <= after // 1_000_000 + 1


def test_system_clock_never_goes_backwards():
    clock = SystemClock()
    readings = [clock.now_ms() for _ in range(10_000)]

    assert readings == sorted(readings)


def test_system_clock_does_not_follow_a_step_of_the_wall_clock(monkeypatch):
    import time

    clock = SystemClock()
    before = clock.now_ms()
    monkeypatch.setattr(time, "time_ns", lambda: 0)

    assert before <= clock.now_ms() < before + 60_000


def test_system_clock_counts_whole_milliseconds():
    assert isinstance(SystemClock().now_ms(), int)


def test_manual_clock_stands_until_moved():
    clock = ManualClock()
    assert clock.now_ms() == clock.now_ms() == NOW

    clock.advance(250)
    clock.advance(0)

    assert clock.now_ms() == NOW + 250


def test_manual_clock_moved_backwards_is_an_error_of_ours():
    with pytest.raises(AssertionError, match="forward"):
        ManualClock().advance(-1)


def test_perf_us_is_monotonic():
    readings = [perf_us() for _ in range(1_000)]

    assert readings == sorted(readings)
