"""The chat's language: one table of commands, and a pure parser from text to what is asked.

Help, menus and the gate's rules are read from the table. Anything that does not parse is answered with the
nearest command that does; nothing is ever guessed and run.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.spread_words import read_spread
from bot.typed_words import CODE_MAX, as_code, duration, is_number
from engine.domain.chain import CONTRACTS, contract
from engine.domain.commands import (
    AskApprove,
    AskMerge,
    AskRedeem,
    AskRepair,
    AskResume,
    AskReview,
    AskWhy,
    Command,
    Kill,
    OpenAuto,
    OpenDutch,
    ScanDutch,
    ShowStatus,
    StopAuto,
    StopSpread,
)
from engine.domain.ids import TicketId
from engine.domain.repair import RepairWay
from engine.domain.ticket import Role
from engine.domain.units import LOT, Ms, Size, Usdc, format_size, parse_size, parse_usdc

TEXT_MAX = 200
"""Characters of a message that are looked at."""
PLAN_ID_MAX = 32
"""Characters of a plan's id (`engine.core.dutch.event_plan`)."""
TICKET_ID = re.compile(r"T-[0-9A-Z]{4,8}", re.ASCII)
LIKENESS_MIN = 0.55
"""Below this a typed word is like no command at all."""
BUDGET_MIN = Usdc(1_000_000)
AUTO_USUAL_MS = Ms(30 * 60_000)
SUGGESTION_MAX = 48
"""Bytes of a suggested command: it becomes a button."""


@dataclass(frozen=True, slots=True)
class Greet:
    """Say hello."""


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """Explain all commands, or the one named."""

    topic: str | None


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """Tell the asker's id and role."""


Ask = Command | Greet | ShowHelp | WhoAmI
"""What a line asks for: a command of the desk, or something the chat answers by itself."""


@dataclass(frozen=True, slots=True)
class Usage:
    """A line that was not understood: what was wrong, and a command that would work."""

    typed: str
    problem: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Spec:
    """One row of the table. `make` returns the ask, or a Usage whose `typed` is still empty."""

    name: str
    aliases: tuple[str, ...]
    arguments: str
    role: Role
    help: str
    example: str
    make: Callable[[tuple[str, ...]], Ask | Usage]
    safe: bool = False
    """Lowers risk: passes at any age, at any rate, with anything behind it."""

    @property
    def usage(self) -> str:
        """Return the line that shows how it is typed."""
        return f"/{self.name} {self.arguments}".rstrip()


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """A line that was understood."""

    spec: Spec
    ask: Ask

    @property
    def safe(self) -> bool:
        """Whether it lowers risk: the whole command does, or ends what a standing grant may do."""
        return self.spec.safe or isinstance(self.ask, StopAuto | StopSpread)

    @property
    def role(self) -> Role:
        """Return who may use it; what lowers risk needs none."""
        return Role.VIEWER if self.safe else self.spec.role


def _bare(ask: Ask) -> Callable[[tuple[str, ...]], Ask]:
    """Return a factory that gives `ask` whatever stands behind the command."""
    return lambda _words: ask


def _help(words: tuple[str, ...]) -> Ask | Usage:
    if not words:
        return ShowHelp(None)
    spec = find(words[0].lstrip("/").lower())
    if spec is None:
        return Usage("", f"there is no command {words[0]!r}", f"/help {_nearest(words[0]) or 'dutch'}")
    return ShowHelp(spec.name)


def _dutch(words: tuple[str, ...]) -> Ask | Usage:
    if not words:
        return ScanDutch()
    if words[0].lower() == "auto":
        return _auto(words[1:])
    if words[0].lower() == "stop":
        return StopAuto()
    if len(words) == 2 and is_number(words[0]) and not is_number(words[1]):
        return Usage("", "the code comes first, then the sets", f"/dutch {as_code(words[1])} {words[0]}")
    typed_code = words[0].lower()
    code = as_code(typed_code)
    if code != typed_code or len(words) > 2:
        return Usage(
            "", "expected an event's code and a number of sets", f"/dutch {' '.join([code, *words[1:2]])}"
        )
    if len(words) == 1:
        return OpenDutch(code, None)
    return _dutch_sets(code, words[1])


def _auto(words: tuple[str, ...]) -> Ask | Usage:
    """Read `[code|all] <budget> [30m|2h]`; without a scope all events are meant."""
    code = "" if not words or is_number(words[0]) else words[0].lower()
    rest = words[1:] if code else words
    scope = "" if code == "all" else as_code(code)
    budget = rest[0] if rest and is_number(rest[0]) else "100"
    typed = f"/dutch auto {scope or 'all'} {budget}"
    if scope not in (code, "") or not rest or not is_number(rest[0]) or len(rest) > 2:
        return Usage(
            "", "expected an event's code or all, a budget in USDC, and a time such as 30m or 2h", typed
        )
    if parse_usdc(budget) < BUDGET_MIN:
        return Usage("", "a budget below 1 USDC buys nothing", f"/dutch auto {scope or 'all'} 100")
    lasts_ms = duration(rest[1]) if len(rest) == 2 else AUTO_USUAL_MS
    if lasts_ms is None:
        return Usage("", "the time is minutes or hours such as 30m or 2h, at most 12h", f"{typed} 30m")
    return OpenAuto(scope, parse_usdc(budget), lasts_ms)


def _spread(words: tuple[str, ...]) -> Ask | Usage:
    made = read_spread(words)
    return Usage("", *made) if isinstance(made, tuple) else made


def _with_code(name: str, ask: Callable[[str], Ask]) -> Callable[[tuple[str, ...]], Ask | Usage]:
    """Return a factory for a command that takes nothing, or one event's code."""

    def make(words: tuple[str, ...]) -> Ask | Usage:
        typed = words[0].lower() if words else ""
        code = as_code(typed)
        if len(words) > 1 or code != typed:
            return Usage("", "expected nothing, or one event's code", f"/{name} {code}".rstrip())
        return ask(code)

    return make


def _dutch_sets(code: str, typed: str) -> Ask | Usage:
    try:
        size = parse_size(typed)
    except ValueError:
        return Usage("", "the sets are a plain number such as 200 or 12.5", f"/dutch {code}")
    whole_lots = Size(size - size % LOT)
    if size != whole_lots:
        nearest = format_size(whole_lots) if whole_lots else "1"
        return Usage("", "sets have at most two decimals", f"/dutch {code} {nearest}")
    if size == 0:
        return Usage("", "0 sets is nothing to buy", f"/dutch {code}")
    return OpenDutch(code, size)


def _repair(words: tuple[str, ...]) -> Ask | Usage:
    typed = words[0].upper() if words else "T-"
    ways = ", ".join(way.value for way in RepairWay)
    if not TICKET_ID.fullmatch(typed) or len(words) > 2:
        return Usage("", f"expected a broken ticket's id, and perhaps one of {ways}", "/help repair")
    ticket_id = TicketId(typed)
    if len(words) == 1:
        return AskRepair(ticket_id, None)
    try:
        return AskRepair(ticket_id, RepairWay(words[1].lower()))
    except ValueError:
        return Usage("", f"expected one of {ways} behind the ticket", f"/repair {ticket_id}")


def _approve(words: tuple[str, ...]) -> Ask | Usage:
    if not words:
        return AskApprove()
    label = words[0].lower()
    if len(words) != 2 or contract(label) is None:
        named = label if contract(label) is not None else CONTRACTS[0].label
        return Usage("", "expected nothing, or a contract's label and an amount", f"/approve {named} 500")
    try:
        return AskApprove(label, parse_usdc(words[1]))
    except ValueError:
        return Usage("", "the amount is dollars such as 500 or 250.50", f"/approve {label} 500")


def _why(words: tuple[str, ...]) -> Ask | Usage:
    if not words:
        return AskWhy()
    kept = "".join(c for c in words[0] if c.isascii() and (c.isalnum() or c == "-"))[:PLAN_ID_MAX]
    if len(words) > 1 or kept != words[0]:
        problem = "expected nothing, or one event's code, ticket or plan id"
        return Usage("", problem, f"/why {kept}".rstrip())
    return AskWhy(kept)


COMMANDS: tuple[Spec, ...] = (
    Spec("status", (), "", Role.VIEWER, "gate, feeds, orders, money", "/status", _bare(ShowStatus())),
    Spec(
        "dutch", (), "[code] [sets] | auto [code|all] <USDC> [30m|2h] | stop", Role.TRADER,
        "what each set costs; with a code, a dry ticket; auto lets the desk send",
        "/dutch fed5 200", _dutch,
    ),
    Spec(
        "spread", (), "[code [outcome] [size] [2t] [30m|2h] | stop]", Role.TRADER,
        "markets to quote; with a code, a dry ticket that lets the desk quote one; stop takes all off",
        "/spread fed5 100 2t 1h", _spread,
    ),
    Spec(
        "repair", (), "ticket [way]", Role.TRADER,
        "a dry ticket that completes or unwinds a broken one; the best way unless one is named",
        "/repair T-7K2F", _repair,
    ),
    Spec(
        "kill", ("k",), "", Role.VIEWER,
        "stop: cancel every order and halt; asks nothing", "/kill", _bare(Kill()), safe=True,
    ),
    Spec(
        "resume", (), "[code]", Role.TRADER,
        "lift a halt, or with a code one event's freeze, in two steps", "/resume",
        _with_code("resume", AskResume),
    ),
    Spec(
        "review", (), "[code]", Role.TRADER,
        "which rules wait to be read; with a code, the text and what changed", "/review",
        _with_code("review", AskReview),
    ),
    Spec(
        "merge", (), "[code]", Role.TRADER,
        "turn settled pairs (YES and NO) into collateral, in two steps", "/merge btc",
        _with_code("merge", AskMerge),
    ),
    Spec(
        "redeem", (), "[code]", Role.TRADER,
        "redeem the shares of a resolved market, in two steps", "/redeem btc",
        _with_code("redeem", AskRedeem),
    ),
    Spec(
        "why", (), "[code | ticket | plan]", Role.VIEWER,
        "what a plan is made of and which guard refused; alone, your last refusal", "/why fed5", _why,
    ),
    Spec(
        "approve", (), "[label] [USDC]", Role.ADMIN,
        "what contracts may move of the wallet; with a label and an amount, how to allow it",
        "/approve exchange 500", _approve,
    ),
    Spec("help", (), "[command]", Role.VIEWER, "all commands, or one explained", "/help dutch", _help),
    Spec("whoami", (), "", Role.VIEWER, "your id and role", "/whoami", _bare(WhoAmI())),
    # What Telegram hands over behind /start comes from a link anybody can write: it never acts.
    Spec("start", (), "", Role.VIEWER, "greeting and mode", "/start", _bare(Greet())),
)  # fmt: skip

_BY_WORD = {word: spec for spec in COMMANDS for word in (spec.name, *spec.aliases)}


def find(word: str) -> Spec | None:
    """Return the row of a command's name or alias."""
    return _BY_WORD.get(word)


def is_safe(text: str) -> bool:
    """Tell whether the line is a command that lowers risk, such as /kill."""
    parsed = parse(text)
    return isinstance(parsed, ParsedCommand) and parsed.safe


def menu(role: Role) -> tuple[tuple[str, str], ...]:
    """Return (name, description) of every command the role may use, for Telegram's menu."""
    return tuple((spec.name, spec.help) for spec in COMMANDS if role.allows(spec.role))


def parse(text: str) -> ParsedCommand | Usage:
    """Return what the line asks for, or why it was not understood and what would be."""
    understood = _understand(text.strip()[:TEXT_MAX])
    if isinstance(understood, Usage):
        return replace(understood, suggestion=_short(understood.suggestion))
    return understood


def _short(suggestion: str) -> str:
    """Return the suggestion without the last words that keep it from being run, or from being a button."""
    words = suggestion.split()
    while len(words) > 1 and (
        len(" ".join(words).encode()) > SUGGESTION_MAX or isinstance(_understand(" ".join(words)), Usage)
    ):
        words.pop()
    return " ".join(words)


def _understand(typed: str) -> ParsedCommand | Usage:
    words = tuple(typed.split())
    if not words:
        return Usage("", "there was no text", "/help")
    head = words[0].lower()
    name = head.removeprefix("/").partition("@")[0]
    spec = find(name)
    if spec is None or not head.startswith("/"):
        return _unknown(typed, name, words[1:])
    made = spec.make(words[1:])
    if isinstance(made, Usage):
        return Usage(typed, made.problem, made.suggestion)
    return ParsedCommand(spec, made)


def _unknown(typed: str, name: str, rest: tuple[str, ...]) -> Usage:
    nearest = _nearest(name)
    if nearest is None:
        return Usage(typed, "this is no command", "/help")
    problem = (
        "a command begins with a slash" if nearest == name else f"there is no command /{name[:CODE_MAX]}"
    )
    completed = parse(" ".join([f"/{nearest}", *rest]))
    if isinstance(completed, Usage):
        return Usage(typed, problem, completed.suggestion)
    takes_rest = rest and not completed.safe and completed.spec.arguments
    return Usage(typed, problem, " ".join([f"/{nearest}", *rest]) if takes_rest else f"/{nearest}")


def _nearest(word: str) -> str | None:
    """Return the name of the command most like the word."""
    bare = word.lower().lstrip("/")
    close = difflib.get_close_matches(bare, [*_BY_WORD], n=1, cutoff=LIKENESS_MIN)
    return _BY_WORD[close[0]].name if close else None
