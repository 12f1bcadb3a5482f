"""The REST edge over aiohttp: waits and connections, no rule of the venue."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from engine.simulator.rest import Delivery, RestReply, RestRequest
from engine.simulator.rest_edge import RestEdge


def web_routes(edge: RestEdge) -> list[web.RouteDef]:
    """Return the edge's endpoints for an aiohttp application."""
    serve = _served_by(edge)
    return [web.route(route.method, route.path, serve) for route in edge.routes]


def to_web(reply: RestReply) -> web.Response:
    """Return an answer as aiohttp sends it."""
    return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.body)


def _served_by(edge: RestEdge) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(incoming: web.Request) -> web.StreamResponse:
        request = await _received(incoming)
        fate = edge.fate(request)
        if fate.hung_up:
            _hang_up(incoming)
        if fate.hold_ms:
            await asyncio.sleep(fate.hold_ms / 1000)
        reply = edge.answer(request, fate)
        if fate.hung_up:
            return web.Response()  # goes nowhere: the connection is closed
        if fate.delay_ms:
            await asyncio.sleep(fate.delay_ms / 1000)
        match fate.delivery:
            case Delivery.WHOLE:
                return to_web(reply)
            case Delivery.NONE:
                _hang_up(incoming)
                return web.Response()
            case Delivery.CUT:
                return await _cut(incoming, reply)

    return serve


async def _received(incoming: web.Request) -> RestRequest:
    query = incoming.query
    names = dict.fromkeys(query)
    return RestRequest(
        incoming.method,
        incoming.rel_url.raw_path,
        {name: query[name] for name in names},
        incoming.headers,
        await incoming.read(),
        {name: query.getall(name) for name in names if len(query.getall(name)) > 1},
    )


async def _cut(incoming: web.Request, reply: RestReply) -> web.StreamResponse:
    """Promise twice the bytes, send them, and close the connection."""
    response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
    response.content_length = 2 * len(reply.body) + 1
    await response.prepare(incoming)
    await response.write(reply.body)
    _hang_up(incoming, at_once=False)
    return response


def _hang_up(incoming: web.Request, *, at_once: bool = True) -> None:
    """Close the connection; not at once lets what was written leave first."""
    transport = incoming.transport
    if transport is None:
        return
    if at_once:
        transport.abort()
    else:
        transport.close()
