"""Telegram's HTML subset: from marked-up source to plain text with marks, refusing what Telegram refuses.

The subset and the error texts are the Bot API's (spec/telegram.md (b)): b i u s code pre a blockquote
tg-spoiler tg-time, their synonyms, no other tags. Errors name byte offsets in the UTF-8 source. As with
Telegram, only `&lt; &gt; &amp; &quot;` and numeric references are entities, and a lone `&` stays as it is.
"""

import re
from dataclasses import dataclass, field

from bot.local.chat_event import Mark, MarkKind, utf16_length
from bot.local.standin.refusal import Refusal, bad_request

MARKS_MAX = 100
"""Further marks are dropped without a word, as Telegram does."""

_SIMPLE_TAGS = {
    "b": MarkKind.BOLD, "strong": MarkKind.BOLD,
    "i": MarkKind.ITALIC, "em": MarkKind.ITALIC,
    "u": MarkKind.UNDERLINE, "ins": MarkKind.UNDERLINE,
    "s": MarkKind.STRIKE, "strike": MarkKind.STRIKE, "del": MarkKind.STRIKE,
    "tg-spoiler": MarkKind.SPOILER, "code": MarkKind.CODE, "pre": MarkKind.PRE,
}  # fmt: skip
_TAGS = {*_SIMPLE_TAGS, "a", "blockquote", "span", "tg-time"}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(
    r"&(?:#(?P<decimal>\d{1,7})|#[xX](?P<hex>[0-9a-fA-F]{1,6})|(?P<name>lt|gt|amp|quot))(?:;|\b)"
)
_TAG_NAME = re.compile(r"[^\s>]*")
_ATTRIBUTE = re.compile(
    r"\s+(?P<name>[^\s=>]+)(?:\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s>\"']+)))?"
)
_TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")


@dataclass(frozen=True, slots=True)
class Formatted:
    """A text as shown, with its marks in order of offset."""

    text: str
    marks: tuple[Mark, ...] = ()


@dataclass(slots=True)
class _Open:
    """A start tag that waits for its end."""

    tag: str
    attributes: dict[str, str]
    offset: int


@dataclass(slots=True)
class _Parse:
    """The state of one parse: where we read, what we have written, which tags are open."""

    source: str
    at: int = 0
    pieces: list[str] = field(default_factory=list)
    written: int = 0
    open_tags: list[_Open] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def refuse(self, text: str, at: int, after: str = "") -> Refusal:
        """Return the refusal with the byte offset of character `at`."""
        offset = len(self.source[:at].encode())
        return bad_request(f"can't parse entities: {text} at byte offset {offset}{after}")

    def write(self, text: str) -> None:
        """Append shown text."""
        self.pieces.append(text)
        self.written += utf16_length(text)


def parse_html(source: str) -> Formatted:
    """Return the text and marks of `source`; raises Refusal ("can't parse entities: …")."""
    parse = _Parse(source)
    while parse.at < len(source):
        character = source[parse.at]
        if character == "<" and source.startswith("</", parse.at):
            _end_tag(parse)
        elif character == "<":
            _start_tag(parse)
        elif character == "&":
            _reference(parse)
        else:
            stop = re.compile(r"[<&]").search(source, parse.at)
            end = stop.start() if stop else len(source)
            parse.write(source[parse.at : end])
            parse.at = end
    if parse.open_tags:
        unclosed = parse.open_tags[-1].tag
        raise bad_request(
            f"can't parse entities: Can't find end tag corresponding to start tag \"{unclosed}\""
        )
    marks = sorted(parse.marks, key=lambda mark: (mark.offset, -mark.length))
    return Formatted("".join(parse.pieces), tuple(marks[:MARKS_MAX]))


def _reference(parse: _Parse) -> None:
    found = _REFERENCE.match(parse.source, parse.at)
    if found is None:
        parse.write("&")
        parse.at += 1
        return
    parse.at = found.end()
    parse.write(_decoded(found))


def _decoded(found: re.Match[str]) -> str:
    """Return the character a reference stands for; a number that is no character stays as it is."""
    if found["name"]:
        return _NAMED[found["name"]]
    code = int(found["decimal"]) if found["decimal"] else int(found["hex"], 16)
    is_character = 0 < code < 0x110000 and not 0xD800 <= code < 0xE000
    return chr(code) if is_character else found[0]


def _start_tag(parse: _Parse) -> None:
    begin = parse.at
    name_match = _TAG_NAME.match(parse.source, begin + 1)
    assert name_match is not None, "the pattern matches the empty text"
    tag = name_match[0].lower()
    if name_match.end() == len(parse.source):
        raise parse.refuse("Unclosed start tag", begin)
    if tag not in _TAGS:
        raise parse.refuse(f'Unsupported start tag "{tag}"', begin)
    at, attributes = name_match.end(), dict[str, str]()
    while (found := _ATTRIBUTE.match(parse.source, at)) is not None:
        value = found["double"] or found["single"] or found["bare"] or ""
        attributes[found["name"].lower()] = _REFERENCE.sub(_decoded, value)
        at = found.end()
    closing = re.compile(r"\s*>").match(parse.source, at)
    if closing is None:
        raise parse.refuse("Unclosed start tag", begin)
    _check_attributes(parse, tag, attributes, begin)
    parse.open_tags.append(_Open(tag, attributes, parse.written))
    parse.at = closing.end()


def _check_attributes(parse: _Parse, tag: str, attributes: dict[str, str], begin: int) -> None:
    if tag == "span" and attributes.get("class") != "tg-spoiler":
        raise parse.refuse('Tag "span" must have class "tg-spoiler"', begin)
    if tag == "tg-time":
        if not attributes.get("unix", "").isdecimal():
            raise parse.refuse('Tag "tg-time" must have a valid "unix"', begin)
        if not _TIME_FORMAT.fullmatch(attributes.get("format", "")):
            raise parse.refuse('Tag "tg-time" must have a valid "format"', begin)


def _end_tag(parse: _Parse) -> None:
    begin = parse.at
    found = re.compile(r"</(?P<name>[^\s>]*)\s*>").match(parse.source, begin)
    if not parse.open_tags:
        raise parse.refuse("Unexpected end tag", begin)
    if found is None:
        raise parse.refuse("Unclosed end tag", begin)
    opened = parse.open_tags.pop()
    name = found["name"].lower()
    if name and name != opened.tag:  # an empty "</>" closes whatever is open
        raise parse.refuse("Unmatched end tag", begin, f', expected "</{opened.tag}>", found "</{name}>"')
    parse.at = found.end()
    length = parse.written - opened.offset
    mark = _mark(opened, length, inside_pre=bool(parse.open_tags) and parse.open_tags[-1].tag == "pre")
    if length and mark is not None:
        parse.marks.append(mark)


def _mark(opened: _Open, length: int, *, inside_pre: bool) -> Mark | None:
    """Return a closed tag's mark; None for a link without address and for the language tag of a pre."""
    simple = _SIMPLE_TAGS.get(opened.tag)
    if simple is MarkKind.CODE and inside_pre:
        return None
    if simple is not None:
        return Mark(simple, opened.offset, length)
    match opened.tag:
        case "blockquote":
            expandable = "expandable" in opened.attributes
            kind = MarkKind.EXPANDABLE_QUOTE if expandable else MarkKind.QUOTE
            return Mark(kind, opened.offset, length)
        case "a":
            url = opened.attributes.get("href", "")
            return Mark(MarkKind.LINK, opened.offset, length, (("url", url),)) if url else None
        case "tg-time":
            shown_as = opened.attributes.get("format", "")
            extra = (("unix_time", int(opened.attributes["unix"])), ("date_time_format", shown_as))
            return Mark(MarkKind.TIME, opened.offset, length, extra)
        case _:
            return Mark(MarkKind.SPOILER, opened.offset, length)
