"""Button presses that wait for their answer. One answer each, within 15 s. Pure state on a clock.

15 s is what the Bot API states for ephemeral replies, and about what bots see elsewhere
(spec/telegram.md (b)).
"""

from dataclasses import dataclass

from bot.local.people import Person
from bot.local.standin.refusal import Refusal, bad_request
from engine.clock import Clock

ANSWER_WITHIN_MS = 15_000
ANSWER_TEXT_MAX = 200
OPEN_PRESSES_MAX = 1_000
"""Older presses are forgotten: they are too old to be answered long before."""


@dataclass(frozen=True, slots=True)
class Press:
    """One press of a button, before its answer."""

    press_id: str
    person: Person
    chat_id: int
    message_id: int
    at_ms: int


def too_old() -> Refusal:
    """Return Telegram's one text for a query that is unknown, answered before, or too old."""
    return bad_request("query is too old and response timeout expired or query ID is invalid")


class Presses:
    """Presses by id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, Press] = {}
        self._next_id = (
            clock.now_ms() << 20
        )  # ids look as long as Telegram's and never repeat after a restart

    def add(self, person: Person, chat_id: int, message_id: int) -> Press:
        """Store and return a new press."""
        press = Press(str(self._next_id), person, chat_id, message_id, self._clock.now_ms())
        self._next_id += 1
        self._open[press.press_id] = press
        if len(self._open) > OPEN_PRESSES_MAX:
            del self._open[next(iter(self._open))]
        return press

    def answer(self, press_id: str, text: str) -> Press:
        """Take the one answer; refuses a second, an unknown, a late one, and a text over 200 characters."""
        press = self._open.get(press_id)
        if press is None or self._clock.now_ms() - press.at_ms > ANSWER_WITHIN_MS:
            raise too_old()
        if len(text) > ANSWER_TEXT_MAX:
            raise bad_request("MESSAGE_TOO_LONG")
        del self._open[press_id]
        return press
