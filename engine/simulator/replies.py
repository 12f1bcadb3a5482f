"""Small answers shared by the routes: JSON, refusals, not-found, pages, and decoded bodies."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.simulator.auth import ApiKey
from engine.simulator.refusals import INVALID_PAYLOAD, Refusal
from engine.simulator.rest import JSON_TYPE, RestReply, RestRequest
from engine.simulator.venue import Venue

START_CURSOR, END_CURSOR = "MA==", "LTE="
"""The order service's cursors are base64 of an offset: 0 starts a list, -1 ends it (protocol 4.6)."""
_Row = TypeVar("_Row")


def json_reply(value: object, status: int = 200) -> RestReply:
    """Return a value as JSON."""
    return json_text(json.dumps(value), status)


def json_text(text: str, status: int = 200) -> RestReply:
    """Return text that is JSON already; book bodies must keep their exact characters."""
    return RestReply(status, {"Content-Type": JSON_TYPE}, text.encode())


def cut_page(
    request: RestRequest, rows: Sequence[_Row], render: Callable[[_Row], object], size: int
) -> RestReply:
    """Return the page that the request's cursor names; only its rows are rendered."""
    try:
        start = int(base64.b64decode(request.query.get("next_cursor", START_CURSOR), validate=True))
    except (binascii.Error, ValueError):
        return refuse(INVALID_PAYLOAD)
    page = [] if start < 0 else [render(row) for row in rows[start : start + size]]
    more = 0 <= start < len(rows) - size
    following = base64.b64encode(str(start + size).encode()).decode() if more else END_CURSOR
    return json_reply({"data": page, "next_cursor": following, "limit": size, "count": len(page)})


def refuse(refusal: Refusal) -> RestReply:
    """Return a refusal as the venue words it."""
    return json_reply({"error": refusal.text}, refusal.status)


def gamma_not_found() -> RestReply:
    """Return the catalogue's 404."""
    return json_reply({"type": "not found error", "error": "id not found"}, 404)


def decode(body: bytes) -> object:
    """Return the decoded JSON of a request body, or None when it is not JSON (null is refused alike)."""
    try:
        value: object = json.loads(body)
    except ValueError:
        return None
    return value


def authenticate(venue: Venue, request: RestRequest) -> ApiKey | Refusal:
    """Check the L2 headers over the exact body and the path without its query."""
    return venue.keys.check(request.headers, request.method, request.path, request.body)
