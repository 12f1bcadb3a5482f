"""A venue that says what the test scripted and remembers every request byte for byte. Loopback only.

For answers no faithful exchange would give: cut bodies, pages of a front, foreign ids, endless cursors.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class ScriptedVenue:
    """Answers by (method, path): a list is used up one by one and its last element stays."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    _script: dict[tuple[str, str], list[Handler]] = field(default_factory=dict)

    def answers(self, method: str, path: str, *answers: Handler) -> None:
        """Script what comes back, in order."""
        self._script[method, path] = list(answers)

    def requests(self, method: str, path: str) -> list[Asked]:
        """What was asked of one endpoint."""
        return [asked for asked in self.asked if (asked.method, asked.path) == (method, path)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = Asked(request.method, request.path, dict(request.query), dict(request.headers), body)
        self.asked.append(asked)
        script = self._script.get((request.method, request.path))
        if not script:
            return web.Response(status=404, text="nothing is scripted here")
        handler = script.pop(0) if len(script) > 1 else script[0]
        return await handler(request)


def says(body: str | bytes, status: int = 200, content_type: str = "application/json") -> Handler:
    """A complete answer."""
    raw = body.encode() if isinstance(body, str) else body

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=raw, content_type=content_type)

    return answer


def cut_after(body: bytes) -> Handler:
    """Promise a longer answer than is sent, then close."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(body) + 100)})
        await response.prepare(request)
        await response.write(body)
        return _hang_up(request)

    return answer


def hangs_up() -> Handler:
    """Take the request and close the connection without a word."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return _hang_up(request)

    return answer


def _hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@contextlib.asynccontextmanager
async def scripted_venue() -> AsyncIterator[ScriptedVenue]:
    """A scripted venue on a free port."""
    venue = ScriptedVenue()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", venue.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    venue.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield venue
    finally:
        await runner.cleanup()
