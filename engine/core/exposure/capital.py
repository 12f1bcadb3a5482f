"""Capital locked: what events held to their resolution have cost, until when, and the carry of that. Pure.

Carry is `dutch.carry_rate` on what was paid, for every day that is begun until the catalogue's end date;
where that is over or not told, for `dutch.days_locked`. Rounded up: capital is never dearer than shown.
"""

import re
from dataclasses import dataclass

from engine.core.dutch.draft import DAYS_PER_YEAR
from engine.core.exposure.inventory import held_events
from engine.core.planner.segments import PPM_ONE
from engine.core.state import DAY_MS, Desk
from engine.domain.units import Ms, Rounding, Usdc, divide, format_cents

DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
"""Days of a common year before each month."""
EPOCH_LEAPS = 1969 // 4 - 1969 // 100 + 1969 // 400
DATE_LENGTH = len("2026-12-10")


@dataclass(frozen=True, slots=True)
class Locked:
    """One event whose shares wait for its answer."""

    code: str
    cost: Usdc
    until: str
    """The catalogue's end date; empty where it tells none."""
    days: int
    carry: Usdc


def locked_capital(desk: Desk, at_ms: Ms) -> tuple[Locked, ...]:
    """Return every event of which shares are held and something is paid, in the order of its id."""
    found = []
    for held in held_events(desk):
        if held.cost <= 0 or not any(size > 0 for size in held.sizes):
            continue
        group = desk.events.get(held.event_id)
        until = "" if group is None else group.end_date[:DATE_LENGTH]
        days = days_until(until, at_ms)
        days = desk.settings.dutch.days_locked if days is None else days
        yearly = held.cost * desk.settings.dutch.carry_rate_e6 * days
        carry = Usdc(divide(yearly, DAYS_PER_YEAR * PPM_ONE, Rounding.UP))
        found.append(Locked(held.code, held.cost, until, days, carry))
    return tuple(found)


def days_until(until: str, at_ms: Ms) -> int | None:
    """Return the days begun until the end of a date such as 2026-12-10; None if it is over or no date."""
    told = DATE.fullmatch(until)
    if told is None:
        return None
    year, month, day = (int(part) for part in told.groups())
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    left = divide(max(0, (_day_number(year, month, day) + 1) * DAY_MS - at_ms), DAY_MS, Rounding.UP)
    return left or None


def _day_number(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date; the core has no calendar of its own."""
    past = year - 1
    leaps = past // 4 - past // 100 + past // 400 - EPOCH_LEAPS
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (year - 1970) * 365 + leaps + DAYS_BEFORE[month - 1] + (is_leap and month > 2) + day - 1


def locked_lines(locked: tuple[Locked, ...]) -> tuple[str, ...]:
    """Return one line per event: cost, until when, carry."""
    return tuple(
        f"{row.code} {format_cents(row.cost, Rounding.UP)} until {row.until or 'its answer'}, "
        f"{row.days} days, carry {format_cents(row.carry, Rounding.UP)}"
        for row in locked
    )
