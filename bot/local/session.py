"""One terminal's view of the chat: prints what arrives, remembers the cards, wakes who waits for one.

Shared by the tour and the prompt. `following` keeps a task that reads the transcript; everything else is
what a person does. Events of other people's chats are remembered, not printed.
"""

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Callable

from bot.local.chat_client import ChatClient, ChatLost
from bot.local.chat_event import ChatEvent, EventKind
from bot.local.people import Person
from bot.local.terminal import Terminal

EVENTS_KEPT_MAX = 5_000
_ALARM = re.compile(r"\b(WARN|CRIT)\b")
_LEADING_SIGNS = re.compile(r"^[^\w]+")


class ChatSession:
    """The chat as `person` sees it, drawn on `terminal`."""

    def __init__(self, client: ChatClient, terminal: Terminal, person: Person) -> None:
        self._client = client
        self.terminal = terminal
        self.person = person
        self.shows_own = True
        """Whether to draw what the person wrote; not needed where a terminal has echoed it."""
        self._events: deque[ChatEvent] = deque(maxlen=EVENTS_KEPT_MAX)
        self._cards: dict[tuple[int, int], ChatEvent] = {}
        self.seen = -1
        """The number of the newest event read, -1 before the first look."""
        self._arrived = asyncio.Event()
        self._lost: ChatLost | None = None
        self._reading = True
        self._answer_due = False

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Read and print until the block ends: from now on, or from where an earlier block ended."""
        if self.seen < 0:
            self.seen = await self.latest()
        self._reading, self._lost = True, None
        task = asyncio.create_task(self._follow(), name=f"chat-{self.person.name}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()  # a fault of the reader itself must not go unseen

    async def say(self, text: str) -> int:
        """Write in the own chat; returns the event number after which answers are to be expected."""
        self._answer_due = True
        return await self._client.say(self.person, text)

    async def press(self, card: ChatEvent, number: int) -> int:
        """Press a button of a card, counted from 1; returns the number after which answers are expected."""
        self._answer_due = True
        return await self._client.press(self.person, card.chat_id, card.message_id, number)

    async def latest(self) -> int:
        """Return the number of the newest event."""
        return (await self._client.look(1 << 60)).latest

    def cards_with_buttons(self) -> list[ChatEvent]:
        """Return the own chat's cards that have buttons now, the newest message first."""
        own = [card for card in self._cards.values() if card.chat_id == self.person.user_id and card.buttons]
        return sorted(own, key=lambda card: card.message_id, reverse=True)

    def find_button(self, label: str) -> tuple[ChatEvent, int] | None:
        """Return the newest card with a button that begins with `label`, and the button's number.

        Signs before the first letter of a button's label may be left out: "Send" finds "🔴 Send 4 orders".
        """
        for card in self.cards_with_buttons():
            for number, face in enumerate(card.buttons, 1):
                if face.label.startswith(label) or _LEADING_SIGNS.sub("", face.label).startswith(label):
                    return card, number
        return None

    async def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `ready` after any event; False when the time is over. Raises ChatLost."""
        with contextlib.suppress(TimeoutError):  # told by the result
            async with asyncio.timeout(timeout_s):
                while not ready() and self._reading:
                    self._arrived.clear()
                    await self._arrived.wait()
        if self._lost is not None and not ready():
            raise self._lost
        return ready()

    async def wait_for(
        self, wanted: Callable[[ChatEvent], bool], *, after: int, timeout_s: float
    ) -> ChatEvent | None:
        """Return the first wanted event of the own chat above `after`; None when none comes in time."""

        def found() -> ChatEvent | None:
            mine = (event for event in self._events if event.seq > after and self._is_mine(event))
            return next((event for event in mine if wanted(event)), None)

        await self.wait_until(lambda: found() is not None, timeout_s)
        return found()

    def newest(self, wanted: Callable[[ChatEvent], bool]) -> ChatEvent | None:
        """Return the newest event of the own chat that is wanted, None if there was none."""
        return next(
            (event for event in reversed(self._events) if self._is_mine(event) and wanted(event)), None
        )

    def last_lines(self, after: int) -> list[str]:
        """Return the first lines of what the bot showed above `after`, the newest three."""
        shown = [event for event in self._events if event.seq > after and self._is_mine(event)]
        return [event.text.partition("\n")[0] for event in shown if event.from_bot and event.text][-3:]

    def _is_mine(self, event: ChatEvent) -> bool:
        return event.chat_id == self.person.user_id

    async def _follow(self) -> None:
        try:
            async for event in self._client.events(self.seen):
                self._take(event)
        except ChatLost as lost:
            self._lost = lost
        finally:
            self._reading = False
            self._arrived.set()

    def _take(self, event: ChatEvent) -> None:
        self.seen = event.seq
        self._events.append(event)
        place = (event.chat_id, event.message_id)
        if event.is_card:
            self._cards[place] = event
        elif event.kind is EventKind.DELETE:
            self._cards.pop(place, None)
        if self._is_mine(event) and (event.from_bot or self.shows_own):
            self.terminal.show(event, alert=self._is_alert(event))
        self._arrived.set()

    def _is_alert(self, event: ChatEvent) -> bool:
        """Whether a new card came unasked: it names an alarm, or sounds without an answer being due."""
        if not event.is_card:
            return False
        if _ALARM.search(event.text.partition("\n")[0]) and event.kind is EventKind.MESSAGE:
            return True
        asked, self._answer_due = self._answer_due, False
        return event.kind is EventKind.MESSAGE and event.loud and not asked
