"""I7, I8, I9 and I18: what was traded, settled, held and reserved (reliability C)."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import accumulate

from tests.checker.evidence import PRICE_ONE, Evidence, Row, few

FEE_STEP = 10
"""A fee is charged in steps of a hundredth of a milli-dollar a match; the reading may differ by one step."""
DAY_MS = 86_400_000
STATUSES = {
    "MATCHED": "matched",
    "MATCHED_NOT_BROADCASTED": "matched",
    "MINED": "mined",
    "RETRYING": "retrying",
    "CONFIRMED": "confirmed",
    "FAILED": "failed",
}


def fills_once(seen: Evidence) -> list[str]:
    """I7: each match is booked once with its own amounts, no settlement is ahead, at rest none behind."""
    theirs: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for trade in seen.venue_trades:
        theirs[trade["trade"], trade["order"]].append(trade)
    twice = [key for key, times in Counter(_key(f) for f in seen.rows("v_fill")).items() if times > 1]
    found = [f"booked more than once: {few(twice)}"] if twice else []
    for fill in seen.rows("v_fill"):
        matches = theirs.get(_key(fill))
        if matches is None:
            found.append(f"fill {_key(fill)} has no match at the exchange")
        else:
            found += _differences(fill, matches, at_rest=seen.given.at_rest)
    if seen.given.at_rest:
        missing = theirs.keys() - {_key(fill) for fill in seen.rows("v_fill")}
        if missing:
            found.append(f"matches that were never booked: {few(missing)}")
    return found


def _key(fill: Row) -> tuple[str, str]:
    return fill["trade_id"], fill["order_id"]


def _differences(fill: Row, matches: list[Row], *, at_rest: bool) -> Iterator[str]:
    name = f"fill {_key(fill)}"
    for column in ("size", "cash"):
        total = sum(match[column] for match in matches)
        if fill[column] != total:
            yield f"{name}: {column} is {fill[column]}, the exchange has {total}"
    fee = sum(match["fee"] for match in matches)
    if abs(fill["fee"] - fee) > FEE_STEP * len(matches):
        yield f"{name}: fee is {fill['fee']}, the exchange took {fee}"
    for column in ("token", "side"):
        ours = fill["token_id" if column == "token" else column]
        if {match[column] for match in matches} != {ours}:
            yield f"{name}: {column} is {ours}, the exchange has another"
    status = STATUSES[matches[0]["status"]]
    settlement = fill["settlement"]
    final = settlement in ("confirmed", "failed")
    if (final or (at_rest and status in ("confirmed", "failed"))) and settlement != status:
        yield f"{name} is {settlement}, at the exchange it is {status}"


def failures_undone_once(seen: Evidence) -> list[str]:
    """I8: a failed match gives back once what it had taken, no other does; at rest positions are equal."""
    failed = {_key(fill) for fill in seen.rows("v_fill") if fill["settlement"] == "failed"}
    undone = Counter(
        (row["trade_id"], row["order_id"]) for row in seen.rows("v_risk") if row["move"] == "undo"
    )
    spent = {(row["trade_id"], row["order_id"]) for row in seen.rows("v_risk") if row["move"] == "consume"}
    found = []
    if often := [key for key, times in undone.items() if times > 1]:
        found.append(f"undone more than once: {few(often)}")
    if wrongly := undone.keys() - failed:
        found.append(f"undone without having failed: {few(wrongly)}")
    if kept := (failed & spent) - undone.keys():
        found.append(f"failed and never undone: {few(kept)}")
    if seen.given.at_rest:
        ours: defaultdict[str, int] = defaultdict(int)
        theirs: defaultdict[str, int] = defaultdict(int)
        for fill in seen.rows("v_fill"):
            if fill["settlement"] == "confirmed":
                ours[fill["token_id"]] += _signed(fill)
        for trade in seen.venue_trades:
            if trade["status"] == "CONFIRMED":
                theirs[trade["token"]] += _signed(trade)
        found += [
            f"confirmed position of token {token} is {ours[token]}, by the exchange {theirs[token]}"
            for token in sorted(ours.keys() | theirs.keys())
            if ours[token] != theirs[token]
        ]
    return found


def _signed(row: Row) -> int:
    return int(row["size"]) if row["side"] == "BUY" else -int(row["size"])


def exposure_capped(seen: Evidence) -> list[str]:
    """I9: at no instant was more of ours at risk at the exchange than a cap, nor reserved than confirmed.

    What an order may still buy counts at its limit without fee, what it bought at what was paid.
    """
    confirmed = {row["ticket_id"]: row["spend_max"] for row in seen.rows("v_confirm")}
    events = {row["ticket_id"]: json.loads(row["plan"])[1]["event_id"] for row in seen.rows("v_confirm")}
    groups: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for order in seen.venue_orders:
        ours = seen.orders.get(order["id"])
        if ours is None or order["side"] != "BUY":
            continue
        moves = _moves(order, seen.matches.get(order["id"], []))
        for kind, name in (
            ("confirmed", ours["ticket_id"]),
            ("ticket", ours["ticket_id"]),
            ("order", order["id"]),
            ("market", ours["condition_id"]),
            ("event", events.get(ours["ticket_id"], "")),
            ("day", str(order["placed_ms"] // DAY_MS)),
            ("wallet", "all"),
        ):
            if kind == "confirmed" or kind in seen.given.caps:
                groups[kind, name] += moves
    found = []
    for (kind, name), moves in groups.items():
        limit = confirmed.get(name, 0) if kind == "confirmed" else seen.given.caps[kind]
        worst = _worst(moves)
        if worst > limit:
            about = "ticket" if kind == "confirmed" else kind
            found.append(f"{about} {name} had {worst} at risk, allowed were {limit}")
    return found + _over_reserved(seen, confirmed)


def _moves(order: Row, matches: list[Row]) -> list[tuple[int, int]]:
    """What an order puts at risk and gives back, each with the exchange's time."""
    left = order["size"] - sum(match["size"] for match in matches)
    moves = [(order["placed_ms"], _at_limit(order, order["size"]))]
    for match in matches:
        cost = match["cash"] + match["fee"]
        moves.append((match["matched_ms"], cost - _at_limit(order, match["size"])))
        moves += [(step["at_ms"], -cost) for step in match.get("steps", []) if step["status"] == "FAILED"]
    if order["ended_ms"] is not None:
        moves.append((order["ended_ms"], -_at_limit(order, max(0, left))))
    return moves


def _at_limit(order: Row, size: int) -> int:
    return int(order["price"] * size // PRICE_ONE)


def _worst(moves: list[tuple[int, int]]) -> int:
    """The largest sum at risk; what happens in one millisecond happens together."""
    by_time: defaultdict[int, int] = defaultdict(int)
    for at_ms, amount in moves:
        by_time[at_ms] += amount
    return max(accumulate(by_time[at_ms] for at_ms in sorted(by_time)))


def _over_reserved(seen: Evidence, confirmed: dict[str, int]) -> list[str]:
    """Tell which tickets reserved more collateral at once than their confirmation allows."""
    held: defaultdict[str, int] = defaultdict(int)
    most: defaultdict[str, int] = defaultdict(int)
    for row in sorted(seen.rows("v_risk"), key=lambda row: row["seq"]):
        order = seen.orders.get(row["order_id"])
        if row["asset"] == "USDC" and order is not None:
            ticket = order["ticket_id"]
            held[ticket] += {"reserve": 1, "release": -1}.get(row["move"], 0) * row["amount"]
            most[ticket] = max(most[ticket], held[ticket])
    return [
        f"ticket {ticket} reserved {amount}, confirmed were {confirmed.get(ticket, 0)}"
        for ticket, amount in most.items()
        if amount > confirmed.get(ticket, 0)
    ]


def reserves_conserved(seen: Evidence) -> list[str]:
    """I18: reserved = released + spent + open, never below zero; at rest nothing final holds a reserve."""
    found = []
    owed: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for fill in seen.rows("v_fill"):
        read[fill["order_id"]] += fill["size"]
        if fill["settlement"] != "failed":
            owed[fill["order_id"]] += fill["cash"] + fill["fee"] if fill["side"] == "BUY" else fill["size"]
    for order_id, moves in seen.risk.items():
        totals: Counter[str] = Counter()
        for row in moves:
            totals[row["move"]] += row["amount"]
            still_open = totals["reserve"] - totals["release"] - totals["consume"] + totals["undo"]
            if still_open < 0 or totals["undo"] > totals["consume"]:
                found.append(f"{order_id}: move {row['seq']} takes the reserve to {still_open}")
                break
        order = seen.orders.get(order_id)
        if len({row["asset"] for row in moves}) > 1:
            found.append(f"{order_id} is reserved in two assets")
        net = totals["consume"] - totals["undo"]
        if net != owed[order_id]:
            found.append(f"{order_id} spent {net} of its reserve, its fills cost {owed[order_id]}")
        held = totals["reserve"] - totals["release"] - net
        ended = order is not None and order["is_final"] and read[order_id] >= order["filled"]
        if seen.given.at_rest and ended and held:
            found.append(f"{order_id} has ended and still holds {held}")
    unreserved = set(seen.attempts) - set(seen.risk)
    if unreserved:
        found.append(f"sent without a reserve: {few(unreserved)}")
    return found
