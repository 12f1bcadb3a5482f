"""Signed bytes, attempts and requests: one row per send of an order, committed before it, answered once.

Bytes are stored once and only ever read back: nothing is signed again. This module judges no answer.
"""

import hashlib
from collections.abc import Sequence

from engine.domain.failure import LegAnswer
from engine.domain.ids import OrderId
from engine.domain.market import canonical_json
from engine.domain.units import Ms
from engine.ports import Attempt, PreparedOrder, RequestMade, StoreError, SubmitReport
from storage.codec import decode_intent
from storage.db import SqlValue, Transaction

TOMBSTONE_MS = 24 * 3600 * 1000
"""Ended orders are watched this long (reliability E2): until then their bytes can be compared."""

# The file refuses an epoch that is not the newest: a desk that was taken over stores nothing more.
_INSERT_ATTEMPT = "INSERT INTO attempts (order_id, number, body_sha256, at_ms, epoch) VALUES (?, ?, ?, ?, ?)"
_SENT_BEFORE = """
SELECT o.is_final, o.sends, s.body, i.payload
FROM orders AS o JOIN signed AS s USING (order_id) JOIN intents AS i USING (intent_key)
WHERE o.order_id = ?
"""
_COUNT_SEND = "UPDATE orders SET sends = ?, last_send_ms = max(last_send_ms, ?) WHERE order_id = ?"
_INSERT_REQUEST = """
INSERT INTO exec_audit (
    request_id, at_ms, orders, place_call_us, ack_latency_us, kind, order_ids, outcome, status, epoch
) VALUES (
    :request_id, :at_ms, :orders, :place_call_us, :ack_latency_us, :kind, :order_ids, :outcome, :status,
    :epoch
) RETURNING seq
"""
_ANSWER = """
UPDATE attempts SET
    outcome = :outcome, placed = :placed, filled = :filled, cash = :cash, trade_ids = :trade_ids,
    reason = :reason, foreign_id = :foreign_id, answered_ms = :answered_ms, exec_seq = :exec_seq
WHERE order_id = :order_id AND outcome IS NULL
    AND number = (SELECT max(number) FROM attempts WHERE order_id = :order_id)
"""


async def insert_first_sends(
    transaction: Transaction, prepared: Sequence[PreparedOrder], at_ms: Ms, epoch: int
) -> None:
    """Store the signed bytes of new orders and the attempt row of their first send.

    Raises StoreError if another desk has taken the ledger over since `epoch` was taken.
    """
    await transaction.run_many(
        "INSERT INTO signed (order_id, body) VALUES (?, ?)",
        [(order.order_id, order.body) for order in prepared],
    )
    firsts = [_attempt(order, number=1, at_ms=at_ms) for order in prepared]
    await _insert_attempts(transaction, firsts, epoch)


async def begin_resends(
    transaction: Transaction, order_ids: Sequence[OrderId], at_ms: Ms, epoch: int
) -> tuple[PreparedOrder, ...]:
    """Append an attempt for each order, count the send, and return the stored bytes, in the order asked.

    Raises StoreError for an order that is final, unknown, or was sent five times (design, section 7), and
    if another desk has taken the ledger over.
    """
    prepared: list[PreparedOrder] = []
    attempts: list[Attempt] = []
    for order_id in order_ids:
        row = await transaction.row(_SENT_BEFORE, (order_id,))
        if row is None or row["is_final"]:
            found = "none with signed bytes" if row is None else "one that has ended"
            raise StoreError(
                f"ledger.db: expected {order_id} as an open order, found {found}; nothing is sent"
            )
        order = PreparedOrder(order_id, decode_intent(row["payload"]), row["body"])
        number = row["sends"] + 1
        prepared.append(order)
        attempts.append(_attempt(order, number=number, at_ms=at_ms))
        await transaction.run(_COUNT_SEND, (number, at_ms, order_id))
    await _insert_attempts(transaction, attempts, epoch)
    return tuple(prepared)


async def finish(transaction: Transaction, report: SubmitReport, at_ms: Ms, epoch: int) -> None:
    """Record the POST with its timings, and on the newest attempt of each order what it was told.

    Raises StoreError if that attempt is missing or was answered before.
    """
    post = await transaction.row(
        _INSERT_REQUEST,
        {
            "request_id": report.request_id,
            "at_ms": at_ms,
            "orders": len(report.answers),
            "place_call_us": report.place_call_us,
            "ack_latency_us": report.ack_latency_us,
            "kind": "orders",
            "order_ids": canonical_json([answer.order_id for answer in report.answers]),
            "outcome": ",".join(sorted({answer.kind.value for answer in report.answers})),
            "status": report.status,
            "epoch": epoch,
        },
    )
    assert post is not None, "expected the database to return the new row's number"
    for answer in report.answers:
        if await transaction.run(_ANSWER, _answer_row(answer, at_ms, post["seq"])) != 1:
            raise StoreError(
                f"ledger.db: expected an unanswered attempt of {answer.order_id}, found none; "
                "nothing was stored"
            )


async def insert_request(transaction: Transaction, request: RequestMade, epoch: int) -> None:
    """Record a cancel or a heartbeat as it ended."""
    await transaction.row(  # a row comes back, and the commit waits until it was taken
        _INSERT_REQUEST,
        {
            "request_id": request.request_id,
            "at_ms": request.at_ms,
            "orders": len(request.order_ids),
            "place_call_us": request.call_us,
            "ack_latency_us": request.call_us,
            "kind": request.kind.value,
            "order_ids": canonical_json(request.order_ids),
            "outcome": request.outcome,
            "status": request.status,
            "epoch": epoch,
        },
    )


async def purge_signed(transaction: Transaction, at_ms: Ms) -> int:
    """Delete the signed bytes of orders that ended more than 24 h ago; return how many.

    An order has no expiry on the chain, so its bytes stay secret as long as they exist (reliability A14 P3).
    """
    return await transaction.run(
        "DELETE FROM signed WHERE order_id IN (SELECT order_id FROM orders WHERE ended_ms < ?)",
        (at_ms - TOMBSTONE_MS,),
    )


def _attempt(order: PreparedOrder, *, number: int, at_ms: Ms) -> Attempt:
    return Attempt(order.order_id, number, hashlib.sha256(order.body).hexdigest(), at_ms)


async def _insert_attempts(transaction: Transaction, attempts: Sequence[Attempt], epoch: int) -> None:
    await transaction.run_many(
        _INSERT_ATTEMPT, [(a.order_id, a.number, a.body_sha256, a.at_ms, epoch) for a in attempts]
    )


def _answer_row(answer: LegAnswer, at_ms: Ms, exec_seq: int) -> dict[str, SqlValue]:
    return {
        "order_id": answer.order_id,
        "outcome": answer.kind.value,
        "placed": None if answer.placed is None else answer.placed.value,
        "filled": answer.filled,
        "cash": answer.cash,
        "trade_ids": canonical_json(answer.trade_ids),
        "reason": answer.reason,
        "foreign_id": answer.foreign_id,
        "answered_ms": at_ms,
        "exec_seq": exec_seq,
    }
