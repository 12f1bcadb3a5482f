"""Plans, intents and orders: written once before anything is sent, then orders only move forward.

An intent key and an order id are used once for ever. This module signs and sends nothing.
"""

import sqlite3
from collections.abc import Sequence

from engine.domain.ids import OrderId
from engine.domain.order import OrderIntent, OrderRecord, OrderState
from engine.domain.plan import Plan
from engine.domain.units import Ms
from engine.ports import StoreError
from storage.codec import decode_intent, encode_intent, encode_plan, fingerprint
from storage.db import SqlValue, Transaction

_INSERT_PLAN = """
INSERT INTO plans (fingerprint, plan_id, event_id, kind, spend_max, payload, committed_ms)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO NOTHING
"""
_INSERT_INTENT = """
INSERT INTO intents (
    intent_key, fingerprint, plan_id, ticket_id, leg, generation, token_id, condition_id, side, price, size,
    time_in_force, expiration_s, payload
) VALUES (
    :intent_key, :fingerprint, :plan_id, :ticket_id, :leg, :generation, :token_id, :condition_id, :side,
    :price, :size, :time_in_force, :expiration_s, :payload
)
"""
_INSERT_ORDER = """
INSERT INTO orders (order_id, intent_key, state, filled, sends, last_send_ms, ever_unknown, reason)
VALUES (:order_id, :intent_key, :state, :filled, :sends, :last_send_ms, :ever_unknown, :reason)
"""
# What can only grow keeps its largest value: a record made before a re-send was committed must not undo it.
_UPDATE_ORDER = """
UPDATE orders SET
    state = :state, filled = max(filled, :filled), sends = max(sends, :sends),
    last_send_ms = max(last_send_ms, :last_send_ms), ever_unknown = max(ever_unknown, :ever_unknown),
    reason = :reason, ended_ms = CASE WHEN :is_final THEN coalesce(ended_ms, :now_ms) END
WHERE order_id = :order_id AND intent_key = :intent_key
"""
_LOAD = """
SELECT o.*, i.payload FROM orders AS o JOIN intents AS i USING (intent_key)
WHERE i.ticket_id IN (SELECT value FROM json_each(?)) ORDER BY o.seq
"""
_LOAD_ENDED = """
SELECT o.order_id, o.ended_ms FROM orders AS o JOIN intents AS i USING (intent_key)
WHERE o.ended_ms IS NOT NULL AND i.ticket_id IN (SELECT value FROM json_each(?)) ORDER BY o.seq
"""


async def insert_plan(transaction: Transaction, plan: Plan, at_ms: Ms) -> str:
    """Store a plan that is about to be sent and return its fingerprint."""
    text = encode_plan(plan)
    plan_hash = fingerprint(text)
    await transaction.run(
        _INSERT_PLAN,
        (plan_hash, plan.plan_id, plan.event_id, plan.kind.value, plan.spend_max, text, at_ms),
    )
    return plan_hash


async def insert_orders(transaction: Transaction, records: Sequence[OrderRecord]) -> None:
    """Store intents and orders together."""
    await transaction.run_many(_INSERT_INTENT, [_intent_row(record.intent) for record in records])
    await transaction.run_many(_INSERT_ORDER, [order_row(record) for record in records])


async def update_orders(transaction: Transaction, records: Sequence[OrderRecord], at_ms: Ms) -> None:
    """Bring orders up to what evidence says; raises StoreError for an order the ledger does not hold."""
    for record in records:
        moved: dict[str, SqlValue] = {"is_final": record.state.is_final, "now_ms": at_ms}
        if await transaction.run(_UPDATE_ORDER, order_row(record) | moved) != 1:
            raise StoreError(f"ledger.db: expected order {record.order_id}, found none; nothing was stored")


async def load_orders(transaction: Transaction, ticket_ids: str) -> tuple[OrderRecord, ...]:
    """Return the orders of these tickets (a JSON array of ids), oldest first."""
    return tuple(order_of(row) for row in await transaction.rows(_LOAD, (ticket_ids,)))


async def load_ended(transaction: Transaction, ticket_ids: str) -> tuple[tuple[OrderId, Ms], ...]:
    """Return since when those orders of these tickets have ended that did."""
    rows = await transaction.rows(_LOAD_ENDED, (ticket_ids,))
    return tuple((OrderId(row["order_id"]), Ms(row["ended_ms"])) for row in rows)


def order_row(record: OrderRecord) -> dict[str, SqlValue]:
    """Return the columns of an order."""
    return {
        "order_id": record.order_id,
        "intent_key": record.intent.key,
        "state": record.state.value,
        "filled": record.filled,
        "sends": record.sends,
        "last_send_ms": record.last_send_ms,
        "ever_unknown": record.ever_unknown,
        "reason": record.reason,
    }


def order_of(row: sqlite3.Row) -> OrderRecord:
    """Return the order of a row that carries its intent's payload."""
    return OrderRecord(
        order_id=OrderId(row["order_id"]),
        intent=decode_intent(row["payload"]),
        state=OrderState(row["state"]),
        filled=row["filled"],
        sends=row["sends"],
        last_send_ms=row["last_send_ms"],
        ever_unknown=bool(row["ever_unknown"]),
        reason=row["reason"],
    )


def _intent_row(intent: OrderIntent) -> dict[str, SqlValue]:
    text = encode_intent(intent)
    return {
        "intent_key": intent.key,
        "fingerprint": fingerprint(text),
        "plan_id": intent.plan_id,
        "ticket_id": intent.ticket_id,
        "leg": intent.leg,
        "generation": intent.generation,
        "token_id": intent.token_id,
        "condition_id": intent.condition_id,
        "side": intent.side.value,
        "price": intent.price,
        "size": intent.size,
        "time_in_force": intent.time_in_force.value,
        "expiration_s": intent.expiration_s,
        "payload": text,
    }
