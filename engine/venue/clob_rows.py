"""Markets as the order service lists them: pages of /markets, and /markets/{condition} (protocol 5.1). Pure.

Asked only for what the listing lacks. The list holds every market there ever was, so a row that cannot be
read is counted and left alone: it stands for nothing but itself.
"""

from dataclasses import dataclass
from decimal import Decimal

import msgspec

from engine.domain.ids import ConditionId, TokenId
from engine.venue.strict_json import OddAnswer, condition_id, decode, token_id

FIRST_CURSOR, LAST_CURSOR = "MA==", "LTE="
"""Base64 of 0 and of -1: where the list begins, and what the last page names as next."""


@dataclass(frozen=True, slots=True)
class ClobRow:
    """One market of the order service, with what the listing may lack."""

    condition_id: ConditionId
    question_id: str
    """Lower case; empty if not told."""
    slug: str
    question: str
    outcomes: tuple[str, ...]
    tokens: tuple[TokenId, ...]
    neg_risk: bool | None
    tick: Decimal | None
    min_size: Decimal | None


@dataclass(frozen=True, slots=True)
class ClobPage:
    """One page; `cursor` is None on the last, `odd` counts rows that could not be read."""

    rows: tuple[ClobRow, ...]
    odd: int
    cursor: str | None


class _Page(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw]
    next_cursor: str


class _Token(msgspec.Struct, frozen=True):
    token_id: str
    outcome: str


class _Row(msgspec.Struct, frozen=True):
    condition_id: str
    tokens: list[_Token]
    question_id: str | None = None
    question: str | None = None
    market_slug: str | None = None
    neg_risk: bool | None = None
    minimum_tick_size: Decimal | None = None
    minimum_order_size: Decimal | None = None


def read_clob_page(raw: bytes) -> ClobPage:
    """Return one page of /markets; raises OddAnswer when the page itself cannot be read."""
    page = decode(raw, _Page)
    rows: list[ClobRow] = []
    odd = 0
    for part in page.data:
        try:
            rows.append(read_clob_row(part))
        except OddAnswer:  # a market of the past without ids is nobody's loss; the count is reported
            odd += 1
    cursor = page.next_cursor
    return ClobPage(tuple(rows), odd, None if cursor in ("", LAST_CURSOR) else cursor)


def read_clob_row(raw: bytes | msgspec.Raw) -> ClobRow:
    """Return one market of the long form; raises OddAnswer."""
    row = decode(raw, _Row)
    return ClobRow(
        condition_id=condition_id(row.condition_id),
        question_id=(row.question_id or "").lower(),
        slug=row.market_slug or "",
        question=row.question or row.market_slug or "",
        outcomes=tuple(token.outcome for token in row.tokens),
        tokens=tuple(token_id(token.token_id) for token in row.tokens),
        neg_risk=row.neg_risk,
        tick=row.minimum_tick_size,
        min_size=row.minimum_order_size,
    )
