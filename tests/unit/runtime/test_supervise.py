"""Owned tasks: named, counted, restarted where they must live, and waited for at the end."""

import asyncio

import pytest

from engine.metrics import Metrics
from engine.runtime.supervise import RESTART_STEPS_S, TaskSet, keep_running
from tests.support.fake_ports import settled


class Work:
    """Fails as often as told, then lives until cancelled."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.runs = 0
        self.living = asyncio.Event()

    async def __call__(self) -> None:
        self.runs += 1
        if self.runs <= self.failures:
            raise ConnectionError("socket closed")
        self.living.set()
        await asyncio.Event().wait()


class Naps:
    """Stands in for sleeping and remembers how long it was asked to."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_failed_task_is_started_again_counted_with_growing_pauses():
    work, naps, metrics = Work(failures=8), Naps(), Metrics()
    task = asyncio.create_task(keep_running("feed", work, metrics, naps))
    await asyncio.wait_for(work.living.wait(), 5)

    assert work.runs == 9
    assert metrics.value("service_task_errors", "feed") == 8
    assert naps.pauses == sorted(naps.pauses)
    assert naps.pauses[0] <= 1
    assert naps.pauses[-1] == RESTART_STEPS_S[-1]
    await stopped(task)


async def test_cancelling_passes_through_and_is_no_failure():
    work, metrics = Work(failures=0), Metrics()
    task = asyncio.create_task(keep_running("feed", work, metrics))
    await asyncio.wait_for(work.living.wait(), 5)
    await stopped(task)

    assert metrics.total("service_task_errors") == 0


async def test_work_that_ends_by_itself_is_not_started_again():
    runs = []

    async def once() -> None:
        runs.append(1)

    await keep_running("once", once, Metrics())

    assert runs == [1]


async def test_a_spawned_task_that_fails_is_counted_by_name_and_logged(caplog):
    metrics = Metrics()
    tasks = TaskSet(metrics)

    async def broken() -> None:
        raise RuntimeError("unforeseen")

    tasks.spawn("submit", broken())
    await settled(lambda: metrics.total("service_task_errors") == 1)

    assert metrics.value("service_task_errors", "submit") == 1
    assert "submit" in caplog.text


async def test_drain_waits_for_what_is_in_flight():
    tasks, done = TaskSet(Metrics()), []

    async def slow() -> None:
        await asyncio.sleep(0)
        done.append(1)

    for _ in range(5):
        tasks.spawn("read", slow())

    assert await tasks.drain(5) == 0
    assert len(done) == 5


async def test_drain_cancels_what_does_not_end_and_tells_how_many():
    metrics = Metrics()
    tasks = TaskSet(metrics)
    for _ in range(3):
        tasks.spawn("read", _for_ever())

    assert await tasks.drain(0.01) == 3
    assert metrics.total("service_task_errors") == 0, "a cancelled task has not failed"


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def test_drain_with_nothing_in_flight_is_at_once():
    assert await TaskSet(Metrics()).drain(0) == 0


async def test_work_that_fails_while_it_is_being_ended_is_counted_and_not_started_again():
    metrics, begun = Metrics(), 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise KeyError("ours") from None

    task = asyncio.create_task(keep_running("feed", work, metrics))
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task

    assert begun == 1
    assert metrics.value("service_task_errors", "feed") == 1
