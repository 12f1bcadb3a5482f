"""Reserves: what an order can still cost, kept by double entry beside the order itself.

Each row moves an amount between room, reserve and spent, so that always reserved = released + spent + what is
still open, and the file refuses a reserve below zero (reliability C, I18). A BUY reserves collateral at its
worst case, a SELL its shares. Nothing is decided here: after any change of an order or its fills `rebalance`
writes the moves that are missing, so a second call writes none.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.domain.fees import outlay_bound
from engine.domain.ids import OrderId
from engine.domain.market import Side, canonical_json
from engine.domain.order import OrderIntent, OrderRecord
from engine.domain.units import Ms, Size
from storage.codec import decode_intent
from storage.db import SqlValue, Transaction

COLLATERAL = "USDC"
"""The asset of a BUY; that of a SELL is its token."""

_INSERT = "INSERT INTO risk_moves (order_id, asset, move, amount, trade_id, at_ms) VALUES (?, ?, ?, ?, ?, ?)"
_ORDERS = """
SELECT o.order_id, o.is_final, o.filled, i.payload
FROM orders AS o JOIN intents AS i USING (intent_key)
WHERE o.order_id IN (SELECT value FROM json_each(?)) ORDER BY o.seq
"""
_FILLS = """
SELECT order_id, trade_id, size, cash, fee, settlement FROM fills
WHERE order_id IN (SELECT value FROM json_each(?)) ORDER BY seq
"""
_SPENT = """
SELECT order_id, trade_id,
    sum(CASE move WHEN 'reserve' THEN amount WHEN 'release' THEN -amount ELSE 0 END) AS held,
    sum(CASE move WHEN 'consume' THEN amount WHEN 'undo' THEN -amount ELSE 0 END) AS spent
FROM risk_moves WHERE order_id IN (SELECT value FROM json_each(?)) GROUP BY order_id, trade_id
"""


@dataclass(frozen=True, slots=True)
class _Booked:
    """One fill as it stands, and what was moved for it so far."""

    trade_id: str
    size: int
    due: int
    """What it costs in the order's asset; 0 once it was undone."""
    spent: int


async def reserve_first(transaction: Transaction, records: Sequence[OrderRecord], at_ms: Ms) -> None:
    """Reserve the worst case of new orders."""
    await transaction.run_many(
        _INSERT,
        [
            (o.order_id, asset_of(o.intent), "reserve", worst_case(o.intent, o.intent.size), None, at_ms)
            for o in records
        ],
    )


async def rebalance(transaction: Transaction, order_ids: Iterable[OrderId], at_ms: Ms) -> None:
    """Write what is missing until the reserves of these orders say what orders and fills say."""
    ids = canonical_json(list(dict.fromkeys(order_ids)))
    spent: defaultdict[str, dict[str, int]] = defaultdict(dict)
    reserve: defaultdict[str, int] = defaultdict(int)
    for row in await transaction.rows(_SPENT, (ids,)):
        reserve[row["order_id"]] += row["held"] - row["spent"]
        if row["trade_id"] is not None:
            spent[row["order_id"]][row["trade_id"]] = row["spent"]
    fills: defaultdict[str, list[_Booked]] = defaultdict(list)
    orders = await transaction.rows(_ORDERS, (ids,))
    intents = {row["order_id"]: decode_intent(row["payload"]) for row in orders}
    for row in await transaction.rows(_FILLS, (ids,)):
        buys = intents[row["order_id"]].side is Side.BUY
        due = 0 if row["settlement"] == "failed" else row["cash"] + row["fee"] if buys else row["size"]
        known = spent[row["order_id"]].get(row["trade_id"], 0)
        fills[row["order_id"]].append(_Booked(row["trade_id"], row["size"], due, known))
    moves: list[tuple[SqlValue, ...]] = []
    for row in orders:
        name = row["order_id"]
        intent, booked = intents[name], fills[name]
        unbooked = _unbooked(intent, booked, filled=row["filled"], is_final=bool(row["is_final"]))
        for move, amount, trade_id in _moves(booked, reserve[name], worst_case(intent, unbooked)):
            moves.append((name, asset_of(intent), move, amount, trade_id, at_ms))
    await transaction.run_many(_INSERT, moves)


def worst_case(intent: OrderIntent, size: Size) -> int:
    """Return what `size` of an order can take at most: dearest outlay of a BUY, the shares of a SELL."""
    return outlay_bound(intent.fee, intent.price, size) if intent.side is Side.BUY else size


def asset_of(intent: OrderIntent) -> str:
    """Return what the order's reserve is counted in."""
    return COLLATERAL if intent.side is Side.BUY else intent.token_id


def _unbooked(intent: OrderIntent, booked: Sequence[_Booked], *, filled: int, is_final: bool) -> Size:
    """Return the shares that may still trade, and those traded of which no fill was read yet."""
    read = sum(fill.size for fill in booked)
    reachable = filled if is_final else max(filled, intent.size)
    return Size(max(0, reachable - read))


def _moves(booked: Sequence[_Booked], reserve: int, wanted: int) -> list[tuple[str, int, str | None]]:
    """Return the moves that are missing: undone fills give back, new ones spend, the rest is set right.

    A fill beyond what is reserved, as one of an order taken for dead, reserves first.
    """
    moves: list[tuple[str, int, str | None]] = []
    for fill in booked:
        if fill.spent > fill.due:
            moves.append(("undo", fill.spent - fill.due, fill.trade_id))
            reserve += fill.spent - fill.due
    for fill in booked:
        due = fill.due - fill.spent
        if due <= 0:
            continue
        if due > reserve:
            moves.append(("reserve", due - reserve, None))
            reserve = due
        moves.append(("consume", due, fill.trade_id))
        reserve -= due
    if reserve > wanted:
        moves.append(("release", reserve - wanted, None))
    elif reserve < wanted:
        moves.append(("reserve", wanted - reserve, None))
    return moves
