"""Owned tasks: every one has a name, a count of its failures, and an end that is waited for."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

from engine.metrics import Metrics

LOG = logging.getLogger(__name__)
RESTART_STEPS_S = (0.5, 1, 2, 5, 10, 30)


async def keep_running(
    name: str,
    work: Callable[[], Awaitable[None]],
    metrics: Metrics,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Run `work` for ever: start it again after a failure, with growing pauses, counted and logged."""
    failures = 0
    while True:
        try:
            await work()
        except Exception:  # boundary: a supervised task must not end the desk; it is counted and told
            metrics.count("service_task_errors", name)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                LOG.exception("task %s failed while it was being ended", name)
                raise asyncio.CancelledError from None
            LOG.exception("task %s failed, starting it again", name)
        else:
            return
        pause = RESTART_STEPS_S[min(failures, len(RESTART_STEPS_S) - 1)]
        failures += 1
        await sleep(pause)


class TaskSet:
    """Short tasks in flight; refuses new ones while closing and waits for the rest."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def spawn(self, name: str, work: Coroutine[None, None, None]) -> None:
        """Start a task; its failure is counted and logged, never lost. While closing nothing is started."""
        if self._closing:
            LOG.info("not started, the desk is stopping: %s", name)
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._metrics.count("service_task_errors", task.get_name())
            LOG.error("task %s failed", task.get_name(), exc_info=task.exception())

    async def settle(self, timeout_s: float) -> None:
        """Wait for the tasks in flight and for what they start, without refusing or cancelling any."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self._tasks and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)

    async def drain(self, timeout_s: float) -> int:
        """Wait for the tasks in flight, then cancel what is left; return how many were cancelled.

        Whoever does not want to wait any longer cancels the wait: what is left ends then.
        """
        self._closing = True
        if not self._tasks:
            return 0
        try:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        finally:
            left = await self._cut()
        return left

    async def _cut(self) -> int:
        """Cancel what is in flight and let each task say so, for a second at most; return how many."""
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1)
        return len(left)
