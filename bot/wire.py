"""JSON at the edges of our own small servers: the types, and readers that say what they expected.

Everything that arrives as JSON passes one of these readers once and is a value of its own type after it.
This module may not do I/O.
"""

from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]


class ShapeError(ValueError):
    """JSON that has another shape than the reader expected; the text names both."""


def as_object(value: Json, what: str) -> JsonObject:
    """Return `value` as an object; raises ShapeError naming `what` otherwise."""
    if not isinstance(value, dict):
        raise ShapeError(f"expected {what} to be an object, was {type(value).__name__}")
    return value


def as_list(value: Json, what: str) -> list[Json]:
    """Return `value` as a list; raises ShapeError naming `what` otherwise."""
    if not isinstance(value, list):
        raise ShapeError(f"expected {what} to be a list, was {type(value).__name__}")
    return value


def read_str(fields: JsonObject, name: str, default: str | None = None) -> str:
    """Return the text under `name`; raises ShapeError on another type, or when absent without default."""
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise ShapeError(f"expected {name!r} to be a text, was {type(value).__name__}")
    return value


def read_int(fields: JsonObject, name: str, default: int | None = None) -> int:
    """Return the integer under `name`; raises ShapeError on another type, or when absent without default."""
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ShapeError(f"expected {name!r} to be an integer, was {type(value).__name__}")
    return value


def read_bool(fields: JsonObject, name: str, *, default: bool = False) -> bool:
    """Return the truth value under `name`, or the default when absent; raises ShapeError on another type."""
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise ShapeError(f"expected {name!r} to be true or false, was {type(value).__name__}")
    return value
