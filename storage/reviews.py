"""Reviews of rules, the freezes they lift, and the rules of an event as the catalogue last held them.

Reviews and freezes live in the ledger; an event's texts in `market.db`, whose rows are turned back into the
very text that its rules hash is made of. Whether a review is due is the core's business.
"""

import sqlite3
from collections.abc import Sequence

from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, EventId, TokenId, UserId
from engine.domain.market import EventGroup, Market, Terms
from engine.domain.review import Review, RulesFreeze
from engine.domain.units import Ms, Price, Size
from storage.db import Transaction

_INSERT = """
INSERT INTO reviews (event_id, rules_hash, rules, user_id, who, at_ms) VALUES (?, ?, ?, ?, ?, ?)
"""
_FREEZE = """
INSERT INTO rules_freezes (event_id, rules_hash, reason, at_ms, after_review)
VALUES (:event_id, :rules_hash, :reason, :at_ms, coalesce((SELECT max(seq) FROM reviews), 0))
ON CONFLICT (event_id) DO UPDATE SET
    rules_hash = :rules_hash, reason = :reason, at_ms = :at_ms, after_review = excluded.after_review
"""
# The newest of all, and the newest that stands for an entry of the TOML.
NEWEST = """
SELECT event_id, rules, user_id, who, at_ms FROM reviews
WHERE seq IN (SELECT max(seq) FROM reviews GROUP BY event_id)
    OR seq IN (SELECT max(seq) FROM reviews WHERE user_id IS NULL AND who = 'config' GROUP BY event_id)
ORDER BY seq
"""
NEWEST_OF = """
SELECT event_id, rules, user_id, who, at_ms FROM reviews WHERE event_id = ? ORDER BY seq DESC LIMIT 1
"""
FREEZES = "SELECT event_id, rules_hash, reason FROM rules_freezes ORDER BY event_id"
FREEZE_OF = "SELECT event_id, rules_hash, reason FROM rules_freezes WHERE event_id = ?"
EVENT = "SELECT * FROM events WHERE event_id = ?"
EVENT_BY_CODE = "SELECT * FROM events WHERE code = ?"
# A market that the event's newest read no longer listed stays behind under an older read.
MARKETS = """
SELECT m.*, y.token_id AS yes, n.token_id AS no FROM markets AS m
JOIN events AS e ON e.event_id = m.event_id AND e.last_read = m.last_read
JOIN outcomes AS y ON y.condition_id = m.condition_id AND y.answer = 'YES'
JOIN outcomes AS n ON n.condition_id = m.condition_id AND n.answer = 'NO'
WHERE m.event_id = ? ORDER BY m.position
"""


async def insert_review(transaction: Transaction, review: Review) -> None:
    """Store a review and lift its event's rules freeze."""
    row = (review.event_id, review.rules_hash, review.rules, review.user_id, review.who, review.at_ms)
    await transaction.run(_INSERT, row)
    await transaction.run("DELETE FROM rules_freezes WHERE event_id = ?", (review.event_id,))


async def record_rules_freeze(transaction: Transaction, freeze: RulesFreeze, at_ms: Ms) -> None:
    """Store that an event waits for a review; a newer change replaces the freeze."""
    row = {"event_id": freeze.event_id, "rules_hash": freeze.rules_hash, "reason": freeze.reason}
    await transaction.run(_FREEZE, row | {"at_ms": at_ms})


async def load_reviews(transaction: Transaction) -> tuple[Review, ...]:
    """Return each event's newest review and its newest one by the TOML, oldest first."""
    return tuple(review_of(row) for row in await transaction.rows(NEWEST))


async def load_rules_freezes(transaction: Transaction) -> tuple[RulesFreeze, ...]:
    """Return every event that waits for a review."""
    return tuple(freeze_of(row) for row in await transaction.rows(FREEZES))


async def load_event(transaction: Transaction, event_id: EventId) -> EventGroup | None:
    """Return an event as the catalogue last held it, from `market.db`; None if it never did."""
    row = await transaction.row(EVENT, (event_id,))
    return None if row is None else event_of(row, await transaction.rows(MARKETS, (event_id,)))


def review_of(row: sqlite3.Row) -> Review:
    """Return the review of a row."""
    user_id = None if row["user_id"] is None else UserId(row["user_id"])
    return Review(EventId(row["event_id"]), row["rules"], user_id, row["who"], Ms(row["at_ms"]))


def freeze_of(row: sqlite3.Row) -> RulesFreeze:
    """Return the freeze of a row."""
    return RulesFreeze(EventId(row["event_id"]), row["rules_hash"], row["reason"])


def event_of(row: sqlite3.Row, markets: Sequence[sqlite3.Row]) -> EventGroup:
    """Return the event of its row and the rows of its markets."""
    return EventGroup(
        event_id=EventId(row["event_id"]),
        code=row["code"],
        slug=row["slug"],
        title=row["title"],
        rules_text=row["rules_text"],
        resolution_source=row["resolution_source"],
        end_date=row["end_date"],
        neg_risk=bool(row["neg_risk"]),
        augmented=bool(row["augmented"]),
        neg_risk_id=row["neg_risk_id"],
        markets=tuple(_market_of(market) for market in markets),
    )


def _market_of(row: sqlite3.Row) -> Market:
    return Market(
        condition_id=ConditionId(row["condition_id"]),
        question_id=row["question_id"],
        question=row["question"],
        name=row["name"],
        rules_text=row["rules_text"],
        resolution_source=row["resolution_source"],
        end_date=row["end_date"],
        yes=TokenId(row["yes"]),
        no=TokenId(row["no"]),
        neg_risk=bool(row["neg_risk"]),
        neg_risk_id=row["neg_risk_id"],
        is_other=bool(row["is_other"]),
        terms=_terms_of(row),
    )


def _terms_of(row: sqlite3.Row) -> Terms:
    fee = None if row["fee_rate"] is None else FeeCurve(row["fee_rate"], row["fee_exponent"])
    return Terms(
        tick=Price(row["tick"]),
        min_size=Size(row["min_size"]),
        fee=fee,
        active=bool(row["active"]),
        closed=bool(row["closed"]),
        accepting=bool(row["accepting"]),
        taker_delay=bool(row["taker_delay"]),
        resolution_status=row["resolution_status"],
    )
