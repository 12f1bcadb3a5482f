"""An independent judge of a card: Telegram's HTML subset, balanced tags, bounded text, safe characters."""

import unicodedata
from html.parser import HTMLParser

from bot.card import Card, CommandAct, CopyAct, MoveAct

ALLOWED = {
    "b": set(),
    "i": set(),
    "code": set(),
    "pre": set(),
    "blockquote": {"expandable"},
    "tg-time": {"unix", "format"},
}


class _Judge(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.entities = 0
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, f"tag <{tag}> is not in the subset"
        assert {name for name, _ in attrs} == ALLOWED[tag], f"attributes of <{tag}>: {attrs}"
        assert tag not in self.open, f"<{tag}> inside itself"
        assert not {"pre", "code"} & set(self.open), f"<{tag}> inside fixed-width text"
        self.open.append(tag)
        self.entities += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        assert not set(data) & set("<>&"), f"unescaped characters in {data!r}"
        self.text.append(data)

    def handle_entityref(self, name: str) -> None:
        assert name in {"amp", "lt", "gt"}, f"&{name}; is not an entity of the subset"
        self.text.append({"amp": "&", "lt": "<", "gt": ">"}[name])

    def handle_charref(self, name: str) -> None:
        raise AssertionError(f"&#{name}; is not used")


def judge(card: Card) -> str:
    """Assert that Telegram would take the card as it is meant; return its text."""
    judge_ = _Judge()
    judge_.feed(card.text_html)
    judge_.close()
    text = "".join(judge_.text)
    assert not judge_.open, f"open tags at the end: {judge_.open}"
    assert 0 < len(card.text_html) <= 3_500, len(card.text_html)
    assert len(card.text_html.encode()) <= 9_500
    assert judge_.entities <= 80
    assert card.plain == text, "the stripped text says the same"
    _judge_characters(text)
    _judge_tables(card.text_html)
    _judge_buttons(card)
    return text


def _judge_characters(text: str) -> None:
    isolates = {"\u2068": 1, "\u2069": -1}  # our own, balanced around right-to-left words
    depth = 0
    for character in text.replace("\n", " "):
        depth += isolates.get(character, 0)
        assert depth in (0, 1), "an isolate is open twice or closed too early"
        if character not in isolates:
            assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}, repr(
                character
            )
    assert depth == 0, "an isolate stays open"


def _judge_tables(source: str) -> None:
    for part in source.split("<pre>")[1:]:
        for line in part.split("</pre>")[0].split("\n"):
            shown = line.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
            columns = sum(
                0
                if unicodedata.combining(c) or c in "\u2068\u2069"
                else 2
                if unicodedata.east_asian_width(c) in "WF"
                else 1
                for c in shown
            )
            assert columns <= 32, f"{columns} columns: {line!r}"


def _judge_buttons(card: Card) -> None:
    for row in card.buttons:
        assert 1 <= len(row) <= 3
        for button in row:
            assert button.label.strip()
            match button.act:
                case CommandAct(text):
                    assert text.startswith("/")
                    assert len(text.encode()) <= 62
                case CopyAct(text):
                    assert 1 <= len(text) <= 256
                case MoveAct():
                    pass


def first_line(card: Card) -> str:
    return card.plain.split("\n")[0]


def labels(card: Card) -> list[list[str]]:
    return [[button.label for button in row] for row in card.buttons]
