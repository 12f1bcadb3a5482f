"""Fills: unique by (trade id, order id), amounts fixed, settlement only forward; and what a day has cost."""

import sqlite3
from collections.abc import Sequence

from engine.domain.events import PastFills
from engine.domain.ids import ConditionId, EventId, OrderId, TokenId, TradeId
from engine.domain.market import Side
from engine.domain.order import Fill, Settlement
from engine.domain.units import Ms, Size, Usdc
from storage.db import SqlValue, Transaction

DAY_MS = 24 * 3600 * 1000

# A fill that comes again is no surprise: streams and reads overlap. Only one not final can still move.
_SAVE = """
INSERT INTO fills (trade_id, order_id, token_id, side, size, cash, fee, settlement, matched_ms)
VALUES (:trade_id, :order_id, :token_id, :side, :size, :cash, :fee, :settlement, :matched_ms)
ON CONFLICT (trade_id, order_id) DO UPDATE SET settlement = excluded.settlement
WHERE settlement NOT IN ('confirmed', 'failed') AND excluded.settlement NOT IN (settlement, 'matched')
"""
_LOAD = """
SELECT f.* FROM fills AS f JOIN orders AS o USING (order_id) JOIN intents AS i USING (intent_key)
WHERE i.ticket_id IN (SELECT value FROM json_each(?)) ORDER BY f.seq
"""
DAY_SUMS = """
SELECT count(*) AS fills, coalesce(sum(CASE side WHEN 'BUY' THEN cash ELSE 0 END + fee), 0) AS spent
FROM fills WHERE settlement <> 'failed' AND matched_ms >= :day AND matched_ms < :day + :length
"""
"""Fills of one UTC day, failed ones left out, and what they cost: purchases and every fee, micro-dollars."""
# Every leg of an event of which anything was filled: a set is complete only with all of them.
_PAST = """
WITH legs AS (
    SELECT c.plan_fingerprint AS fingerprint, i.condition_id, i.token_id,
        coalesce(sum(CASE f.side WHEN 'BUY' THEN f.size END), 0) AS bought,
        coalesce(sum(CASE f.side WHEN 'SELL' THEN f.size END), 0) AS sold,
        coalesce(sum(CASE f.side WHEN 'BUY' THEN f.cash ELSE -f.cash END + f.fee), 0) AS cost
    FROM intents AS i
    JOIN confirms AS c ON c.ticket_id = i.ticket_id
    JOIN orders AS o USING (intent_key)
    LEFT JOIN fills AS f ON f.order_id = o.order_id AND f.settlement = 'confirmed'
    WHERE i.ticket_id NOT IN (SELECT value FROM json_each(?))
    GROUP BY c.plan_fingerprint, i.token_id
)
SELECT p.event_id, max(json_extract(p.payload, '$[1].code')) AS code, legs.condition_id, legs.token_id,
    sum(legs.bought) AS bought, sum(legs.sold) AS sold, sum(legs.cost) AS cost
FROM legs JOIN plans AS p ON p.fingerprint = legs.fingerprint
GROUP BY p.event_id, legs.token_id
HAVING p.event_id IN (
    SELECT q.event_id FROM legs AS l JOIN plans AS q ON q.fingerprint = l.fingerprint
    WHERE l.bought > 0 OR l.sold > 0)
ORDER BY p.event_id, legs.token_id
"""
_PAST_SPENT = """
SELECT coalesce(sum(CASE f.side WHEN 'BUY' THEN f.cash ELSE 0 END + f.fee), 0) AS spent
FROM fills AS f JOIN orders AS o USING (order_id) JOIN intents AS i USING (intent_key)
WHERE f.settlement <> 'failed' AND f.matched_ms >= :day AND f.matched_ms < :day + :length
    AND i.ticket_id NOT IN (SELECT value FROM json_each(:loaded))
"""


async def save_fills(transaction: Transaction, fills: Sequence[Fill]) -> None:
    """Insert new fills and advance the settlement of known ones; other amounts than stored are refused."""
    await transaction.run_many(_SAVE, [fill_row(fill) for fill in fills])


async def load_fills(transaction: Transaction, ticket_ids: str) -> tuple[Fill, ...]:
    """Return the fills of these tickets (a JSON array of ids), oldest first."""
    return tuple(fill_of(row) for row in await transaction.rows(_LOAD, (ticket_ids,)))


async def load_past(transaction: Transaction, loaded: str) -> tuple[PastFills, ...]:
    """Return what the confirmed fills of all tickets but these (a JSON array of ids) come to, by token."""
    return tuple(
        PastFills(
            event_id=EventId(row["event_id"]),
            code=row["code"],
            condition_id=ConditionId(row["condition_id"]),
            token_id=TokenId(row["token_id"]),
            bought=Size(row["bought"]),
            sold=Size(row["sold"]),
            cost=Usdc(row["cost"]),
        )
        for row in await transaction.rows(_PAST, (loaded,))
    )


async def load_past_spent(transaction: Transaction, loaded: str, at_ms: Ms) -> Usdc:
    """Return what this UTC day's purchases and fees of all tickets but these have cost."""
    row = await transaction.row(_PAST_SPENT, day_of(at_ms) | {"loaded": loaded})
    assert row is not None, "a sum always has a row"
    return Usdc(row["spent"])


def day_of(at_ms: Ms) -> dict[str, SqlValue]:
    """Return the parameters of `DAY_SUMS` for the UTC day that holds `at_ms`."""
    return {"day": at_ms - at_ms % DAY_MS, "length": DAY_MS}


def fill_row(fill: Fill) -> dict[str, SqlValue]:
    """Return the columns of a fill."""
    return {
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "token_id": fill.token_id,
        "side": fill.side.value,
        "size": fill.size,
        "cash": fill.cash,
        "fee": fill.fee,
        "settlement": fill.settlement.value,
        "matched_ms": fill.matched_ms,
    }


def fill_of(row: sqlite3.Row) -> Fill:
    """Return the fill of a row."""
    return Fill(
        trade_id=TradeId(row["trade_id"]),
        order_id=OrderId(row["order_id"]),
        token_id=TokenId(row["token_id"]),
        side=Side(row["side"]),
        size=row["size"],
        cash=row["cash"],
        fee=row["fee"],
        settlement=Settlement(row["settlement"]),
        matched_ms=row["matched_ms"],
    )
