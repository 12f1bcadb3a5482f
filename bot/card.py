"""What a card is: a text in Telegram's HTML subset, buttons that say what they do, and how loudly it speaks.

Values only: no Telegram types, no secrets. A button holds an act; `bot.payload` turns the act into the bytes
that travel. The same card is drawn by the chat, by tests and by the command line.
"""

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from bot.markup import plain_text
from config.settings import Mode
from engine.domain.ids import TicketId, UserId
from engine.domain.ticket import Move
from engine.domain.units import Ms
from engine.domain.views import Severity


class Style(Enum):
    """Colour of a button, in the words of the Bot API (9.4). Danger is kept for Send and Kill."""

    PLAIN = ""
    PRIMARY = "primary"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class MoveAct:
    """Press a ticket's button; only this act can lead to money and only this one is sealed."""

    ticket_id: TicketId
    version: int
    move: Move


@dataclass(frozen=True, slots=True)
class CommandAct:
    """Say a command, as if typed; with its prefix it fits the 64 bytes of a button."""

    text: str
    in_place: bool = False
    """The answer replaces the card instead of coming as a new message."""


@dataclass(frozen=True, slots=True)
class CopyAct:
    """Copy a text on the phone; the bot hears nothing. At most 256 characters (Bot API, copy_text)."""

    text: str


Act = MoveAct | CommandAct | CopyAct


@dataclass(frozen=True, slots=True)
class Button:
    """One button: a verb and an object."""

    label: str
    act: Act
    style: Style = Style.PLAIN


Keyboard = tuple[tuple[Button, ...], ...]
"""Rows of at most three buttons."""


@dataclass(frozen=True, slots=True)
class TicketMark:
    """Which ticket a card shows, and how new its facts are."""

    ticket_id: TicketId
    owner_id: UserId
    chat_id: int
    message_id: int | None
    """The message the desk knows for it; None before the first one."""
    freshness: tuple[int, ...]
    """Compares with other cards of the same ticket: the larger one was made from newer facts."""


@dataclass(frozen=True, slots=True)
class Card:
    """A message: at most 3,500 characters and 80 entities."""

    text_html: str
    buttons: Keyboard = ()
    severity: Severity = Severity.INFO
    about: TicketMark | None = None

    @property
    def plain(self) -> str:
        """Return the text without marks, for terminals and for a resend after "can't parse entities"."""
        return plain_text(self.text_html)


@dataclass(frozen=True, slots=True)
class Look:
    """What every card needs beside its facts."""

    mode: Mode
    now_ms: Ms


def describe(act: Act) -> str:
    """Return what a button does in words, for transcripts."""
    match act:
        case MoveAct(ticket_id, version, move):
            return f"{move.value} {ticket_id} v{version}"
        case CommandAct(text, in_place):
            return f"{text} (here)" if in_place else text
        case CopyAct(text):
            return f"copy {text!r}"
        case _:
            assert_never(act)


def headline(mark: str, look: Look, stage: str, subject: str, verdict: str) -> str:
    """Return a card's first line, the preview on a locked screen: mark, MODE, stage, subject, verdict.

    Subject and verdict are escaped already; balances do not belong here.
    """
    return f"{mark} <b>{look.mode.name} · {stage} · {subject}</b> — {verdict}"
