"""The network between desk and venue: latencies and every fault of a request, under virtual time.

`SimulatedHttp` stands in for `engine.venue.http_client.HttpClient` in one process. Bytes that have left are
on their way whatever becomes of the process; an answer reaches only a process that lives and still waits.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

from engine.simulator.refusals import ENGINE_RESTARTING
from engine.simulator.rest import RestReply, RestRequest
from engine.venue.http_client import ANSWER_BYTES_MAX, FailureKind, HttpAnswer, HttpFailure, Lane
from tests.simulation.loop import Agenda, ProcessLoop
from tests.simulation.weather import Fault, Weather

TIMEOUT_US = 5_000_000
"""The shipped configuration's `relayer.timeout_s`."""
CONNECT_US = 2_000_000
PAGE = RestReply(502, {"content-type": "text/html"}, b"<html><body>502 Bad Gateway</body></html>")
_JSON = {"content-type": "application/json"}


class Arrive(Protocol):
    """Carries a request out at the venue; `unseen` if whoever sent it knows of no such arrival."""

    def __call__(self, request: RestRequest, *, unseen: bool) -> RestReply:
        """Return the venue's own answer."""
        ...


def refusal(status: int, text: str, **headers: str) -> RestReply:
    """Return an answer of the venue's front in its own words."""
    return RestReply(status, {**_JSON, **headers}, json.dumps({"error": text}).encode())


IN_FRONT = {
    Fault.POST_PAGE_REFUSED: PAGE,
    Fault.POST_RESTARTING: refusal(425, ENGINE_RESTARTING.text),
    Fault.POST_POST_ONLY: RestReply(
        503, _JSON, b'{"error":"Trading is currently in post-only mode","code":"post_only_mode"}'
    ),
    Fault.POST_CANCEL_ONLY: refusal(503, "Trading is currently cancel-only. New orders are not accepted."),
    Fault.POST_DISABLED: refusal(503, "Trading is currently disabled. Check polymarket.com for updates"),
    Fault.POST_LIMITED: refusal(429, "Too Many Requests", **{"retry-after": "2"}),
    Fault.POST_LIMITED_BARE: refusal(429, "Too Many Requests"),
    Fault.POST_LIMITED_NEGATIVE: refusal(429, "Too Many Requests", **{"retry-after": "-5"}),
    Fault.POST_LIMITED_HUGE: refusal(429, "Too Many Requests", **{"retry-after": "86400"}),
    Fault.POST_UNAUTHORIZED: refusal(401, "Unauthorized/Invalid api key"),
    Fault.CANCEL_ERROR: refusal(500, "internal server error"),
    Fault.CANCEL_LIMITED: refusal(429, "Too Many Requests"),
    Fault.READ_ERROR: refusal(500, "internal server error"),
    Fault.READ_LIMITED: refusal(429, "Too Many Requests"),
    Fault.READ_PAGE: PAGE,
}
"""Faults that answer in the venue's place: nothing of the request is carried out."""
INSTEAD = {
    Fault.POST_PAGE: PAGE,
    Fault.POST_ERROR: refusal(500, "internal server error"),
    Fault.CANCEL_PAGE: PAGE,
}
"""Faults that replace the answer to a request that was carried out."""
NOT_SENT = frozenset({Fault.POST_NOT_SENT, Fault.CANCEL_NOT_SENT, Fault.READ_NOT_SENT})
OUTAGES = {
    Fault.POST_RESTARTING: 90.0,
    Fault.POST_POST_ONLY: 60.0,
    Fault.POST_CANCEL_ONLY: 30.0,
    Fault.POST_DISABLED: 30.0,
    Fault.POST_LIMITED: 2.0,
    Fault.POST_LIMITED_BARE: 5.0,
    Fault.POST_LIMITED_NEGATIVE: 5.0,
    Fault.POST_LIMITED_HUGE: 5.0,
}
"""Refusals that last, and the longest they do in seconds."""
LOST = frozenset({Fault.POST_LOST, Fault.CANCEL_LOST, Fault.READ_LOST})
UNANSWERED = frozenset({Fault.POST_UNANSWERED, Fault.CANCEL_UNANSWERED, Fault.HEARTBEAT_UNANSWERED})
LATE = frozenset({Fault.POST_LATE, Fault.CANCEL_LATE})
SLOW = frozenset({Fault.POST_SLOW, Fault.READ_SLOW})
CUT = frozenset({Fault.POST_CUT, Fault.READ_CUT})
OF_POSTS = tuple(fault for fault in Fault if fault.name.startswith("POST_"))
OF_LEGS = tuple(f for f in Fault if f.name.startswith("LEG") and f is not Fault.LEG_REJECTED)
OF_CANCELS = tuple(f for f in Fault if f.name.startswith("CANCEL_") and f is not Fault.CANCEL_RACED)
OF_READS = tuple(fault for fault in Fault if fault.name.startswith("READ_"))
HEARTBEATS = "/v1/heartbeats"
_POSTS = frozenset({"/order", "/orders"})


def is_post(request: RestRequest) -> bool:
    """Tell whether a request carries orders."""
    return request.method == "POST" and request.path in _POSTS


class Outages:
    """Times in which the venue answers every POST with the same refusal; a restart ends in post-only mode."""

    def __init__(self, agenda: Agenda, rng: Random) -> None:
        self._agenda = agenda
        self._rng = rng
        self._phases: list[tuple[int, Fault]] = []

    def begin(self, fault: Fault) -> None:
        """Begin an outage with the fault that struck."""
        if fault not in OUTAGES:
            return
        longest_s = OUTAGES[fault]
        end_us = self._agenda.now_us + int(self._rng.uniform(0.2, longest_s) * 1_000_000)
        self._phases = [(end_us, fault)]
        if fault is Fault.POST_RESTARTING:
            self._phases.append((end_us + self._rng.randrange(1, 120) * 1_000_000, Fault.POST_POST_ONLY))

    def present(self) -> Fault | None:
        """Return what every POST is answered with now."""
        self._phases = [phase for phase in self._phases if phase[0] > self._agenda.now_us]
        return self._phases[0][1] if self._phases else None

    def clear(self) -> None:
        """End every outage."""
        self._phases.clear()


class SimulatedHttp:
    """The HTTP client of one process."""

    def __init__(
        self,
        *,
        agenda: Agenda,
        loop: ProcessLoop,
        rng: Random,
        weather: Weather,
        outages: Outages,
        arrive: Arrive,
        leave: Callable[[RestRequest], None],
        landed: Callable[[RestRequest, int], None],
        turned_away: Callable[[RestRequest], None],
    ) -> None:
        """`leave` is told before a request's first byte, `arrive` carries it out at the venue.

        `landed` is told when its bytes have ended their way, with the number of copies that have not;
        `turned_away` when the venue's front answers a POST that was not carried out.
        """
        self._landed = landed
        self._turned_away = turned_away
        self._agenda = agenda
        self._loop = loop
        self._rng = rng
        self._weather = weather
        self._outages = outages
        self._arrive = arrive
        self._leave = leave

    async def close(self) -> None:
        """Nothing is open."""

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
        fault = self._fault_of(request)
        if fault in NOT_SENT:
            refused = HttpFailure(FailureKind.NOT_SENT, "not sent, ClientConnectorError")
            self._agenda.after(self._rng.randrange(500, CONNECT_US), lambda: self._tell(waiting, refused))
            return await waiting
        timed_out = HttpFailure(FailureKind.UNANSWERED, "unanswered, ServerTimeoutError")
        self._agenda.after(TIMEOUT_US, lambda: self._tell(waiting, timed_out))
        self._agenda.after(self._rng.randrange(50, 2_000), lambda: self._depart(request, fault, waiting))
        return await waiting

    def _fault_of(self, request: RestRequest) -> Fault | None:
        if is_post(request):
            fault = self._outages.present() or self._weather.first(*OF_POSTS)
            if fault is not None and self._outages.present() is None:
                self._outages.begin(fault)
            return fault
        if request.method == "DELETE":
            return self._weather.first(*OF_CANCELS)
        if request.path == HEARTBEATS and self._weather.strikes(Fault.HEARTBEAT_UNANSWERED):
            return Fault.HEARTBEAT_UNANSWERED
        return self._weather.first(*OF_READS)

    def _depart(self, request: RestRequest, fault: Fault | None, waiting: Any) -> None:
        """Let the bytes leave: from here on the process may die without stopping them."""
        if self._loop.dead or waiting.cancelled():
            return
        self._leave(request)
        if fault in LOST:
            self._landed(request, 0)
            return
        travel_us = self._rng.randrange(5_000, 60_000)
        if fault in LATE:
            travel_us += TIMEOUT_US + self._rng.randrange(
                115_000_000 if self._rng.random() < 0.3 else 20_000_000
            )
        if fault is Fault.POST_DOUBLED:
            again_us = travel_us + self._rng.randrange(1, 30_000_000)
            self._landed(request, 2)
            self._agenda.after(again_us, lambda: self._carry_out(request, fault, None))
        self._agenda.after(travel_us, lambda: self._carry_out(request, fault, waiting))

    def _carry_out(self, request: RestRequest, fault: Fault | None, waiting: Any) -> None:
        answer = IN_FRONT.get(fault) if fault else None
        self._landed(request, 0)
        if answer is not None and is_post(request):
            self._turned_away(request)
        if answer is None:
            answer = self._arrive(
                request, unseen=waiting is None or (self._loop.dead and not is_post(request))
            )
            if is_post(request) and answer.status == 200:
                answer = self._spoiled(answer)
        if fault in UNANSWERED or fault in LATE or waiting is None:
            return
        if fault in CUT:
            self._agenda.after(
                self._rng.randrange(5_000, 60_000),
                lambda: self._tell(
                    waiting, HttpFailure(FailureKind.UNANSWERED, "unanswered, ClientPayloadError")
                ),
            )
            return
        told = INSTEAD.get(fault, answer) if fault else answer
        back_us = self._rng.randrange(5_000, 60_000)
        if fault in SLOW:
            back_us += self._rng.randrange(4_000_000, TIMEOUT_US)
        result = HttpAnswer(told.status, told.body, {k.lower(): v for k, v in told.headers.items()}, back_us)
        self._agenda.after(back_us, lambda: self._tell(waiting, result))

    def _spoiled(self, answer: RestReply) -> RestReply:
        """Return a batch's answer with a leg changed, if a fault wants it."""
        fault = self._weather.first(*OF_LEGS)
        if fault is None:
            return answer
        legs = json.loads(answer.body)
        if isinstance(legs, list):
            self._spoil(fault, legs, self._rng.randrange(len(legs)))
        return replace(answer, body=json.dumps(legs).encode())

    def _spoil(self, fault: Fault, legs: list[dict[str, Any]], number: int) -> None:
        leg = legs[number]
        match fault:
            case Fault.LEG_MISSING:
                del legs[number]
            case Fault.LEGS_SHUFFLED:
                self._rng.shuffle(legs)
            case Fault.LEG_NO_ID:
                leg |= {"orderID": "", "status": ""}
            case Fault.LEG_WRONG_ID if leg["orderID"]:
                leg["orderID"] = f"0x{self._rng.randbytes(32).hex()}"
            case Fault.LEG_DELAYED if leg["orderID"]:
                leg |= {"status": "delayed", "makingAmount": "", "takingAmount": "", "tradeIDs": []}
            case Fault.LEG_ODD_TEXT if not leg["orderID"]:
                leg["errorMsg"] = "something undocumented"
            case _:
                pass

    def _tell(self, waiting: Any, result: HttpAnswer | HttpFailure) -> None:
        if not self._loop.dead and not waiting.done():
            waiting.set_result(result)
