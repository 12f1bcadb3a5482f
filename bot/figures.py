"""Numbers as operators read them. Every rounding speaks against us: costs up, gains down, losses up.

Integer arithmetic through `engine.domain.units` only; exact figures keep all six decimals.
"""

from engine.domain.units import (
    Ms,
    Price,
    Rounding,
    Size,
    Usdc,
    divide,
    format_cents,
    format_price,
    format_scaled,
)

_KIND = ((1_000_000_000_000, "M", 6), (100_000_000_000, "k", 3))
"""From which size on (in micro-shares) a table cell counts in thousands or millions."""


def cost(amount: Usdc) -> str:
    """Return what is paid, in cents, rounded up."""
    return format_cents(amount, Rounding.UP)


def proceeds(amount: Usdc) -> str:
    """Return what is received or left, in cents, rounded down in value."""
    return format_cents(amount, Rounding.DOWN if amount >= 0 else Rounding.UP)


def gain(amount: Usdc) -> str:
    """Return a margin with its sign, in cents, rounded against us."""
    return f"+{proceeds(amount)}" if amount >= 0 else proceeds(amount)


def loss(amount: Usdc) -> str:
    """Return a bound on a loss as a negative number, rounded up."""
    return f"-{cost(amount)}" if amount else "0.00"


def exact(amount: Usdc) -> str:
    """Return all six decimals, as the ledger holds them."""
    return format_scaled(amount, 6, at_least=6)


def exact_gain(amount: Usdc) -> str:
    """Return all six decimals with the sign."""
    return f"+{exact(amount)}" if amount >= 0 else exact(amount)


def percent(part: int, whole: int) -> str:
    """Return part / whole in percent with one decimal, rounded against us; "-" when there is no whole."""
    if whole <= 0:
        return "-"
    rounding = Rounding.DOWN if part >= 0 else Rounding.UP
    tenths = divide(abs(part) * 1_000, whole, rounding)
    return format_scaled(-tenths if part < 0 else tenths, 1, at_least=1) + " %"


def shares(size: Size) -> str:
    """Return a size exactly, without useless zeros."""
    return format_scaled(size, 6)


def short_shares(size: Size) -> str:
    """Return a size for a table cell of at most seven characters, rounded down."""
    for least, letter, zeros in _KIND:
        if size >= least:
            return format_scaled(divide(size, 10 ** (zeros + 4), Rounding.DOWN), 2) + letter
    return format_scaled(divide(size, 10_000, Rounding.DOWN), 2)


def price(value: Price) -> str:
    """Return a price with at least three decimals."""
    return format_price(value)


def average_price(paid: Usdc, size: Size) -> str:
    """Return cash per share, rounded up to 1e-4; "-" for no shares."""
    return price(Price(divide(paid * 10_000, size, Rounding.UP))) if size else "-"


def span(duration_ms: int) -> str:
    """Return a duration in its largest fitting unit, rounded down: "850 ms", "45 s", "18 min", "3 h"."""
    duration = max(0, duration_ms)
    for unit_ms, word in ((86_400_000, "days"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if duration >= (2 * unit_ms if word == "days" else unit_ms):
            return f"{duration // unit_ms} {word}"
    return f"{duration} ms"


def lasting(duration_ms: int) -> str:
    """Return how long something is asked for, in whole minutes rounded down: 90 are not called an hour."""
    minutes = duration_ms // 60_000
    return f"{minutes} min" if minutes % 60 else span(duration_ms)


def left(until_ms: Ms, now_ms: Ms) -> str:
    """Return the time left as fallback of a relative time."""
    return f"in {span(until_ms - now_ms)}" if until_ms > now_ms else "now"


def clock_time(at_ms: Ms) -> str:
    """Return the time of day in UTC: what stands where a client shows no local time."""
    seconds = at_ms // 1_000 % 86_400
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02} UTC"
