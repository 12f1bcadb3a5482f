"""Tickets: one row each, moved by a conditional update that decides a press once; and consumed Sends.

This module does not know which moves are legal: `engine.core` does.
"""

import sqlite3
from dataclasses import dataclass

from engine.domain.ids import PlanId, TicketId, UserId
from engine.domain.ticket import Claim, Operator, Role, Ticket, TicketKind, TicketState
from engine.domain.units import LOT, Ms
from storage.codec import (
    decode_auto,
    decode_plan,
    decode_spread,
    encode_auto,
    encode_plan,
    encode_spread,
)
from storage.db import SqlValue, Transaction

KEPT_MS = 24 * 3600 * 1000
"""Ended tickets stay in the desk's memory this long: the watch on dead orders (reliability E2)."""

_INSERT = """
INSERT INTO tickets (
    ticket_id, kind, state, version, owner_id, owner_name, owner_role, chat_id, message_id, plan, previous,
    wanted_sets, note, created_ms, rendered_ms, expires_ms, subject, auto, spread, updated_ms
) VALUES (
    :ticket_id, :kind, :state, :version, :owner_id, :owner_name, :owner_role, :chat_id, :message_id, :plan,
    :previous, :wanted_sets, :note, :created_ms, :rendered_ms, :expires_ms,
    :subject, :auto, :spread, :updated_ms
)
"""
_CHANGES = """
    state = :state, version = :version, message_id = :message_id, plan = :plan, previous = :previous,
    wanted_sets = :wanted_sets, note = :note, rendered_ms = :rendered_ms, expires_ms = :expires_ms,
    updated_ms = :updated_ms
"""
# Ticket ids are short and come again after some thousand tickets: a new ticket never takes an old one's row.
_UPSERT = f"""
{_INSERT} ON CONFLICT (ticket_id) DO UPDATE SET {_CHANGES}
WHERE created_ms = :created_ms AND owner_id = :owner_id AND kind = :kind
"""
_CLAIM = f"""
UPDATE tickets SET {_CHANGES}
WHERE ticket_id = :ticket_id AND state = :claimed_state AND version = :claimed_version
"""  # noqa: S608 - composed of constants of this module; every value is bound
_CONFIRM = """
INSERT INTO confirms (
    ticket_id, version, user_id, user_name, user_role, chat_id, message_id, plan_id, plan_fingerprint,
    armed_until_ms, at_ms
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_LOAD = """
SELECT t.* FROM tickets AS t
WHERE t.ticket_id IN (
    SELECT ticket_id FROM tickets
    WHERE state IN ('dry', 'confirm', 'sending', 'broken')
        OR (state IN ('missed', 'done') AND updated_ms >= :kept_since
            AND NOT (kind = 'quote' AND state = 'missed'))
    UNION
    SELECT ticket_id FROM tickets
    WHERE state IN ('missed', 'done') AND kind = 'repair'
        AND updated_ms >= (SELECT min(created_ms) FROM tickets WHERE state = 'broken')
        AND EXISTS (
            SELECT 1 FROM tickets AS b
            WHERE b.state = 'broken' AND instr(tickets.subject || ' ', ' ' || b.ticket_id || ' ') > 0)
    UNION
    SELECT i.ticket_id FROM orders AS o JOIN intents AS i USING (intent_key) WHERE o.is_final = 0
    UNION
    SELECT i.ticket_id FROM orders AS o JOIN intents AS i USING (intent_key)
    WHERE o.ended_ms >= :kept_since AND (o.ever_unknown = 1 OR o.state = 'dead')
    UNION
    SELECT i.ticket_id FROM orders AS o JOIN intents AS i USING (intent_key)
    WHERE o.filled >= :lot
        AND o.filled >= :lot + (SELECT coalesce(sum(f.size), 0) FROM fills AS f WHERE f.order_id = o.order_id)
    UNION
    SELECT i.ticket_id FROM fills AS f JOIN orders AS o USING (order_id) JOIN intents AS i USING (intent_key)
    WHERE f.settlement NOT IN ('confirmed', 'failed'))
ORDER BY t.created_ms, t.ticket_id
"""


@dataclass(frozen=True, slots=True)
class Confirm:
    """One consumed Send."""

    version: int
    """Of the card that was pressed; of a ticket without one, its own."""
    ticket: Ticket
    plan_id: PlanId
    plan_hash: str
    """SHA-256 of the plan's canonical text as it stood on the card."""
    armed_until_ms: Ms
    """When the card that was pressed would have expired."""
    at_ms: Ms


async def upsert_ticket(transaction: Transaction, ticket: Ticket, at_ms: Ms) -> bool:
    """Insert the ticket or update its row; False if the id belongs to another ticket."""
    return await transaction.run(_UPSERT, ticket_row(ticket, at_ms)) == 1


async def claim_ticket(transaction: Transaction, claim: Claim, ticket: Ticket, at_ms: Ms) -> bool:
    """Update the row only if it still stands as claimed; False, with nothing changed, otherwise."""
    assert claim.ticket_id == ticket.ticket_id, (
        f"expected a claim on {ticket.ticket_id}, was {claim.ticket_id}"
    )
    claimed: dict[str, SqlValue] = {
        "claimed_state": claim.state.value,
        "claimed_version": claim.version,
    }
    return await transaction.run(_CLAIM, ticket_row(ticket, at_ms) | claimed) == 1


async def armed_until(transaction: Transaction, claim: Claim) -> Ms | None:
    """Return when the card that `claim` names would have expired; None if the row no longer stands so."""
    row = await transaction.row(
        "SELECT expires_ms FROM tickets WHERE ticket_id = ? AND state = ? AND version = ?",
        (claim.ticket_id, claim.state.value, claim.version),
    )
    return None if row is None else Ms(row["expires_ms"])


async def insert_confirm(transaction: Transaction, confirm: Confirm) -> None:
    """Record who consumed which card for which plan; once per ticket for ever."""
    ticket = confirm.ticket
    await transaction.run(
        _CONFIRM,
        (
            ticket.ticket_id,
            confirm.version,
            ticket.owner.user_id,
            ticket.owner.name,
            ticket.owner.role.value,
            ticket.chat_id,
            ticket.message_id,
            confirm.plan_id,
            confirm.plan_hash,
            confirm.armed_until_ms,
            confirm.at_ms,
        ),
    )


async def load_tickets(transaction: Transaction, at_ms: Ms) -> tuple[Ticket, ...]:
    """Return every ticket that can still change; what the others hold is told as sums.

    Those are open and sending ones, broken ones however old with the repairs they had, those ended in the
    last 24 h (but for quotes that bought nothing, which are thousands), and those with an order that may
    still execute, is watched as a tombstone, or has matched shares that were not read back (a lot or more)
    or are not settled.
    """
    rows = await transaction.rows(_LOAD, {"kept_since": at_ms - KEPT_MS, "lot": LOT})
    return tuple(ticket_of(row) for row in rows)


def ticket_row(ticket: Ticket, updated_ms: Ms) -> dict[str, SqlValue]:
    """Return the columns of a ticket."""
    return {
        "ticket_id": ticket.ticket_id,
        "kind": ticket.kind.value,
        "state": ticket.state.value,
        "version": ticket.version,
        "owner_id": ticket.owner.user_id,
        "owner_name": ticket.owner.name,
        "owner_role": ticket.owner.role.value,
        "chat_id": ticket.chat_id,
        "message_id": ticket.message_id,
        "plan": None if ticket.plan is None else encode_plan(ticket.plan),
        "previous": None if ticket.previous is None else encode_plan(ticket.previous),
        "wanted_sets": ticket.wanted_sets,
        "note": ticket.note,
        "created_ms": ticket.created_ms,
        "rendered_ms": ticket.rendered_ms,
        "expires_ms": ticket.expires_ms,
        "subject": ticket.subject,
        "auto": None if ticket.auto is None else encode_auto(ticket.auto),
        "spread": None if ticket.spread is None else encode_spread(ticket.spread),
        "updated_ms": updated_ms,
    }


def ticket_of(row: sqlite3.Row) -> Ticket:
    """Return the ticket of a row."""
    return Ticket(
        ticket_id=TicketId(row["ticket_id"]),
        kind=TicketKind(row["kind"]),
        owner=Operator(UserId(row["owner_id"]), row["owner_name"], Role(row["owner_role"])),
        chat_id=row["chat_id"],
        state=TicketState(row["state"]),
        version=row["version"],
        plan=None if row["plan"] is None else decode_plan(row["plan"]),
        previous=None if row["previous"] is None else decode_plan(row["previous"]),
        wanted_sets=row["wanted_sets"],
        note=row["note"],
        created_ms=row["created_ms"],
        rendered_ms=row["rendered_ms"],
        expires_ms=row["expires_ms"],
        message_id=row["message_id"],
        subject=row["subject"],
        auto=None if row["auto"] is None else decode_auto(row["auto"]),
        spread=None if row["spread"] is None else decode_spread(row["spread"]),
    )
