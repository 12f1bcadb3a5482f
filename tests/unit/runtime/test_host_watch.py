"""What the shell finds out about its machine, and the third door of kill."""

import asyncio
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.domain.host import HostSign
from engine.domain.units import Ms
from engine.runtime.host_watch import SLOW_LOOKS, CommitTimes, HostWatch, disk_free_pct
from engine.runtime.kill_file import KILL_FILE, watch_kill_file
from tests.support.builders import NOW


class Machine:
    """A host watch on a machine that the test sets."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mail: list[tuple[HostSign, int]] = []
        self.wall_ms = NOW
        self.free = 50
        self.commits = CommitTimes()
        self.watch = HostWatch(
            clock=self.clock,
            post=lambda event: self.mail.append((event.sign, event.figure)),
            commits=self.commits,
            folder=Path(),
            wall=lambda: Ms(self.wall_ms),
            free_pct=lambda _folder: self.free,
        )

    def turn(self, late_ms: int = 0, turns: int = 1) -> list[tuple[HostSign, int]]:
        self.mail.clear()
        for _ in range(turns):
            self.clock.advance(250)
            self.wall_ms = Ms(self.wall_ms + 250)
            self.watch.turn(late_ms)
        return list(self.mail)


@pytest.fixture
def machine():
    return Machine()


def test_a_machine_in_order_is_no_news(machine):
    assert machine.turn(late_ms=250, turns=2 * SLOW_LOOKS) == []


def test_a_late_turn_is_told_with_its_lateness(machine):
    assert machine.turn(late_ms=251) == [(HostSign.LOOP_LAG, 251)]


@pytest.mark.parametrize("step_ms", [3_600_000, -3_600_000, 10_000, -2_001])
def test_a_clock_that_was_set_is_told_once(machine, step_ms):
    machine.turn()
    machine.wall_ms = Ms(machine.wall_ms + step_ms)

    assert machine.turn(turns=20) == [(HostSign.CLOCK_STEP, step_ms)]


def test_a_clock_that_is_slewed_is_no_step(machine):
    for _ in range(4):
        machine.wall_ms = Ms(machine.wall_ms + 400)
        assert machine.turn() == []


def test_a_full_disk_is_told_when_it_fills_and_when_it_has_room(machine):
    machine.free = 4
    assert machine.turn(turns=3 * SLOW_LOOKS) == [(HostSign.DISK_LOW, 4)]
    machine.free = 5
    assert machine.turn(turns=2 * SLOW_LOOKS) == []
    machine.free = 8
    assert machine.turn(turns=2 * SLOW_LOOKS) == [(HostSign.DISK_FINE, 8)]


def test_slow_commits_are_told_by_their_99th_percentile(machine):
    for number in range(100):
        machine.commits.note(machine.clock.now_ms(), 300_000 if number < 2 else 1_000)

    assert (HostSign.COMMIT_SLOW, 300) in machine.turn(turns=SLOW_LOOKS + 1)


def test_one_slow_commit_of_a_hundred_or_of_a_few_is_not(machine):
    machine.commits.note(machine.clock.now_ms(), 900_000)
    assert machine.turn(turns=SLOW_LOOKS + 1) == []
    for _ in range(99):
        machine.commits.note(machine.clock.now_ms(), 1_000)
    assert machine.turn(turns=SLOW_LOOKS + 1) == []


def test_old_commits_are_forgotten(machine):
    for _ in range(50):
        machine.commits.note(machine.clock.now_ms(), 900_000)
    machine.clock.advance(60_000)

    assert machine.commits.p99_ms(machine.clock.now_ms()) is None


def test_the_real_disk_has_a_share_that_is_free(tmp_path):
    assert 0 <= disk_free_pct(tmp_path) <= 100


async def test_it_looks_from_inside_the_loop_and_is_never_early(monkeypatch):
    turns: list[int] = []
    looked = asyncio.Event()
    machine = Machine()

    def turn(late_ms: int) -> None:
        turns.append(late_ms)
        looked.set()

    monkeypatch.setattr(machine.watch, "turn", turn)
    running = asyncio.create_task(machine.watch.run())
    await asyncio.wait_for(looked.wait(), 5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert turns[0] >= 0


async def test_the_kill_file_kills_a_desk_that_is_halted_for_another_reason_once(tmp_path):
    """Such a halt closes the gate and cancels nothing."""
    kills: list[int] = []
    looks = 0
    looked_twice = asyncio.Event()

    def halted() -> bool:
        nonlocal looks
        looks += 1
        if looks > 2:
            looked_twice.set()
        return True

    (tmp_path / KILL_FILE).touch()
    watching = asyncio.create_task(watch_kill_file(tmp_path, halted=halted, kill=lambda: kills.append(1)))
    await asyncio.wait_for(looked_twice.wait(), 5)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)

    assert kills == [1]


async def test_the_kill_file_kills_once_and_again_after_a_resume(tmp_path):
    kills: list[int] = []
    killed = asyncio.Event()

    def kill() -> None:
        kills.append(1)
        killed.set()

    (tmp_path / KILL_FILE).touch()
    watching = asyncio.create_task(watch_kill_file(tmp_path, halted=killed.is_set, kill=kill))
    for times in (1, 2):
        await asyncio.wait_for(killed.wait(), 5)
        assert len(kills) == times
        killed.clear()  # as a resume leaves it
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
