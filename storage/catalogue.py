"""Events, markets and outcomes as last read, how their terms changed, and the short codes people type.

An event keeps its code for ever, listed or not. Lives in `market.db`: losing it costs one catalogue read
and nothing else than the codes. This module decides nothing about eligibility.
"""

from collections.abc import Sequence

from engine.domain.ids import EventId
from engine.domain.market import EventGroup, Market, rules_hash, terms_hash
from engine.domain.units import Ms
from storage.db import SqlValue, Transaction

_INSERT_READ = "INSERT INTO catalogue_reads (at_ms, events, markets) VALUES (?, ?, ?) RETURNING read_id"
# The code is not among what an update changes: the first one stays.
_SAVE_EVENT = """
INSERT INTO events (
    event_id, code, slug, title, rules_text, resolution_source, end_date, neg_risk, augmented, neg_risk_id,
    rules_hash, terms_hash, last_read
) VALUES (
    :event_id, :code, :slug, :title, :rules_text, :resolution_source, :end_date, :neg_risk, :augmented,
    :neg_risk_id, :rules_hash, :terms_hash, :last_read
)
ON CONFLICT (event_id) DO UPDATE SET
    slug = :slug, title = :title, rules_text = :rules_text, resolution_source = :resolution_source,
    end_date = :end_date, neg_risk = :neg_risk, augmented = :augmented, neg_risk_id = :neg_risk_id,
    rules_hash = :rules_hash, terms_hash = :terms_hash, last_read = :last_read
"""
_SAVE_MARKET = """
INSERT INTO markets (
    condition_id, event_id, position, question_id, question, name, rules_text, resolution_source, end_date,
    neg_risk, neg_risk_id, is_other, tick, min_size, fee_rate, fee_exponent, active, closed, accepting,
    taker_delay, resolution_status, last_read
) VALUES (
    :condition_id, :event_id, :position, :question_id, :question, :name, :rules_text, :resolution_source,
    :end_date, :neg_risk, :neg_risk_id, :is_other, :tick, :min_size, :fee_rate, :fee_exponent, :active,
    :closed, :accepting, :taker_delay, :resolution_status, :last_read
)
ON CONFLICT (condition_id) DO UPDATE SET
    event_id = :event_id, position = :position, question_id = :question_id, question = :question,
    name = :name, rules_text = :rules_text, resolution_source = :resolution_source, end_date = :end_date,
    neg_risk = :neg_risk, neg_risk_id = :neg_risk_id, is_other = :is_other, tick = :tick,
    min_size = :min_size, fee_rate = :fee_rate, fee_exponent = :fee_exponent, active = :active,
    closed = :closed, accepting = :accepting, taker_delay = :taker_delay,
    resolution_status = :resolution_status, last_read = :last_read
"""
_SAVE_OUTCOME = """
INSERT INTO outcomes (token_id, condition_id, answer) VALUES (?, ?, ?)
ON CONFLICT (condition_id, answer) DO UPDATE SET token_id = excluded.token_id
"""
# One statement for all markets: whatever is not as its newest row says gets a new one.
_SAVE_STATUS = """
INSERT INTO market_status (
    condition_id, at_ms, listed, active, closed, accepting, taker_delay, resolution_status, tick, min_size,
    fee_rate, fee_exponent, terms_hash
)
SELECT m.condition_id, :at_ms, m.last_read = :read_id, m.active, m.closed, m.accepting, m.taker_delay,
    m.resolution_status, m.tick, m.min_size, m.fee_rate, m.fee_exponent, e.terms_hash
FROM markets AS m
JOIN events AS e USING (event_id)
LEFT JOIN market_status AS s ON s.status_id = (
    SELECT max(newest.status_id) FROM market_status AS newest WHERE newest.condition_id = m.condition_id)
WHERE s.status_id IS NULL OR (
    m.last_read = :read_id, m.active, m.closed, m.accepting, m.taker_delay, m.resolution_status, m.tick,
    m.min_size, m.fee_rate, m.fee_exponent
) IS NOT (
    s.listed, s.active, s.closed, s.accepting, s.taker_delay, s.resolution_status, s.tick, s.min_size,
    s.fee_rate, s.fee_exponent
)
ORDER BY m.rowid
"""


async def save_read(transaction: Transaction, events: Sequence[EventGroup], at_ms: Ms) -> None:
    """Store one whole read; what it does not list stays behind under an older read, marked as not listed.

    Rows and hashes are made on the database's thread: 20,000 markets must not hold up the loop.
    """
    markets = [(event, place, market) for event in events for place, market in enumerate(event.markets)]
    read = await transaction.row(_INSERT_READ, (at_ms, len(events), len(markets)))
    assert read is not None, "expected the database to return the new row's number"
    read_id = read["read_id"]
    await transaction.run_many(_SAVE_EVENT, (_event_row(event, read_id) for event in events))
    await transaction.run_many(
        _SAVE_MARKET, (_market_row(market, event, place, read_id) for event, place, market in markets)
    )
    await transaction.run_many(
        _SAVE_OUTCOME,
        (
            (token, market.condition_id, answer)
            for _, _, market in markets
            for answer, token in (("YES", market.yes), ("NO", market.no))
        ),
    )
    await transaction.run(_SAVE_STATUS, {"at_ms": at_ms, "read_id": read_id})


async def load_codes(transaction: Transaction) -> dict[EventId, str]:
    """Return the code of every event ever listed."""
    rows = await transaction.rows("SELECT event_id, code FROM events")
    return {EventId(row["event_id"]): row["code"] for row in rows}


def _event_row(event: EventGroup, read_id: int) -> dict[str, SqlValue]:
    return {
        "event_id": event.event_id,
        "code": event.code,
        "slug": event.slug,
        "title": event.title,
        "rules_text": event.rules_text,
        "resolution_source": event.resolution_source,
        "end_date": event.end_date,
        "neg_risk": event.neg_risk,
        "augmented": event.augmented,
        "neg_risk_id": event.neg_risk_id,
        "rules_hash": rules_hash(event),
        "terms_hash": terms_hash(event),
        "last_read": read_id,
    }


def _market_row(market: Market, event: EventGroup, position: int, read_id: int) -> dict[str, SqlValue]:
    terms = market.terms
    return {
        "condition_id": market.condition_id,
        "event_id": event.event_id,
        "position": position,
        "question_id": market.question_id,
        "question": market.question,
        "name": market.name,
        "rules_text": market.rules_text,
        "resolution_source": market.resolution_source,
        "end_date": market.end_date,
        "neg_risk": market.neg_risk,
        "neg_risk_id": market.neg_risk_id,
        "is_other": market.is_other,
        "tick": terms.tick,
        "min_size": terms.min_size,
        "fee_rate": None if terms.fee is None else terms.fee.rate,
        "fee_exponent": None if terms.fee is None else terms.fee.exponent,
        "active": terms.active,
        "closed": terms.closed,
        "accepting": terms.accepting,
        "taker_delay": terms.taker_delay,
        "resolution_status": terms.resolution_status,
        "last_read": read_id,
    }
