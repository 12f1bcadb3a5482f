"""From plain data (what a JSON file holds) to planning cases; what is wrong is refused by name and position.

Strict: every key is required, none may be added, numbers are decimal strings of their own form, and nothing
is guessed. Knows no file.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from engine.core.planner.plan_case import Case, CaseKind, CaseLeg, CaseParams, Exact, FeeRounding
from engine.domain.book import Level
from engine.domain.market import Side
from engine.domain.units import LOT, PRICE_ONE, Price, Size

PLAIN = re.compile(r"(-?)([0-9]{1,100})(?:\.([0-9]{1,100}))?")
"""A decimal number as cases write it: no exponent, no plus, no bare point."""
EXPONENT_MAX = 100
"""A larger exponent asks for numbers of more than eight hundred digits and says nothing more."""
_PRICE_DECIMALS = 4
_SIZE_DECIMALS = 2
TOKENS = ("YES", "NO")
CASE_KEYS = ("id", "kind", "payout_per_set", "legs", "params")
LEG_KEYS = (
    "leg",
    "token",
    "side",
    "levels",
    "tick",
    "min_size",
    "max_size",
    "min_notional",
    "fee_rate",
    "fee_exponent",
)
PARAM_KEYS = (
    "lot",
    "fee_rounding",
    "fee_bps",
    "slippage_ticks",
    "safety_margin_usdc",
    "fixed_cost_usdc",
    "min_profit_usdc",
    "max_capital_usdc",
    "max_sets",
    "max_leg_usdc",
)
T = TypeVar("T")


class CaseError(Exception):
    """A case file cannot be used: where, what was expected, and what was found."""

    def __init__(self, position: str, expected: str, found: str) -> None:
        """Keep the position for whoever points at it."""
        super().__init__(f"{position or 'the file'}: expected {expected}, found {found}; nothing was planned")
        self.position = position


def read_cases(plain: object) -> tuple[Case, ...]:
    """Return the cases of a list, or the one of an object; raises CaseError at the first thing wrong."""
    if isinstance(plain, list):
        return tuple(_case(_At(f"cases[{number}]", one)) for number, one in enumerate(plain))
    return (_case(_At("", plain)),)


class _At(NamedTuple):
    """A value and where it stands."""

    position: str
    value: object

    def fault(self, expected: str, found: str | None = None) -> CaseError:
        return CaseError(self.position, expected, _shown(self.value) if found is None else found)

    def fields(self, keys: tuple[str, ...]) -> dict[str, "_At"]:
        """Return the members of an object that must have exactly these keys."""
        if not isinstance(self.value, Mapping):
            raise self.fault("an object")
        prefix = f"{self.position}." if self.position else ""
        for key in keys:
            if key not in self.value:
                raise CaseError(prefix + key, "this key", "none")
        for key in self.value:
            if key not in keys:
                raise CaseError(prefix + short(str(key)), f"no key but {', '.join(keys)}", "this one")
        return {key: _At(prefix + key, self.value[key]) for key in keys}

    def items(self) -> list["_At"]:
        if not isinstance(self.value, list):
            raise self.fault("a list")
        return [_At(f"{self.position}[{number}]", one) for number, one in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.fault("a text")
        if any("\ud800" <= sign <= "\udfff" for sign in self.value):
            raise self.fault("a text that UTF-8 can hold", "half of a surrogate pair")
        return self.value

    def integer(self, most: int | None = None) -> int:
        """Return a non-negative JSON integer; true and false are none."""
        limits = "of 0 or more" if most is None else f"from 0 to {most}"
        value = self.value
        if not isinstance(value, int) or isinstance(value, bool) or value < 0 or (most or value) < value:
            raise self.fault(f"an integer {limits}, not in quotes")
        return value

    def number(self, *, signed: bool = False) -> Exact:
        """Return a decimal string exactly, without the zeros that say nothing."""
        what = "a plain decimal number in quotes" if signed else "a plain decimal number in quotes, 0 or more"
        match = PLAIN.fullmatch(self.value) if isinstance(self.value, str) else None
        if match is None:
            raise self.fault(what)
        sign, whole, fraction = match.group(1), match.group(2), (match.group(3) or "").rstrip("0")
        digits = int(whole + fraction)
        if sign and digits and not signed:
            raise self.fault(what)
        return Exact(-digits if sign else digits, len(fraction))

    def whole(self, decimals: int) -> int:
        """Return a non-negative decimal string in units of 10 ** -decimals, which must hold it."""
        number = self.number()
        if number.decimals > decimals:
            raise self.fault(f"at most {decimals} decimals")
        return number.digits * int(10 ** (decimals - number.decimals))

    def size(self) -> Size:
        return Size(self.whole(_SIZE_DECIMALS) * LOT)

    def or_none(self, read: Callable[["_At"], T]) -> T | None:
        return None if self.value is None else read(self)

    def one_of(self, words: tuple[str, ...]) -> str:
        if self.value not in words:
            raise self.fault(f"one of {', '.join(words)}")
        return str(self.value)


def _case(at: _At) -> Case:
    fields = at.fields(CASE_KEYS)
    legs = fields["legs"].items()
    if not legs:
        raise fields["legs"].fault("at least one leg", "none")
    return Case(
        id=fields["id"].text(),
        kind=CaseKind(fields["kind"].one_of(tuple(kind.value for kind in CaseKind))),
        payout_per_set=fields["payout_per_set"].number(signed=True),
        legs=tuple(_leg(leg) for leg in legs),
        params=_params(fields["params"]),
    )


def _leg(at: _At) -> CaseLeg:
    fields = at.fields(LEG_KEYS)
    tick = fields["tick"].whole(_PRICE_DECIMALS)
    if not 0 < tick < PRICE_ONE:
        raise fields["tick"].fault("a tick between 0 and 1")
    return CaseLeg(
        leg=fields["leg"].integer(),
        token=fields["token"].one_of(TOKENS),
        side=Side(fields["side"].one_of(tuple(side.value for side in Side))),
        levels=tuple(_level(level) for level in fields["levels"].items()),
        tick=Price(tick),
        min_size=fields["min_size"].size(),
        max_size=fields["max_size"].or_none(_At.size),
        min_notional=fields["min_notional"].number(),
        fee_rate=fields["fee_rate"].number(),
        fee_exponent=fields["fee_exponent"].integer(EXPONENT_MAX),
    )


def _level(at: _At) -> Level:
    pair = at.items()
    if len(pair) != 2:
        raise at.fault("a pair of price and size", f"{len(pair)} entries")
    return Level(Price(pair[0].whole(_PRICE_DECIMALS)), pair[1].size())


def _params(at: _At) -> CaseParams:
    fields = at.fields(PARAM_KEYS)
    lot = fields["lot"].size()
    if lot == 0:
        raise fields["lot"].fault("a lot of 0.01 or more")
    return CaseParams(
        lot=lot,
        fee_rounding=FeeRounding(fields["fee_rounding"].one_of(tuple(way.value for way in FeeRounding))),
        fee_bps=fields["fee_bps"].number(),
        slippage_ticks=fields["slippage_ticks"].integer(),
        safety_margin_usdc=fields["safety_margin_usdc"].number(),
        fixed_cost_usdc=fields["fixed_cost_usdc"].number(),
        min_profit_usdc=fields["min_profit_usdc"].number(),
        max_capital_usdc=fields["max_capital_usdc"].or_none(_At.number),
        max_sets=fields["max_sets"].or_none(_At.size),
        max_leg_usdc=fields["max_leg_usdc"].or_none(_At.number),
    )


def _shown(value: object) -> str:
    """Return a value as the file has it, cut to a line."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f'"{short(value)}"' if value else "an empty text"
        case int():
            return short(str(value)) if abs(value) < 10**40 else "an integer of over forty digits"
        case list():
            return "a list"
        case Mapping():
            return "an object"
        case _:
            return f"the bare number {value}"


def short(text: str) -> str:
    """Return a text of the file cut to what a sentence can show."""
    # Escaped if not printable: a lone surrogate has no bytes, a control sign moves a terminal's cursor.
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:41])
    return text if len(text) <= 40 else f"{text[:40]}…"
