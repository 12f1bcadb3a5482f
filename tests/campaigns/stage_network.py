"""The network between a staged desk and the exchange: fair latencies, and fates that the exchange decides.

Stands in for `engine.venue.http_client.HttpClient` in one process. Unlike the simulation's weather it draws
no faults: what goes wrong is what a campaign arms in the exchange's fault director, or asks of `Line`.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

from engine.simulator.rest import NO_REPLY, Delivery, Fate, RestReply, RestRequest
from engine.venue.http_client import ANSWER_BYTES_MAX, FailureKind, HttpAnswer, HttpFailure, Lane
from tests.simulation.loop import Agenda, ProcessLoop

TIMEOUT_US = 5_000_000
"""The shipped configuration's `relayer.timeout_s`."""
ONE_WAY_US = (5_000, 60_000)
"""Least and most that bytes travel in one direction."""


@dataclass
class Line:
    """What the line does to requests that the exchange never decides upon. True means it happens."""

    refuses: Callable[[RestRequest], bool] = lambda _: False
    """There is no connection: no byte leaves."""
    swallows: Callable[[RestRequest], bool] = lambda _: False
    """The bytes leave and never arrive."""
    mutes: Callable[[RestRequest], bool] = lambda _: False
    """The request is carried out, and its answer never comes."""
    statuses: dict[int, int] = field(default_factory=dict)
    """How many answers of each status reached the desk."""


class StagedHttp:
    """Requests of one process."""

    def __init__(
        self,
        *,
        agenda: Agenda,
        loop: ProcessLoop,
        rng: Random,
        line: Line,
        fate: Callable[[RestRequest], Fate],
        answer: Callable[[RestRequest, Fate], RestReply],
        leave: Callable[[RestRequest], None],
        landed: Callable[[RestRequest], None],
    ) -> None:
        self._agenda = agenda
        self._loop = loop
        self._rng = rng
        self._line = line
        self._fate = fate
        self._answer = answer
        self._left = leave
        self._landed = landed

    async def close(self) -> None:
        """Nothing is held open."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        bytes_max: int = ANSWER_BYTES_MAX,
        lane: Lane = Lane.READS,
    ) -> HttpAnswer | HttpFailure:
        """Send one request and wait for its answer, at most five seconds."""
        request = RestRequest(method, urlsplit(url).path, query or {}, headers or {}, body or b"")
        waiting: asyncio.Future[HttpAnswer | HttpFailure] = self._loop.create_future()
        if self._line.refuses(request):
            self._tell_later(waiting, HttpFailure(FailureKind.NOT_SENT, "not sent, ClientConnectorError"))
            return await waiting
        timed_out = HttpFailure(FailureKind.UNANSWERED, "unanswered, ServerTimeoutError")
        self._agenda.after(TIMEOUT_US, lambda: self._tell(waiting, timed_out))
        self._agenda.after(self._rng.randrange(50, 2_000), lambda: self._leave(request, waiting))
        return await waiting

    def _leave(self, request: RestRequest, waiting: Any) -> None:
        if self._loop.dead or waiting.cancelled():
            return
        self._left(request)
        if self._line.swallows(request):
            self._landed(request)
            return
        self._agenda.after(self._rng.randrange(*ONE_WAY_US), lambda: self._arrive(request, waiting))

    def _arrive(self, request: RestRequest, waiting: Any) -> None:
        fate = self._fate(request)
        if fate.hung_up:
            self._tell_later(
                waiting, HttpFailure(FailureKind.UNANSWERED, "unanswered, ServerDisconnectedError")
            )
        self._agenda.after(fate.hold_ms * 1_000, lambda: self._carry_out(request, fate, waiting))

    def _carry_out(self, request: RestRequest, fate: Fate, waiting: Any) -> None:
        self._landed(request)
        reply = self._answer(request, fate)
        if fate.hung_up or fate.delivery is Delivery.NONE or reply is NO_REPLY or self._line.mutes(request):
            return
        back_us = fate.delay_ms * 1_000
        if fate.delivery is Delivery.CUT:
            cut = HttpFailure(FailureKind.UNANSWERED, "unanswered, ClientPayloadError")
            self._agenda.after(back_us, lambda: self._tell_later(waiting, cut))
            return
        back_us += self._rng.randrange(*ONE_WAY_US)
        result = HttpAnswer(
            reply.status, reply.body, {k.lower(): v for k, v in reply.headers.items()}, back_us
        )
        self._agenda.after(back_us, lambda: self._tell(waiting, result))

    def _tell_later(self, waiting: Any, result: HttpAnswer | HttpFailure) -> None:
        self._agenda.after(self._rng.randrange(*ONE_WAY_US), lambda: self._tell(waiting, result))

    def _tell(self, waiting: Any, result: HttpAnswer | HttpFailure) -> None:
        if self._loop.dead or waiting.done():
            return
        if isinstance(result, HttpAnswer):
            self._line.statuses[result.status] = self._line.statuses.get(result.status, 0) + 1
        waiting.set_result(result)
