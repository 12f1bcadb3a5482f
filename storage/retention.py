"""Old market history taken out of `market.db`; which rows are old, `engine.domain.history` says.

One token and one age at a time, a few tokens per transaction: books that wait to be stored get their turn in
between. The file does not shrink: freed pages are used again (docs/operator-guide.md, "Market history").
"""

import sqlite3
from collections.abc import AsyncGenerator, Sequence

from engine.domain.history import READS_MS, Pruned, thinned_spans
from engine.domain.units import Ms
from storage.db import Database, SqlValue

TOKENS_PER_COMMIT = 10
"""A day of books at one a minute is 14,000 rows: a batch that waits behind them waits half a second."""

# Jumps from token to token in the index; DISTINCT would read every row of it.
TOKENS = """
WITH RECURSIVE tokens (token_id) AS (
    SELECT min(token_id) FROM book_snapshots
    UNION ALL
    SELECT (SELECT min(s.token_id) FROM book_snapshots AS s WHERE s.token_id > tokens.token_id) FROM tokens
    WHERE token_id IS NOT NULL
)
SELECT token_id FROM tokens WHERE token_id IS NOT NULL
"""
_SURPLUS = """
FROM book_snapshots AS late
WHERE late.token_id = :token_id AND late.received_ms >= :since_ms AND late.received_ms < :until_ms
    AND EXISTS (
        SELECT 1 FROM book_snapshots AS first
        WHERE first.token_id = :token_id AND first.received_ms < late.received_ms
            AND first.received_ms >= late.received_ms / :every_ms * :every_ms)
"""
_DELETE_SURPLUS = f"DELETE FROM book_snapshots WHERE snapshot_id IN (SELECT late.snapshot_id {_SURPLUS})"  # noqa: S608 - composed of constants of this module; every value is bound
_COUNT_SURPLUS = f"SELECT count(*) {_SURPLUS}"
_OLD_READS = """
FROM catalogue_reads
WHERE at_ms < ? AND read_id NOT IN (SELECT last_read FROM events UNION SELECT last_read FROM markets)
"""
_DELETE_READS = f"DELETE {_OLD_READS}"
_COUNT_READS = f"SELECT count(*) {_OLD_READS}"


async def prune(market: Database, now_ms: Ms) -> AsyncGenerator[Pruned, None]:
    """Take out what the rule does not keep; tells after every commit what it took, and may be left there.

    Raises StoreError; what was told before stays done.
    """
    async with market.transaction() as transaction:
        reads = await transaction.run(_DELETE_READS, (now_ms - READS_MS,))
        tokens = [row["token_id"] for row in await transaction.rows(TOKENS)]
    yield Pruned(catalogue_reads=reads)
    for start in range(0, len(tokens), TOKENS_PER_COMMIT):
        removed = 0
        async with market.transaction() as transaction:
            for span in _spans(tokens[start : start + TOKENS_PER_COMMIT], now_ms):
                removed += await transaction.run(_DELETE_SURPLUS, span)
        yield Pruned(snapshots=removed)


def count_old(market: sqlite3.Connection, now_ms: Ms) -> Pruned:
    """Count what `prune` would take out; reads only."""
    (reads,) = market.execute(_COUNT_READS, (now_ms - READS_MS,)).fetchone()
    tokens = [row["token_id"] for row in market.execute(TOKENS)]
    counts = (market.execute(_COUNT_SURPLUS, span).fetchone()[0] for span in _spans(tokens, now_ms))
    return Pruned(snapshots=sum(counts), catalogue_reads=reads)


def _spans(tokens: Sequence[str], now_ms: Ms) -> list[dict[str, SqlValue]]:
    return [
        {
            "token_id": token,
            "since_ms": span.since_ms,
            "until_ms": span.until_ms,
            "every_ms": span.every_ms,
        }
        for token in tokens
        for span in thinned_spans(now_ms)
    ]
