"""Lists of several pages, followed by their cursor to the end: complete or not at all (reliability E4)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.domain.failure import VenueFailure
from engine.venue.account_wire import Page

_T = TypeVar("_T")
PAGES_MAX = 200
"""A list longer than this is refused rather than read for minutes: 20,000 rows."""
Ask = Callable[[Mapping[str, str]], Awaitable[bytes | VenueFailure]]
"""Asks for one page by its query."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[_T]):
    """A list read to its end."""

    rows: tuple[_T, ...]
    pages: int


async def read_pages(
    ask: Ask, path: str, query: Mapping[str, str], reader: Callable[[bytes], Page[_T]]
) -> Listing[_T] | VenueFailure:
    """Follow the cursor to the end; `path` names the call in a failure."""
    rows: list[_T] = []
    cursors: set[str] = set()
    asked = dict(query)
    for number in range(1, PAGES_MAX + 1):
        raw = await ask(asked)
        if isinstance(raw, VenueFailure):
            return raw
        try:
            page = reader(raw)
        except ValueError as error:
            return VenueFailure(f"GET {path}: {error}")
        rows.extend(page.rows)
        if page.cursor is None:
            return Listing(tuple(rows), number)
        if page.cursor in cursors:
            return VenueFailure(f"GET {path}: expected a new cursor on every page, found one again")
        cursors.add(page.cursor)
        asked["next_cursor"] = page.cursor
    return VenueFailure(f"GET {path}: more than {PAGES_MAX} pages")
