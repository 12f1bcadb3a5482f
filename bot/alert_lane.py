"""Brings one operator's alerts into the chat: two workers over one table, so that CRIT waits for nothing.

The table (`bot.alerts`) says what is due, the lane says when a call may leave; while it may not, alerts fold.
No Telegram types: the way out is a protocol.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from bot.alerts import Delivery, Incidents, Way
from bot.card import Card, Look
from engine.domain.units import Ms
from engine.domain.views import Alert
from engine.metrics import Metrics

DRAIN_S = 5.0
"""How long the CRIT alerts that are due may hold up the end."""

_LOG = logging.getLogger(__name__)


class AlertSurface(Protocol):
    """Where alerts are shown, and how long an ordinary one would have to wait."""

    async def post(self, card: Card, *, urgent: bool, silent: bool) -> int | None:
        """Show as a new message; its id, None when that failed for good."""
        ...

    async def edit(self, message_id: int, card: Card, *, urgent: bool) -> int | None:
        """Show in place; the id of the message that carries it now."""
        ...

    def wait_ms(self) -> int:
        """Return how long an ordinary alert would wait now, 0 for not at all."""
        ...


class AlertLane:
    """The alerts of one chat. `start` before the first one, `stop` at the end."""

    def __init__(
        self,
        *,
        name: str,
        surface: AlertSurface,
        look: Callable[[], Look],
        sleep: Callable[[float], Awaitable[None]],
        metrics: Metrics,
    ) -> None:
        self._name = name
        self._surface = surface
        self._look = look
        self._sleep = sleep
        self._metrics = metrics
        self._incidents = Incidents()
        self._news = {True: asyncio.Event(), False: asyncio.Event()}
        self._tasks: dict[bool, asyncio.Task[None]] = {}
        self._stopping = False

    def start(self) -> None:
        """Begin delivering."""
        for urgent in (True, False):
            name = f"alerts {self._name} {'urgent' if urgent else 'ordinary'}"
            self._tasks[urgent] = asyncio.create_task(self._run(urgent=urgent), name=name)

    async def stop(self) -> None:
        """Deliver the CRIT alerts that are due, for at most five seconds, then end both workers.

        The alert that says why the desk stops is raised just before this. Ordinary alerts are not waited for.
        """
        if not self._tasks:
            return
        self._stopping = True
        self._news[True].set()
        self._tasks[False].cancel()
        _, late = await asyncio.wait({self._tasks[True]}, timeout=DRAIN_S)
        if late:
            fields = {"operator": self._name, "waited_s": DRAIN_S}
            _LOG.warning("CRIT alerts may not have reached the chat before the end", extra={"fields": fields})
            self._tasks[True].cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def add(self, alert: Alert) -> None:
        """Take an alert; returns at once."""
        self._incidents.add(alert, self._look().now_ms)
        for event in self._news.values():
            event.set()

    async def _run(self, *, urgent: bool) -> None:
        while True:
            self._news[urgent].clear()
            pause_ms = await self._deliver(urgent=urgent)
            if pause_ms == 0:
                continue
            if self._stopping:
                return
            await self._wait(urgent=urgent, pause_ms=pause_ms)

    async def _deliver(self, *, urgent: bool) -> int | None:
        """Make the next call that is due; return how long to pause, None for until there is news."""
        look = self._look()
        delivery = self._incidents.due(look, urgent=urgent)
        if delivery is None:
            due_ms = self._incidents.next_due_ms(urgent=urgent)
            return None if due_ms is None else max(1, due_ms - look.now_ms)
        wait_ms = 0 if urgent else self._surface.wait_ms()
        if wait_ms:
            return wait_ms
        self._incidents.taken(delivery, look.now_ms)
        try:
            self._incidents.placed(delivery, await self._show(delivery, urgent=urgent))
        except Exception:  # boundary: one alert that cannot be shown must not end all others  # noqa: BLE001
            self._metrics.count("engine_errors", "alert_lane")
            _LOG.exception("alert not shown", extra={"fields": {"keys": delivery.keys}})
        return 0

    async def _show(self, delivery: Delivery, *, urgent: bool) -> int | None:
        if delivery.way is Way.EDIT and delivery.message_id is not None:
            now = await self._surface.edit(delivery.message_id, delivery.card, urgent=urgent)
            # The message is still there when only its edit was lost: the next count edits it, not a new one.
            return delivery.message_id if now is None else now
        return await self._surface.post(delivery.card, urgent=urgent, silent=delivery.silent)

    async def _wait(self, *, urgent: bool, pause_ms: int | None) -> None:
        """Wait for news, or for the pause to be over."""
        news = self._news[urgent]
        if pause_ms is None:
            await news.wait()
            return
        waits = {
            asyncio.create_task(news.wait(), name=f"alerts {self._name} news"),
            asyncio.create_task(self._pause(Ms(pause_ms)), name=f"alerts {self._name} pause"),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _pause(self, pause_ms: Ms) -> None:
        await self._sleep(pause_ms / 1_000)
