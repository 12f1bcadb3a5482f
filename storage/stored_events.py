"""The stored catalogue as a backtest needs it: whole events by their tokens, and which rules were read.

Opens the files read-only (`storage.readonly`), beside a desk or without one.
"""

from collections.abc import Collection
from pathlib import Path

from engine.domain.ids import EventId, TokenId
from engine.domain.market import EventGroup
from storage.files import LEDGER_FILE, MARKET_FILE
from storage.readonly import reading
from storage.reviews import EVENT, MARKETS, NEWEST, event_of, review_of

_OF_ASSET = """
SELECT DISTINCT m.event_id FROM outcomes AS o JOIN markets AS m USING (condition_id) WHERE o.token_id = ?
"""
_CODES = "SELECT code FROM events ORDER BY code"


def read_events(folder: Path, tokens: Collection[TokenId]) -> tuple[EventGroup, ...]:
    """Return every stored event that one of `tokens` belongs to, by code; raises StoreError.

    Each as its newest read listed it, with all its markets.
    """
    with reading(folder / MARKET_FILE) as market:
        found: dict[str, EventGroup] = {}
        for token in tokens:
            for (event_id,) in market.execute(_OF_ASSET, (token,)).fetchall():
                if event_id not in found:
                    row = market.execute(EVENT, (event_id,)).fetchone()
                    found[event_id] = event_of(row, market.execute(MARKETS, (event_id,)).fetchall())
    return tuple(sorted(found.values(), key=lambda event: event.code))


def read_codes(folder: Path) -> tuple[str, ...]:
    """Return the code of every event ever stored; raises StoreError."""
    with reading(folder / MARKET_FILE) as market:
        return tuple(row["code"] for row in market.execute(_CODES).fetchall())


def read_reviewed(folder: Path) -> dict[EventId, str]:
    """Return the rules hash that somebody has read last, by event; empty without a ledger; raises StoreError.

    Reviews that stand for an entry of the TOML are left out: they count while the entry stands there.
    """
    if not (folder / LEDGER_FILE).exists():
        return {}
    with reading(folder / LEDGER_FILE) as ledger:
        if ledger.execute("SELECT 1 FROM sqlite_schema WHERE name = 'reviews'").fetchone() is None:
            return {}
        reviews = [review_of(row) for row in ledger.execute(NEWEST).fetchall()]
    return {review.event_id: review.rules_hash for review in reviews if not review.is_config}
