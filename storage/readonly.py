"""What the command line reads of a desk, running or stopped, without disturbing it.

Opens `mode=ro`: it never writes, never migrates, never checkpoints, and the desk never waits for it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from engine.domain.catalogue import NamedMarket
from engine.domain.effects import Audit
from engine.domain.history import KeptSnapshot, Pruned
from engine.domain.ids import ConditionId, TokenId
from engine.domain.market import EventGroup
from engine.domain.order import OrderRecord
from engine.domain.review import Review, RulesFreeze
from engine.domain.units import Ms, Size, Usdc
from engine.ports import StoreError
from storage.anchor import AnchorUnreadableError, read_anchor
from storage.audit import CHAIN, ChainBroken, ChainIntact, as_stored, verify_chain
from storage.codec import decode_audit
from storage.db import translated
from storage.files import LEDGER_FILE, MARKET_FILE
from storage.fills import DAY_SUMS, day_of
from storage.market_search import find_markets
from storage.migrate import shipped
from storage.orders import order_of
from storage.profile import BUSY_TIMEOUT_MS
from storage.retention import count_old
from storage.reviews import EVENT_BY_CODE, FREEZE_OF, MARKETS, NEWEST_OF, event_of, freeze_of, review_of
from storage.snapshots import RANGE, snapshot_of
from storage.stops import HALT

_OUTCOMES = """
SELECT o.token_id, o.condition_id, o.answer, m.name, e.code,
    m.last_read = (SELECT max(read_id) FROM catalogue_reads)
        AND m.active AND NOT m.closed AND m.accepting AND m.resolution_status = '' AS tradable
FROM outcomes AS o
JOIN markets AS m USING (condition_id)
JOIN events AS e USING (event_id)
ORDER BY e.code, m.position, o.answer DESC
"""
_TAIL = "SELECT seq, payload FROM audit ORDER BY seq DESC LIMIT ?"
_OPEN_ORDERS = """
SELECT o.*, i.payload FROM orders AS o JOIN intents AS i USING (intent_key)
WHERE o.is_final = 0 ORDER BY o.seq
"""


@dataclass(frozen=True, slots=True)
class TicketLine:
    """A ticket that is open or sending."""

    ticket_id: str
    kind: str
    state: str
    owner: str
    expires_ms: Ms


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order that may still execute."""

    order_id: str
    ticket_id: str
    leg: int
    state: str
    side: str
    size: Size
    filled: Size
    sends: int


@dataclass(frozen=True, slots=True)
class SchemaLine:
    """One file's schema: `current` is what it has, `newest` what this program knows."""

    file: str
    current: int
    newest: int


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """The ledger at one moment."""

    halted: str | None
    frozen_events: tuple[str, ...]
    tickets: tuple[TicketLine, ...]
    orders: tuple[OrderLine, ...]
    fills_today: int
    spent_today: Usdc
    """Cash of purchases and fees of this UTC day, micro-dollars."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line of the audit with its number in the chain."""

    seq: int
    line: Audit


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """One token of the stored catalogue, with the names people know."""

    token_id: TokenId
    condition_id: ConditionId
    code: str
    name: str
    answer: str
    tradable: bool
    """Listed by the newest read, and open for orders in it."""


@dataclass(frozen=True, slots=True)
class StoredRules:
    """An event as the catalogue last held it, and what the ledger knows about its rules."""

    event: EventGroup
    review: Review | None
    """The newest one."""
    freeze: RulesFreeze | None


def read_rules(folder: Path, code: str) -> StoredRules | None:
    """Return the rules of the event with this code, None if there is none; raises StoreError."""
    with reading(folder / MARKET_FILE) as market:
        row = market.execute(EVENT_BY_CODE, (code,)).fetchone()
        if row is None:
            return None
        event = event_of(row, market.execute(MARKETS, (row["event_id"],)).fetchall())
    with reading(folder / LEDGER_FILE) as ledger:
        if not _has_reviews(ledger):
            return StoredRules(event, None, None)
        review = ledger.execute(NEWEST_OF, (event.event_id,)).fetchone()
        freeze = ledger.execute(FREEZE_OF, (event.event_id,)).fetchone()
    return StoredRules(
        event,
        None if review is None else review_of(review),
        None if freeze is None else freeze_of(freeze),
    )


def _has_reviews(ledger: sqlite3.Connection) -> bool:
    """Tell whether the ledger's schema knows reviews already: a reader migrates nothing."""
    found = ledger.execute("SELECT 1 FROM sqlite_schema WHERE name = 'reviews'").fetchone()
    return found is not None


def read_status(folder: Path, at_ms: Ms) -> LedgerStatus:
    """Return the ledger of a data folder as one consistent picture; raises StoreError."""
    with reading(folder / LEDGER_FILE) as ledger:
        halt = ledger.execute(HALT).fetchone()
        frozen = {row["event_id"] for row in ledger.execute("SELECT event_id FROM freezes")}
        if _has_reviews(ledger):
            frozen |= {row["event_id"] for row in ledger.execute("SELECT event_id FROM rules_freezes")}
        tickets = ledger.execute(
            "SELECT ticket_id, kind, state, owner_name, expires_ms FROM tickets "
            "WHERE state IN ('dry', 'confirm', 'sending') ORDER BY created_ms, ticket_id"
        ).fetchall()
        orders = ledger.execute(
            "SELECT order_id, ticket_id, leg, state, side, size, filled, sends FROM v_order "
            "WHERE is_final = 0 ORDER BY ticket_id, leg"
        ).fetchall()
        day = ledger.execute(DAY_SUMS, day_of(at_ms)).fetchone()
    return LedgerStatus(
        halted=None if halt is None else halt["reason"],
        frozen_events=tuple(sorted(frozen)),
        tickets=tuple(TicketLine(*row) for row in tickets),
        orders=tuple(OrderLine(*row) for row in orders),
        fills_today=day["fills"],
        spent_today=Usdc(day["spent"]),
    )


def read_outcomes(folder: Path) -> tuple[OutcomeLine, ...]:
    """Return every token of the stored catalogue, delisted ones included; raises StoreError."""
    with _reading_market(folder) as market:
        rows = market.execute(_OUTCOMES).fetchall()
    return tuple(
        OutcomeLine(
            token_id=TokenId(row["token_id"]),
            condition_id=ConditionId(row["condition_id"]),
            code=row["code"],
            name=row["name"],
            answer=row["answer"],
            tradable=bool(row["tradable"]),
        )
        for row in rows
    )


def read_snapshots(
    folder: Path, token_id: TokenId, *, since_ms: Ms, until_ms: Ms
) -> tuple[KeptSnapshot, ...]:
    """Return a token's kept books from `since_ms` up to but without `until_ms`, oldest first.

    Raises StoreError. How dense they are depends on their age: `engine.domain.history`.
    """
    with _reading_market(folder) as market:
        rows = market.execute(RANGE, (token_id, since_ms, until_ms)).fetchall()
    return tuple(snapshot_of(row) for row in rows)


def read_prunable(folder: Path, at_ms: Ms) -> Pruned:
    """Count what retention would take out of the market file now; raises StoreError."""
    with _reading_market(folder) as market:
        return count_old(market, at_ms)


def read_reusable_bytes(folder: Path) -> int:
    """Return how much of the market file is free for new rows; raises StoreError."""
    with _reading_market(folder) as market:
        pages = market.execute("PRAGMA freelist_count").fetchone()[0]
        return int(pages * market.execute("PRAGMA page_size").fetchone()[0])


def read_schemas(folder: Path) -> tuple[SchemaLine, ...]:
    """Return the schema of both files; raises StoreError."""
    return tuple(
        _schema(folder / file, name) for file, name in ((LEDGER_FILE, "ledger"), (MARKET_FILE, "market"))
    )


def read_named_markets(folder: Path, what: str) -> tuple[NamedMarket, ...]:
    """Return the stored markets that a person calls `what`; raises StoreError, empty if there is none."""
    with _reading_market(folder) as market:
        return find_markets(market, what)


def verify_audit(folder: Path) -> ChainIntact | ChainBroken:
    """Walk the whole audit chain and name the first bad line; raises StoreError if it cannot be read.

    May run beside a desk: the anchor is read first, so that it is never newer than the chain.
    """
    try:
        anchor = read_anchor(folder)
    except AnchorUnreadableError as error:
        return ChainBroken(1, f"{error}, found other text: no line can be trusted")
    with reading(folder / LEDGER_FILE) as ledger:
        ledger.text_factory = as_stored
        return verify_chain(ledger.execute(CHAIN), anchor)


def read_audit_tail(folder: Path, lines: int) -> tuple[AuditLine, ...]:
    """Return the newest lines of the audit, oldest of them first; raises StoreError."""
    with reading(folder / LEDGER_FILE) as ledger:
        rows = ledger.execute(_TAIL, (lines,)).fetchall()
    return tuple(AuditLine(row["seq"], decode_audit(row["payload"])) for row in reversed(rows))


def read_open_orders(folder: Path) -> tuple[OrderRecord, ...]:
    """Return every order that may still execute, unknown ones included, oldest first; raises StoreError."""
    with reading(folder / LEDGER_FILE) as ledger:
        return tuple(order_of(row) for row in ledger.execute(_OPEN_ORDERS).fetchall())


def _schema(path: Path, name: str) -> SchemaLine:
    with reading(path) as database:
        row = database.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()
    return SchemaLine(file=path.name, current=row[0], newest=len(shipped(name)))


@contextmanager
def _reading_market(folder: Path) -> Iterator[sqlite3.Connection]:
    """Give one read transaction on a market file whose schema this program knows."""
    schema = _schema(folder / MARKET_FILE, "market")
    if schema.current != schema.newest:
        raise StoreError(
            f"{schema.file} has schema {schema.current}, this program reads {schema.newest}: run "
            f"`dutchdesk migrate --data {folder}` with the newer of both versions"
        )
    with reading(folder / MARKET_FILE) as market:
        yield market


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Give one read transaction on an existing file."""
    if not path.exists():
        raise StoreError(
            f"expected {path.name} in {path.parent}, found none: no desk has run there; "
            "name the folder of one that has"
        )
    with (
        translated(path),
        closing(
            sqlite3.connect(
                f"file:{quote(path.resolve().as_posix())}?mode=ro",
                uri=True,
                isolation_level=None,
                timeout=BUSY_TIMEOUT_MS / 1000,
            )
        ) as connection,
    ):
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        yield connection
