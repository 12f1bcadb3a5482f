"""The catalogue's calls one by one: pages of the listing, pages and single markets of the order service.

Every call is bounded, nothing is repeated, and each failure is a sentence: what was expected and what came.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from engine.domain.catalogue import SkippedEvent
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId
from engine.venue.clob_rows import FIRST_CURSOR, ClobPage, ClobRow, read_clob_page, read_clob_row
from engine.venue.endpoints import EVENTS_PER_PAGE
from engine.venue.gamma import EventsPage, GammaEvent, read_events_page
from engine.venue.http_client import HttpAnswer, HttpClient
from engine.venue.private_calls import body_of

PAGE_BYTES_MAX = 64 * 1024 * 1024
"""A page of 100 events holds their whole texts: some 20 MiB at worst."""


class Step(Enum):
    """What a long read is doing; the value is shown beside its progress."""

    EVENTS = "pages of the listing"
    DETAILS = "markets the listing tells only in part"
    PAGES = "pages of the order service"
    TERMS = "trading terms"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step has come; `total` is None while nobody knows it."""

    step: Step
    done: int
    total: int | None


Told = Callable[[Progress], None]


def untold(_progress: Progress) -> None:
    """Take progress nobody wants to see."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The listing, whole."""

    events: tuple[GammaEvent | SkippedEvent, ...]
    pages: int


async def read_events(http: HttpClient, gamma: str, pages_max: int, told: Told) -> Listed | VenueFailure:
    """Follow the listing's cursor to the end; an event that moved to a later page counts once."""
    events: dict[str, GammaEvent | SkippedEvent] = {}
    number = 0
    async for page in gamma_pages(http, gamma, pages_max):
        if isinstance(page, VenueFailure):
            return page
        number += 1
        for place, event in enumerate(page.events):
            events[event.event_id or f"page {number} place {place}"] = event
        told(Progress(Step.EVENTS, number, None))
        if page.cursor is None:
            return Listed(tuple(events.values()), number)
    return VenueFailure(
        f"GET /events/keyset: expected the last page within {pages_max} pages, found a cursor to one more"
    )


async def gamma_pages(
    http: HttpClient, gamma: str, pages_max: int
) -> AsyncIterator[EventsPage | VenueFailure]:
    """Yield at most `pages_max` pages of the listing in order; a failure is the last thing yielded."""
    query = {"limit": str(EVENTS_PER_PAGE)}
    seen: set[str] = set()
    for number in range(1, pages_max + 1):
        page = await _read_events_page(http, gamma, query)
        yield page
        if isinstance(page, VenueFailure) or page.cursor is None:
            return
        if page.cursor in seen:
            yield VenueFailure(
                "GET /events/keyset: expected a new cursor on every page, found one again on page "
                f"{number}; the listing was not read to its end"
            )
            return
        seen.add(page.cursor)
        query["after_cursor"] = page.cursor


async def _read_events_page(
    http: HttpClient, gamma: str, query: Mapping[str, str]
) -> EventsPage | VenueFailure:
    answer = await http.request("GET", f"{gamma}/events/keyset", query=query, bytes_max=PAGE_BYTES_MAX)
    raw = body_of(answer, "GET /events/keyset")
    if isinstance(raw, VenueFailure):
        return raw
    try:
        # In a thread: a page of large events takes tens of milliseconds, in which the desk must hear a kill.
        return await asyncio.to_thread(read_events_page, raw)
    except ValueError as error:
        return VenueFailure(f"GET /events/keyset: {error}")


async def clob_pages(http: HttpClient, clob: str, pages_max: int) -> AsyncIterator[ClobPage | VenueFailure]:
    """Yield at most `pages_max` pages of /markets in order; a failure is the last thing yielded."""
    cursor, seen = FIRST_CURSOR, {FIRST_CURSOR}
    for number in range(1, pages_max + 1):
        answer = await http.request(
            "GET", f"{clob}/markets", query={"next_cursor": cursor}, bytes_max=PAGE_BYTES_MAX
        )
        raw = body_of(answer, "GET /markets")
        if isinstance(raw, VenueFailure):
            yield raw
            return
        try:
            page = await asyncio.to_thread(read_clob_page, raw)
        except ValueError as error:
            yield VenueFailure(f"GET /markets: {error}")
            return
        yield page
        if page.cursor is None:
            return
        if page.cursor in seen:
            yield VenueFailure(
                f"GET /markets: expected a new cursor on every page, found one again on page {number}"
            )
            return
        cursor = page.cursor
        seen.add(cursor)


async def read_clob_market(
    http: HttpClient, clob: str, condition: ConditionId
) -> ClobRow | VenueFailure | None:
    """Read one market of the order service in its long form; None if it does not know the condition."""
    path = f"/markets/{condition}"
    answer = await http.request("GET", clob + path)
    if is_unknown(answer):
        return None
    raw = body_of(answer, f"GET {path}")
    if isinstance(raw, VenueFailure):
        return raw
    try:
        return read_clob_row(raw)
    except ValueError as error:
        return VenueFailure(f"GET {path}: {error}")


def is_unknown(answer: object) -> bool:
    """Tell whether the venue itself said that it does not know what was asked for."""
    return isinstance(answer, HttpAnswer) and answer.status == 404 and not answer.is_html
