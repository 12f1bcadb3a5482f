"""The prompt after the tour: typed text goes to the bot, numbers press buttons, a few words steer it all.

/status        is sent as a message
3              presses button 3 of the newest card that has buttons
3@2            presses button 3 of the card two before it
:as ben        goes on as Ben
:say 12        sends "12" as a message
:help  :quit   and Ctrl-D or Ctrl-C also leave
"""

import re
from dataclasses import dataclass
from typing import assert_never

from bot.local.chat_client import ChatLost, ChatRefused
from bot.local.people import PEOPLE, Person
from bot.local.session import ChatSession
from bot.local.typed_lines import Lines

HELP = (
    "text or /command  send it to the bot",
    "3                 press button 3 of the newest card",
    "3@1               press button 3 of the card before it",
    ":as ben           go on as Ben (ana, ben, stranger)",
    ":say 12           send a bare number as text",
    ":help  :quit      Ctrl-D and Ctrl-C leave as well",
)
_PRESS = re.compile(r"(?P<number>[1-9]\d?)(?:@(?P<back>\d{1,2}))?")


@dataclass(frozen=True, slots=True)
class SendText:
    """Send a message."""

    text: str


@dataclass(frozen=True, slots=True)
class PressButton:
    """Press button `number` of the card with buttons that is `back` before the newest."""

    number: int
    back: int


@dataclass(frozen=True, slots=True)
class SwitchPerson:
    """Go on as somebody else."""

    person: Person


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """Print the syntax; `because` says why when it was not asked for."""

    because: str = ""


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """An empty line."""


Typed = SendText | PressButton | SwitchPerson | ShowHelp | Quit | Nothing


def parse_typed(line: str) -> Typed:
    """Return what a typed line means. Never fails: what is not understood asks for help."""
    text = line.strip()
    if not text:
        return Nothing()
    if (pressed := _PRESS.fullmatch(text)) is not None:
        return PressButton(int(pressed["number"]), int(pressed["back"] or 0))
    if not text.startswith(":"):
        return SendText(text)
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    match word:
        case ":quit" | ":q" | ":exit":
            return Quit()
        case ":help" | ":h":
            return ShowHelp()
        case ":say" if rest:
            return SendText(rest)
        case ":as" if rest.lower() in PEOPLE:
            return SwitchPerson(PEOPLE[rest.lower()])
        case ":as":
            return ShowHelp(f"expected :as with one of {', '.join(PEOPLE)}, was {rest!r}")
        case _:
            return ShowHelp(f"expected :as, :say, :help or :quit, was {word!r}")


async def run_prompt(session: ChatSession, lines: Lines, *, typed_is_visible: bool) -> None:
    """Read and act until the input ends or asks to quit; the session must be being followed.

    `typed_is_visible` says that a terminal already shows what is typed, so it is not drawn again. Returns on
    `:quit` and at the end of the input (Ctrl-D). Ctrl-C cancels it like any task; either way it stops
    reading. Returns too, with a sentence, when the stand-in is gone.
    """
    session.shows_own = not typed_is_visible
    session.terminal.note(
        f"You are {session.person.first_name}. :help tells what can be typed, :quit leaves."
    )
    try:
        while (line := await lines.next_line()) is not None:
            typed = parse_typed(line)
            if isinstance(typed, Quit):
                return
            try:
                await _act(session, typed)
            except ChatRefused as refused:
                session.terminal.note(str(refused))
    except ChatLost as lost:
        session.terminal.note(f"{lost}; the chat is over.")
    finally:
        lines.close()


async def _act(
    session: ChatSession, typed: SendText | PressButton | SwitchPerson | ShowHelp | Nothing
) -> None:
    match typed:
        case SendText(text):
            await session.say(text)
        case PressButton(number, back):
            await _press(session, number, back)
        case SwitchPerson(person):
            session.person = person
            session.terminal.note(f"You are {person.first_name} now.")
        case ShowHelp(because):
            for line in (because, *HELP) if because else HELP:
                session.terminal.note(line)
        case Nothing():
            return
        case _:
            assert_never(typed)


async def _press(session: ChatSession, number: int, back: int) -> None:
    cards = session.cards_with_buttons()
    if back >= len(cards):
        session.terminal.note(f"expected a card with buttons {back} back, there are {len(cards)} such cards")
        return
    card = cards[back]
    if number > len(card.buttons):
        session.terminal.note(f"expected a button 1 to {len(card.buttons)} on that card, was {number}")
        return
    await session.press(card, number)
