"""I16 and I19: the audit's chain, a row for each request, the moves of an order's state (reliability C)."""

import hashlib
import json
from collections import Counter
from itertools import pairwise

from tests.checker.evidence import Evidence, Row

GENESIS = "0" * 64
JUDGED = {"accepted", "refused", "duplicated"}
"""Outcomes that only an answer of the exchange can give."""
OPEN = ("unknown", "live", "delayed", "partial", "pending_cancel")
ENDS = ("filled", "cancelled", "expired", "killed", "rejected", "dead")
MOVES: dict[str, tuple[str, ...]] = {
    "sending": (*OPEN, *ENDS),
    "unknown": ("live", "delayed", "partial", "pending_cancel", *ENDS),
    "delayed": ("live", "partial", "pending_cancel", "unknown", *ENDS),
    "live": ("partial", "pending_cancel", "unknown", *ENDS),
    "partial": ("pending_cancel", "unknown", *ENDS),
    "pending_cancel": ("unknown", "partial", *ENDS),
    # Late evidence: what was thought over is found to rest or to have traded (reliability B 14, 15).
    "cancelled": ("filled", "partial", "live"),
    "expired": ("filled", "partial", "live"),
    "killed": ("filled", "partial", "live"),
    "rejected": ("filled", "partial", "live", "killed"),
    "dead": ("filled", "partial", "live", "killed"),
    "filled": (),
}
"""Reliability E2 by hand: forwards only; an unanswered cancel makes a fate unknown; a fill comes last."""


def audit_complete(seen: Evidence) -> list[str]:
    """I16: the chain is whole up to its anchor, and every request that changes something has its row."""
    return [*_chain(seen), *_posts(seen), *_cancels(seen)]


def _chain(seen: Evidence) -> list[str]:
    number, head, hashes = 0, GENESIS, {}
    for row in sorted(seen.rows("v_audit"), key=lambda row: row["seq"]):
        number += 1
        text = f"{row['seq']}\n{head}\n{row['payload']}"
        fits = (row["seq"], row["prev_hash"]) == (number, head)
        if not fits or row["hash"] != hashlib.sha256(text.encode()).hexdigest():
            return [f"audit line {number} does not follow from the line before"]
        head = hashes[number] = row["hash"]
    if seen.anchor is not None and seen.anchor[0]:
        seq, digest = seen.anchor
        if seq > number:
            return [f"the audit ends at line {number}, its anchor names line {seq}"]
        if hashes[seq] != digest:
            return [f"audit line {seq} is another one than its anchor names"]
    return []


def _posts(seen: Evidence) -> list[str]:
    """Every arrival has an attempt (I1), and every attempt that was judged has arrived."""
    found = []
    for order_id, attempts in seen.attempts.items():
        judged = sum(1 for row in attempts if row["outcome"] in JUDGED)
        arrived = len(seen.arrivals.get(order_id, []))
        if judged > arrived:
            found.append(f"{order_id} was judged {judged} times and arrived {arrived} times")
    answered = {row["request_id"] for row in seen.rows("v_request") if row["kind"] == "orders"}
    missing = {row["request_id"] for row in seen.rows("v_attempt") if row["request_id"]} - answered
    return found + [f"request {name} has no row of the exec audit" for name in sorted(missing)]


def _cancels(seen: Evidence) -> list[str]:
    """Every cancel that arrived has a row, unless the desk died before it was written; and vice versa."""
    told: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for row in seen.rows("v_request"):
        if row["kind"] in ("cancel", "cancel_all", "cancel_market"):
            names = json.loads(row["order_ids"]) if row["kind"] == "cancel" else [row["kind"]]
            told.update(names)
            if row["outcome"] == "answered":
                answered.update(names)
    came: Counter[str] = Counter()
    excused: Counter[str] = Counter()
    for entry in seen.requests:
        if entry["method"] == "DELETE":
            names = _named(entry)
            came.update(names)
            if _cut_off(seen, entry.get("arrived_ms", entry["at_ms"])):
                excused.update(names)
    found = [
        f"{times} cancels of {name} arrived, {told[name]} have a row of the exec audit"
        for name, times in came.items()
        if times - excused[name] > told[name]
    ]
    return found + [
        f"{times} cancels of {name} were answered, {came[name]} arrived"
        for name, times in answered.items()
        if times > came[name]
    ]


def _named(entry: Row) -> list[str]:
    """What one cancel names: ids, or all of something."""
    if entry["path"] in ("/order", "/orders"):
        return [leg["order"] for leg in entry["legs"] if leg["order"]]
    return ["cancel_market" if entry["path"] == "/cancel-market-orders" else "cancel_all"]


def _cut_off(seen: Evidence, at_ms: int) -> bool:
    """Tell whether the desk died, could not write, or the record ends, so soon that a row may be missing."""
    leases = sorted(seen.rows("v_lease"), key=lambda row: row["epoch"])
    ends = [later["acquired_ms"] for row, later in pairwise(leases) if not row["stopped_ms"]]
    if not (leases and leases[-1]["stopped_ms"]) and not seen.given.at_rest:
        ends.append(seen.exchange.get("now_ms", at_ms))
    slack, write = seen.given.slack_ms, seen.given.write_ms
    unwritable = any(since - write <= at_ms <= until + slack for since, until in seen.given.unwritable)
    return unwritable or any(at_ms - slack <= end <= at_ms + write for end in ends)


def legal_moves(seen: Evidence) -> list[str]:
    """I19: every stored state follows from the one stored before it."""
    found = []
    last: dict[str, str] = {}
    for row in sorted(seen.rows("v_step"), key=lambda row: row["seq"]):
        order_id, state = row["order_id"], row["state"]
        before = last.get(order_id)
        if before is None:
            if state != "sending":
                found.append(f"{order_id} began as {state}")
        elif state not in MOVES[before]:
            found.append(f"{order_id} went from {before} to {state}")
        last[order_id] = state
    found += [
        f"{order_id} is {row['state']}, its last step says {last[order_id]}"
        for order_id, row in seen.orders.items()
        if order_id in last and last[order_id] != row["state"]
    ]
    return found
