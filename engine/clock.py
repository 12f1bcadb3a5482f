"""The only reader of time. Desk time starts at the wall clock and runs on the monotonic one.

Ages, TTLs and deadlines therefore never jump when the machine's clock is stepped; the difference to the
venue's clock is measured separately and added where the venue reads a timestamp.
"""

import time
from typing import Protocol

from engine.domain.units import Ms


class Clock(Protocol):
    """Desk time in milliseconds since 1970, never going backwards."""

    def now_ms(self) -> Ms:
        """Return the present desk time."""
        ...


class SystemClock:
    """Wall time read once at the start, advanced by the monotonic clock."""

    def __init__(self) -> None:
        self._wall_start_ns = time.time_ns()
        self._monotonic_start_ns = time.monotonic_ns()

    def now_ms(self) -> Ms:
        """Return desk time: wall time at the start plus what has elapsed since."""
        return Ms((self._wall_start_ns + time.monotonic_ns() - self._monotonic_start_ns) // 1_000_000)


class ManualClock:
    """A clock that moves only when told to, for replays and tests."""

    def __init__(self, now_ms: int = 1_790_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> Ms:
        """Return the time it was set to."""
        return Ms(self._now_ms)

    def advance(self, by_ms: int) -> None:
        """Move forward by a non-negative number of milliseconds."""
        assert by_ms >= 0, f"expected a step forward, was {by_ms} ms"
        self._now_ms += by_ms


def wall_ms() -> Ms:
    """Return the machine's wall clock, which may be set at any time; for comparing, never for ages."""
    return Ms(time.time_ns() // 1_000_000)


def perf_us() -> int:
    """Return a monotonic reading in microseconds, for timing a call."""
    return time.perf_counter_ns() // 1_000
