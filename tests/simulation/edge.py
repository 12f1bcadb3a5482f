"""The local exchange's HTTP handlers, called without a socket: a request in, an answer out, at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multidict import CIMultiDict, MultiDict
from yarl import URL

from engine.simulator.http_account import account_routes
from engine.simulator.http_books import book_routes
from engine.simulator.http_metadata import metadata_routes
from engine.simulator.http_orders import order_routes
from engine.simulator.venue import Venue


@dataclass(frozen=True, slots=True)
class Request:
    """What leaves the desk."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the venue says."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the handlers use of a request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    match_info: Mapping[str, str]
    transport: None = None

    @property
    def rel_url(self) -> URL:
        return URL(self.path)

    async def read(self) -> bytes:
        return self.body


class Edge:
    """The venue's doors."""

    def __init__(self, venue: Venue) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Any]] = []
        for routes in (metadata_routes, book_routes, order_routes, account_routes):
            for route in routes(venue):
                pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path)
                self._routes.append((route.method, re.compile(pattern), route.handler))

    def answer(self, request: Request) -> Answer:
        """Let the venue carry out a request."""
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(request.path) if method == request.method else None
            if found is not None:
                headers: CIMultiDict[str] = CIMultiDict(request.headers)
                asked = _Asked(
                    method, request.path, MultiDict(request.query), headers, request.body, found.groupdict()
                )
                response = _done(handler(asked))
                kind = {"content-type": response.content_type}
                return Answer(response.status, bytes(response.body or b""), kind)
        raise AssertionError(f"expected a route of the venue, was {request.method} {request.path}")


def _done(coroutine: Any) -> Any:
    """Return what a coroutine that waits for nothing returns."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("expected the venue to answer at once")
