"""Small HTTP answers shared by the routes: refusals, not-found, and JSON bodies."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from aiohttp import web

from engine.simulator.auth import ApiKey
from engine.simulator.refusals import INVALID_PAYLOAD, Refusal
from engine.simulator.venue import Venue

START_CURSOR, END_CURSOR = "MA==", "LTE="
"""The order service's cursors are base64 of an offset: 0 starts a list, -1 ends it (protocol 4.6)."""
_Row = TypeVar("_Row")


def cut_page(
    request: web.Request, rows: Sequence[_Row], render: Callable[[_Row], object], size: int
) -> web.Response:
    """Return the page that the request's cursor names; only its rows are rendered."""
    try:
        start = int(base64.b64decode(request.query.get("next_cursor", START_CURSOR), validate=True))
    except (binascii.Error, ValueError):
        return refuse(INVALID_PAYLOAD)
    page = [] if start < 0 else [render(row) for row in rows[start : start + size]]
    more = 0 <= start < len(rows) - size
    following = base64.b64encode(str(start + size).encode()).decode() if more else END_CURSOR
    return web.json_response({"data": page, "next_cursor": following, "limit": size, "count": len(page)})


def refuse(refusal: Refusal) -> web.Response:
    """Return a refusal as the venue words it."""
    return web.json_response({"error": refusal.text}, status=refusal.status)


def json_text(text: str) -> web.Response:
    """Return text that is JSON already; book bodies must keep their exact characters."""
    return web.Response(text=text, content_type="application/json")


def gamma_not_found() -> web.Response:
    """Return the catalogue's 404."""
    return web.json_response({"type": "not found error", "error": "id not found"}, status=404)


def decode(body: bytes) -> object:
    """Return the decoded JSON of a request body, or None when it is not JSON (null is refused alike)."""
    try:
        value: object = json.loads(body)
    except ValueError:
        return None
    return value


def authenticate(venue: Venue, request: web.Request, body: bytes) -> ApiKey | Refusal:
    """Check the L2 headers over the exact body and the path without its query."""
    return venue.keys.check(request.headers, request.method, request.rel_url.raw_path, body)
