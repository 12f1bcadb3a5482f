"""What differs between two texts of an event's rules: every field that the rules hash covers, by name.

Pure text work on `engine.domain.market.canonical_rules`; whether a difference freezes anything is decided in
`engine.core.rules.rules_watch`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from engine.domain.market import RULES_VERSION
from engine.domain.review import RuleChange

EVENT_FIELDS = (
    "event id",
    "title",
    "rules text",
    "resolution source",
    "end date",
    "neg-risk",
    "augmented",
    "neg-risk id",
)
"""Names of the entries of a canonical text, behind its version and before its children."""
CHILD_FIELDS = (
    "condition id",
    "question id",
    "YES token",
    "NO token",
    "name",
    "question",
    "rules text",
    "resolution source",
    "end date",
    "neg-risk",
    "neg-risk id",
    "Other",
)
"""Names of the entries of one child. The first one tells which market it is."""
JOINED, LEFT = "outcome joined", "outcome left"
NAME_MAX = 60
"""Characters of an outcome's name in a sentence; they can be named anything."""
_NAME = CHILD_FIELDS.index("name")
_QUESTION = CHILD_FIELDS.index("question")


@dataclass(frozen=True, slots=True)
class _Rules:
    """A canonical text taken apart."""

    event: list[Any]
    children: dict[str, list[Any]]
    """By condition id."""


def rule_changes(old: str, new: str) -> tuple[RuleChange, ...]:
    """Return every difference from `old` to `new`: the event's own first, then outcomes by their name.

    Both are canonical texts of one version; a text of another layout is told as one change, whole.
    """
    before, after = _taken_apart(old), _taken_apart(new)
    if before is None or after is None:
        return () if old == new else (RuleChange("", "layout of the stored rules", old, new),)
    return (*_of_event(before.event, after.event), *_of_children(before.children, after.children))


def _taken_apart(text: str) -> _Rules | None:
    """Return the entries of a text, None when it has another layout than this version writes."""
    whole = json.loads(text)
    if whole[0] != RULES_VERSION or len(whole) != len(EVENT_FIELDS) + 2:
        return None
    return _Rules(whole[1:-1], {child[0]: child for child in whole[-1]})


def _of_event(before: list[Any], after: list[Any]) -> Iterator[RuleChange]:
    for what, old, new in zip(EVENT_FIELDS, before, after, strict=True):
        if old != new:
            yield RuleChange("", what, _shown(old), _shown(new))


def _of_children(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> Iterator[RuleChange]:
    both = {**before, **after}
    for key in sorted(both, key=lambda key: (_named(both[key]), key)):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            one = both[key]
            what = JOINED if old is None else LEFT
            texts = ("", one[_QUESTION]) if old is None else (one[_QUESTION], "")
            yield RuleChange(_named(one), what, *texts)
            continue
        for what, was, is_now in zip(CHILD_FIELDS, old, new, strict=True):
            if was != is_now:
                yield RuleChange(_named(old), what, _shown(was), _shown(is_now))


def _named(child: list[Any]) -> str:
    """Return what people call an outcome; a lone market may have no name of its own."""
    return str(child[_NAME] or child[_QUESTION])


def _shown(value: object) -> str:
    """Return an entry as people read it: flags as yes and no, an absent text as such."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "(empty)"


def side_by_side(change: RuleChange, room: int) -> str:
    """Return one change in a line: old and new around the place where they part, `room` characters each."""
    name = _name_of(change)
    if not change.old:
        return f"{name}: {_quoted(change.new, 0, room)}"
    if not change.new:
        return f"{name}: {_quoted(change.old, 0, room)}"
    differ = _first_difference(change.old, change.new)
    return f"{name}: {_quoted(change.old, differ, room)} → {_quoted(change.new, differ, room)}"


def _name_of(change: RuleChange) -> str:
    """Return what changed in a few words; an outcome of any name leaves its field readable."""
    return replace(change, where=cut(change.where, NAME_MAX)).name


def _first_difference(old: str, new: str) -> int:
    """Return where two different texts part."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(old), len(new)))


def _quoted(text: str, differ: int, room: int) -> str:
    """Return a piece of the text that holds the place `differ`, a third of the room before it."""
    if len(text) <= room:
        return f'"{text}"'
    begin = max(0, min(differ - room // 3, len(text) - room))
    end = begin + room
    return f'"{"…" if begin else ""}{text[begin:end]}{"…" if end < len(text) else ""}"'


def cut(text: str, room: int) -> str:
    """Return the text in at most `room` characters."""
    return text if len(text) <= room else text[: room - 1] + "…"


def in_short(changes: tuple[RuleChange, ...], shown: int = 6) -> str:
    """Return what changed by name, each once: "title, rules text, Hike: end date and 2 more"."""
    names = list(dict.fromkeys(_name_of(change) for change in changes))
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")
