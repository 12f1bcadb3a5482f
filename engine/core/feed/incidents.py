"""One alert per incident: a market whose book is doubtful, or the venue when many are at once.

Says when an incident begins and when it is over; counts nothing and decides nothing.
"""

from dataclasses import dataclass

from engine.core.feed.market import Connection
from engine.core.feed.table import REASONS, Fault
from engine.domain.ids import ConditionId
from engine.domain.units import Ms, format_scaled
from engine.domain.views import Alert, Severity

MARKETS_ALONE_MAX = 3
"""More doubtful markets at once are one incident of the venue: a person cannot act on each."""


@dataclass(frozen=True, slots=True)
class _Incident:
    began_ms: Ms
    told: bool
    """Whether this market had an alert of its own."""


class Incidents:
    """Which markets are doubtful now, and what was said about them."""

    def __init__(self) -> None:
        self._open: dict[ConditionId, _Incident] = {}
        self._venue_since_ms: Ms | None = None

    def begin(self, condition_id: ConditionId, name: str, fault: Fault, at_ms: Ms) -> Alert | None:
        """Note a doubtful market; returns what to tell, None if it belongs to an incident already told."""
        if condition_id in self._open:
            return None
        told = self._venue_since_ms is None and len(self._open) < MARKETS_ALONE_MAX
        self._open[condition_id] = _Incident(at_ms, told)
        if told:
            return _market_alert(condition_id, name, fault)
        if self._venue_since_ms is None:
            self._venue_since_ms = at_ms
            return _venue_alert(len(self._open), fault)
        return None

    def end(self, condition_id: ConditionId, name: str, at_ms: Ms) -> tuple[Alert, ...]:
        """Note a market live again; returns what to tell."""
        incident = self._open.pop(condition_id, None)
        if incident is None:
            return ()
        alerts = (
            [_live_alert(f"live:{condition_id}", name, incident.began_ms, at_ms)] if incident.told else []
        )
        if not self._open and self._venue_since_ms is not None:
            alerts.append(_live_alert("live:venue", "venue", self._venue_since_ms, at_ms))
            self._venue_since_ms = None
        return tuple(alerts)

    def forget(self, condition_id: ConditionId) -> None:
        """Drop a market that is not watched any more; nothing is told."""
        self._open.pop(condition_id, None)
        if not self._open:
            self._venue_since_ms = None


def frozen_alert(connection: Connection, at_ms: Ms) -> Alert:
    """Return what to tell of a connection that withholds what the venue has."""
    silent = format_scaled((at_ms - connection.heard_ms) // 100, 1)
    return Alert(
        key=f"frozen:{connection.number}",
        severity=Severity.WARN,
        subject=f"market connection {connection.number} frozen",
        text=f"expected the changes that the venue's books show, found nothing for {silent} s on a "
        f"connection that still answers; it feeds {len(connection.markets)} markets",
        next_step="a new connection is being made; quotes and plans on these markets wait until it has "
        "confirmed their books",
    )


def _market_alert(condition_id: ConditionId, name: str, fault: Fault) -> Alert:
    row = REASONS[fault.reason]
    return Alert(
        key=f"resync:{condition_id}",
        severity=row.severity,
        subject=f"resync {name}",
        text=f"{row.sentence}: expected {fault.expected}, found {fault.found}",
        next_step="book dropped, fetching a snapshot; quotes and plans on this market wait",
    )


def _venue_alert(markets: int, fault: Fault) -> Alert:
    row = REASONS[fault.reason]
    return Alert(
        key="resync:venue",
        severity=Severity.WARN,
        subject="resync venue",
        text=f"{markets} markets are doubtful at once; the latest: {row.sentence}: "
        f"expected {fault.expected}, found {fault.found}",
        next_step="books dropped, fetching snapshots; quotes and plans on these markets wait, "
        "further markets are not told one by one",
    )


def _live_alert(key: str, name: str, began_ms: Ms, at_ms: Ms) -> Alert:
    took = format_scaled((at_ms - began_ms) // 100, 1)
    return Alert(
        key=key,
        severity=Severity.INFO,
        subject=f"live again {name}",
        text=f"the venue's checksum confirms the book again after {took} s",
        next_step="quotes and plans go on",
    )
