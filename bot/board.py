"""The board of ticket cards: one message per ticket, edited at most once a second, newest facts win.

A card made from older facts than the one on the board is dropped, whichever way it came. A card that could
not be shown is tried again after growing pauses: the last card of a ticket has no successor to mend it.
No Telegram types.
"""

import asyncio
import logging
from collections import OrderedDict, deque
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
RETRIES = 24
"""Tries after the first one; with the pauses below they last about an hour and a half."""
RETRY_FIRST_S = 2
RETRY_MAX_S = 300
"""The pause doubles from the first to this one."""
MOVED_MAX = 8
"""Messages of one ticket that wait for the pointer to the new one."""
MOVED_BELOW = Card("⬇️ This ticket goes on in a new message below.")

_LOG = logging.getLogger(__name__)


class Surface(Protocol):
    """Where cards are shown."""

    async def post(self, chat_id: int, card: Card) -> int | None:
        """Show as a new message; its id, None when that was given up."""
        ...

    async def edit(self, chat_id: int, message_id: int, card: Card) -> int | None:
        """Show in place; the id of the message that carries it now, None when that was given up."""
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
    """Shows what is due; the only one that calls the surface for this ticket."""
    pause: asyncio.Task[None] | None = None
    """Waits for the next try after a failed one."""
    failed: int = 0
    """Tries in a row that failed since the newest card came."""
    moved: deque[int] = field(default_factory=lambda: deque(maxlen=MOVED_MAX))
    """Older messages that do not yet point to the new one."""

    @property
    def is_due(self) -> bool:
        """Whether the chat does not show all it should."""
        return self.pending is not None or bool(self.moved)

    def take(self) -> tuple[Card | None, bool]:
        """Return what is pending, and whether aloud, for a try to show it."""
        taken = self.pending, self.aloud
        self.pending, self.aloud = None, False
        return taken

    def give_back(self, card: Card, *, aloud: bool) -> None:
        """Let a card that could not be shown be pending again; one that came meanwhile is newer and stays."""
        self.pending = self.pending or card
        self.aloud = self.aloud or aloud


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
        self._closing = False

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
        slot.failed = 0
        self._begin(slot)

    def _begin(self, slot: _Slot) -> None:
        """Show what is due now, unless that is under way; a pause before the next try is cut short."""
        if slot.pause is not None:
            slot.pause.cancel()
            slot.pause = None
        if slot.task is None:
            slot.task = asyncio.create_task(self._show(slot), name=f"card {slot.ticket_id}")

    def _slot(self, ticket_id: TicketId, chat_id: int, message_id: int | None) -> _Slot:
        slot = self._slots.get(ticket_id)
        if slot is None:
            slot = self._slots[ticket_id] = _Slot(ticket_id, chat_id, message_id)
            slot.free.set()
            self._forget()
        self._slots.move_to_end(ticket_id)
        return slot

    def _forget(self) -> None:
        idle = [
            key for key, slot in self._slots.items() if not slot.task and not slot.pause and not slot.holds
        ]
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
        """Wait until the ticket's newest card is in the chat, or a try to show it has failed."""
        slot = self._slots.get(ticket_id)
        if slot is not None and slot.task is not None:
            await asyncio.wait({slot.task})

    async def close(self) -> None:
        """Show what is pending, for at most five seconds, then stop. What fails now is not tried again."""
        self._closing = True
        for slot in self._slots.values():
            if slot.pause is not None:
                self._begin(slot)
        tasks = {slot.task for slot in self._slots.values() if slot.task is not None}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=DRAIN_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _show(self, slot: _Slot) -> None:
        """Bring one message up to date until nothing is pending, or until a try has failed."""
        is_shown = True
        try:
            while is_shown and slot.is_due:
                await slot.free.wait()
                due_ms = (
                    0 if slot.edited_ms is None else slot.edited_ms + EDIT_EVERY_MS - self._clock.now_ms()
                )
                if due_ms > 0:
                    await self._sleep(due_ms / 1_000)
                    continue  # a newer card or a hold may have come meanwhile
                is_shown = await self._show_once(slot)
        finally:
            slot.task = None
        if not is_shown:
            self._try_later(slot)

    def _try_later(self, slot: _Slot) -> None:
        slot.failed += 1
        if self._closing or slot.failed > RETRIES:
            self._metrics.count("engine_errors", "card_board")
            fields = {"ticket": slot.ticket_id, "tries": slot.failed, "next": "the ticket's next card"}
            _LOG.error("card not shown, given up", extra={"fields": fields})
            return
        slot.pause = asyncio.create_task(self._pause(slot), name=f"card {slot.ticket_id} again")

    async def _pause(self, slot: _Slot) -> None:
        await self._sleep(min(RETRY_MAX_S, RETRY_FIRST_S << (slot.failed - 1)))
        slot.pause = None
        self._begin(slot)

    async def _show_once(self, slot: _Slot) -> bool:
        """Make one try; False when it failed, with the card pending again unless a newer one is."""
        card, aloud = slot.take()
        is_pointed = False
        try:
            if card is None or await self._place(slot, card, aloud=aloud):
                is_pointed = await self._point_on(slot)
        except Exception:  # boundary: one card that cannot be shown must not end the chat  # noqa: BLE001
            self._metrics.count("engine_errors", "card_board")
            _LOG.exception("card not shown", extra={"fields": {"ticket": slot.ticket_id}})
        if card is not None and slot.shown != card:
            slot.give_back(card, aloud=aloud)
            return False
        return is_pointed

    async def _place(self, slot: _Slot, card: Card, *, aloud: bool) -> bool:
        """Show the card in the ticket's message, or in a new one; False when the chat did not take it."""
        if card == slot.shown and not aloud:
            return True
        slot.shown = None  # a lost edit may have arrived: until this one has, the text is not known
        before = slot.message_id
        if before is None or aloud:
            now = await self._surface.post(slot.chat_id, card)
        else:
            now = await self._surface.edit(slot.chat_id, before, card)
            slot.edited_ms = self._clock.now_ms()
        if now is None:
            return False
        slot.shown = card
        if now != before:
            slot.message_id = now
            if before is not None and aloud:
                slot.moved.append(before)
            self._bound(slot.ticket_id, now)
        return True

    async def _point_on(self, slot: _Slot) -> bool:
        """Make a ticket's older messages name the new one; False when one of them does not yet."""
        while slot.moved:
            if await self._surface.edit(slot.chat_id, slot.moved[0], MOVED_BELOW) is None:
                return False
            slot.moved.popleft()
        return True
