"""Short tasks that somebody owns: named, kept until they end, their failures logged, ended on close."""

import asyncio
import logging
from collections.abc import Coroutine

_LOG = logging.getLogger(__name__)


class OwnedTasks:
    """A set of running tasks."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[object, object, None], name: str) -> None:
        """Run `work` until it ends."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("task %s failed", task.get_name(), exc_info=task.exception())

    async def close(self, *, within_s: float = 2.0) -> None:
        """Let the tasks end by themselves for a moment, then cancel them."""
        tasks = set(self._tasks)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
