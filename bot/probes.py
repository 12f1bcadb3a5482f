"""`/metrics`, `/health` and `/ready` on the desk's own loopback port, never on the webhook's.

Knows nothing of the desk: what to say is given as functions.
"""

from collections.abc import Callable

from aiohttp import web

Verdict = Callable[[], str | None]
"""Returns None while all is well, else what is wrong in a sentence."""


def probes_app(*, exposition: Callable[[], bytes], health: Verdict, ready: Verdict) -> web.Application:
    """Return the HTTP application: `exposition` is the scrape's text, a verdict in words is a 503."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def healthy(_request: web.Request) -> web.Response:
        return _answer(health())

    async def is_ready(_request: web.Request) -> web.Response:
        return _answer(ready())

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/health", healthy)
    app.router.add_get("/ready", is_ready)
    return app


def _answer(wrong: str | None) -> web.Response:
    return web.Response(status=200 if wrong is None else 503, text=f"{wrong or 'ok'}\n")
