"""What the shell finds out about its machine: late turns, slow commits, a full disk, a clock that was set.

It measures and tells; `engine.core.halts.breakers` judges.
"""

import asyncio
import shutil
from collections import deque
from collections.abc import Callable
from pathlib import Path

from engine.clock import Clock, perf_us, wall_ms
from engine.domain.events import HostTold
from engine.domain.host import HostSign
from engine.domain.units import Ms

TURN_MS = 250
"""How often the loop is asked to be in time."""
LAG_MS = 250
STEP_MS = 2_000
"""A clock that drifts is slewed by less in any short while; more than this was set (reliability E6)."""
SLOW_COMMIT_MS = 250
COMMITS_WITHIN_MS = 60_000
COMMITS_MIN = 20
"""Below this number a percentile tells of one commit."""
COMMITS_KEPT = 4_096
DISK_LOW_PCT = 5
DISK_FINE_PCT = 7
"""Above the lower bound, so that one file more or less does not flap."""
SLOW_LOOKS = 40
"""Disk and commits are looked at every so many turns: 10 s."""


class CommitTimes:
    """How long the newest commits took."""

    def __init__(self) -> None:
        self._times: deque[tuple[Ms, int]] = deque(maxlen=COMMITS_KEPT)

    def note(self, at_ms: Ms, took_us: int) -> None:
        """Add one commit."""
        self._times.append((at_ms, took_us))

    def p99_ms(self, at_ms: Ms) -> int | None:
        """Return the 99th percentile of the last minute, rounded down; None when there were too few."""
        newest = sorted(took for when, took in self._times if when > at_ms - COMMITS_WITHIN_MS)
        if len(newest) < COMMITS_MIN:
            return None
        return newest[(len(newest) * 99 - 1) // 100] // 1_000


def disk_free_pct(folder: Path) -> int:
    """Return how much of the folder's disk is free, in whole percent rounded down."""
    usage = shutil.disk_usage(folder)
    return usage.free * 100 // usage.total


class HostWatch:
    """Looks at the machine from inside the loop, so that a loop that hangs shows as late."""

    def __init__(
        self,
        *,
        clock: Clock,
        post: Callable[[HostTold], None],
        commits: CommitTimes,
        folder: Path,
        wall: Callable[[], Ms] = wall_ms,
        free_pct: Callable[[Path], int] = disk_free_pct,
    ) -> None:
        self._clock = clock
        self._post = post
        self._commits = commits
        self._folder = folder
        self._wall = wall
        self._free_pct = free_pct
        self._drift_ms = wall() - clock.now_ms()
        self._disk_low = False
        self._turns = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            began_us = perf_us()
            await asyncio.sleep(TURN_MS / 1_000)
            self.turn((perf_us() - began_us) // 1_000 - TURN_MS)

    def turn(self, late_ms: int) -> None:
        """Tell what this turn found; it began `late_ms` after it was due."""
        if late_ms > LAG_MS:
            self._tell(HostSign.LOOP_LAG, late_ms)
        drift_ms = self._wall() - self._clock.now_ms()
        if abs(drift_ms - self._drift_ms) > STEP_MS:
            self._tell(HostSign.CLOCK_STEP, drift_ms - self._drift_ms)
            self._drift_ms = drift_ms
        if self._turns % SLOW_LOOKS == 0:
            self._look_at_disk()
            self._look_at_commits()
        self._turns += 1

    def _look_at_disk(self) -> None:
        free = self._free_pct(self._folder)
        if not self._disk_low and free < DISK_LOW_PCT:
            self._disk_low = True
            self._tell(HostSign.DISK_LOW, free)
        elif self._disk_low and free >= DISK_FINE_PCT:
            self._disk_low = False
            self._tell(HostSign.DISK_FINE, free)

    def _look_at_commits(self) -> None:
        p99 = self._commits.p99_ms(self._clock.now_ms())
        if p99 is not None and p99 > SLOW_COMMIT_MS:
            self._tell(HostSign.COMMIT_SLOW, p99)

    def _tell(self, sign: HostSign, figure: int) -> None:
        self._post(HostTold(self._clock.now_ms(), sign, figure))
