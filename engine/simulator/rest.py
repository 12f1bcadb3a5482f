"""One request and its answer as values, and what scripted faults do to it on the way. No socket, no clock.

The same values travel over aiohttp (`rest_server`) and inside a simulation (`RestEdge` called directly).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from engine.domain.units import Ms
from engine.simulator.request_log import LegOutcome

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A request as it arrived. `path` is the raw path without its query: the L2 signature covers it.

    `repeated` holds every value of the query names that were given more than once; `query` has the first.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    repeated: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def call(self) -> str:
        """Method and path, as faults and counters name it ("POST /order")."""
        return f"{self.method} {self.path}"

    @property
    def last(self) -> str:
        """The last segment of the path, where the id of a record stands."""
        return self.path.rsplit("/", 1)[1]

    def every(self) -> dict[str, list[str]]:
        """Return all values of every query name."""
        return {name: list(self.repeated.get(name, [value])) for name, value in self.query.items()}


@dataclass(frozen=True, slots=True)
class RestReply:
    """An answer, ready to be sent. `legs` are the verdicts for the request log; they do not travel."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    legs: tuple[LegOutcome, ...] = ()

    def with_headers(self, more: Mapping[str, str]) -> "RestReply":
        """Return the same answer with more headers."""
        return replace(self, headers={**self.headers, **more})

    def with_legs(self, legs: tuple[LegOutcome, ...]) -> "RestReply":
        """Return the same answer with the verdicts it rests on."""
        return replace(self, legs=legs)

    def cut(self) -> "RestReply":
        """Return the headers of the whole answer and the first half of its body."""
        return replace(self, body=self.body[: len(self.body) // 2])


NO_REPLY = RestReply(0, {}, b"")
"""What a request that is never processed comes to; it is not sent."""


class Delivery(Enum):
    """How much of an answer reaches who asked."""

    WHOLE = "whole"
    CUT = "cut in its body"
    NONE = "never"


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one request between its arrival and its answer. The usual fate changes nothing.

    In this order: the connection is cut at arrival (`hung_up`), `hold_ms` pass, the request is processed
    (unless not `processed`) and answered with what came out or with `instead`, `delay_ms` pass, and the
    answer is delivered. A request that is hung up on gets no answer: lost when it is not processed, late
    when it is.
    """

    arrived_ms: Ms
    processed: bool = True
    hung_up: bool = False
    hold_ms: int = 0
    delay_ms: int = 0
    delivery: Delivery = Delivery.WHOLE
    instead: RestReply | None = None
    note: str = ""
    """The kinds of faults that made this fate, for the log; empty for the usual one."""

    @property
    def answered(self) -> bool:
        """Whether a complete answer leaves; only then the log tells its status."""
        return not self.hung_up and self.delivery is Delivery.WHOLE


Handler = Callable[[RestRequest], RestReply]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `path` may end in a variable segment ("/data/order/{id}", "/markets/0x{id}").

    Requests to a `logged` endpoint stand in the request log, answered or not.
    """

    method: str
    path: str
    act: Handler
    logged: bool = False

    def serves(self, request: RestRequest) -> bool:
        """Tell whether a request is for this endpoint."""
        if request.method != self.method:
            return False
        head, variable, _ = self.path.partition("{")
        if not variable:
            return request.path == head
        rest = request.path.removeprefix(head)
        return request.path.startswith(head) and rest != "" and "/" not in rest
