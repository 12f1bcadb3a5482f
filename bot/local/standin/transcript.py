"""What people saw, in order, and every Bot API call, in order. Append-only and bounded; no I/O.

Events carry rising numbers from 1; a reader that asks "after N" misses nothing unless it falls behind by
more than the bound.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from bot.local.chat_event import BOT_SENDER, ButtonFace, ChatEvent, EventKind, Mark
from bot.local.standin.chats import Message
from bot.local.standin.keyboard import faces
from bot.wire import Json, JsonObject
from engine.clock import Clock

EVENTS_MAX = 20_000
CALLS_MAX = 20_000


class Transcript:
    """The events of all chats."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: deque[ChatEvent] = deque(maxlen=EVENTS_MAX)
        self._latest = 0

    @property
    def latest(self) -> int:
        """The number of the newest event, 0 before the first."""
        return self._latest

    def after(self, seq: int) -> list[ChatEvent]:
        """Return the events numbered above `seq`, oldest first."""
        missing = min(self._latest - seq, len(self._events))
        return list(self._events)[len(self._events) - missing :] if missing > 0 else []

    def message(self, message: Message, kind: EventKind = EventKind.MESSAGE) -> None:
        """Record that a message appeared or changed. Edits make no sound."""
        loud = kind is EventKind.MESSAGE and message.loud
        sender = message.sender.name if message.sender else BOT_SENDER
        content, rows = message.content, faces(message.keyboard)
        where = (message.chat.user_id, message.message_id)
        self._add(kind, where, sender, text=content.text, marks=content.marks, rows=rows, loud=loud)

    def toast(self, chat_id: int, message_id: int, text: str, *, dialog: bool) -> None:
        """Record the answer to a press, as the person who pressed sees it."""
        self._add(EventKind.TOAST, (chat_id, message_id), BOT_SENDER, text=text, loud=dialog)

    def deleted(self, chat_id: int, message_id: int) -> None:
        """Record that a message disappeared."""
        self._add(EventKind.DELETE, (chat_id, message_id), BOT_SENDER)

    def _add(
        self,
        kind: EventKind,
        where: tuple[int, int],
        sender: str,
        *,
        text: str = "",
        marks: tuple[Mark, ...] = (),
        rows: tuple[tuple[ButtonFace, ...], ...] = (),
        loud: bool = False,
    ) -> None:
        self._latest += 1
        chat_id, message_id = where
        at_ms = self._clock.now_ms()
        self._events.append(
            ChatEvent(self._latest, at_ms, kind, chat_id, message_id, sender, text, marks, rows, loud)
        )


@dataclass(frozen=True, slots=True)
class Call:
    """One Bot API call with its answer's code; `description` is "" when it succeeded."""

    at_ms: int
    method: str
    params: Mapping[str, Json]
    code: int
    description: str

    def to_json(self) -> JsonObject:
        """Return the call as the chat door shows it."""
        return {
            "at_ms": self.at_ms,
            "method": self.method,
            "params": dict(self.params),
            "code": self.code,
            "description": self.description,
        }


class Calls:
    """The newest calls, oldest first. Tokens are never recorded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: deque[Call] = deque(maxlen=CALLS_MAX)

    def record(self, method: str, params: Mapping[str, Json], code: int, description: str) -> None:
        """Keep one call."""
        self._calls.append(Call(self._clock.now_ms(), method, params, code, description))

    def listing(self) -> tuple[Call, ...]:
        """Return what is kept."""
        return tuple(self._calls)
