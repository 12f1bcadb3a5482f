"""Money as integers at the chain's own scale; parsing, printing and rounding of prices, sizes and cash.

A `Price` counts 1e-4 USDC per share, a `Size` counts 1e-6 share, `Usdc` counts 1e-6 dollar. Floats never
enter: text is parsed digit by digit, and every operation that can lose a fraction takes its rounding
direction as an argument. This module may not do I/O and knows no market.
"""

from enum import Enum
from typing import NewType

Price = NewType("Price", int)
"""Price of one share in 1e-4 USDC: 1 to 9999 for anything tradable."""
Size = NewType("Size", int)
"""Number of shares in 1e-6 share."""
Usdc = NewType("Usdc", int)
"""Collateral in 1e-6 USDC (pUSD has six decimals)."""
Ms = NewType("Ms", int)
"""A time or a duration in milliseconds."""

PRICE_ONE = 10_000
"""One dollar as a price: a YES and a NO of one market together."""
SIZE_ONE = 1_000_000
"""One share."""
USDC_ONE = 1_000_000
"""One dollar of collateral."""
LOT = 10_000
"""The venue's smallest size step for limit orders: 0.01 share (protocol 4.2, size has two decimals)."""
FEE_STEP = 10
"""The venue charges fees in steps of 0.00001 USDC (protocol 8.1)."""


class Rounding(Enum):
    """Which way a fraction goes. Costs round up, proceeds round down; never left to a default."""

    DOWN = "down"
    UP = "up"


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Integer quotient of a non-negative numerator, rounded the given way."""
    assert numerator >= 0, f"expected a non-negative numerator, was {numerator}"
    assert denominator > 0, f"expected a positive denominator, was {denominator}"
    if rounding is Rounding.UP:
        return -(-numerator // denominator)
    return numerator // denominator


def parse_scaled(text: str, decimals: int) -> int:
    """Return the decimal `text` as an integer of 10**-decimals units; the value must fit exactly.

    Raises ValueError for signs, exponents, empty text, non-ASCII digits, or a non-zero digit beyond
    `decimals`. Trailing zeros beyond are accepted: "0.820" is a price of two decimals.
    """
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdigit()) or len(text) > 40:
        raise ValueError(f"expected a plain decimal number, was {text[:40]!r}")
    if fraction[decimals:].strip("0"):
        raise ValueError(f"expected at most {decimals} decimals, was {text!r}")
    return int((whole or "0") + fraction[:decimals].ljust(decimals, "0"))


def parse_price(text: str) -> Price:
    """Return the price in `text` ("0.52"), strictly between 0 and 1; raises ValueError otherwise."""
    price = parse_scaled(text, 4)
    if not 0 < price < PRICE_ONE:
        raise ValueError(f"expected a price between 0 and 1, was {text!r}")
    return Price(price)


def parse_size(text: str) -> Size:
    """Return the number of shares in `text`, zero allowed, at most six decimals; raises ValueError."""
    return Size(parse_scaled(text, 6))


def parse_usdc(text: str) -> Usdc:
    """Return the dollars in `text`, zero allowed, at most six decimals; raises ValueError."""
    return Usdc(parse_scaled(text, 6))


def format_scaled(value: int, decimals: int, *, at_least: int = 0) -> str:
    """Return `value` x 10**-decimals as plain text without useless zeros, but `at_least` decimals."""
    sign = "-" if value < 0 else ""
    digits = str(abs(value)).rjust(decimals + 1, "0")
    whole, fraction = digits[:-decimals], digits[-decimals:].rstrip("0").ljust(at_least, "0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def format_price(price: Price) -> str:
    """Return the price with at least three decimals, as the cards show it ("0.310")."""
    return format_scaled(price, 4, at_least=3)


def format_size(size: Size) -> str:
    """Return the number of shares without useless zeros ("200", "12.25")."""
    return format_scaled(size, 6)


def format_usdc(amount: Usdc) -> str:
    """Return dollars exactly, with at least two decimals ("5.18", "176.063760")."""
    return format_scaled(amount, 6, at_least=2)


def format_cents(amount: Usdc, rounding: Rounding) -> str:
    """Return dollars with two decimals; `rounding` tells which way the magnitude goes."""
    cents = divide(abs(amount), USDC_ONE // 100, rounding)
    return format_scaled(-cents if amount < 0 else cents, 2, at_least=2)


def notional(price: Price, size: Size, rounding: Rounding) -> Usdc:
    """Return price x size in micro-dollars; exact whenever the size is whole lots."""
    return Usdc(divide(price * size, PRICE_ONE, rounding))


def is_on_grid(price: Price, tick: Price) -> bool:
    """Tell whether `price` is a multiple of `tick` and at least one tick away from 0 and from 1."""
    return price % tick == 0 and tick <= price <= PRICE_ONE - tick


def complement(price: Price) -> Price:
    """Return the mirrored price on the other token of the market: 1 - p."""
    return Price(PRICE_ONE - price)


class _PriceWords(dict[str, Price]):
    """Words for prices; one that is not there is read the long way and not kept."""

    def __missing__(self, text: str) -> Price:
        return parse_price(text)


class _TouchWords(dict[str, int]):
    """The same for best prices, where 0 and 1 stand for an empty side."""

    def __missing__(self, text: str) -> int:
        price = parse_scaled(text, 4)
        if price > PRICE_ONE:
            raise ValueError(f"expected a price of 0 to 1, was {text!r}")
        return price % PRICE_ONE


def _price_words() -> _PriceWords:
    words = _PriceWords()
    for price in range(1, PRICE_ONE):
        text = format_scaled(price, 4)
        for decimals in range(len(text) - 2, 5):
            words[text.ljust(decimals + 2, "0")] = Price(price)
    return words


PRICES = _price_words()
"""Every price between 0 and 1 by its words, with and without trailing zeros: `PRICES["0.5"]` is what
`parse_price` says, at a tenth of the cost, and raises ValueError as it does. Never changed."""
TOUCHES = _TouchWords(PRICES | {"0": 0, "1": 0})
"""Best prices by their words; 0 for the venue's words for an empty side, "0" and "1". Never changed."""
