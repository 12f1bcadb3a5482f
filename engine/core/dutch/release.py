"""When a set pays: days until its event ends, as far as the catalogue's dates tell. Whole days, no clock."""

import re
from collections.abc import Iterable
from dataclasses import replace

from engine.core.dutch.params import DutchParams
from engine.domain.market import EventGroup
from engine.domain.plan import PlanKind
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms

DAY_MS = 86_400_000
HELD_TO_RESOLUTION = (PlanKind.BUY_SET, PlanKind.NO_SET)
"""Kinds that pay only when the event is resolved; the others are merged, converted or sold at once."""
_TIME = re.compile(r"[T ](\d{2}):(\d{2}):(\d{2})")
DATE_LENGTH = len("2026-12-10")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:$|[T ])")


def days_until_end(event: EventGroup, now_ms: Ms) -> int | None:
    """Return the days, begun ones counted, until the last of the event's end dates; None if unknown or past.

    A date may lie in the past while trading goes on: then nothing is known about the end.
    """
    texts = [event.end_date, *(market.end_date for market in event.markets)]
    days = [day for text in texts if (day := _day_number(text)) is not None]
    left = max(days, default=0) + 1 - now_ms // DAY_MS
    return left if left > 0 and days else None


def on_its_days(params: DutchParams, event: EventGroup, now_ms: Ms) -> DutchParams:
    """Return the terms with the days until this event ends, where they are known."""
    days = days_until_end(event, now_ms)
    return params if days is None else replace(params, days_locked=days)


def too_long(event: EventGroup, kind: PlanKind, params: DutchParams, now_ms: Ms) -> Refusal | None:
    """Return why the money would be bound for too long, None if it would not."""
    days = days_until_end(event, now_ms)
    if kind not in HELD_TO_RESOLUTION or params.max_days_locked == 0 or days is None:
        return None
    if days <= params.max_days_locked:
        return None
    return Refusal(
        RefusalKind.DAYS_LOCKED,
        f"expected {event.code} to end within {params.max_days_locked} days (max_days_locked), found {days}; "
        "it is looked at again every day",
    )


def ends_at(texts: Iterable[str], now_ms: Ms) -> Ms | None:
    """Return the earliest of these dates that lies ahead, a day alone at its start; None without one.

    A date may lie in the past while trading goes on: then it tells nothing about the end.
    """
    ends = [moment for text in texts if (moment := _moment(text)) is not None and moment > now_ms]
    return min(ends, default=None)


def _moment(text: str) -> Ms | None:
    day = _day_number(text)
    if day is None:
        return None
    time = _TIME.match(text.strip()[DATE_LENGTH:])
    hour, minute, second = (0, 0, 0) if time is None else (int(part) for part in time.groups())
    if hour > 23 or minute > 59 or second > 59:
        return None
    return Ms(day * DAY_MS + (hour * 3_600 + minute * 60 + second) * 1_000)


def _day_number(text: str) -> int | None:
    """Return the days from 1970-01-01 to an ISO date, None for anything else."""
    found = _DATE.match(text.strip())
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups())
    if not (1970 <= year <= 9_999 and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    # Counted from March, so that a leap day is the last day of its year.
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    since_0000 = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 1
    return since_0000 - 719_468
