"""The words by which `dutch.exclusive` knows outcomes that do not exclude one another. Patterns only.

All of them are searched in casefolded text with single spaces. To teach the desk a wording, add it to the
row of its reason here and an event that uses it to `tests/support/event_corpus.py`.
"""

import re
from dataclasses import dataclass

from engine.domain.refusal import RefusalKind


def _any(*words: str) -> str:
    return f"(?:{'|'.join(words)})"


# What numbers and dates look like.
_SCALE = _any("thousand", "million", "billion", "trillion", "mm", "bn", "tn", "k", "m", "b", "t", "%")
_GLUED = r"(?!am\b|pm\b|st\b|nd\b|rd\b|th\b)[a-z]{1,4}"
"""A unit right behind the digits: "100kg", "25bps"; not an hour and not a place."""
_COUNT = _any(
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"
)
NUMBER = (
    r"(?:[-\u2212]?[$€£¥]?-?(?<![\d.,])\d[\d.,]{0,20}"
    rf"(?:\s*{_SCALE}(?![a-z0-9])|{_GLUED}(?![a-z0-9])|(?![a-z0-9]))|{_COUNT}\b)"
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_YEAR = r"(?:19|20)\d\d"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?\b"
_PERIOD = _any("year", "month", "week", "quarter", "season", "summer", "spring", "autumn", "fall", "winter")
_DATE = r"(?:(?:the )?(?:very )?(?:end|start|beginning|middle) of )?(?:(?:early|mid|late)[- ])?" + _any(
    rf"{_MONTH}(?: {_DAY})?(?:,? {_YEAR})?",
    rf"(?:the )?{_DAY} (?:of )?{_MONTH}(?: {_YEAR})?",
    rf"(?:q[1-4]|h[12])\b(?:,? {_YEAR})?",
    rf"{_YEAR}[- ]?(?:q[1-4]|h[12])\b",
    rf"(?:the )?(?:first|second|third|fourth) (?:half|quarter)(?: of)?(?: {_YEAR})?",
    rf"{_YEAR}-\d\d(?:-\d\d)?",
    rf"\d{{1,2}}/\d{{1,2}}(?:/(?:{_YEAR}|\d\d))?\b",
    rf"{_YEAR}\b",
    rf"(?:(?:this|the|next|the next) )?{_PERIOD}(?:'s)?(?:[- ]end)?\b(?: {_YEAR})?",
    r"(?:this |next )?(?:mon|tues|wednes|thurs|fri|satur|sun)day\b",
    r"today\b|tonight\b|tomorrow\b|christmas\b|new year(?:'s eve)?\b|halloween\b|thanksgiving\b",
    r"\d{1,2}(?::\d\d)? ?(?:am|pm)\b",
    r"the \d{1,2}(?:st|nd|rd|th)\b",
)
_SPAN = rf"{NUMBER}(?: (?:more|full|calendar|business))? (?:hour|day|week|month|quarter|year)s?\b"

# Dates: what has happened by June has happened by July, too; what happens after July happens after June.
BY_DATE = re.compile(
    rf"(?<!not )\b{_any('by', 'before', 'on or before', 'until', 'till', 'through', 'prior to')} {_DATE}"
    rf"|\b(?:no|not) later than {_DATE}|\b{_DATE} or (?:earlier|sooner|before)\b"
    rf"|\b(?:within|in under|in less than) (?:the (?:next|first) )?{_SPAN}"
    rf"|\b(?:in|over|during) the next {_SPAN}"
)
AFTER_DATE = re.compile(
    rf"(?<!not )\b(?:after|later than|beyond) {_DATE}"
    rf"|\b(?:not (?:before|until|by)|no (?:earlier|sooner) than) {_DATE}|\b{_DATE} or (?:later|after)\b"
)
DATE_ALONE = re.compile(rf"^(?:by |before )?{_DATE}$")
BY_WHEN = re.compile(
    r"\b(?:by|before)\s*(?:when\b|which\b|what\b|\.\.\.|…|_+|\?|:|\(|$)|\b(?:by|before) (?:date|then)\b"
)
"""The title of a row of deadlines: "Ceasefire by...?"."""

# Thresholds: a price above 110k is above 100k, too.
_OVER = _any(
    "at or above", "or above", "above", "over", "at least", "(?:no|not) (?:less|fewer|lower) than",
    "(?:more|greater|higher|larger|longer|better|bigger) than", "exceed(?:s|ing|ed)?",
    "surpass(?:es|ing|ed)?", "cross(?:es|ing|ed)?", "reach(?:es|ing|ed)?", "hit(?:s|ting)?",
    "break(?:s|ing)?", "pass(?:es|ing)?", "tops", "touch(?:es|ing)?", "clears?", "upwards? of", "north of",
    "beyond", "past", "a (?:minimum|high) of",
    "(?:rise|climb|jump|rall(?:y|ie)|soar|increase|grow|go|get|rocket|pump|spike)s?(?: up)? (?:to|past)",
)  # fmt: skip
_UNDER = _any(
    "at or below", "or below", "below", "under", "at most", "(?:no|not) (?:more|greater|higher) than",
    "(?:less|fewer|lower|smaller|shorter) than", "up to", "down to", "south of", "a (?:maximum|low) of",
    "(?:dip|fall|drop|decline|crash|sink|plunge|slip|tumble|decrease|go|dump)s?(?: down)? (?:to|below)",
)  # fmt: skip
_FAR = _any(
    "reach(?:es|ing|ed)?", "hit(?:s|ting)?", "exceed(?:s|ing|ed)?", "surpass(?:es|ing|ed)?", "at least",
    "more than",
)  # fmt: skip
"""Words whose number may stand some words away: "reach a market cap of $1T"."""
_FILLER = (
    rf"(?!{_MONTH}|(?:between|exactly|only|precisely|from|and|or|but|on|in|by|game|season)\b)[a-z'\u2019-]+"
)
_NEAR = r"\s*(?:an? |the |all-time high of )?"
UP = re.compile(
    rf"(?:(?<!no )(?<!not )\b{_OVER}\b|[>≥↑])=?{_NEAR}{NUMBER}"
    rf"|(?<!no )(?<!not )\b{_FAR}(?: {_FILLER}){{1,5}}? (?!{_YEAR}\b){NUMBER}"
)
DOWN = re.compile(rf"(?:(?<!no )(?<!not )\b{_UNDER}\b|[<≤↓])=?{_NEAR}{NUMBER}")
_SIGN = r"(?:\s*(?:°\s*[cfk]?\b|[\"'\u2032\u2033]))?"
_UNIT = rf"(?:{_SIGN}|\s+(?:[a-z]+\s+){{0,2}}?[a-z]+)"
"""What a number counts: a sign right behind it, or up to three words ("degrees", "home runs")."""
UP_AFTER = re.compile(
    rf"{NUMBER}(?:{_SIGN}\s*\+| plus\b"
    rf"|{_UNIT}\s*(?:or (?:more|higher|above|greater|over|better|longer|up|beyond)\b"
    r"|and (?:above|over|up|higher|more|beyond)\b|minimum\b))"
)
DOWN_AFTER = re.compile(
    rf"{NUMBER}{_UNIT}\s*(?:or (?:less|fewer|lower|below|under|shorter|down)\b"
    r"|and (?:below|under|lower|less)\b|maximum\b)"
)
LINE = re.compile(
    r"\b(?:o/u|over/under|total(?: goals| points| runs)?)\s*\(?\d+\.5\b"
    r"|(?<![\w.])[-+\u2212]\d+\.5\b(?!\s*(?:%|°|[a-z0-9]))"
)
"""A bookmaker's line: "O/U 2.5", "Lakers -1.5"; the other lines of the same text win with it."""
RACE = re.compile(rf"{NUMBER}\s+first\s*[?.!]*$")
"""What is reached first is reached before the others: "hits $80k first", at the end of the text."""
RANGE = re.compile(rf"{NUMBER}\s*(?:[-\u2013\u2014]|to|and)\s*{NUMBER}")
BETWEEN = re.compile(
    rf"\bbetween (?P<low>{NUMBER}) (?:and|to) (?P<high>{NUMBER})"
    rf"|(?P<from>[$€£¥]{NUMBER})\s*(?:[-\u2013\u2014]|to)\s*(?P<to>{NUMBER})"
)
"""A range that is no score of a match."""
AMOUNT = re.compile(rf"[$€£¥]?(?P<whole>\d[\d,]{{0,20}})(?:\.(?P<part>\d{{1,9}}))?\s*(?P<scale>{_SCALE})?")
SCALES = {
    "k": 3, "thousand": 3, "m": 6, "mm": 6, "million": 6, "b": 9, "bn": 9, "billion": 9, "t": 12, "tn": 12,
    "trillion": 12,
}  # fmt: skip
"""By how many places a word moves the point."""

# Several winners.
COUNTED = re.compile(r"\b(?:how many|how much|what number|(?:total |exact )?number of|count of)\b")
"""A title that asks for a number: how many qualify has one answer, who qualifies has several."""
ONE_ONLY = re.compile(
    r"\b(?:be|is|become|was) (?:the )?(?:first|next|last)\b(?! (?:round|half|place|time|season|year))"
    r"|\b(?:first|next|last) (?:to|person|team|country|company|one|member|player|coach|manager|nation|club)\b"
    r"|\b(?:go|leave|out|eliminated|fired|resign|retire|relegated|qualify|pardoned|released|visit|endorse|say)"
    r" (?:first|next|last)\b|\bwho will (?:\w+ )?next\b"
)
"""Of those to whom something happens one is the first, the next or the last."""
SOLE = re.compile(r"\b(?:wins?|be the|becomes?|be named|none|nobody|no one|neither)\b")
"""Words for what one alone can come to: behind them a deadline says nothing of the others."""
_MANY = _any(
    "teams", "countries", "companies", "players", "candidates", "films", "movies", "songs", "people",
    "states", "parties", "clubs", "drivers", "nations", "athletes", "artists", "shows", "albums", "cities",
    "coins", "tokens", "stocks", "books", "senators", "leaders", "members", "bills", "fighters", "ones",
)  # fmt: skip
_PLACES = _any(
    "play-?offs?", "post-?season", "(?:semi-?|quarter-?)?finals?", "knockouts?(?: stages?| rounds?)?", "cut",
    "last (?:16|8|32|four|eight|sixteen)", "final (?:four|eight|table)", "sweet (?:16|sixteen)",
    "elite eight", "round of \\d+", "(?:next|second|third|main|championship) round", "group stage",
    "shortlist", "longlist", "roster", "squad", "debate stage", "ballot", "line-?up", "tournament",
    "world cup", "run-?off", "second stage", "all-star (?:game|team)", "all-nba team",
)  # fmt: skip
_PRIZE = _any(
    "(?:olympic )?(?:(?:gold|silver|bronze) )?medal", "grammy", "oscar", "emmy", "tony", "golden globe",
    "grand slam", "major", "race", "stage", "seat", "trophy", "game", "match", "set", "award", "title",
)  # fmt: skip
_FATES = _any(
    "relegated", "promoted", "shortlisted", "longlisted", "inducted", "indicted", "arrested", "charged",
    "convicted", "pardoned", "fired", "impeached", "deported", "traded", "drafted", "suspended", "sanctioned",
    "eliminated", "released from (?:prison|jail|custody|captivity)", "invited", "delisted", "acquired",
    "banned", "re-elected", "renewed", "cancell?ed",
    "confirmed by the senate", "an all-star", "(?:a |among the )(?:semi-?)?finalists?", "(?:a )?medall?ists?",
    "sentenced", "jailed", "knocked out", "hit by", "invaded", "selected in the (?:first|second) round",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sign:
    """Words in a title, a question or a name, and what they are a sign of."""

    kind: RefusalKind
    reason: str
    words: re.Pattern[str]
    but_not: re.Pattern[str] | None = None
    """What looks like the words and is not: taken out of the text before they are searched."""


def _several(reason: str, *words: str, but_not: str = "") -> Sign:
    pattern = re.compile(but_not) if but_not else None
    return Sign(RefusalKind.SEVERAL_WINNERS, reason, re.compile("|".join(words)), pattern)


SAID_OUTRIGHT = _several(
    "several outcomes may win",
    r"\b(?:multiple|several|more than one) (?:winners?|outcomes?|markets?|options?|of (?:these|them))\b",
    r"\bnot mutually exclusive\b|\ball that apply\b|\bindependently of (?:each|one|the) other",
    but_not=r"\b(?:no|not|never) (?:multiple|several|more than one) [a-z]+",
)
SIGNS = (
    SAID_OUTRIGHT,
    _several(
        "it asks for more than one",
        rf"\b(?:which|what) (?:[a-z0-9-]+ ){{0,3}}{_MANY} (?:will|to|are|qualify|advance|make|get|win)\b",
        rf"\b(?:which|what) (?:[a-z0-9-]+ ){{0,3}}{_MANY}\?",
        rf"\b{_MANY} to (?:qualify|advance|reach|make)\b|\bwhat will happen (?:before|by|in|during)\b",
        r"\b(?:nominees|finalists|semi-?finalists|qualifiers|medal(?:l)?ists|attendees|performers|speakers)\s*\?",
        but_not=r"\b(?:which|who) (?:one )?(?:of|among) the [a-z]+",
    ),
    _several(
        "several go through",
        r"\bqualif(?:y|ies|ied)\b|\badvances?\b|\bprogress(?:es)? to\b|\bclinch(?:es)? an?\b",
        r"\b(?:make|reach|enter|join)(?:s|es)? (?:(?:it )?to )?(?:the |an? )?"
        rf"(?:[a-z0-9]+ ){{0,2}}{_PLACES}\b",
        rf"\b(?:be|get|gets|is) (?:in|on|named to|selected (?:for|to)) the (?:[a-z0-9]+ ){{0,2}}{_PLACES}\b",
        r"\bplay in the (?:[a-z0-9]+ ){0,2}final\b|\bmedal (?:in|at)\b|\bavoids? relegation\b|\bstays? up\b",
        rf"\bwins? an? (?:[a-z]+ ){{0,2}}?{_PRIZE}\b|\bwins? medals?\b",
        r"\bwins? (?:its|their|his|her) (?:own )?"
        r"(?:division|group|conference|primary|seat|race|match|game|opener)\b",
    ),
    _several(
        "it may happen to several",
        rf"\b(?:be|get|gets|is|are) {_FATES}\b|\bbe elected to the\b|\bhall of fame\b",
        r"\b(?:join|joins) (?:nato|the [a-z]+)\b|\benters? parliament\b|\bout (?:as|of) [a-z]+\b",
        r"\b(?:will|does) [a-z' .-]{1,30}? pardon\b|\bannounces? (?:an? )?[a-z ]{0,20}(?:run|campaign|bid)\b",
        r"\bwho will (?:leave|resign|retire|quit|attend|perform at|speak at|testify|drop out|withdraw|visit"
        r"|vote (?:for|against)|announce|run for|sign up)\b",
        r"\b(?:who(?:m)?|which [a-z]+|what) will [a-z' .-]{1,30}? (?:pardon|endorse|meet|visit|fire|invite"
        r"|sanction|strike|attack|invade|recogni[sz]e|ban|tariff)\b",
        r"\b(?:go|goes|going) (?:public|bankrupt)\b|\bipos?\b (?:in|by|before)\b|\bfile for bankruptcy\b"
        r"|\blaunch an? token\b",
        r"\b(?:score|scores) an? (?:goal|touchdown|try|point|penalty)\b",
        r"\banytime (?:goal ?|touchdown )?scorer\b",
    ),
    _several(
        "several may be nominated",
        r"\bnominated for\b|\bwho will (?:be|get) nominated\b",
        r"\b(?:receive|get|earn)s? (?:an? )?[a-z ]{0,20}nominations?\b",
        but_not=r"\b(?:who will )?be nominated (?:as|to|by)\b"
        r"|\bnominated for (?:the )?fed(?:eral reserve)? chair\b",
    ),
    _several(
        "several may be said",
        r"\bmention(?:s|ed)?\b.*\b(?:during|in|at|by|on)\b",
        r"\bwhat will [a-z' .-]{1,30}? (?:say|mention|tweet)\b",
        r"\b(?:say|says|utter)\b.*\bduring\b|\b(?:say|says|utter)s? [\"\u201c'\u2018]",
    ),
    Sign(
        RefusalKind.TOP_PLACES,
        "several outcomes may share it",
        re.compile(
            rf"\btop[- ]?(?!(?:1|one)\b|{_YEAR}\b)(?:\d+|{_COUNT})\b|\btop (?:half|third|quarter)\b"
            rf"|\b(?:bottom|first|last|best|worst) (?:{_COUNT}|[2-9]|\d\d)\b"
            r"(?! (?:months|weeks|days|hours|games|minutes)\b)"
            r"|\bpodium\b|\b(?:1st|first) or (?:2nd|second)\b|\bplace or show\b"
        ),
        # A league by that name; the first of a list of ten is one; a year is no number of places.
        re.compile(
            r"(?<!\bin the )(?<!\bin )(?<!\bamong the )\btop 14\b(?! finish)"
            r"|(?:#|\bno\.? ?|\bnumber )(?:[1-9]|one)\b(?! ?[-\u2013t]).{0,40}\btop[- ]?\d+"
            r"|\bbest one\b|\bfirst one\b|\blast one\b"
        ),
    ),
)  # fmt: skip
"""What makes several winners, in the order asked. In words alone: no number is compared."""
IN_RULES = re.compile(
    r"\bnot mutually exclusive\b|(?<!no )(?<!not )\b(?:more than one|multiple|several) (?:of (?:these|the) )?"
    r"(?:outcomes?|markets?|options?) (?:can|may|could|might) (?:each )?(?:resolve|win|be true)\b"
    r"|\b(?:both|all|each of) (?:such |of these |these )?(?:outcomes|markets)"
    r" (?:will|may|can) resolve to [\"\u201c']?yes\b"
)
"""What the rules may say outright; their prose names teams, finals and deadlines that decide nothing."""
