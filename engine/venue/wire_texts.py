"""Texts of the market channel as values: ids, prices, sizes, times. Strict, bounded, cached.

A text that is not as the protocol says raises `Odd` with one word of a fixed set: it becomes a metric label.
"""

import re
from functools import lru_cache

from engine.domain.frames import WireLevel
from engine.domain.ids import ConditionId, TokenId
from engine.domain.units import PRICE_ONE, Ms, Price, Size, parse_price, parse_scaled

_CONDITION = re.compile(r"0x[0-9a-fA-F]{64}")
_HASH_OCTETS = 20
_TOKEN_DIGITS_MAX = 78
"""Decimal digits of the largest 256-bit number."""
_TIME_DIGITS_MAX = 15
_SIZE_MAX = 10**18
"""A million million shares in 1e-6: beyond any book, and inside 64 bits."""
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


def time_of(text: str) -> Ms:
    """Return a venue time: milliseconds as a text of digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= _TIME_DIGITS_MAX):
        raise Odd("timestamp", "milliseconds in digits", text)
    return Ms(int(text))


def hash_of(text: str) -> str:
    """Return a checksum: 40 lower-case hex digits."""
    try:
        octets = bytes.fromhex(text)  # a third of a regular expression's cost
    except ValueError:
        octets = b""
    # Blanks between octets would pass the parser, but not both lengths.
    if len(octets) != _HASH_OCTETS or len(text) != 2 * _HASH_OCTETS or text != text.lower():
        raise Odd("hash", "40 lower-case hex digits", text)
    return text


@lru_cache(maxsize=16384)
def price_of(text: str) -> Price:
    """Return a price strictly between 0 and 1."""
    try:
        return parse_price(text)
    except ValueError as error:
        raise Odd("price", "a price between 0 and 1", text) from error


@lru_cache(maxsize=16384)
def size_of(text: str) -> Size:
    """Return a number of shares, 0 allowed."""
    try:
        size = parse_scaled(text, 6)
    except ValueError as error:
        raise Odd("size", "a number of shares with at most six decimals", text) from error
    if size > _SIZE_MAX:
        raise Odd("size", "a number of shares below 10^12", text)
    return Size(size)


def level_of(price_text: str, size_text: str) -> WireLevel:
    """Return a level with both texts kept verbatim; size 0 is allowed here."""
    return tuple.__new__(WireLevel, (price_of(price_text), size_of(size_text), price_text, size_text))


@lru_cache(maxsize=16384)
def touch_of(text: str) -> Price | None:
    """Return a best price, None for the venue's words for an empty side: "0" and "1"."""
    try:
        price = parse_scaled(text, 4)
    except ValueError as error:
        raise Odd("touch", "a best price, or 0 or 1", text) from error
    if price in (0, PRICE_ONE):
        return None
    if price > PRICE_ONE:
        raise Odd("touch", "a best price, or 0 or 1", text)
    return Price(price)


@lru_cache(maxsize=64)
def tick_of(text: str) -> Price:
    """Return a tick: a price that divides one dollar."""
    tick = price_of(text)
    if PRICE_ONE % tick:
        raise Odd("tick", "a tick that divides 1", text)
    return tick
