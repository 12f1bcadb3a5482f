"""How a seed has to end: nothing open, and ledger, desk and exchange equal to the last unit."""

from collections import Counter
from typing import Any

from engine.core.state import Desk, live_orders
from engine.domain.order import Settlement
from engine.domain.views import Gate
from engine.metrics import Metrics
from engine.simulator.ledger import ledger
from engine.simulator.orders import OrderState, TradeStatus
from storage.anchor import Anchor
from tests.checker.evidence import Evidence, Given, read_views
from tests.checker.verdict import violations
from tests.simulation.disk import Disk
from tests.simulation.truth import Truth

STATES = {
    OrderState.MATCHED: {"filled"},
    OrderState.CANCELED: {"cancelled", "dead", "killed", "expired", "filled"},
    OrderState.EXPIRED: {"expired", "dead", "cancelled"},
    OrderState.RESOLVED: {"dead", "cancelled", "expired"},
}
"""States the ledger may give an order that ended so at the exchange."""
OWN_FAULTS = ("submit", "notices")
"""Labels of `engine_errors` that only the desk itself can cause."""


PAUSE_MAX_MS = 120_000
"""Longer than any pause between a crash and the next start."""


def open_ends(desk: Desk, truth: Truth) -> list[str]:
    """Return what has not come to an end yet."""
    found = [f"order {o.order_id} is {o.state.value} ({o.reason})" for o in live_orders(desk)]
    found += [f"{f.ticket_id} is not settled" for f in desk.flights.values() if not f.settled]
    found += [f"{key} waits for its commit" for key in desk.committing]
    found += [f"{sent.order_id} is on its way" for sent in truth.sent.values() if sent.under_way > 0]
    found += [
        f"trade {t.id} is {t.status.value}" for t in truth.venue.exchange.trades if not is_final(t.status)
    ]
    if desk.gate is not Gate.RUN:
        found.append(f"the gate is {desk.gate.value}: {desk.gate_reason}")
    if desk.kill is not None:
        found.append("a kill is not confirmed")
    return found


def is_final(status: TradeStatus) -> bool:
    return status.value in ("CONFIRMED", "FAILED")


def compare(desk: Desk, truth: Truth, metrics: Metrics) -> None:
    """Compare everything with the exchange."""
    _compare_orders(truth)
    _compare_fills(truth)
    _compare_desk(desk, truth)
    for task, count in metrics._values["service_task_errors"].items():
        truth.violated("task", f"{task} failed {count} times")
    for label in OWN_FAULTS:
        if metrics.value("engine_errors", label):
            truth.violated("task", f"engine_errors {label}: {metrics.value('engine_errors', label)}")


def _compare_orders(truth: Truth) -> None:
    rows = {row["order_id"]: row for row in truth.ledger.execute("SELECT * FROM orders")}
    for order in truth.own_orders():
        row = rows.get(order.terms.id)
        if row is None:
            truth.violated("I5", f"the exchange has {order.terms.id}, the ledger does not")
            continue
        if order.state is OrderState.LIVE:
            truth.violated("I6", f"{order.terms.id} rests at the exchange, {row['state']} in the ledger")
        elif row["state"] not in STATES[order.state] and order.filled < order.terms.size:
            truth.violated("I6", f"{order.terms.id} is {order.state.value}, {row['state']} in the ledger")
        if row["filled"] != order.filled:
            truth.violated(
                "I7",
                f"{order.terms.id} ({row['state']}) has filled {order.filled}, in the ledger {row['filled']}",
            )
    known = {order.terms.id for order in truth.own_orders()}
    for order_id, row in rows.items():
        if order_id not in known and row["state"] not in (
            "rejected",
            "dead",
            "expired",
            "cancelled",
            "killed",
        ):
            truth.violated("I6", f"{order_id} is {row['state']} in the ledger and unknown to the exchange")


def _compare_fills(truth: Truth) -> None:
    rows = {(row["trade_id"], row["order_id"]): row for row in truth.ledger.execute("SELECT * FROM fills")}
    fills = {key: found for key, found in truth.own_fills().items() if key[1] not in truth.foreign}
    for key in rows.keys() - fills.keys():
        truth.violated("I7", f"the ledger has fill {key}, the exchange does not")
    for key, (fill, status) in fills.items():
        row = rows.get(key)
        if row is None:
            truth.violated("I7", f"the exchange has fill {key}, the ledger does not")
            continue
        ours = (row["size"], row["cash"], row["fee"], row["settlement"])
        theirs = (fill.size, fill.cash, fill.fee, status.value.lower())
        if ours != theirs:
            truth.violated("I7", f"fill {key} is {theirs}, in the ledger {ours}")


def _compare_desk(desk: Desk, truth: Truth) -> None:
    """Compare what the desk believes to hold with what the account holds."""
    account = truth.venue.exchange.bank.accounts[truth.account_id]
    held: Counter[str] = Counter()
    for row in truth.ledger.execute("SELECT * FROM fills WHERE settlement <> 'failed'"):
        held[row["token_id"]] += row["size"] if row["side"] == "BUY" else -row["size"]
    theirs = {token: size for token, size in account.shares.items() if size}
    ours = {token: size for token, size in held.items() if size}
    if ours != theirs:
        truth.violated("I8", f"positions are {theirs}, in the ledger {ours}")
    if desk.balance != account.usdc:
        truth.violated(
            "I8", f"the account has {account.usdc} micro-dollars, the desk believes {desk.balance}"
        )
    unsettled = [
        f.trade_id
        for f in desk.fills.values()
        if f.settlement not in (Settlement.CONFIRMED, Settlement.FAILED)
    ]
    if unsettled:
        truth.violated("I8", f"fills that never settled: {unsettled}")


def check_evidence(truth: Truth, disk: Disk) -> None:
    """Let the independent checker judge the ledger's views and the exchange's own record."""
    given = Given(
        at_rest=True,
        foreign=frozenset(truth.foreign),
        unwritable=tuple(disk.full_ms),
        write_ms=PAUSE_MAX_MS,
        caps={"ticket": truth.limits.ticket, "day": truth.limits.day},
    )
    head = None if disk.anchor is None else (disk.anchor.seq, disk.anchor.hash)
    told: dict[str, Any] = ledger(truth.venue, "")
    seen_there = [entry for entry in told["requests"] if entry["arrival"] not in truth.unseen]
    told["requests"] = seen_there + truth.at_front
    seen = Evidence(read_views(truth.ledger), told, given, head)
    for sentence in violations(seen):
        truth.violated("checker", sentence)


def check_audit(truth: Truth, anchor: Anchor | None) -> None:
    """Recompute the audit's chain, and compare its end with what was written down apart from it."""
    previous, head = "0" * 64, None
    for row in truth.ledger.execute("SELECT seq, prev_hash, payload, hash FROM v_audit ORDER BY seq"):
        if row["prev_hash"] != previous:
            truth.violated("I16", f"audit line {row['seq']} does not follow the one before it")
            return
        previous, head = row["hash"], row["seq"]
        if "changed outside" in row["payload"]:
            truth.violated("I8", f"nobody else moves money here, yet the audit says: {row['payload'][:200]}")
    if anchor is not None and head is not None and (anchor.seq, anchor.hash) != (head, previous):
        truth.violated("I16", f"the audit ends at {head}, its anchor says {anchor.seq}")
