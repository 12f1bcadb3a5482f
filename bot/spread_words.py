"""`/spread` as it is typed: `[CODE [outcome] [size] [width] [until] | stop]`. Pure.

Size, width and time are read from the end, so that an outcome may have several words: a plain number, a
number of ticks such as 2t, a time such as 1h.
"""

from bot.typed_words import as_code, duration, is_number
from engine.domain.commands import ListSpreads, OpenSpread, StopSpread
from engine.domain.units import LOT, Ms, Size, format_size, parse_size

USUAL_MS = Ms(30 * 60_000)
NAME_MAX = 80
TICKS_DIGITS = 3
Misread = tuple[str, str]
"""What was wrong, and a command that would work."""


def read_spread(words: tuple[str, ...]) -> ListSpreads | OpenSpread | StopSpread | Misread:
    """Return what a line behind `/spread` asks for, or what is wrong with it."""
    if not words:
        return ListSpreads()
    if words[0].lower() == "stop":
        return StopSpread()
    code = as_code(words[0])
    if code != words[0].lower():
        return (
            "expected an event's code, and perhaps outcome, size, ticks such as 2t, time",
            f"/spread {code}",
        )
    rest = list(words[1:])
    lasts_ms = _last(rest, "mh")
    lasts = USUAL_MS if lasts_ms is None else duration(lasts_ms)
    if lasts is None:
        return "the time is minutes or hours such as 30m or 2h, at most 12h", f"/spread {code}"
    ticks = _last(rest, "t")
    if ticks is not None and int(ticks[:-1]) == 0:
        return "the width is half of it in ticks, 1t or more", f"/spread {code} 1t"
    size = parse_size(rest.pop()) if rest and is_number(rest[-1]) else None
    if size is not None and (size == 0 or size % LOT):
        nearest = format_size(Size(size - size % LOT)) if size >= LOT else "100"
        return "the size is shares above 0 with at most two decimals", f"/spread {code} {nearest}"
    name = " ".join(rest)[:NAME_MAX]
    return OpenSpread(code, name, size, None if ticks is None else int(ticks[:-1]), lasts)


def _last(words: list[str], units: str) -> str | None:
    """Take the last word if it is a whole number with one of these letters behind it."""
    if not words or words[-1][-1:].lower() not in units:
        return None
    number = words[-1][:-1]
    if not (number.isascii() and number.isdigit()) or len(number) > TICKS_DIGITS + 1:
        return None
    return words.pop()
