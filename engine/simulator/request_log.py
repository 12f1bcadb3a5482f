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
    """One order id of a request with the venue's verdict: live, matched, canceled, or the refusal's text.

    `body_sha256` is of the exact bytes of this order's entry in a POST, empty in a cancel: a re-send of the
    same bytes has the same hash, in whatever batch it travels.
    """

    order_id: str
    outcome: str
    body_sha256: str = ""


@dataclass(frozen=True, slots=True)
class RequestEntry:
    """One order-entry request. `status` is the HTTP status told, 0 when no complete answer was sent.

    It arrived at `arrived_ms` and was carried out at `at_ms`, unless it was not `processed`: then it was
    lost, or refused by a scripted fault. `note` names the faults it met.
    """

    arrival: int
    arrived_ms: Ms
    at_ms: Ms
    address: str
    method: str
    path: str
    body_sha256: str
    legs: tuple[LegOutcome, ...]
    status: int
    processed: bool
    note: str


class RequestLog:
    """All order-entry requests in the order of their arrival."""

    def __init__(self) -> None:
        self._entries: list[RequestEntry] = []

    def append(
        self,
        *,
        arrived_ms: Ms,
        at_ms: Ms,
        address: str,
        method: str,
        path: str,
        body: bytes,
        legs: tuple[LegOutcome, ...],
        status: int,
        processed: bool = True,
        note: str = "",
    ) -> RequestEntry:
        """Add the next entry; its number is its place."""
        assert len(self._entries) < LOG_MAX, f"request log is full at {LOG_MAX} entries"
        entry = RequestEntry(
            arrival=len(self._entries) + 1,
            arrived_ms=arrived_ms,
            at_ms=at_ms,
            address=address,
            method=method,
            path=path,
            body_sha256=hashlib.sha256(body).hexdigest(),
            legs=legs,
            status=status,
            processed=processed,
            note=note,
        )
        self._entries.append(entry)
        return entry

    def entries(self, address: str = "") -> list[RequestEntry]:
        """Return the entries of one address (any letter case), or all of them."""
        wanted = address.lower()
        return [entry for entry in self._entries if not wanted or entry.address.lower() == wanted]
