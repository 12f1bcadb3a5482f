"""Named one-shot timers on the loop's monotonic clock; each posts one event."""

import asyncio
from collections.abc import Callable

from engine.clock import Clock
from engine.domain.events import TimerDue
from engine.domain.units import Ms


class Timers:
    """Timers by name; setting a name again replaces it."""

    def __init__(self, clock: Clock, post: Callable[[TimerDue], None]) -> None:
        self._clock = clock
        self._post = post
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def set(self, name: str, due_ms: Ms) -> None:
        """Post `TimerDue(name)` at desk time `due_ms`, at once if that has passed."""
        self._drop(name)
        delay_s = max(0, due_ms - self._clock.now_ms()) / 1_000
        self._handles[name] = asyncio.get_running_loop().call_later(delay_s, self._fire, name)

    def _fire(self, name: str) -> None:
        self._handles.pop(name, None)
        self._post(TimerDue(self._clock.now_ms(), name))

    def _drop(self, name: str) -> None:
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def stop(self) -> None:
        """Cancel every timer."""
        for name in list(self._handles):
            self._drop(name)
