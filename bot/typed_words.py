"""What single words of a command can be: a code, a number, a time. Pure; nothing is guessed."""

from engine.domain.units import Ms, parse_size

CODE_MAX = 16
"""Longer than any code the catalogue makes (`engine.domain.ids.event_code`)."""
LONGEST_GRANT_MS = Ms(12 * 3_600_000)
DURATION_DIGITS = 4


def is_number(word: str) -> bool:
    """Tell whether a word is a plain number of at most six decimals."""
    try:
        parse_size(word)
    except ValueError:
        return False
    return True


def as_code(word: str) -> str:
    """Return what a code could be made of: lower-case letters and digits."""
    kept = "".join(c for c in word.lower() if c.isascii() and c.isalnum())
    return kept[:CODE_MAX]


def duration(typed: str) -> Ms | None:
    """Return a time such as "30m" or "2h", None for anything else and beyond the longest grant."""
    unit = {"m": 60_000, "h": 3_600_000}.get(typed[-1:].lower())
    number = typed[:-1]
    if unit is None or not (number.isascii() and number.isdigit()) or len(number) > DURATION_DIGITS:
        return None
    lasts_ms = Ms(int(number) * unit)
    return lasts_ms if 0 < lasts_ms <= LONGEST_GRANT_MS else None
