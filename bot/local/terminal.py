"""Draws the chat in a terminal: cards as boxes, buttons as numbers, signs on edits, toasts and alerts.

At most 60 columns; a pipe gets the same text without any colour code. Draws and decides nothing: which card
a number means is the session's business.
"""

import io
import sys
from typing import TextIO

from rich.console import Console
from rich.text import Text

from bot.local.card_text import card_lines, cells, cut
from bot.local.chat_event import ButtonFace, ButtonStyle, ChatEvent, EventKind

COLUMNS_MAX = 60
BUTTON_STYLES: dict[ButtonStyle, str] = {
    ButtonStyle.PLAIN: "",
    ButtonStyle.PRIMARY: "bold blue",
    ButtonStyle.SUCCESS: "bold green",
    ButtonStyle.DANGER: "bold red",
}
EDIT_SIGN, ALERT_SIGN = "✎", "🔔"
OWN_SIGN = "\u203a"
"""A single angle, before what the person does."""


class Terminal:
    """Prints to one stream; `columns` wide at most."""

    def __init__(self, stream: TextIO | None = None, *, columns: int = COLUMNS_MAX) -> None:
        target = sys.stdout if stream is None else stream
        if isinstance(target, io.TextIOWrapper):
            target.reconfigure(errors="replace")  # a stream without these signs shows "?" and goes on
        self._console = Console(
            file=target, highlight=False, markup=False, emoji=False, force_terminal=target.isatty()
        )
        self._columns = min(columns, COLUMNS_MAX)
        if self._console.is_terminal:
            self._columns = min(self._columns, max(self._console.width, 20))

    def show(self, event: ChatEvent, *, alert: bool = False) -> None:
        """Draw one event; `alert` marks a card that nobody asked for."""
        match event.kind:
            case EventKind.TOAST:
                self._toast(event)
            case EventKind.DELETE:
                self.note("(message deleted)")
            case EventKind.MESSAGE | EventKind.EDIT if event.from_bot:
                sign = EDIT_SIGN if event.kind is EventKind.EDIT else ALERT_SIGN if alert else ""
                self._card(event, sign)
            case EventKind.MESSAGE | EventKind.EDIT:
                self._own(event)

    def step(self, text: str) -> None:
        """Print what the person does next."""
        self._lines(f"{OWN_SIGN} {text}", "bold")

    def note(self, text: str) -> None:
        """Print a line of the terminal itself, neither from the bot nor from a person."""
        self._lines(text, "dim")

    def _lines(self, text: str, style: str) -> None:
        for line in card_lines(text, (), columns=self._columns):
            line.stylize(style)
            self._print(line)

    def _own(self, event: ChatEvent) -> None:
        for number, line in enumerate(card_lines(event.text, (), columns=self._columns - 2)):
            self._print(Text(f"{OWN_SIGN} " if number == 0 else "  ", style="bold").append_text(line))

    def _toast(self, event: ChatEvent) -> None:
        style = "yellow" if event.loud else "italic"
        for line in card_lines(f"({event.text})", (), columns=self._columns):
            line.stylize(style)
            self._print(line)

    def _card(self, event: ChatEvent, sign: str) -> None:
        inner = self._columns - 4
        title = f" {sign} " if sign else ""
        rule = "─" * (self._columns - 3 - cells(title))
        self._print(Text(f"╭─{title}{rule}╮"))
        for line in card_lines(event.text, event.marks, columns=inner):
            self._boxed(line, inner)
        if event.rows:
            self._print(Text(f"├{'─' * (self._columns - 2)}┤"))
        number = 1
        for row in event.rows:
            for line in _button_lines(row, number, inner):
                self._boxed(line, inner)
            number += len(row)
        self._print(Text(f"╰{'─' * (self._columns - 2)}╯"))

    def _boxed(self, line: Text, inner: int) -> None:
        padding = " " * (inner - cells(line.plain))
        self._print(Text("│ ").append_text(line).append(f"{padding} │"))

    def _print(self, line: Text) -> None:
        self._console.print(line, no_wrap=True, overflow="ignore", crop=False)


def _button_lines(row: tuple[ButtonFace, ...], first: int, columns: int) -> list[Text]:
    """Return a row of buttons as lines: `[1] Drop  [2] Confirm…`; buttons never break within the label."""
    lines = [Text()]
    for number, face in enumerate(row, first):
        hint = "" if face.sends else " ↗"
        button = cut(Text(f"[{number}] {face.label}{hint}", style=BUTTON_STYLES[face.style]), columns)
        gap = "  " if lines[-1].plain else ""
        if cells(lines[-1].plain + gap + button.plain) > columns:
            lines.append(Text())
            gap = ""
        lines[-1].append(gap).append_text(button)
    return lines
