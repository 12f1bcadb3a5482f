"""Public reads of the venue: the `MarketReads` of `engine.ports`. Catalogue with terms, books, clock.

Reads only and signs nothing. A network failure fails a read as a whole; what the venue says of one event
touches that event alone, and `skipped` names every event that was left out.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from engine.domain.failure import VenueFailure
from engine.domain.frames import BookSnapshot
from engine.domain.ids import ConditionId, EventId, TokenId, event_code
from engine.domain.market import EventGroup
from engine.domain.units import Ms
from engine.venue.endpoints import BOOKS_PER_POST, EVENTS_PER_PAGE, VenueHosts
from engine.venue.gamma import (
    EventsPage,
    GammaEvent,
    SkipError,
    SkippedEvent,
    SkipReason,
    read_events_page,
)
from engine.venue.http_client import HttpAnswer, HttpClient
from engine.venue.market_terms import ClobTerms, market_with, terms_or_skip
from engine.venue.private_calls import body_of
from engine.venue.strict_json import decode
from engine.venue.wire import decode_books

_log = logging.getLogger(__name__)
PAGES_MAX = 200
"""20,000 events; the venue lists fewer."""
PAGE_BYTES_MAX = 64 * 1024 * 1024
"""A page of 100 events holds their whole texts: some 20 MiB at worst."""
TERMS_AT_ONCE = 8
"""Parallel calls for terms: well inside the documented limits, and orders never wait for a connection."""


class VenueReads:
    """Public reads. `known_codes` are the codes of earlier runs; new ones are added in event-id order."""

    def __init__(self, http: HttpClient, hosts: VenueHosts, known_codes: Mapping[EventId, str]) -> None:
        self._http = http
        self._hosts = hosts
        self._codes = dict(known_codes)
        self.skipped: tuple[SkippedEvent, ...] = ()
        """Events the newest catalogue read left out, with their reasons."""

    async def read_books(self, tokens: Sequence[TokenId]) -> tuple[BookSnapshot, ...] | VenueFailure:
        """Read books, at most 500 a request; unknown tokens are left out, order is not promised."""
        bodies = await self.read_book_bodies(tokens)
        if isinstance(bodies, VenueFailure):
            return bodies
        books: list[BookSnapshot] = []
        for body in bodies:
            read = decode_books(body)
            if isinstance(read, VenueFailure):
                return read
            books.extend(read)
        return tuple(books)

    async def read_book_bodies(self, tokens: Sequence[TokenId]) -> tuple[bytes, ...] | VenueFailure:
        """Read books as the bytes they came in, one body per request of at most 500 tokens."""
        bodies: list[bytes] = []
        for start in range(0, len(tokens), BOOKS_PER_POST):
            asked = [{"token_id": token} for token in tokens[start : start + BOOKS_PER_POST]]
            body = json.dumps(asked, separators=(",", ":")).encode()
            answer = await self._http.request("POST", f"{self._hosts.clob}/books", body=body)
            raw = body_of(answer, "POST /books")
            if isinstance(raw, VenueFailure):
                return raw
            bodies.append(raw)
        return tuple(bodies)

    async def read_time_ms(self) -> Ms | VenueFailure:
        """Read the venue's clock (whole seconds, in ms)."""
        raw = body_of(await self._http.request("GET", f"{self._hosts.clob}/time"), "GET /time")
        if isinstance(raw, VenueFailure):
            return raw
        try:
            return Ms(decode(raw, int) * 1000)
        except ValueError as error:
            return VenueFailure(f"GET /time: {error}")

    async def read_catalogue(self) -> tuple[EventGroup, ...] | VenueFailure:
        """Read every listed event with the trading terms of each market that takes orders."""
        listed = await self._read_events()
        if isinstance(listed, VenueFailure):
            return listed
        events = [event for event in listed if isinstance(event, GammaEvent)]
        skipped = [event for event in listed if isinstance(event, SkippedEvent)]
        terms = await self._read_terms(events)
        if isinstance(terms, VenueFailure):
            return terms
        groups: list[EventGroup] = []
        for event in sorted(events, key=lambda event: (len(event.event_id), event.event_id)):
            try:
                groups.append(self._group(event, terms))
            except SkipError as skip:
                skipped.append(SkippedEvent(event.event_id, event.slug, skip.reason, str(skip)))
        self._note(tuple(skipped))
        return tuple(groups)

    async def _read_events(self) -> list[GammaEvent | SkippedEvent] | VenueFailure:
        """Follow the catalogue's cursor to the end; an event that moved to a later page counts once."""
        events: dict[str, GammaEvent | SkippedEvent] = {}
        query = {"limit": str(EVENTS_PER_PAGE)}
        for number in range(PAGES_MAX):
            page = await self._read_page(query)
            if isinstance(page, VenueFailure):
                return page
            for place, event in enumerate(page.events):
                events[event.event_id or f"page {number} place {place}"] = event
            if page.cursor is None:
                return list(events.values())
            if page.cursor == query.get("after_cursor"):
                return VenueFailure(
                    "GET /events/keyset: expected a new cursor on every page, found one again"
                )
            query["after_cursor"] = page.cursor
        return VenueFailure(f"GET /events/keyset: more than {PAGES_MAX} pages")

    async def _read_page(self, query: Mapping[str, str]) -> EventsPage | VenueFailure:
        answer = await self._http.request(
            "GET", f"{self._hosts.gamma}/events/keyset", query=query, bytes_max=PAGE_BYTES_MAX
        )
        raw = body_of(answer, "GET /events/keyset")
        if isinstance(raw, VenueFailure):
            return raw
        try:
            return read_events_page(raw)
        except ValueError as error:
            return VenueFailure(f"GET /events/keyset: {error}")

    async def _read_terms(
        self, events: Sequence[GammaEvent]
    ) -> dict[ConditionId, ClobTerms | SkipError] | VenueFailure:
        """Ask the CLOB about every market that takes orders, a few at a time; stop at the first failure."""
        waiting = [m.condition_id for event in events for m in event.markets if m.wants_terms]
        waiting.reverse()
        terms: dict[ConditionId, ClobTerms | SkipError] = {}
        failures: list[VenueFailure] = []

        async def work() -> None:
            while waiting and not failures:
                condition = waiting.pop()
                read = await self._read_one(condition)
                if isinstance(read, VenueFailure):
                    failures.append(read)
                else:
                    terms[condition] = read

        async with asyncio.TaskGroup() as group:
            for number in range(min(TERMS_AT_ONCE, len(waiting))):
                group.create_task(work(), name=f"market-terms-{number}")
        return failures[0] if failures else terms

    async def _read_one(self, condition: ConditionId) -> ClobTerms | SkipError | VenueFailure:
        path = f"/clob-markets/{condition}"
        answer = await self._http.request("GET", self._hosts.clob + path)
        if isinstance(answer, HttpAnswer) and answer.status == 404 and not answer.is_html:
            return SkipError(SkipReason.NO_CLOB_MARKET, f"the CLOB does not know {condition}")
        raw = body_of(answer, f"GET {path}")
        if isinstance(raw, VenueFailure):
            return raw
        try:
            return terms_or_skip(raw)
        except SkipError as skip:
            return skip

    def _group(self, event: GammaEvent, terms: Mapping[ConditionId, ClobTerms | SkipError]) -> EventGroup:
        """Join the sources; raises SkipError when one child cannot be joined."""
        markets = []
        for listed in event.markets:
            clob = terms.get(listed.condition_id)
            if isinstance(clob, SkipError):
                raise clob
            markets.append(market_with(listed, clob))
        return EventGroup(
            event_id=event.event_id,
            code=self._code_of(event),
            slug=event.slug,
            title=event.title,
            rules_text=event.rules_text,
            resolution_source=event.resolution_source,
            end_date=event.end_date,
            neg_risk=event.neg_risk,
            augmented=event.augmented,
            neg_risk_id=event.neg_risk_id,
            markets=tuple(markets),
        )

    def _code_of(self, event: GammaEvent) -> str:
        known = self._codes.get(event.event_id)
        if known is not None:
            return known
        taken, outcomes = set(self._codes.values()), len(event.markets)
        try:
            code = event_code(event.slug, outcomes, taken)
        except ValueError:  # every letter after this word is taken: the event's own number is unique
            code = event_code(f"e{event.event_id}", outcomes, taken)
        self._codes[event.event_id] = code
        return code

    def _note(self, skipped: tuple[SkippedEvent, ...]) -> None:
        """Keep what was left out; say it in the log when it is not the same as last time."""
        if skipped != self.skipped:
            counts = Counter(event.reason.value for event in skipped)
            fields = {"reasons": dict(counts), "first": [str(event) for event in skipped[:5]]}
            _log.warning("catalogue: %d events left out", len(skipped), extra={"fields": fields})
        self.skipped = skipped
