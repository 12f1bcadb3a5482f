"""What the checker looks at: the ledger's documented views, the exchange's truth, and what the test knows.

Rows are plain dictionaries, so that a simulation can hand over its own without a file. This package imports
nothing but the standard library and itself: it shares no code, and so no mistake, with the desk.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
VIEWS = (
    "v_intent",
    "v_order",
    "v_step",
    "v_attempt",
    "v_fill",
    "v_confirm",
    "v_risk",
    "v_request",
    "v_audit",
    "v_lease",
)
ANCHOR_FILE = "audit.head"
PRICE_ONE = 10_000
"""Prices count 1e-4, sizes and cash 1e-6."""
DUST = 10_000
"""A hundredth of a share: what the venue may fill beyond an order (reliability B 23)."""


@dataclass(frozen=True)
class Given:
    """What only the test knows. Times in ms, amounts in micro-dollars."""

    at_rest: bool = False
    """Nothing is on its way any more: both sides must be equal, not only agree."""
    dry: tuple[tuple[int, int], ...] = ()
    """Spans of exchange time in which only dry cards were asked for."""
    unwritable: tuple[tuple[int, int], ...] = ()
    """Spans in which the ledger took nothing: a cancel waits for no row, and is not audited then."""
    foreign: frozenset[str] = frozenset()
    """Orders of this account that the test itself placed."""
    caps: Mapping[str, int] = field(default_factory=dict)
    """Largest exposure by `order`, `ticket`, `market`, `event`, `day` or `wallet`."""
    book_age_ms: int | None = None
    """Largest age of a plan's books at its first send."""
    slack_ms: int = 1_000
    """By how much the clocks of desk and exchange may differ."""
    write_ms: int = 30_000
    """How long after a request its row of the exec audit may be missing if the desk was killed."""


@dataclass(frozen=True)
class Evidence:
    """Everything that is checked."""

    views: Mapping[str, list[Row]]
    exchange: Mapping[str, Any]
    given: Given = field(default_factory=Given)
    anchor: tuple[int, str] | None = None
    """The audit's newest line, as kept apart from the ledger."""

    def rows(self, view: str) -> list[Row]:
        """The rows of one view, none if it was not handed over."""
        return self.views.get(view, [])

    @cached_property
    def orders(self) -> dict[str, Row]:
        """Our orders by id."""
        return {row["order_id"]: row for row in self.rows("v_order")}

    @cached_property
    def attempts(self) -> dict[str, list[Row]]:
        """Our sends by order, in the order of their commits."""
        found = sorted(self.rows("v_attempt"), key=lambda row: row["commit_seq"])
        return grouped(found, "order_id")

    @cached_property
    def risk(self) -> dict[str, list[Row]]:
        """Moves of reserves by order, oldest first."""
        return grouped(sorted(self.rows("v_risk"), key=lambda row: row["seq"]), "order_id")

    @cached_property
    def venue_orders(self) -> list[Row]:
        """The exchange's orders that came by a request of ours, as far as the test placed none itself."""
        return [
            order
            for order in self.exchange.get("orders", [])
            if order.get("origin", "api") == "api" and order["id"] not in self.given.foreign
        ]

    @cached_property
    def venue_trades(self) -> list[Row]:
        """The exchange's matches of those orders."""
        ids = {order["id"] for order in self.venue_orders}
        return [row for row in self.exchange.get("trades", []) if row["order"] in ids]

    @cached_property
    def matches(self) -> dict[str, list[Row]]:
        """The same by order."""
        return grouped(self.venue_trades, "order")

    @cached_property
    def requests(self) -> list[Row]:
        """Requests that would change something, in the order of their arrival."""
        return sorted(self.exchange.get("requests", []), key=lambda entry: entry["arrival"])

    @cached_property
    def arrivals(self) -> dict[str, list[tuple[int, str]]]:
        """When each order id reached the exchange in a POST, and the hash of its bytes, empty if not told."""
        found: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for entry in self.requests:
            if entry["method"] != "POST" or entry["path"] not in ("/order", "/orders"):
                continue
            at_ms = entry.get("arrived_ms", entry["at_ms"])
            for leg in entry["legs"]:
                if leg["order"] and leg["order"] not in self.given.foreign:
                    found[leg["order"]].append((at_ms, leg.get("body_sha256", "")))
        return dict(found)


def read_evidence(
    ledger: Path, exchange: Path, given: Given | None = None, *, anchored: bool = True
) -> Evidence:
    """Read a ledger's views and an exchange's truth from files."""
    with closing(sqlite3.connect(f"file:{ledger.resolve().as_posix()}?mode=ro", uri=True)) as connection:
        views = read_views(connection)
    truth = json.loads(exchange.read_text(encoding="utf-8"))
    return Evidence(views, truth, given or Given(), read_anchor(ledger.parent) if anchored else None)


def read_views(connection: sqlite3.Connection) -> dict[str, list[Row]]:
    """Read every view that is checked, as one consistent picture."""
    began = not connection.in_transaction
    if began:
        connection.execute("BEGIN")
    try:
        return {view: _rows(connection, view) for view in VIEWS}
    finally:
        if began:
            connection.execute("ROLLBACK")


def _rows(connection: sqlite3.Connection, view: str) -> list[Row]:
    cursor = connection.execute(f"SELECT * FROM {view}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def read_anchor(folder: Path) -> tuple[int, str] | None:
    """Read number and hash of the audit's newest line from beside the ledger."""
    try:
        seq, digest = (folder / ANCHOR_FILE).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return None
    return int(seq), digest


def grouped(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    """Rows by one column."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[key]].append(row)
    return dict(found)


def few(ids: Iterable[object]) -> str:
    """Name the first five of them, and how many there are."""
    names = sorted(str(name) for name in ids)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
