"""Whether the outcomes of an event exclude one another, judged from its words: structure before price.

The venue's neg-risk flag promises it; the words may show otherwise. Threshold ladders ("above 100k / above
110k"), date ladders ("by June / by July"), places shared by several ("top 3") and several winners are refused
even where the flag is set: a set of them can pay nothing, or more than once. Ranges that part a line, days
and races pass. Words only, no price, no book; the wordings are in `engine.core.dutch.exclusive_words`.

A set refused by mistake is a chance missed; a set passed by mistake costs money. Where words can be read both
ways they are refused.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from engine.core.dutch.exclusive_words import (
    AFTER_DATE,
    AMOUNT,
    BETWEEN,
    BY_DATE,
    BY_WHEN,
    COUNTED,
    DATE_ALONE,
    DOWN,
    DOWN_AFTER,
    IN_RULES,
    LINE,
    ONE_ONLY,
    RACE,
    RANGE,
    SAID_OUTRIGHT,
    SCALES,
    SIGNS,
    SOLE,
    UP,
    UP_AFTER,
    Sign,
)
from engine.domain.market import EventGroup
from engine.domain.refusal import Refusal, RefusalKind

EVENTS_KEPT = 20_000
"""More than the catalogue lists: the verdicts on their words are remembered."""


@dataclass(frozen=True, slots=True)
class _Texts:
    """The words of an event: title, rules, and name and question of every outcome."""

    title: str
    rules: str
    outcomes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Verdict:
    kind: RefusalKind
    found: str


def not_exclusive(event: EventGroup) -> Refusal | None:
    """Return why more than one outcome of this event may win by its words, None if none says so."""
    outcomes = tuple((market.name, market.question) for market in event.markets)
    verdict = _judge(_Texts(event.title, event.rules_text, outcomes))
    if verdict is None:
        return None
    return Refusal(
        verdict.kind,
        f"expected outcomes of {event.code} of which at most one can win, found {verdict.found}; it is never "
        "traded as a set, whatever its flags say",
    )


@lru_cache(maxsize=EVENTS_KEPT)
def _judge(texts: _Texts) -> _Verdict | None:
    """Judge words once: scans ask about every event again and again, and its words hardly ever change."""
    return _signs(texts) or _each_by_itself(texts) or _dates(texts) or _thresholds(texts) or _ranges(texts)


def _signs(texts: _Texts) -> _Verdict | None:
    """Refuse words that several outcomes may share; where a number is asked for, it has one answer."""
    said = IN_RULES.search(_plain(texts.rules))
    if said is not None:
        return _Verdict(SAID_OUTRIGHT.kind, f'"{said.group()}" in its rules: {SAID_OUTRIGHT.reason}')
    is_counted = COUNTED.search(_plain(texts.title)) is not None
    is_single = ONE_ONLY.search(_plain(texts.title)) is not None
    for sign in (SAID_OUTRIGHT,) if is_counted else SIGNS:
        is_excused = sign.kind is RefusalKind.SEVERAL_WINNERS and sign is not SAID_OUTRIGHT
        for text in _all(texts):
            words = _found(sign, text)
            if words and not (is_excused and (is_single or ONE_ONLY.search(text))):
                return _Verdict(sign.kind, f'"{words}": {sign.reason}')
    return None


def _each_by_itself(texts: _Texts) -> _Verdict | None:
    """Refuse outcomes of which each may come before the same date: "A out by June", "B out by June"."""
    title = _plain(texts.title)
    if COUNTED.search(title) or ONE_ONLY.search(title):
        return None
    said: defaultdict[str, list[str]] = defaultdict(list)
    for name, question in texts.outcomes:
        named, asked = _plain(name), _plain(question)
        if _is_measured(named) or SOLE.search(asked):
            continue
        deadline = BY_DATE.search(asked)
        if deadline is not None and not asked[deadline.end() :].strip(" ?.!") and not ONE_ONLY.search(asked):
            said[deadline.group()].append(named)
    words = next((words for words, names in said.items() if len(set(names)) > 1), None)
    if words is None:
        return None
    return _Verdict(RefusalKind.SEVERAL_WINNERS, f'"{words}" for each: several may come by then')


def _is_measured(name: str) -> bool:
    """Tell whether an outcome is a date, a number or a range: those are compared with one another."""
    patterns = (BY_DATE, AFTER_DATE, DATE_ALONE, UP, UP_AFTER, DOWN, DOWN_AFTER, RANGE)
    return name.lstrip("$€£¥<>≤≥↑↓~- ")[:1].isdigit() or any(pattern.search(name) for pattern in patterns)


def _found(sign: Sign, text: str) -> str:
    """Return the words of a sign in a text, empty if there are none."""
    if sign.but_not is not None:
        text = sign.but_not.sub(" ", text)
    said = sign.words.search(text)
    return "" if said is None else said.group().strip()


def _dates(texts: _Texts) -> _Verdict | None:
    """Refuse deadlines that differ: what has happened by June has happened by July, too."""
    names = [_plain(name) for name, _ in texts.outcomes]
    dated = [name for name in names if DATE_ALONE.match(name)]
    if len(set(dated)) > 1 and BY_WHEN.search(_plain(texts.title)):
        return _Verdict(RefusalKind.DATE_LADDER, f"deadlines {_pair(dated)}: one includes the other")
    for row in (names, [_plain(question) for _, question in texts.outcomes]):
        opened = [text for text in row if not (BY_DATE.search(text) and AFTER_DATE.search(text))]
        for pattern in (BY_DATE, AFTER_DATE):
            said = _ladder((text, pattern) for text in opened)
            if said:
                return _Verdict(RefusalKind.DATE_LADDER, f"deadlines {_pair(said)}: one includes the other")
    return None


def _thresholds(texts: _Texts) -> _Verdict | None:
    """Refuse two outcomes open to the same side: a price above 110k is above 100k, too.

    One open end on each side of a row of ranges is how exclusive ranges are written, and passes. So does a
    race: only one of its thresholds is reached first.
    """
    for row in zip(*texts.outcomes, strict=True):
        opened = [text for text in map(_plain, row) if not (_closed_on_both_sides(text) or RACE.search(text))]
        for patterns in ((UP, UP_AFTER), (DOWN, DOWN_AFTER), (LINE,)):
            said = _ladder((text, pattern) for text in opened for pattern in patterns)
            if said:
                found = f"thresholds {_pair(said)}: one includes the other"
                return _Verdict(RefusalKind.THRESHOLD_LADDER, found)
    return None


def _ranges(texts: _Texts) -> _Verdict | None:
    """Refuse ranges that lie over one another: what is between 80 and 90 is between 80 and 100, too."""
    for row in zip(*texts.outcomes, strict=True):
        spans: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for text in map(_plain, row):
            found = BETWEEN.search(text)
            low, high = (0, 0) if found is None else _span(found)
            if found is not None and low < high:
                spans[f"{text[: found.start()]}#{text[found.end() :]}"].append((low, high, found.group()))
        for ranges in spans.values():
            ranges.sort()
            for (low, high, words), (begin, end, others) in pairwise(ranges):
                if begin < high and (low, high) != (begin, end):
                    found_words = f"ranges {_pair([words, others])}: one lies over the other"
                    return _Verdict(RefusalKind.THRESHOLD_LADDER, found_words)
    return None


def _span(found: re.Match[str]) -> tuple[int, int]:
    """Return both ends of a range in millionths; an end without a scale has that of the other."""
    low = found["low"] or found["from"]
    high = found["high"] or found["to"]
    scale = next((said["scale"] for said in (AMOUNT.search(high),) if said is not None), None)
    return _amount(low, scale), _amount(high, scale)


def _amount(text: str, scale: str | None) -> int:
    """Return a number in millionths, 0 for one in words; `scale` is what stands behind it if nothing does."""
    said = AMOUNT.search(text)
    if said is None:
        return 0
    digits = said["whole"].replace(",", "") + (said["part"] or "")[:6].ljust(6, "0")
    places: int = SCALES.get(said["scale"] or scale or "", 0)
    return int(f"{digits}{'0' * places}")


def _closed_on_both_sides(text: str) -> bool:
    """Tell whether the text names a range: "over 100 to 110", "at least 5 but less than 10"."""
    up = UP.search(text) or UP_AFTER.search(text)
    down = DOWN.search(text) or DOWN_AFTER.search(text)
    if up is None or down is None:
        open_end = up or down
        spans = [found.span() for found in RANGE.finditer(text)]
        return open_end is not None and any(
            start < open_end.end() and open_end.start() < end for start, end in spans
        )
    return True


def _ladder(texts: Iterable[tuple[str, re.Pattern[str]]]) -> list[str]:
    """Return the places that differ in texts that are otherwise the same, nothing if no two of them do."""
    steps: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for text, pattern in texts:
        found = pattern.search(text)
        if found is not None:
            rest = f"{text[: found.start()]}#{text[found.end() :]}"
            steps[rest][found.group().strip()] = None
    return next((list(said) for said in steps.values() if len(said) > 1), [])


def _all(texts: _Texts) -> Iterator[str]:
    yield _plain(texts.title)
    for name, question in texts.outcomes:
        yield _plain(question)
        yield _plain(name)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _pair(said: list[str]) -> str:
    return " and ".join(f'"{words}"' for words in said[:2])
