"""The entries of a POST with the exact bytes of each, so that a re-send can be recognised in any batch."""

import hashlib
import json
from dataclasses import dataclass

_DECODER = json.JSONDecoder()
_BLANKS = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """One order as it was sent: its decoded JSON (None when it is none) and the hash of its bytes."""

    value: object
    sha256: str


def read_entry(body: bytes) -> Entry:
    """Return the single entry of POST /order."""
    try:
        value: object = json.loads(body)
    except ValueError:
        value = None
    return Entry(value, _sha256(body))


def read_batch(body: bytes) -> list[Entry] | None:
    """Return the entries of POST /orders, or None when the body is no JSON array."""
    try:
        text = body.decode()
        if not isinstance(json.loads(text), list):
            return None
    except ValueError:
        return None
    entries: list[Entry] = []
    place = _skip(text, text.index("[") + 1)
    while text[place] != "]":
        value, end = _DECODER.raw_decode(text, place)
        entries.append(Entry(value, _sha256(text[place:end].encode())))
        place = _skip(text, end)
        if text[place] == ",":
            place = _skip(text, place + 1)
    return entries


def _skip(text: str, place: int) -> int:
    while text[place] in _BLANKS:
        place += 1
    return place


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
