"""The board of ticket cards: one message per ticket, edited at most once a second, newest facts win.

A card made from older facts than the one on the board is dropped, whichever way it came. No Telegram types.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from bot.card import Card
from engine.clock import Clock
from engine.domain.ids import TicketId
from engine.domain.units import Ms
from engine.metrics import Metrics

EDIT_EVERY_MS = 1_000
SLOTS_MAX = 500
"""Tickets remembered; older ones are found again through the message id in their view."""
DRAIN_S = 5.0
MOVED_BELOW = Card("⬇️ This ticket goes on in a new message below.")

_LOG = logging.getLogger(__name__)


class Surface(Protocol):
    """Where cards are shown."""

    async def post(self, chat_id: int, card: Card) -> int | None:
        """Show as a new message; its id, None when that failed for good."""
        ...

    async def edit(self, chat_id: int, message_id: int, card: Card) -> int | None:
        """Show in place; the id of the message that carries it now, None when none does."""
        ...


@dataclass(slots=True)
class _Slot:
    """One ticket's message."""

    ticket_id: TicketId
    chat_id: int
    message_id: int | None
    newest: tuple[int, ...] = ()
    pending: Card | None = None
    aloud: bool = False
    shown: Card | None = None
    edited_ms: Ms | None = None
    holds: int = 0
    free: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class CardBoard:
    """All ticket messages of one chat application. Tells `bound` which message carries a ticket's card."""

    def __init__(
        self,
        *,
        surface: Surface,
        bound: Callable[[TicketId, int], None],
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        metrics: Metrics,
    ) -> None:
        self._surface = surface
        self._bound = bound
        self._clock = clock
        self._sleep = sleep
        self._metrics = metrics
        self._slots: OrderedDict[TicketId, _Slot] = OrderedDict()

    def put(self, card: Card, *, aloud: bool = False) -> None:
        """Show a ticket's card soon; `aloud` asks for a new message, because a human must look."""
        mark = card.about
        assert mark is not None, "expected a ticket's card"
        slot = self._slot(mark.ticket_id, mark.chat_id, mark.message_id)
        if mark.freshness < slot.newest:
            return
        slot.newest = mark.freshness
        slot.pending = card
        slot.aloud = slot.aloud or aloud
        if slot.task is None:
            slot.task = asyncio.create_task(self._show(slot), name=f"card {mark.ticket_id}")

    def _slot(self, ticket_id: TicketId, chat_id: int, message_id: int | None) -> _Slot:
        slot = self._slots.get(ticket_id)
        if slot is None:
            slot = self._slots[ticket_id] = _Slot(ticket_id, chat_id, message_id)
            slot.free.set()
            self._forget()
        self._slots.move_to_end(ticket_id)
        return slot

    def _forget(self) -> None:
        idle = [key for key, slot in self._slots.items() if slot.task is None and not slot.holds]
        for key in idle[: max(0, len(self._slots) - SLOTS_MAX)]:
            del self._slots[key]

    @contextmanager
    def held(self, card: Card) -> Iterator[None]:
        """Keep the ticket's message as it is until the press that changed it has been answered."""
        mark = card.about
        assert mark is not None, "expected a ticket's card"
        slot = self._slot(mark.ticket_id, mark.chat_id, mark.message_id)
        slot.holds += 1
        slot.free.clear()
        try:
            yield
        finally:
            slot.holds -= 1
            if slot.holds == 0:
                slot.free.set()

    async def shown(self, ticket_id: TicketId) -> None:
        """Wait until the ticket's newest card is in the chat."""
        slot = self._slots.get(ticket_id)
        if slot is not None and slot.task is not None:
            await asyncio.wait({slot.task})

    async def close(self) -> None:
        """Show what is pending, for at most five seconds, then stop."""
        tasks = {slot.task for slot in self._slots.values() if slot.task is not None}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=DRAIN_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _show(self, slot: _Slot) -> None:
        """Bring one message up to date until nothing is pending."""
        try:
            while slot.pending is not None:
                await slot.free.wait()
                due_ms = (
                    0 if slot.edited_ms is None else slot.edited_ms + EDIT_EVERY_MS - self._clock.now_ms()
                )
                if due_ms > 0:
                    await self._sleep(due_ms / 1_000)
                    continue  # a newer card or a hold may have come meanwhile
                await self._show_once(slot)
        except Exception:  # boundary: one card that cannot be shown must not end the chat  # noqa: BLE001
            self._metrics.count("engine_errors", "card_board")
            _LOG.exception("card not shown", extra={"fields": {"ticket": slot.ticket_id}})
        finally:
            slot.task = None

    async def _show_once(self, slot: _Slot) -> None:
        card, aloud = slot.pending, slot.aloud
        slot.pending, slot.aloud = None, False
        if card is None or (card == slot.shown and not aloud):
            return
        before = slot.message_id
        if before is None or aloud:
            now = await self._surface.post(slot.chat_id, card)
            if now is not None and before is not None:
                await self._surface.edit(slot.chat_id, before, MOVED_BELOW)
        else:
            now = await self._surface.edit(slot.chat_id, before, card)
            slot.edited_ms = self._clock.now_ms()
        slot.shown = card
        if now is not None and now != before:
            slot.message_id = now
            self._bound(slot.ticket_id, now)
