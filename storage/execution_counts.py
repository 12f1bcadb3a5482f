"""How the requests of one UTC day went, from the exec audit: per market and in all. Reads, judges nothing.

Counts are of requests (a batch counts once), rejects of orders. Works beside a running desk.
"""

import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

from engine.domain.units import Ms
from storage.files import LEDGER_FILE
from storage.fills import DAY_MS
from storage.readonly import reading

_SENT = """
SELECT o.condition_id, count(DISTINCT a.order_id) AS orders,
    count(*) FILTER (WHERE a.outcome = 'refused') AS rejects,
    count(DISTINCT a.request_id) FILTER (WHERE a.outcome IN ('unknown', 'not_sent')) AS place_errors,
    count(DISTINCT a.request_id) FILTER (WHERE a.status = 429) AS rate_limited,
    count(DISTINCT a.request_id) FILTER (
        WHERE a.outcome IN ('unknown', 'not_sent')
            AND (a.reason LIKE '%Timeout%' OR a.reason LIKE '%timed out%')
    ) AS timeouts,
    avg(a.ack_latency_ms) FILTER (WHERE a.ack_latency_ms > 0) AS ack_avg_ms
FROM v_attempt AS a JOIN v_order AS o USING (order_id)
WHERE a.at_ms >= ?
"""
# A cancel of everything names no order before it is answered: it is in the day's sums alone.
_CANCELLED = """
SELECT o.condition_id, count(DISTINCT r.seq) AS limited
FROM v_request AS r, json_each(r.order_ids) AS named JOIN v_order AS o ON o.order_id = named.value
WHERE r.kind LIKE 'cancel%' AND r.status = 429 AND r.at_ms >= ?
GROUP BY o.condition_id
"""
_CANCELS = """
SELECT count(*) FILTER (WHERE status = 429) AS limited,
    count(*) FILTER (WHERE outcome LIKE '%Timeout%' OR outcome LIKE '%timed out%') AS timeouts
FROM v_request WHERE kind LIKE 'cancel%' AND at_ms >= ?
"""


@dataclass(frozen=True, slots=True)
class ExecutionCounts:
    """One market's day, or everybody's under an empty condition id."""

    condition_id: str
    orders: int
    rejects: int
    place_errors: int
    """POSTs without a usable answer."""
    rate_limited: int
    """POSTs answered with 429."""
    timeouts: int
    """POSTs without an answer in time; of the whole day cancels, too."""
    ack_avg_ms: float | None
    """Mean time from request to answer; None without an answer."""
    cancel_rate_limited: int


def read_execution_counts(folder: Path, at_ms: Ms) -> tuple[ExecutionCounts, tuple[ExecutionCounts, ...]]:
    """Return the sums of the UTC day that holds `at_ms`, and each market's; raises StoreError."""
    since = at_ms - at_ms % DAY_MS
    with reading(folder / LEDGER_FILE) as ledger:
        whole = ledger.execute(_SENT, (since,)).fetchone()
        cancels = ledger.execute(_CANCELS, (since,)).fetchone()
        markets = ledger.execute(
            f"{_SENT} GROUP BY o.condition_id ORDER BY o.condition_id", (since,)
        ).fetchall()
        limited = dict(tuple(row) for row in ledger.execute(_CANCELLED, (since,)))
    total = replace(_counts(whole, cancels["limited"]), condition_id="")
    return (
        replace(total, timeouts=total.timeouts + cancels["timeouts"]),
        tuple(_counts(row, limited.get(row["condition_id"], 0)) for row in markets),
    )


def _counts(row: sqlite3.Row, cancel_rate_limited: int) -> ExecutionCounts:
    average = row["ack_avg_ms"]
    return ExecutionCounts(
        condition_id=row["condition_id"] or "",
        orders=row["orders"],
        rejects=row["rejects"],
        place_errors=row["place_errors"],
        rate_limited=row["rate_limited"],
        timeouts=row["timeouts"],
        ack_avg_ms=None if average is None else round(average, 1),
        cancel_rate_limited=cancel_rate_limited,
    )
