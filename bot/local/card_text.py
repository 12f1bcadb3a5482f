"""A card's text as lines for a terminal: marks become styles, quotes are indented, `pre` is kept.

Pure; uses rich's Text as its value. Widths and breaks are counted here, character by character: rich 15.0
fails on text that begins with a joiner, and a hostile market title must not end the terminal. Marks count
UTF-16 code units, Python strings characters, so offsets are converted here. A `<tg-time>` shows its fallback
text: a terminal cannot count down in place.
"""

from collections.abc import Iterable
from unicodedata import category

from rich.cells import get_character_cell_size
from rich.text import Text

from bot.local.chat_event import Mark, MarkKind

STYLES: dict[MarkKind, str] = {
    MarkKind.BOLD: "bold",
    MarkKind.ITALIC: "italic",
    MarkKind.UNDERLINE: "underline",
    MarkKind.STRIKE: "strike",
    MarkKind.SPOILER: "reverse",
    MarkKind.CODE: "cyan",
    MarkKind.PRE: "",
    MarkKind.LINK: "underline blue",
    MarkKind.QUOTE: "dim",
    MarkKind.EXPANDABLE_QUOTE: "dim",
    MarkKind.TIME: "",
    MarkKind.COMMAND: "blue",
}
QUOTES = frozenset({MarkKind.QUOTE, MarkKind.EXPANDABLE_QUOTE})
QUOTE_BAR = "│ "
EMOJI_STYLE = "\ufe0f"
"""A sign followed by this is drawn as an emoji, two cells wide."""


def cells(text: str) -> int:
    """Return how many terminal cells `text` takes."""
    return sum(_cells_of_each(text))


def _cells_of_each(text: str) -> list[int]:
    sizes: list[int] = []
    before = ""
    for character in text:
        if character == EMOJI_STYLE:
            sizes.append(1 if sizes and sizes[-1] == 1 and category(before) == "So" else 0)
        else:
            sizes.append(get_character_cell_size(character))
        before = character
    return sizes


def cut(line: Text, columns: int) -> Text:
    """Return the line, ended with "…" where it would be wider than `columns`."""
    if cells(line.plain) <= columns:
        return line
    end, room = 0, columns - 1
    for size in _cells_of_each(line.plain):
        if size > room:
            break
        end, room = end + 1, room - size
    return line[:end].append("…")


def wrap(line: Text, columns: int) -> list[Text]:
    """Return the line broken at spaces, or anywhere inside a word wider than `columns`."""
    plain, sizes = line.plain, _cells_of_each(line.plain)
    breaks: list[int] = []
    start, width, after_space = 0, 0, 0
    for place, size in enumerate(sizes):
        while width + size > columns and width and plain[place] != " ":
            start = after_space if after_space > start else place
            breaks.append(start)
            width = sum(sizes[start:place])
        width += size
        if plain[place] == " ":
            after_space = place + 1
    pieces = list(line.divide(breaks))
    for piece in pieces:
        piece.rstrip()
    return pieces


def styled(text: str, marks: Iterable[Mark]) -> Text:
    """Return `text` with the marks as styles."""
    places = _character_places(text)
    shown = Text(text)
    for mark in marks:
        style = STYLES[mark.kind]
        if style:
            shown.stylize(style, _place(places, mark.offset), _place(places, mark.offset + mark.length))
    return shown


def card_lines(text: str, marks: tuple[Mark, ...], *, columns: int) -> list[Text]:
    """Return the card's lines, none wider than `columns` cells.

    Ordinary lines wrap at words; lines of a `pre` are cut with "…" instead, because wrapped tables cannot be
    read; quoted lines carry a bar.
    """
    quoted = _marked_lines(text, marks, QUOTES)
    tables = _marked_lines(text, marks, frozenset({MarkKind.PRE}))
    lines: list[Text] = []
    for number, line in enumerate(styled(text, marks).split("\n", allow_blank=True)):
        bar = QUOTE_BAR if number in quoted else ""
        room = columns - cells(bar)
        pieces = [cut(line, room)] if number in tables else wrap(line, room)
        lines += [Text(bar, style="dim").append_text(piece) if bar else piece for piece in pieces]
    return lines


def _marked_lines(text: str, marks: tuple[Mark, ...], kinds: frozenset[MarkKind]) -> set[int]:
    """Return the numbers of the lines that a mark of these kinds touches."""
    places = _character_places(text)
    touched: set[int] = set()
    for mark in marks:
        if mark.kind in kinds:
            first = _place(places, mark.offset)
            last = max(_place(places, mark.offset + mark.length) - 1, first)
            touched.update(range(text.count("\n", 0, first), text.count("\n", 0, last) + 1))
    return touched


def _character_places(text: str) -> list[int]:
    """Return the character index of every UTF-16 unit of `text`."""
    return [index for index, character in enumerate(text) for _ in range(2 if character > "\uffff" else 1)]


def _place(places: list[int], unit: int) -> int:
    return places[unit] if unit < len(places) else (places[-1] + 1 if places else 0)
