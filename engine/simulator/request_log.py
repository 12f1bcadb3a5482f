"""The append-only log of order-entry requests: what arrived, in which order, and what was done with it.

A checker reads it to prove promises about the desk (every id durable before its first byte left, re-sends
byte-identical, nothing sent in a dry run). Entries are frozen; there is no way to change or remove one.
"""

import hashlib
from dataclasses import dataclass

from engine.domain.units import Ms

LOG_MAX = 200_000
"""Far above any rehearsal; a full log stops the exchange rather than forget a request."""


@dataclass(frozen=True, slots=True)
class LegOutcome:
    """One order id of a request with the venue's verdict: live, matched, canceled, or the refusal's text."""

    order_id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class RequestEntry:
    """One order-entry request. `status` is the HTTP status decided, 0 when no answer was sent."""

    arrival: int
    at_ms: Ms
    address: str
    method: str
    path: str
    body_sha256: str
    legs: tuple[LegOutcome, ...]
    status: int
    note: str


class RequestLog:
    """All order-entry requests in the order of their arrival."""

    def __init__(self) -> None:
        self._entries: list[RequestEntry] = []

    def append(
        self,
        *,
        at_ms: Ms,
        address: str,
        method: str,
        path: str,
        body: bytes,
        legs: tuple[LegOutcome, ...],
        status: int,
        note: str = "",
    ) -> RequestEntry:
        """Add the next entry; its number is its place."""
        assert len(self._entries) < LOG_MAX, f"request log is full at {LOG_MAX} entries"
        entry = RequestEntry(
            arrival=len(self._entries) + 1,
            at_ms=at_ms,
            address=address,
            method=method,
            path=path,
            body_sha256=hashlib.sha256(body).hexdigest(),
            legs=legs,
            status=status,
            note=note,
        )
        self._entries.append(entry)
        return entry

    def entries(self, address: str = "") -> list[RequestEntry]:
        """Return the entries of one address (any letter case), or all of them."""
        wanted = address.lower()
        return [entry for entry in self._entries if not wanted or entry.address.lower() == wanted]
