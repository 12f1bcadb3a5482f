"""I1 to I6, I12, I15 and I17: what was sent, in what order, and what rests (reliability C)."""

import json
from collections import defaultdict
from itertools import pairwise

from tests.checker.evidence import DUST, Evidence, Row, few

RESTING = {"live", "partial", "delayed", "pending_cancel"}
UNSURE = {"sending", "unknown"}


def durable_first(seen: Evidence) -> list[str]:
    """I1: the n-th arrival of an id at the exchange has n attempts committed before it."""
    found = []
    for order_id, arrivals in seen.arrivals.items():
        committed = sorted(row["at_ms"] for row in seen.attempts.get(order_id, []))
        if len(committed) < len(arrivals):
            found.append(
                f"{order_id} arrived {len(arrivals)} times, {len(committed)} attempts were committed"
            )
            continue
        for number, (arrived_ms, _) in enumerate(sorted(arrivals)):
            if committed[number] > arrived_ms + seen.given.slack_ms:
                found.append(
                    f"{order_id} arrived at {arrived_ms}, attempt {number + 1} is of {committed[number]}"
                )
    traded = {order["id"] for order in seen.venue_orders} - set(seen.attempts)
    if traded:
        found.append(f"without any attempt: {few(traded)}")
    return found


def one_order_per_leg(seen: Evidence) -> list[str]:
    """I2: of one leg at most one order can execute at any time."""
    legs: defaultdict[tuple[str, str, int], list[Row]] = defaultdict(list)
    for order in seen.venue_orders:
        ours = seen.orders.get(order["id"])
        if ours is not None:
            legs[ours["ticket_id"], ours["plan_id"], ours["leg"]].append(order)
    found = []
    for leg, orders in legs.items():
        orders.sort(key=lambda order: order["placed_ms"])
        for before, after in pairwise(orders):
            if before["ended_ms"] is None or before["ended_ms"] > after["placed_ms"]:
                found.append(f"leg {leg}: {after['id']} was placed while {before['id']} could execute")
    return found


def same_bytes(seen: Evidence) -> list[str]:
    """I3: all sends of an id have the same bytes, and they are those that were stored."""
    found = []
    for order_id in seen.attempts.keys() | seen.arrivals.keys():
        stored = {row["body_sha256"] for row in seen.attempts.get(order_id, [])}
        arrived = {digest for _, digest in seen.arrivals.get(order_id, []) if digest}
        if len(stored) > 1 or len(arrived) > 1:
            found.append(f"{order_id} was sent with {max(len(stored), len(arrived))} different bodies")
        elif stored and arrived and stored != arrived:
            found.append(f"{order_id} arrived with other bytes than were stored")
    return found


def within_authority(seen: Evidence) -> list[str]:
    """I4: a leg trades no more than its first order was authorised for."""
    authorised = {
        (row["ticket_id"], row["plan_id"], row["leg"]): row["size"]
        for row in seen.rows("v_intent")
        if row["generation"] == 0
    }
    traded: defaultdict[tuple[str, str, int], int] = defaultdict(int)
    for trade in seen.venue_trades:
        ours = seen.orders.get(trade["order"])
        if ours is not None:
            traded[ours["ticket_id"], ours["plan_id"], ours["leg"]] += trade["size"]
    return [
        f"leg {leg} traded {size}, authorised were {authorised.get(leg, 0)}"
        for leg, size in traded.items()
        if size > authorised.get(leg, 0) + DUST
    ]


def accounted_for(seen: Evidence) -> list[str]:
    """I5: the ledger knows every order of ours at the exchange."""
    lost = {order["id"] for order in seen.venue_orders} - set(seen.orders)
    return [f"the exchange has orders the ledger does not know: {few(lost)}"] if lost else []


def no_phantom(seen: Evidence) -> list[str]:
    """I6: at rest the same orders are open on both sides, and no fate is unknown."""
    if not seen.given.at_rest:
        return []
    ours = {name for name, row in seen.orders.items() if row["state"] in RESTING}
    theirs = {order["id"] for order in seen.venue_orders if order["ended_ms"] is None}
    unsure = {name for name, row in seen.orders.items() if row["state"] in UNSURE}
    found = []
    if ours - theirs:
        found.append(f"open in the ledger alone: {few(ours - theirs)}")
    if theirs - ours - unsure:
        found.append(f"open at the exchange alone: {few(theirs - ours - unsure)}")
    if unsure:
        found.append(f"never proven: {few(unsure)}")
    return found


def dry_sends_nothing(seen: Evidence) -> list[str]:
    """I12: nothing changes at the exchange while cards are dry, nor by a ticket never confirmed."""
    found = []
    for entry in seen.requests:
        at_ms = entry.get("arrived_ms", entry["at_ms"])
        if entry["method"] in ("POST", "DELETE") and any(a <= at_ms <= b for a, b in seen.given.dry):
            found.append(f"request {entry['arrival']} {entry['method']} {entry['path']} in a dry run")
    confirmed = {row["ticket_id"] for row in seen.rows("v_confirm")}
    dry = {
        name
        for name in seen.arrivals
        if name in seen.orders and seen.orders[name]["ticket_id"] not in confirmed
    }
    if dry:
        found.append(f"sent without a confirmation: {few(dry)}")
    return found


def single_writer(seen: Evidence) -> list[str]:
    """I15: attempts carry epochs that never go back, and no epoch was used before it was taken."""
    leases = {row["epoch"]: row for row in seen.rows("v_lease")}
    found, newest = [], 0
    for row in sorted(seen.rows("v_attempt"), key=lambda row: row["commit_seq"]):
        epoch = row["epoch"]
        name = f"attempt {row['commit_seq']} of {row['order_id']}"
        if epoch is None:
            found.append(f"{name} has no epoch")
            continue
        if epoch < newest:
            found.append(f"{name} is of epoch {epoch}, after one of epoch {newest}")
        if epoch not in leases:
            found.append(f"{name} is of epoch {epoch}, which nobody took")
        elif row["at_ms"] + seen.given.slack_ms < leases[epoch]["acquired_ms"]:
            found.append(f"{name} is older than its epoch {epoch}")
        newest = max(newest, epoch)
    if sorted(leases) != list(range(1, len(leases) + 1)):
        found.append(f"epochs do not count up by one: {few(leases)}")
    return found


def fresh_books(seen: Evidence) -> list[str]:
    """I17: no attempt after its plan's book-age limit, and no plan on older books than the limit."""
    until = {
        row["intent_key"]: json.loads(row["payload"])[1]["resend_until_ms"] for row in seen.rows("v_intent")
    }
    plans = {row["ticket_id"]: json.loads(row["plan"])[1] for row in seen.rows("v_confirm")}
    # The further legs of a probe order leave on books of their own, which their own limit tells.
    books = {
        name: plan["books_ms"] for name, plan in plans.items() if plan.get("sequencing", "batch") == "batch"
    }
    found = []
    for order_id, attempts in seen.attempts.items():
        order = seen.orders.get(order_id)
        if order is None:
            continue
        limit = until.get(order["intent_key"])
        arrived = len(seen.arrivals.get(order_id, []))
        for attempt in attempts if limit is not None else ():
            # One that the last gate kept back, or that died with its desk before it left, sent nothing.
            left = attempt["outcome"] != "not_sent" and (attempt["outcome"] or attempt["number"] <= arrived)
            if left and attempt["at_ms"] > limit:
                found.append(
                    f"{order_id} was sent at {attempt['at_ms']}, its books allowed sends until {limit}"
                )
        age_ms, books_ms = seen.given.book_age_ms, books.get(order["ticket_id"])
        if age_ms is not None and books_ms is not None and attempts[0]["at_ms"] - books_ms > age_ms:
            found.append(f"{order_id} was sent on books {attempts[0]['at_ms'] - books_ms} ms old")
    return found
