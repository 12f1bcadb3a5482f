"""HTTP to the venue that tells "not sent" from "sent and not answered". Knows no endpoint.

Orders, cancels and reads have connections of their own, so that a cancel waits behind nothing. Waiting is
bounded on purpose (reliability E11): 2 s for a new connection, 1 s more for a free one of a full pool, 5 s
for a whole answer unless the settings say otherwise.

Explicit timeouts, no environment proxies, no redirects, no cookies, a bound on every answer. Nothing is
repeated here but what aiohttp repeats of idempotent methods on a connection that died idle, so never a POST.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType, SimpleNamespace
from typing import Final

import aiohttp

from engine.clock import perf_us
from engine.venue.endpoints import CONNECT_TIMEOUT_S, POOL_TIMEOUT_S, REQUEST_TIMEOUT_S

ANSWER_BYTES_MAX = 8 * 1024 * 1024
"""Bound of an answer unless the caller names another: a full page of 100 rows is below 1 MiB."""
_USER_AGENT = "dutchdesk"
"""Explicit, because the venue's front refuses some libraries' own (protocol 2.1)."""
_CHUNK = 64 * 1024
_REASON_MAX = 200


class Lane(Enum):
    """Whose connections a request takes."""

    ORDERS = "orders"
    """POSTs of orders, and the heartbeat that keeps them."""
    CANCELS = "cancels"
    READS = "reads"


CONNECTIONS: Final = MappingProxyType({Lane.ORDERS: 20, Lane.CANCELS: 20, Lane.READS: 60})
"""Most connections of each lane, 100 together, as the official client has. The lowest tier refills 40 orders
and 80 cancels a second: answered within a quarter of a second, that is 10 and 20 on their way."""


class FailureKind(Enum):
    """How far a request without an answer got."""

    NOT_SENT = "not sent"
    """No byte left: there was no connection."""
    UNANSWERED = "unanswered"
    """At least one byte may have left; what the venue did is not known."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer of any status; header names in lower case. `taken_us`: first byte out, last in."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    taken_us: int = 0

    @property
    def is_html(self) -> bool:
        """Tell whether a front answered instead of the venue: its pages say nothing about the request."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"


@dataclass(frozen=True, slots=True)
class HttpFailure:
    """No usable answer. `reason` names the fault, never a URL's query or a header."""

    kind: FailureKind
    reason: str
    taken_us: int = 0


@dataclass(slots=True)
class _Progress:
    """Filled by the trace just before the first byte is written."""

    sent_us: int | None = None


class HttpClient:
    """Connections of every lane under one set of rules. Make it inside a running loop; `close` when done."""

    def __init__(self, *, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        assert timeout_s > 0, f"expected a positive timeout, was {timeout_s} s"
        connect = min(CONNECT_TIMEOUT_S, timeout_s)
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_note_sent)
        limits = aiohttp.ClientTimeout(
            total=timeout_s,
            connect=min(connect + POOL_TIMEOUT_S, timeout_s),
            sock_connect=connect,
            sock_read=timeout_s,
        )
        self._sessions = {
            lane: aiohttp.ClientSession(
                timeout=limits,
                connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=15.0),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": _USER_AGENT},
                trust_env=False,
                trace_configs=[trace],
            )
            for lane, connections in CONNECTIONS.items()
        }

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()

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
        """Send one request and read its whole answer; raises nothing for what network or venue do."""
        progress = _Progress()
        typed = {"Content-Type": "application/json"} if body is not None else {}
        try:
            async with self._sessions[lane].request(
                method,
                url,
                params=query,
                headers={**typed, **(headers or {})},
                data=body,
                allow_redirects=False,
                trace_request_ctx=progress,
            ) as response:
                content = await _read_bounded(response, bytes_max)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _failure(error, progress)
        if content is None:
            return HttpFailure(
                FailureKind.UNANSWERED, f"the answer is longer than {bytes_max} bytes", _since(progress)
            )
        names = {name.lower(): value for name, value in response.headers.items()}
        return HttpAnswer(response.status, content, names, _since(progress))


async def _note_sent(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    progress = context.trace_request_ctx
    assert isinstance(progress, _Progress), "expected every request to carry its progress"
    if progress.sent_us is None:
        progress.sent_us = perf_us()


async def _read_bounded(response: aiohttp.ClientResponse, bytes_max: int) -> bytes | None:
    """Return the body, or None as soon as it exceeds the bound (the connection is then dropped)."""
    parts: list[bytes] = []
    total = 0
    async for part in response.content.iter_chunked(_CHUNK):
        total += len(part)
        if total > bytes_max:
            response.close()
            return None
        parts.append(part)
    return b"".join(parts)


def _failure(error: Exception, progress: _Progress) -> HttpFailure:
    """Say how far it got. aiohttp's own texts may hold a URL, so only the kind of fault is told."""
    kind = FailureKind.NOT_SENT if progress.sent_us is None else FailureKind.UNANSWERED
    cause = f": {error.os_error.strerror}" if isinstance(error, aiohttp.ClientConnectorError) else ""
    return HttpFailure(kind, f"{kind.value}, {type(error).__name__}{cause}"[:_REASON_MAX], _since(progress))


def _since(progress: _Progress) -> int:
    return 0 if progress.sent_us is None else perf_us() - progress.sent_us
