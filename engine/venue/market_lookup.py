"""One market by whatever names it, asked of the listing and, where that lacks it, of the order service.

The listing answers with `clobTokenIds`, so a usual look-up needs no further call. Every call is told as an
attempt with what it found and how long it took. Reads only.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from engine.clock import perf_us
from engine.domain.catalogue import NamedMarket
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId
from engine.venue.catalogue_calls import is_unknown, read_clob_market
from engine.venue.clob_rows import ClobRow
from engine.venue.endpoints import VenueHosts
from engine.venue.gamma_rows import EventRow, MarketRow, SkipError, identity_of, title_of
from engine.venue.http_client import HttpClient
from engine.venue.private_calls import body_of
from engine.venue.strict_json import OddAnswer, condition_id, decode, token_id

_CONDITION = re.compile(r"0x[0-9a-fA-F]{64}")
_TOKEN = re.compile(r"[1-9][0-9]{19,77}")
"""Token ids are 256-bit numbers; a record's number is far shorter."""
_NUMBER = re.compile(r"[0-9]{1,19}")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
Found = tuple[NamedMarket, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One place that was asked."""

    source: str
    call: str
    found: int
    taken_ms: int
    note: str
    """Why nothing was found, or what was odd; empty otherwise."""


class _Markets(msgspec.Struct, frozen=True):
    markets: list[msgspec.Raw]


class _Events(msgspec.Struct, frozen=True):
    events: list[msgspec.Raw]


class _ByToken(msgspec.Struct, frozen=True):
    condition_id: str
    primary_token_id: str
    secondary_token_id: str


class MarketLookup:
    """Asks both services; `attempts` is what was asked, in order."""

    def __init__(self, http: HttpClient, hosts: VenueHosts) -> None:
        self._http = http
        self._hosts = hosts
        self.attempts: list[Attempt] = []

    async def find(self, what: str) -> Found:
        """Return what the venue calls so: a condition id, token id, slug, or event id; empty if nothing."""
        for key in _listing_keys(what):
            path, _, name = key.partition("?")
            for closed in ("false", "true"):
                query = {name: what.lower(), "closed": closed}
                found = await self._tried("listing", f"{key}={_short(what)}&closed={closed}", path, query)
                if found:
                    return found
        if _CONDITION.fullmatch(what):
            condition = ConditionId(what.lower())
            return await self._try("order service", f"/markets/{_short(what)}", lambda: self._long(condition))
        if _TOKEN.fullmatch(what):
            call = f"/markets-by-token/{_short(what)}"
            return await self._try("order service", call, lambda: self._by_token(what))
        return ()

    async def _tried(self, source: str, call: str, path: str, query: dict[str, str]) -> Found:
        return await self._try(source, call, lambda: self._listed(path, query))

    async def _try(
        self, source: str, call: str, ask: Callable[[], Awaitable[tuple[Found, str] | VenueFailure]]
    ) -> Found:
        began = perf_us()
        answer = await ask()
        taken_ms = (perf_us() - began) // 1000
        found, note = ((), answer.reason) if isinstance(answer, VenueFailure) else answer
        self.attempts.append(Attempt(source, call, len(found), taken_ms, note))
        return found

    async def _listed(self, path: str, query: dict[str, str]) -> tuple[Found, str] | VenueFailure:
        answer = await self._http.request("GET", self._hosts.gamma + path, query=query)
        raw = body_of(answer, f"GET {path}")
        if isinstance(raw, VenueFailure):
            return raw
        try:
            return _of_listing(raw, path)
        except ValueError as error:
            return VenueFailure(f"GET {path}: {error}")

    async def _long(self, condition: ConditionId) -> tuple[Found, str] | VenueFailure:
        read = await read_clob_market(self._http, self._hosts.clob, condition)
        if isinstance(read, VenueFailure):
            return read
        return ((), "the order service does not know it") if read is None else _of_row(read)

    async def _by_token(self, token: str) -> tuple[Found, str] | VenueFailure:
        answer = await self._http.request("GET", f"{self._hosts.clob}/markets-by-token/{token}")
        if is_unknown(answer):
            return (), "the order service does not know it"
        raw = body_of(answer, "GET /markets-by-token")
        if isinstance(raw, VenueFailure):
            return raw
        try:
            told = decode(raw, _ByToken)
            yes, no = token_id(told.primary_token_id), token_id(told.secondary_token_id)
            found = NamedMarket(condition_id(told.condition_id), yes, no, "", "", "")
        except OddAnswer as error:
            return VenueFailure(f"GET /markets-by-token: {error}")
        return (found,), "its title is not told by this call"


def _listing_keys(what: str) -> Sequence[str]:
    """Return the filters of the listing that this kind of name fits; words fit none."""
    if _CONDITION.fullmatch(what):
        return ("/markets/keyset?condition_ids",)
    if _TOKEN.fullmatch(what):
        return ("/markets/keyset?clob_token_ids",)
    if _NUMBER.fullmatch(what):
        return ("/events/keyset?id",)
    if _SLUG.fullmatch(what.lower()):
        return ("/events/keyset?slug", "/markets/keyset?slug")
    return ()


def _of_listing(raw: bytes, path: str) -> tuple[Found, str]:
    """Return the markets of a page of either list, and what was wrong with those that are left out."""
    rows: list[tuple[MarketRow, str]] = []
    if path.startswith("/events"):
        for part in decode(raw, _Events).events:
            event = decode(part, EventRow)
            rows += [(decode(child, MarketRow), event.title or event.slug) for child in event.markets]
    else:
        rows = [(decode(part, MarketRow), "") for part in decode(raw, _Markets).markets]
    found, odd = [], []
    for row, event_title in rows:
        try:
            found.append(_named(row, event_title))
        except (SkipError, OddAnswer) as error:
            odd.append(str(error))
    note = f"{len(odd)} of {len(rows)} markets could not be used, the first: {odd[0]}" if odd else ""
    return tuple(found), note


def _named(row: MarketRow, event_title: str) -> NamedMarket:
    identity = identity_of(row)
    if identity.condition_id is None or identity.tokens is None:
        raise OddAnswer(f"expected condition id and tokens of {title_of(row)!r}, found them lacking")
    yes, no = identity.tokens
    return NamedMarket(identity.condition_id, yes, no, title_of(row), event_title, "")


def _of_row(row: ClobRow) -> tuple[Found, str]:
    if len(row.tokens) != 2:
        return (), f"expected two tokens, found {len(row.tokens)}"
    return (NamedMarket(row.condition_id, *row.tokens, row.question, "", ""),), ""


def _short(what: str) -> str:
    return what if len(what) <= 24 else f"{what[:10]}…{what[-4:]}"
