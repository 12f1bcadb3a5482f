"""Whether the outcomes of an event exclude one another, judged from its words: structure before price.

The venue's neg-risk flag promises it; the words may show otherwise. Threshold ladders ("above 100k / above
110k"), date ladders ("by June / by July"), places shared by several ("top 3") and several winners are refused
even where the flag is set: a set of them can pay nothing, or more than once. Words only, no price, no book.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from engine.domain.market import EventGroup
from engine.domain.refusal import Refusal, RefusalKind

EVENTS_KEPT = 20_000
"""More than the catalogue lists: the verdicts on their words are remembered."""
_NUMBER = r"[$€£]?\d[\d.,]*\s*(?:k|m|mm|b|bn|t|tn|thousand|million|billion|trillion|%)?(?![a-z0-9])"
_ORDINAL = r"(?:\d+|two|three|four|five|six|seven|eight|nine|ten)"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = (
    rf"(?:(?:the\s+)?end\s+of\s+)?(?:{_MONTH}\b\.?(?:\s+\d{{1,2}}(?:st|nd|rd|th)?)?(?:,?\s+(?:19|20)\d\d)?"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}\b(?:\s+(?:19|20)\d\d)?|q[1-4]\b(?:,?\s+(?:19|20)\d\d)?"
    r"|(?:19|20)\d\d-\d\d(?:-\d\d)?|(?:19|20)\d\d)"
)

_UP = re.compile(
    r"(?:\b(?:above|over|at least|more than|greater than|higher than|exceeds?|reach(?:es)?|hits?|or above)\b"
    rf"|[>≥↑])\s*(?:an?\s+|the\s+)?{_NUMBER}"
)
_DOWN = re.compile(
    r"(?:\b(?:below|under|at most|less than|fewer than|lower than|dips? to|dips? below|falls? to|drops? to)\b"
    rf"|[<≤↓])\s*(?:an?\s+|the\s+)?{_NUMBER}"
)
_SIGN = r"(?:\s*(?:°\s*[cfk]?\b|[\"'\u2032\u2033]))?"
_UNIT = rf"(?:{_SIGN}|\s+(?:[a-z]+\s+){{0,2}}?[a-z]+)"
"""What a number counts: a sign right behind it, or up to three words ("degrees", "home runs")."""
_UP_AFTER = re.compile(
    rf"{_NUMBER}(?:{_SIGN}\s*\+"
    rf"|{_UNIT}\s*(?:or (?:more|higher|above|greater|over)\b|and (?:above|over|up)\b))"
)
_DOWN_AFTER = re.compile(
    rf"{_NUMBER}{_UNIT}\s*(?:or (?:less|fewer|lower|below|under)\b|and (?:below|under)\b)"
)
_RACE = re.compile(rf"{_NUMBER}\s+first\s*[?.!]*$")
"""What is reached first is reached before the others: "hits $80k first", at the end of the text."""
_RANGE = re.compile(rf"{_NUMBER}\s*(?:[-\u2013\u2014]|to|and)\s*{_NUMBER}")
_BY_DATE = re.compile(rf"\b(?:by|before|on or before|until|through|no later than)\s+{_DATE}")
_DATE_ALONE = re.compile(rf"^(?:by\s+|before\s+)?{_DATE}$")
_BY_WHEN = re.compile(r"\bby\s*(?:when|\.\.\.|…|_+|\?)|\bby\s*$|\bbefore\s*(?:\.\.\.|…|_+|\?)")

_TOP = re.compile(rf"\btop[- ]?(?!1\b|(?:19|20)\d\d\b){_ORDINAL}\b")
"""Not the best of a year ("top 2026 movie")."""
_MANY = (
    r"(?:teams|countries|companies|players|candidates|films|movies|songs|people|states|parties|clubs|drivers)"
)
_SEVERAL = re.compile(
    r"\b(?:multiple|several|more than one) (?:winners?|outcomes?|markets?|options?|of (?:these|them))\b"
    r"|\bnot mutually exclusive\b|\ball that apply\b|\bindependently of (?:each|one|the) other"
    rf"|\b(?:which|what) (?:[a-z-]+ ){{0,3}}{_MANY} (?:will|to|are|qualify|advance|make)\b"
    rf"|\b{_MANY} to (?:qualify|advance|reach|make)\b"
    r"|\bqualif(?:y|ies) for\b|\badvances? to\b|\bfinish(?:es)? on the podium\b"
    r"|\b(?:make|reach)(?:s|es)? the (?:play-?offs?|(?:semi-?|quarter-?)?finals?|knockouts?|cut|podium)\b"
    r"|\b(?:be|get|gets|is) (?:relegated|promoted)\b|\bbe nominated for\b|\bwho will be nominated\b"
    r"|\bmention(?:s|ed)?\b.*\bduring\b"
)
_INDEPENDENT = re.compile(
    r"\bnot mutually exclusive\b|\b(?:more than one|multiple|several) (?:of (?:these|the) )?"
    r"(?:outcomes?|markets?|options?) (?:can|may|could|might) (?:each )?(?:resolve|win|be true)\b"
)


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
    return _several(texts) or _top(texts) or _dates(texts) or _thresholds(texts)


def _several(texts: _Texts) -> _Verdict | None:
    said = _first(_SEVERAL, _all(texts)) or _first(_INDEPENDENT, [_plain(texts.rules)])
    if said is None:
        return None
    return _Verdict(RefusalKind.SEVERAL_WINNERS, f'"{said}": several outcomes may win')


def _top(texts: _Texts) -> _Verdict | None:
    said = _first(_TOP, _all(texts))
    if said is None:
        return None
    return _Verdict(RefusalKind.TOP_PLACES, f'"{said}": several outcomes may share it')


def _dates(texts: _Texts) -> _Verdict | None:
    """Refuse deadlines that differ: what has happened by June has happened by July, too."""
    names = [_plain(name) for name, _ in texts.outcomes]
    dated = [name for name in names if _DATE_ALONE.match(name)]
    if len(set(dated)) > 1 and _BY_WHEN.search(_plain(texts.title)):
        return _Verdict(RefusalKind.DATE_LADDER, f"deadlines {_pair(dated)}: one includes the other")
    for row in (names, [_plain(question) for _, question in texts.outcomes]):
        said = _ladder((text, _BY_DATE) for text in row)
        if said:
            return _Verdict(RefusalKind.DATE_LADDER, f"deadlines {_pair(said)}: one includes the other")
    return None


def _thresholds(texts: _Texts) -> _Verdict | None:
    """Refuse two outcomes open to the same side: a price above 110k is above 100k, too.

    One open end on each side of a row of ranges is how exclusive ranges are written, and passes. So does a
    race: only one of its thresholds is reached first.
    """
    for row in zip(*texts.outcomes, strict=True):
        opened = [
            text for text in map(_plain, row) if not (_closed_on_both_sides(text) or _RACE.search(text))
        ]
        for patterns in ((_UP, _UP_AFTER), (_DOWN, _DOWN_AFTER)):
            said = _ladder((text, pattern) for text in opened for pattern in patterns)
            if said:
                found = f"thresholds {_pair(said)}: one includes the other"
                return _Verdict(RefusalKind.THRESHOLD_LADDER, found)
    return None


def _closed_on_both_sides(text: str) -> bool:
    """Tell whether the text names a range: "over 100 to 110", "at least 5 but less than 10"."""
    up = _UP.search(text) or _UP_AFTER.search(text)
    down = _DOWN.search(text) or _DOWN_AFTER.search(text)
    if up is None or down is None:
        open_end = up or down
        spans = [found.span() for found in _RANGE.finditer(text)]
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


def _first(pattern: re.Pattern[str], texts: Iterable[str]) -> str | None:
    return next((found.group().strip() for text in texts if (found := pattern.search(text))), None)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _pair(said: list[str]) -> str:
    return " and ".join(f'"{words}"' for words in said[:2])
