"""Texts of the market channel as values: ids, prices, sizes, times. Strict, bounded, cached.

A text that is not as the protocol says raises `Odd` with one word of a fixed set: it becomes a metric label.
"""

import re
from functools import lru_cache
from typing import TypeGuard

from engine.domain.ids import ConditionId, TokenId
from engine.domain.units import PRICE_ONE, PRICES, TOUCHES, Ms, Price

_CONDITION = re.compile(r"0x[0-9a-fA-F]{64}")
_HASH = re.compile(r"[0-9a-f]{40}").fullmatch
_SIZE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6}0{0,20})?").fullmatch
_ABOVE_0 = r"(?![0.]*(?:,|$))[0-9]{1,12}(?:\.[0-9]{1,6}0{0,20})?"
_SIZES_ABOVE_0 = re.compile(f"{_ABOVE_0}(?:,{_ABOVE_0})*").fullmatch
_TOKEN_DIGITS_MAX = 78
"""Decimal digits of the largest 256-bit number."""
_TIME_DIGITS_MAX = 15
_SHOWN_MAX = 120


class Odd(ValueError):  # noqa: N818 - a message that is not as documented, in the words of this package
    """A text that the protocol does not allow: `reason` is the label, the message tells what was found."""

    def __init__(self, reason: str, expected: str, found: object) -> None:
        super().__init__(f"expected {expected}, found {repr(found)[:_SHOWN_MAX]}")
        self.reason = reason


@lru_cache(maxsize=8192)
def condition_of(text: str) -> ConditionId:
    """Return a condition id: 0x and 64 hex digits."""
    if _CONDITION.fullmatch(text) is None:
        raise Odd("market", "0x and 64 hex digits", text)
    return ConditionId(text)


@lru_cache(maxsize=16384)
def token_of(text: str) -> TokenId:
    """Return a token id: the decimal text of a 256-bit number."""
    if not (text.isascii() and text.isdigit() and len(text) <= _TOKEN_DIGITS_MAX):
        raise Odd("token", "a token id in decimal", text)
    return TokenId(text)


def check_time(text: str) -> None:
    """Raise Odd unless it is a venue time: milliseconds as a text of digits."""
    if not (len(text) <= _TIME_DIGITS_MAX and text.isdigit() and text.isascii()):
        raise Odd("timestamp", "milliseconds in digits", text)


def time_of(text: str) -> Ms:
    """Return a venue time."""
    check_time(text)
    return Ms(int(text))


def check_hash(text: str) -> None:
    """Raise Odd unless it is a checksum: 40 lower-case hex digits."""
    if _HASH(text) is None:
        raise Odd("hash", "40 lower-case hex digits", text)


def are_sizes(texts: list[str]) -> bool:
    """Tell whether all texts are numbers of shares above 0: half the cost of asking one by one."""
    joined = ",".join(texts)
    # A comma inside a text would make two numbers of it.
    return not texts or (_SIZES_ABOVE_0(joined) is not None and joined.count(",") == len(texts) - 1)


def check_price(text: str) -> None:
    """Raise Odd unless it is a price strictly between 0 and 1, on the finest grid there is."""
    try:
        PRICES[text]
    except ValueError as error:
        raise Odd("price", "a price between 0 and 1", text) from error


def check_size(text: str) -> None:
    """Raise Odd unless it is a number of shares, 0 allowed, with at most six decimals and below 10^12."""
    if _SIZE(text) is None:
        raise Odd("size", "a number of shares below 10^12 with at most six decimals", text)


def is_size(found: object) -> TypeGuard[str]:
    """Tell whether something is the text of a number of shares, as `check_size` wants it."""
    return isinstance(found, str) and _SIZE(found) is not None


def check_touch(text: str) -> None:
    """Raise Odd unless it is a best price, or 0 or 1: the venue's words for an empty side."""
    try:
        TOUCHES[text]
    except ValueError as error:
        raise Odd("touch", "a best price, or 0 or 1", text) from error


@lru_cache(maxsize=64)
def tick_of(text: str) -> Price:
    """Return a tick: a price that divides one dollar."""
    check_price(text)
    tick = PRICES[text]
    if PRICE_ONE % tick:
        raise Odd("tick", "a tick that divides 1", text)
    return tick
