"""The text of a message as Telegram takes it: parsed, cleaned, trimmed, and refused when empty or too long.

No state, no I/O.
"""

import re

from bot.local.chat_event import Mark, MarkKind, utf16_length
from bot.local.standin.html import Formatted, parse_html
from bot.local.standin.refusal import Params, bad_request

TEXT_MAX = 4096
"""Characters after parsing (spec/telegram.md (b))."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
_DROPPED = re.compile(r"[\r\u2028-\u202e]")
"""Telegram removes carriage returns, line separators and the controls that turn the writing direction."""
_COMMAND = re.compile(r"(?<![\w/@])/[A-Za-z0-9_]{1,32}(?:@\w{3,32})?(?!\w)")


def read_text(params: Params) -> Formatted:
    """Return the text of sendMessage and editMessageText; raises Refusal."""
    if params.has("entities"):
        raise bad_request("explicit entities are not modelled here, use parse_mode HTML")
    source = _clean(params.text("text"))
    mode = params.text("parse_mode").lower()
    if mode == "html":
        formatted = parse_html(source)
    elif mode:
        raise bad_request("unsupported parse_mode")
    else:
        formatted = Formatted(source)
    formatted = _trimmed(formatted)
    if not formatted.text:
        raise bad_request("message text is empty")
    if len(formatted.text) > TEXT_MAX:
        raise bad_request("message is too long")
    return formatted


def typed_by_person(text: str) -> Formatted:
    """Return what a person's client sends: cleaned, with its commands marked; raises Refusal when empty."""
    shown = _clean(text).strip()
    if not shown:
        raise bad_request("message text is empty")
    marks = tuple(
        Mark(MarkKind.COMMAND, utf16_length(shown[: found.start()]), utf16_length(found[0]))
        for found in _COMMAND.finditer(shown)
    )
    return Formatted(shown[:TEXT_MAX], marks)


def _clean(text: str) -> str:
    return _CONTROL.sub(" ", _DROPPED.sub("", text))


def _trimmed(formatted: Formatted) -> Formatted:
    """Strip white space at both ends and cut the marks to what is left."""
    without_end = formatted.text.rstrip()
    text = without_end.lstrip()
    before = utf16_length(without_end[: len(without_end) - len(text)])
    end = utf16_length(text)
    marks: list[Mark] = []
    for mark in formatted.marks:
        first = max(mark.offset - before, 0)
        last = min(mark.offset - before + mark.length, end)
        if last > first:
            marks.append(Mark(mark.kind, first, last - first, mark.extra))
    return Formatted(text, tuple(marks))
