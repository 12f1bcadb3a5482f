"""Virtual time: one agenda for the whole world, and an event loop for each process that lives in it.

A process is a `ProcessLoop`: callbacks that are ready, and timers on the shared agenda. None of a killed
process's callbacks ever runs again, so a crash falls between two awaits, wherever that is. Time moves only
when nothing is ready. Nothing here sleeps, and no thread is ever started.
"""

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from engine.domain.units import Ms

START_MS = 1_790_000_000_000
"""Desk and venue time at the beginning of every seed."""
_CLOSE_TURNS = 50
"""Awaits in `finally` blocks of one task of a killed process that are gone through."""


class Agenda:
    """What is to happen when; the only source of time. Equal times keep the order in which they were set."""

    def __init__(self) -> None:
        self.now_us = 0
        self.happened = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def now_ms(self) -> Ms:
        """Return the time as the desk and the venue read it."""
        return Ms(START_MS + self.now_us // 1_000)

    def at(self, when_us: int, act: Callable[[], None]) -> None:
        """Let something happen at a time, not before now."""
        self._count += 1
        heapq.heappush(self._heap, (max(when_us, self.now_us), self._count, act))

    def after(self, delay_us: int, act: Callable[[], None]) -> None:
        """Let something happen later."""
        self.at(self.now_us + delay_us, act)

    def advance(self, until_us: int) -> bool:
        """Let the next thing happen; False, and the time is `until_us`, if there is none before that."""
        if not self._heap or self._heap[0][0] > until_us:
            self.now_us = max(self.now_us, until_us)
            return False
        when_us, _, act = heapq.heappop(self._heap)
        self.now_us = when_us
        self.happened += 1
        act()
        return True


class ProcessLoop(asyncio.AbstractEventLoop):
    """The event loop of one process. It runs nothing by itself: `step` runs one callback."""

    def __init__(self, agenda: Agenda, fault: Callable[[dict[str, Any]], None]) -> None:
        self._agenda = agenda
        self._fault = fault
        self._ready: deque[asyncio.Handle] = deque()
        self._tasks: list[asyncio.Task[Any]] = []
        self._tasks_max = 256
        self.dead = False

    def step(self) -> bool:
        """Run one callback that is ready; False if there is none."""
        while self._ready and not self.dead:
            handle = self._ready.popleft()
            if not handle.cancelled():
                asyncio._set_running_loop(self)
                try:
                    handle._run()
                finally:
                    asyncio._set_running_loop(None)
                return True
        return False

    def kill(self) -> None:
        """End the process as SIGKILL does; what its tasks still do while they are closed has no effect."""
        self.dead = True
        self._ready.clear()

    def bury(self) -> None:
        """Close what the tasks of a killed process left open, so that nothing complains of it later."""
        assert self.dead, "expected a killed process"
        asyncio._set_running_loop(self)
        try:
            while self._tasks:
                task = self._tasks.pop()
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    _close(task.get_coro())
        finally:
            asyncio._set_running_loop(None)
        self._ready.clear()

    def time(self) -> float:
        return self._agenda.now_us / 1_000_000

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if not self.dead:
            self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)

        def due() -> None:
            if not handle.cancelled() and not self.dead:
                self._ready.append(handle)

        # Rounded up: a timer is never early, so nothing has to be asked for twice.
        self._agenda.at(-int(-when * 1_000_000 // 1), due)
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Any,
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        if len(self._tasks) > self._tasks_max:
            self._tasks = [kept for kept in self._tasks if not kept.done()]
            self._tasks_max = 2 * len(self._tasks) + 256
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run it here and now: a thread would bring in the order that the machine happens to choose."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - boundary: whatever it raised belongs to whoever awaits it
            future.set_exception(error)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.dead:
            self._fault(context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to do: a cancelled handle is passed over when its time comes."""

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self.dead

    def is_closed(self) -> bool:
        return False


class Killed(BaseException):
    """Thrown into the tasks of a dead process, so that their frames are given up."""


def _close(coroutine: Any) -> None:
    """Unwind a coroutine, also one that awaits again on its way out, as a rollback does."""
    if coroutine.cr_frame is not None and coroutine.cr_await is None:
        coroutine.close()  # it was never begun
        return
    for _ in range(_CLOSE_TURNS):
        try:
            coroutine.throw(Killed())
        except BaseException:  # noqa: BLE001 - boundary: a process that is dead cannot fail any more
            return
