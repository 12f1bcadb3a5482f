"""Decoding of answers: typed, exact and bounded, with one error for everything that is not as documented.

Numbers never pass through a float. Used by the readers of single endpoints, which know the shapes.
"""

import re
from decimal import Decimal
from typing import TypeVar

import msgspec

from engine.domain.ids import ConditionId, OrderId, TokenId
from engine.domain.market import Side
from engine.domain.units import Price

_T = TypeVar("_T")
_WORD = re.compile(r"0x[0-9a-fA-F]{64}")
_TOKEN_LIMIT = 1 << 256
_SHOWN_MAX = 80
_EXPONENT_MAX = 40
"""A number further from 1 than this is refused before it is expanded digit by digit."""


class OddAnswer(ValueError):  # noqa: N818 - the desk's word: an answer that is not as documented
    """An answer is not what the protocol says; the text tells what was expected and found."""


def decode(raw: bytes | msgspec.Raw, shape: type[_T]) -> _T:
    """Return `raw` as `shape`; raises OddAnswer for malformed, mistyped, or too deeply nested JSON."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OddAnswer(f"expected JSON as documented, found: {error}"[: 3 * _SHOWN_MAX]) from error


def scaled_number(value: Decimal, decimals: int) -> int:
    """Return a JSON number as an integer of 10**-decimals; raises OddAnswer unless it is one and >= 0."""
    if not value.is_finite() or abs(value.adjusted()) > _EXPONENT_MAX or value.is_signed():
        raise OddAnswer(f"expected a plain non-negative number, was {str(value)[:_SHOWN_MAX]}")
    shifted = value.scaleb(decimals)
    whole = int(shifted)
    if shifted != whole:
        raise OddAnswer(f"expected at most {decimals} decimals, was {str(value)[:_SHOWN_MAX]}")
    return whole


def positive_tick(value: Decimal) -> Price:
    """Return a tick in 1e-4 USDC; raises OddAnswer unless it is above 0."""
    tick = scaled_number(value, 4)
    if tick == 0:
        raise OddAnswer("expected a tick above 0, was 0")
    return Price(tick)


def order_id(text: str) -> OrderId:
    """Return an order id in lower case; raises OddAnswer unless it is 0x and 64 hex digits."""
    return OrderId(_word(text, "an order id"))


def condition_id(text: str) -> ConditionId:
    """Return a condition id in lower case; raises OddAnswer unless it is 0x and 64 hex digits."""
    return ConditionId(_word(text, "a condition id"))


def token_id(text: str) -> TokenId:
    """Return a token id; raises OddAnswer unless it is the plain decimal text of a 256-bit number."""
    if not (text.isascii() and text.isdigit() and len(text) <= 78 and text.lstrip("0") == text):
        raise OddAnswer(f"expected a token id in decimal, was {text[:_SHOWN_MAX]!r}")
    if int(text) >= _TOKEN_LIMIT:
        raise OddAnswer(f"expected a token id of at most 256 bits, was {text}")
    return TokenId(text)


def side(text: str) -> Side:
    """Return the side; raises OddAnswer for anything but BUY and SELL."""
    try:
        return Side(text)
    except ValueError as error:
        raise OddAnswer(f"expected BUY or SELL, was {text[:_SHOWN_MAX]!r}") from error


def _word(text: str, what: str) -> str:
    if _WORD.fullmatch(text) is None:
        raise OddAnswer(f"expected {what} of 0x and 64 hex digits, was {text[:_SHOWN_MAX]!r}")
    return text.lower()
