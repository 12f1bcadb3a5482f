"""Acts on chain: one row each, written before anything is submitted, moved forward as more is learned.

The file itself refuses a change of what was intended and a second end. What a stage means is the core's
business.
"""

import sqlite3

from engine.domain.chain_act import ActKind, ActStage, ChainAct
from engine.domain.ids import ConditionId, EventId, TicketId, TokenId
from engine.domain.units import Ms, Size, Usdc
from storage.db import SqlValue, Transaction

_SAVE = """
INSERT INTO chain_acts (
    act_id, kind, ticket_id, event_id, code, name, condition_id, yes, no, yes_size, no_size, payout,
    yes_beyond, no_beyond, stage, reference, reason, created_ms, ended_ms
) VALUES (
    :act_id, :kind, :ticket_id, :event_id, :code, :name, :condition_id, :yes, :no, :yes_size, :no_size,
    :payout, :yes_beyond, :no_beyond, :stage, :reference, :reason, :created_ms, :ended_ms
) ON CONFLICT (act_id) DO UPDATE SET
    stage = :stage, reference = :reference, reason = :reason, ended_ms = :ended_ms
"""
_LOAD = "SELECT * FROM chain_acts WHERE stage <> 'failed' ORDER BY seq"


async def save_act(transaction: Transaction, act: ChainAct) -> None:
    """Insert an act, or store how far a known one has come."""
    await transaction.run(_SAVE, _row(act))


async def load_acts(transaction: Transaction) -> tuple[ChainAct, ...]:
    """Return every act but those that had no effect, oldest first."""
    return tuple(_act_of(row) for row in await transaction.rows(_LOAD))


def _row(act: ChainAct) -> dict[str, SqlValue]:
    return {
        "act_id": act.act_id,
        "kind": act.kind.value,
        "ticket_id": act.ticket_id,
        "event_id": act.event_id,
        "code": act.code,
        "name": act.name,
        "condition_id": act.condition_id,
        "yes": act.yes,
        "no": act.no,
        "yes_size": act.yes_size,
        "no_size": act.no_size,
        "payout": act.payout,
        "yes_beyond": act.yes_beyond,
        "no_beyond": act.no_beyond,
        "stage": act.stage.value,
        "reference": act.reference,
        "reason": act.reason,
        "created_ms": act.created_ms,
        "ended_ms": act.ended_ms,
    }


def _act_of(row: sqlite3.Row) -> ChainAct:
    return ChainAct(
        act_id=row["act_id"],
        kind=ActKind(row["kind"]),
        ticket_id=None if row["ticket_id"] is None else TicketId(row["ticket_id"]),
        event_id=EventId(row["event_id"]),
        code=row["code"],
        name=row["name"],
        condition_id=ConditionId(row["condition_id"]),
        yes=TokenId(row["yes"]),
        no=TokenId(row["no"]),
        yes_size=Size(row["yes_size"]),
        no_size=Size(row["no_size"]),
        payout=Usdc(row["payout"]),
        yes_beyond=row["yes_beyond"],
        no_beyond=row["no_beyond"],
        stage=ActStage(row["stage"]),
        reference=row["reference"],
        reason=row["reason"],
        created_ms=Ms(row["created_ms"]),
        ended_ms=None if row["ended_ms"] is None else Ms(row["ended_ms"]),
    )
