"""Plans, grants, intents, audit lines and levels of books as JSON, and back to exactly the same value.

The text is canonical, `[kind, {...}]`: sorted keys, no spaces, ASCII only, integers in base units. The kind
carries a version; a text of another version or shape is refused, never guessed at. Levels are
`[[price,size],...]` alone, because books are many. msgspec is used here alone.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from engine.domain.book import Level
from engine.domain.effects import Audit
from engine.domain.market import canonical_json
from engine.domain.order import OrderIntent
from engine.domain.plan import Plan
from engine.domain.ticket import AutoTerms, SpreadTerms
from engine.domain.units import Price, Size
from engine.ports import StoreError

_PLAN, _INTENT, _AUDIT, _AUTO, _SPREAD = "plan/2", "intent/1", "audit/1", "auto/1", "spread/1"
_FIRST_PLAN = "plan/1"
_LATER_KEYS = ("sequencing", "probe_order", "advice")
"""Of a plan, with `rests` of its risk and `proceeds_min` of its legs: texts of the first version were written
without them."""

_Shape = TypeVar("_Shape")
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_encode_pairs = msgspec.json.Encoder().encode
_decode_pairs = msgspec.json.Decoder(list[tuple[int, int]]).decode


def encode_plan(plan: Plan) -> str:
    """Return the plan's one text."""
    return _encode(_PLAN, plan)


def decode_plan(text: str) -> Plan:
    """Return the plan of a text made by `encode_plan`, of this version or the first; raises StoreError."""
    if not text.startswith(f'["{_FIRST_PLAN}",'):
        return _decode(_PLAN, Plan, text)
    return _decode(_FIRST_PLAN, Plan, text, written=_as_first)


def _as_first(kind: str, plan: object) -> str:
    fields = msgspec.to_builtins(plan)
    for key in _LATER_KEYS:
        del fields[key]
    del fields["risk"]["rests"]
    for leg in fields["legs"]:
        del leg["proceeds_min"]
    return canonical_json([kind, fields])


def encode_auto(terms: AutoTerms) -> str:
    """Return the one text of a standing grant's terms."""
    return _encode(_AUTO, terms)


def decode_auto(text: str) -> AutoTerms:
    """Return the terms of a text made by `encode_auto`; raises StoreError."""
    return _decode(_AUTO, AutoTerms, text)


def encode_spread(terms: SpreadTerms) -> str:
    """Return the one text of the terms of a grant to quote."""
    return _encode(_SPREAD, terms)


def decode_spread(text: str) -> SpreadTerms:
    """Return the terms of a text made by `encode_spread`; raises StoreError."""
    return _decode(_SPREAD, SpreadTerms, text)


def encode_intent(intent: OrderIntent) -> str:
    """Return the intent's one text; everything that would be sent is in it, signed or not."""
    return _encode(_INTENT, intent)


def decode_intent(text: str) -> OrderIntent:
    """Return the intent of a text made by `encode_intent`; raises StoreError."""
    return _decode(_INTENT, OrderIntent, text)


def encode_audit(line: Audit) -> str:
    """Return the audit line's one text, the payload of the chain."""
    return _encode(_AUDIT, line)


def decode_audit(text: str) -> Audit:
    """Return the audit line of a text made by `encode_audit`; raises StoreError."""
    return _decode(_AUDIT, Audit, text)


def encode_levels(levels: Sequence[Level]) -> str:
    """Return one side of a book as `[[price,size],...]`, in the order given."""
    return _encode_pairs([(level.price, level.size) for level in levels]).decode()


def decode_levels(text: str) -> tuple[Level, ...]:
    """Return the levels of a text made by `encode_levels`; raises StoreError."""
    try:
        pairs = _decode_pairs(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise StoreError(
            f"expected the levels of a stored book, found other text ({error}): market.db was changed by "
            "another program; move it away, the desk begins a new one"
        ) from error
    return tuple(Level(Price(price), Size(size)) for price, size in pairs)


def fingerprint(text: str) -> str:
    """Return the SHA-256 hex of a canonical text: what a checker recomputes from the stored payload."""
    return hashlib.sha256(text.encode()).hexdigest()


def _encode(kind: str, value: object) -> str:
    """Return the canonical text: the C encoder's where it is ASCII, and so the same to the byte."""
    try:
        text = _encode_sorted((kind, value))
    except UnicodeEncodeError:  # half a surrogate pair, as cut words of the venue can hold: no line is lost
        return canonical_json([kind, msgspec.to_builtins(value)])
    return text.decode() if text.isascii() else canonical_json([kind, msgspec.to_builtins(value)])


def _decode(
    kind: str, shape: type[_Shape], text: str, *, written: Callable[[str, object], str] = _encode
) -> _Shape:
    try:
        tagged = json.loads(text)
        value = msgspec.convert(tagged[1], shape) if tagged[0] == kind else None
    except (ValueError, LookupError, TypeError, msgspec.ValidationError) as error:
        raise StoreError(_unreadable(kind, str(error))) from error
    # Writing it again proves that nothing was dropped: an unknown key would be ignored by the reader.
    if value is None or written(kind, value) != text:
        raise StoreError(_unreadable(kind, f"found {text[:60]!r}"))
    return value


def _unreadable(kind: str, found: str) -> str:
    return (
        f"ledger.db: expected a stored {kind}, {found}: start the version that wrote it or restore a backup; "
        "nothing was changed"
    )
