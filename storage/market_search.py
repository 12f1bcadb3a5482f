"""Markets of the stored catalogue by whatever a person calls them. Reads only; finds delisted ones, too."""

import sqlite3

from engine.domain.catalogue import NamedMarket
from engine.domain.ids import ConditionId, TokenId

FOUND_MAX = 200
"""More than the largest event has children (128 seen)."""
_FIND = """
SELECT m.condition_id, y.token_id AS yes, n.token_id AS no, m.question, e.title, e.code
FROM markets AS m
JOIN events AS e USING (event_id)
JOIN outcomes AS y ON y.condition_id = m.condition_id AND y.answer = 'YES'
JOIN outcomes AS n ON n.condition_id = m.condition_id AND n.answer = 'NO'
WHERE {where}
ORDER BY e.last_read DESC, e.code, m.position
LIMIT :most
"""
# From the surest name to the loosest; the first that finds something is taken.
_NAMES = (
    "m.condition_id = lower(:what)",
    "m.condition_id = (SELECT condition_id FROM outcomes WHERE token_id = :what)",
    "e.code = lower(:what)",
    "e.event_id = :what",
    "e.slug = lower(:what)",
    "m.question = :what COLLATE NOCASE",
    "instr(lower(m.question), lower(:what)) > 0",
)


def find_markets(market: sqlite3.Connection, what: str) -> tuple[NamedMarket, ...]:
    """Return what `what` names: a condition, token, event code, event id, event slug, question or part of it.

    At most 200, newest read first; empty if nothing is called so.
    """
    for where in _NAMES:
        rows = market.execute(_FIND.format(where=where), {"what": what, "most": FOUND_MAX}).fetchall()
        if rows:
            return tuple(
                NamedMarket(
                    condition_id=ConditionId(row["condition_id"]),
                    yes=TokenId(row["yes"]),
                    no=TokenId(row["no"]),
                    question=row["question"],
                    event=row["title"],
                    code=row["code"],
                )
                for row in rows
            )
    return ()
