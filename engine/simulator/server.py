"""The local exchange as a running server: HTTP and WebSocket on loopback, and the pump that lets time act.

`LocalExchange` is what tests and the child process start. It owns one task (the pump) and the listening
socket.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from engine.clock import Clock
from engine.domain.units import Ms, Usdc
from engine.simulator.connections import MARKET, USER, Connections
from engine.simulator.exchange import Exchange
from engine.simulator.faults import FaultDirector
from engine.simulator.flow import Flow
from engine.simulator.http_control import control_routes
from engine.simulator.market_stream import MarketStream
from engine.simulator.rest_edge import RestEdge
from engine.simulator.rest_server import web_routes
from engine.simulator.sockets import QUEUE_MAX, Socket
from engine.simulator.user_stream import UserStream
from engine.simulator.venue import Venue

PUMP_S = 0.02
"""How often time acts; the flow makes up for what fell due in between."""
BODY_MAX = 1 << 20
_SHUTDOWN_S = 1.0
_LOG = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LocalExchange:
    """One local exchange; `seed` fixes catalogue, keys, trade ids and flow; `wide` widens the catalogue.

    The flow's rate is that of all markets together; with `flow_frames_per_s=0` books stand still. Every
    address that is issued a key starts with `start_balance` and unlimited allowances.
    """

    def __init__(
        self,
        *,
        seed: int,
        clock: Clock,
        wide: int = 0,
        flow_frames_per_s: int = 30,
        confirm_delay_ms: int = 2_000,
        start_balance: Usdc = Usdc(1_000_000_000),  # noqa: B008 - an integer
        socket_queue_max: int = QUEUE_MAX,
    ) -> None:
        self.venue = Venue(
            seed=seed,
            wide=wide,
            clock=clock,
            frames_per_s=flow_frames_per_s,
            confirm_delay_ms=confirm_delay_ms,
            start_balance=start_balance,
        )
        self.rest = RestEdge(self.venue)
        self._socket_queue_max = socket_queue_max
        self._last_request_ms = clock.now_ms()
        self._runner: web.AppRunner | None = None
        self._pump: asyncio.Task[None] | None = None
        self._address = ""

    @property
    def exchange(self) -> Exchange:
        """The matching exchange."""
        return self.venue.exchange

    @property
    def faults(self) -> FaultDirector:
        """The fault director."""
        return self.venue.faults

    @property
    def flow(self) -> Flow:
        """The seeded order flow."""
        return self.venue.flow

    @property
    def connections(self) -> Connections:
        """The WebSocket connections: those open, by number, and how many there have been."""
        return self.venue.connections

    @property
    def calls(self) -> Counter[str]:
        """How many HTTP requests came, by method and path as routed ("GET /book", "GET /events/{id}")."""
        return self.venue.calls

    @property
    def url(self) -> str:
        """The HTTP address of every service, without a trailing slash."""
        return f"http://{self._address}"

    @property
    def ws_url(self) -> str:
        """The WebSocket address; channels are at `/ws/market` and `/ws/user` below it."""
        return f"ws://{self._address}"

    @property
    def open_sockets(self) -> int:
        """How many WebSocket connections are open."""
        return len(self.connections.open)

    @property
    def idle_ms(self) -> Ms:
        """How long no HTTP request has come; zero while a WebSocket is open."""
        return Ms(0 if self.connections.open else self.venue.now_ms() - self._last_request_ms)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen (port 0 picks a free one) and let time run."""
        assert self._runner is None, "the exchange was started before"
        app = web.Application(client_max_size=BODY_MAX, middlewares=[self._note_request])
        app.add_routes(web_routes(self.rest))
        app.add_routes(control_routes(self.venue))
        app.add_routes([web.get("/ws/market", self._market_socket), web.get("/ws/user", self._user_socket)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0]
        self._address = f"{bound[0]}:{bound[1]}"
        self._pump = asyncio.create_task(self._run_pump(), name="local-exchange-pump")
        self._pump.add_done_callback(_report_failure)

    async def stop(self) -> None:
        """Stop listening, cut the sockets, end the pump; a second call does nothing."""
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pump
        for socket in list(self.connections.open.values()):
            socket.cut()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _run_pump(self) -> None:
        while True:
            self.venue.advance()
            await asyncio.sleep(PUMP_S)

    @web.middleware
    async def _note_request(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        self._last_request_ms = self.venue.now_ms()
        resource = request.match_info.route.resource
        path = "unknown" if resource is None else resource.canonical
        self.venue.calls[f"{request.method} {path}"] += 1
        return await handler(request)

    async def _market_socket(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve_socket(request, MARKET, self.venue.market_stream)

    async def _user_socket(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve_socket(request, USER, self.venue.user_stream)

    async def _serve_socket(
        self, request: web.Request, channel: str, stream: MarketStream | UserStream
    ) -> web.WebSocketResponse:
        socket = self.connections.enter(
            lambda number: Socket(request, number=number, channel=channel, queue_max=self._socket_queue_max)
        )
        try:
            return await socket.serve(lambda frame: stream.on_frame(socket, frame))
        finally:
            stream.forget(socket)
            self.connections.leave(socket)
            self._last_request_ms = self.venue.now_ms()


def _report_failure(pump: asyncio.Task[None]) -> None:
    """Say loudly that time stands still; whoever stops the exchange then gets the exception itself."""
    if not pump.cancelled() and (error := pump.exception()) is not None:
        _LOG.critical("the local exchange's pump ended, books and trades stand still", exc_info=error)
