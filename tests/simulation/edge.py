"""The local exchange's HTTP handlers, called without a socket: a request in, an answer out, at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

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


class Edge:
    """The venue's doors."""

    def __init__(self, venue: Venue) -> None:
        self._app = web.Application()
        for routes in (metadata_routes, book_routes, order_routes, account_routes):
            self._app.add_routes(routes(venue))
        self._app.freeze()

    def answer(self, request: Request) -> Answer:
        """Let the venue carry out a request."""
        path = request.path + (f"?{urlencode(request.query)}" if request.query else "")
        made = make_mocked_request(request.method, path, headers=dict(request.headers), app=self._app)
        made._read_bytes = request.body
        match_info = _done(self._app.router.resolve(made))
        made._match_info = match_info
        response = _done(match_info.handler(made))
        kind = {"content-type": response.content_type}
        return Answer(response.status, bytes(response.body or b""), kind)


def _done(coroutine: Any) -> Any:
    """Return what a coroutine that waits for nothing returns."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("expected the venue to answer at once")
