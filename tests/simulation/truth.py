"""The invariants, checked from outside: what left the desk, what the exchange did, what the ledger holds.

Nothing of the desk's own judgement is used: bytes are compared with bytes, ids with ids, sums with sums. A
violation is a sentence; the seed that found it is the way to see it again.
"""

import hashlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from engine.domain.fees import outlay_bound
from engine.domain.units import Ms, Price, Size, Usdc
from engine.domain.views import Gate
from engine.simulator.order_entry import GTD_LEAD_MS
from engine.simulator.orders import Fill, Order, OrderState, TradeStatus
from engine.simulator.rest import RestRequest
from engine.simulator.venue import Venue
from tests.simulation.loop import Agenda

GRACE_MS = 100
"""Bytes that were on their way into the socket when the gate closed may still leave (reliability I13)."""
SENDS_MAX = 5
FRONT_ARRIVALS = 1_000_000
"""Arrivals at the front are counted from here: they never meet the numbers of the exchange's log."""
_NEW_ATTEMPTS = """
SELECT a.rowid AS row, a.order_id, a.number, a.body_sha256, i.intent_key, i.ticket_id, i.leg, i.token_id,
    i.side, i.price, i.size, i.expiration_s
FROM attempts AS a JOIN orders AS o USING (order_id) JOIN intents AS i USING (intent_key)
WHERE a.rowid > ? ORDER BY a.rowid
"""
_HAS_ATTEMPTS = "SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = 'v_fill'"


@dataclass(slots=True)
class Sent:
    """One order as the ledger has promised it, and what has become of its bytes."""

    order_id: str
    intent_key: str
    ticket_id: str
    leg: str
    token_id: str
    buys: bool
    price: Price
    size: Size
    expiration_ms: Ms
    """0 for none."""
    sha256: str
    attempts: int = 0
    departed: int = 0
    under_way: int = 0


@dataclass(slots=True)
class Limits:
    """What the operators' TOML allows, in micro-dollars."""

    ticket: int
    day: int


@dataclass
class Truth:
    """Everything that was seen from outside."""

    venue: Venue
    agenda: Agenda
    ledger: sqlite3.Connection
    account_id: str
    limits: Limits
    violations: list[str] = field(default_factory=list)
    sent: dict[str, Sent] = field(default_factory=dict)
    by_sha: dict[str, Sent] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    at_front: list[dict[str, Any]] = field(default_factory=list)
    """POSTs that came as far as the venue's front, as the checker reads requests."""
    unseen: set[int] = field(default_factory=set)
    """Arrivals nobody sent: copies made on the way, and what was still on its way when its sender died."""
    closed_ms: Ms | None = None
    """Since when no order may leave; None while the gate is open."""
    reducing_ms: Ms | None = None
    """Since when the gate lets sells alone pass."""
    posts: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    _migrated: bool = False
    _attempt_row: int = 0
    _log_read: int = 0

    def violated(self, rule: str, text: str) -> None:
        """Note a broken promise."""
        self.violations.append(f"{rule}: {text} (at {self.agenda.now_us / 1e6:.3f} s)")

    def gate_is(self, gate: Gate) -> None:
        """Take note of how the gate stands now."""
        now = self.agenda.now_ms()
        if gate is Gate.RUN:
            self.closed_ms = self.reducing_ms = None
        elif gate is Gate.REDUCING:
            self.closed_ms, self.reducing_ms = None, now if self.reducing_ms is None else self.reducing_ms
        elif self.closed_ms is None:
            self.closed_ms = now

    def committed(self) -> None:
        """Read what the ledger has just made durable; before its first migration there is nothing."""
        if not self._migrated:
            self._migrated = bool(self.ledger.execute(_HAS_ATTEMPTS).fetchone())
        if not self._migrated:
            return
        for row in self.ledger.execute(_NEW_ATTEMPTS, (self._attempt_row,)):
            self._attempt_row = row["row"]
            known = self.sent.get(row["order_id"])
            if known is None:
                known = Sent(
                    order_id=row["order_id"],
                    intent_key=row["intent_key"],
                    ticket_id=row["ticket_id"],
                    leg=f"{row['ticket_id']}/{row['leg']}",
                    token_id=row["token_id"],
                    buys=row["side"] == "BUY",
                    price=Price(row["price"]),
                    size=Size(row["size"]),
                    expiration_ms=Ms(row["expiration_s"] * 1_000),
                    sha256=row["body_sha256"],
                )
                self.sent[known.order_id] = self.by_sha[known.sha256] = known
            if known.sha256 != row["body_sha256"]:
                self.violated("I3", f"the ledger holds two bodies for {known.order_id}")
            known.attempts = row["number"]
            if known.attempts > SENDS_MAX:
                self.violated("E2", f"{known.order_id} is sent for the {known.attempts}th time")

    def leaving(self, request: RestRequest) -> list[Sent]:
        """Judge a POST whose first byte is about to leave, and return its orders."""
        self.posts += 1
        legs: list[Sent] = []
        for raw in _legs(request.body):
            known = self.by_sha.get(hashlib.sha256(raw).hexdigest())
            if known is None:
                self.violated("I1", f"bytes leave that the ledger does not hold: {raw[:80]!r}")
                continue
            known.departed += 1
            known.under_way += 1
            legs.append(known)
            if known.departed > known.attempts:
                self.violated("I1", f"{known.order_id} leaves without an attempt of its own in the ledger")
        since = self.closed_ms
        if since is None and any(leg.buys for leg in legs):
            since = self.reducing_ms
        if since is not None and self.agenda.now_ms() > since + GRACE_MS:
            self.violated("I13", f"a POST leaves {self.agenda.now_ms() - since} ms after the gate closed")
        self._check_exposure()
        return legs

    def tokens_of(self, request: RestRequest) -> list[str]:
        """Return the tokens that a POST wants to trade."""
        known = [self.by_sha.get(hashlib.sha256(raw).hexdigest()) for raw in _legs(request.body)]
        return [sent.token_id for sent in known if sent is not None]

    def landed(self, request: RestRequest, copies: int) -> None:
        """Note that the bytes of a POST are on their way no longer, but for so many copies."""
        for raw in _legs(request.body):
            known = self.by_sha.get(hashlib.sha256(raw).hexdigest())
            if known is not None:
                known.under_way += copies - 1

    def arrived(self) -> None:
        """Judge what the exchange has just been asked to do."""
        entries = self.venue.log.entries()
        for entry in entries[self._log_read :]:
            if entry.method != "POST":
                continue
            for leg in entry.legs:
                if leg.order_id and leg.order_id not in self.sent:
                    self.violated(
                        "I1", f"the exchange was sent {leg.order_id}, which the ledger does not hold"
                    )
        self._log_read = len(entries)
        self._check_executable()
        self._check_exposure()

    def turned_away(self, request: RestRequest) -> None:
        """Note a POST that the venue's front answered: the exchange's log has no line of it."""
        known = [self.by_sha.get(hashlib.sha256(raw).hexdigest()) for raw in _legs(request.body)]
        self.at_front.append(
            {
                "arrival": len(self.at_front) + FRONT_ARRIVALS,
                "at_ms": self.agenda.now_ms(),
                "method": request.method,
                "path": request.path,
                "legs": [{"order": sent.order_id, "outcome": "front"} for sent in known if sent is not None],
            }
        )

    def own_orders(self) -> list[Order]:
        """Return the exchange's orders of our account, foreign ones left out."""
        return [
            order
            for order in self.venue.exchange.orders.values()
            if order.terms.account_id == self.account_id and order.terms.id not in self.foreign
        ]

    def own_fills(self) -> dict[tuple[str, str], tuple[Fill, TradeStatus]]:
        """Return the exchange's fills of our account by trade and order, those of one order summed up."""
        found: dict[tuple[str, str], tuple[Fill, TradeStatus]] = {}
        for trade in self.venue.exchange.trades:
            for part in (*trade.takers, *trade.makers):
                if part.account_id != self.account_id:
                    continue
                before = found.get((trade.id, part.order_id))
                total = part if before is None else _sum(before[0], part)
                found[trade.id, part.order_id] = (total, trade.status)
        return found

    def _check_executable(self) -> None:
        live: defaultdict[str, list[str]] = defaultdict(list)
        for order in self.venue.exchange.open_orders(self.account_id):
            known = self.sent.get(order.terms.id)
            if known is not None:
                live[known.leg].append(order.terms.id)
        for leg, ids in live.items():
            if len(ids) > 1:
                self.violated("I2", f"{leg} has {len(ids)} executable orders: {ids}")
        self.checked["one executable order a leg"] += 1

    def _check_exposure(self) -> None:
        """Sum up what was spent, what rests, and what is on its way, at worst case."""
        spent: Counter[str] = Counter()
        for (_, order_id), (fill, status) in self.own_fills().items():
            known = self.sent.get(order_id)
            if known is not None and known.buys and status.value != "FAILED":
                spent[known.ticket_id] += fill.cash + fill.fee
        for known in self.sent.values():
            if not known.buys:
                continue
            order = self.venue.exchange.orders.get(known.order_id)
            if order is not None:
                left = order.remaining if order.state is OrderState.LIVE else Size(0)
            else:
                left = known.size if known.under_way and self._would_be_taken(known) else Size(0)
            if left:
                spent[known.ticket_id] += self._bound(known, left)
        for ticket, total in spent.items():
            if total > self.limits.ticket:
                self.violated(
                    "I9", f"{ticket} may cost {total}, its cap is {self.limits.ticket} micro-dollars"
                )
        if sum(spent.values()) > self.limits.day:
            self.violated("I9", f"the day may cost {sum(spent.values())}, its cap is {self.limits.day}")
        self.checked["caps"] += 1

    def _would_be_taken(self, known: Sent) -> bool:
        """Tell whether the exchange would still take it: an expiration too near is refused (protocol 4.3)."""
        return not known.expiration_ms or known.expiration_ms >= self.agenda.now_ms() + GTD_LEAD_MS

    def _bound(self, known: Sent, size: Size) -> int:
        market = self.venue.exchange.tokens.get(known.token_id)
        if market is None:
            return 0  # a resolved market executes nothing
        return outlay_bound(market[0].fee, known.price, size)


def _sum(one: Fill, other: Fill) -> Fill:
    return replace(
        one,
        size=Size(one.size + other.size),
        cash=Usdc(one.cash + other.cash),
        fee=Usdc(one.fee + other.fee),
    )


def _legs(body: bytes) -> Sequence[bytes]:
    """Return the exact bytes of every order of a POST."""
    if body[:1] != b"[":
        return [body]
    return [bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]
