"""Telegram's HTML subset: the one place that escapes, and the few pieces cards are built from.

Hostile text (market titles, venue errors, names) enters through `esc` alone. No facts, no money.
Source of the limits: spec of the chat (b), (c) 20, (d), measured on phones.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from engine.domain.units import Ms

TEXT_MAX = 3_500
"""Characters of a card's source; Telegram's own limit is 4,096 after parsing."""
LINE_MAX = 80
"""Characters one hostile piece may take."""
TABLE_COLUMNS = 32
"""Phones wrap a fixed-width line beyond this."""
FIRST_COLUMN_MIN = 4
ROWS_MAX = 20
"""Rows of a table; the rest is counted in a last line."""
MARKS_IN_A_ROW_MAX = 2
"""Stacked accents beyond this climb over the lines above."""

_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, bidirectional and zero-width characters, surrogates, private and unassigned ones."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


def esc(text: str, limit: int = LINE_MAX) -> str:
    """Return `text` safe for a card: one line, visible characters only, at most `limit` characters of source.

    The cut is counted on the escaped text, so that no text can grow a card beyond its bound.
    """
    pieces: list[str] = []
    length = 0
    turns = False
    for character in _visible(text):
        piece = _ENTITIES.get(character, character)
        if length + len(piece) > limit - 1:
            pieces.append("…")
            break
        pieces.append(piece)
        length += len(piece)
        turns = turns or unicodedata.bidirectional(character) in ("R", "AL")
    shown = "".join(pieces).rstrip()
    # Right-to-left letters would reorder the numbers beside them: keep them to themselves.
    return f"{_ISOLATE}{shown}{_END_ISOLATE}" if turns else shown


def _visible(text: str) -> Iterable[str]:
    """Yield the characters that are shown, white space as single blanks, few accents per letter."""
    blank, marks = True, 0
    for character in text:
        if character.isspace():
            if not blank:
                yield " "
            blank = True
            continue
        category = unicodedata.category(character)
        if category in _DROPPED:
            continue
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks <= MARKS_IN_A_ROW_MAX:
            blank = False
            yield character


def bold(html: str) -> str:
    """Return bold source; the argument is escaped already."""
    return f"<b>{html}</b>"


def italic(html: str) -> str:
    """Return italic source; the argument is escaped already."""
    return f"<i>{html}</i>"


def code(text: str) -> str:
    """Return text that a tap copies."""
    return f"<code>{esc(text)}</code>"


def details(lines: Sequence[str]) -> str:
    """Return a quote that opens on a tap; the lines are escaped already."""
    return "<blockquote expandable>" + "\n".join(lines) + "</blockquote>"


def when(at_ms: Ms, fallback: str, shown_as: str) -> str:
    """Return a time that the phone keeps right ("r" relative, "T" clock), with text for old clients."""
    return f'<tg-time unix="{at_ms // 1_000}" format="{shown_as}">{esc(fallback)}</tg-time>'


def width(text: str) -> int:
    """Return how many columns a fixed-width font gives the text: wide characters take two, accents none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1
        for c in text
    )


def cut_to(text: str, columns: int) -> str:
    """Return visible, unescaped text of at most `columns` columns."""
    shown = "".join(_visible(text))
    if width(shown) <= columns:
        return shown
    while width(shown) > columns - 1:
        shown = shown[:-1]
    return shown.rstrip() + "…"


def table(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    """Return a fixed-width table: first column left and cut, the others right-aligned and never cut.

    `widths` includes the blank before each column; together they are at most 32. Longer numbers take their
    room from the first column: two numbers never touch.
    """
    assert sum(widths) <= TABLE_COLUMNS, f"expected at most {TABLE_COLUMNS} columns, was {sum(widths)}"
    needed = [max(least, *(len(row[i]) + 1 for row in rows)) for i, least in enumerate(widths[1:], 1)]
    first = max(FIRST_COLUMN_MIN, min(widths[0], TABLE_COLUMNS - sum(needed)))
    lines = [_row(row, [first, *needed]) for row in rows[: ROWS_MAX + 1]]
    if len(rows) > ROWS_MAX + 1:
        lines.append(f"… and {len(rows) - ROWS_MAX - 1} more")
    return "<pre>" + "\n".join(lines) + "</pre>"


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    first = cut_to(row[0], widths[0])
    name = esc(first) + " " * (widths[0] - width(first))
    return name + "".join(esc(cell).rjust(columns) for cell, columns in zip(row[1:], widths[1:], strict=True))


_TAG = re.compile(r"<[^>]*>")


def plain_text(html: str) -> str:
    """Return our own source without tags and entities."""
    bare = _TAG.sub("", html)
    for character, entity in reversed(_ENTITIES.items()):
        bare = bare.replace(entity, character)
    return bare
