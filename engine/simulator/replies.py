"""Small HTTP answers shared by the routes: refusals, not-found, and JSON bodies."""

import json

from aiohttp import web

from engine.simulator.auth import ApiKey
from engine.simulator.refusals import Refusal
from engine.simulator.venue import Venue


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
