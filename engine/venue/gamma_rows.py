"""Rows of the listing as the wire has them, and their ids under every name they go by (protocol 7). Pure.

Other mirrors of the listing, and older answers, name the same thing differently; a value told twice must be
told alike. What is absent stays absent: nothing here is made up.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import msgspec

from engine.domain.catalogue import SkipReason
from engine.domain.ids import ConditionId, TokenId
from engine.venue.strict_json import OddAnswer, condition_id, decode, token_id

Texts = str | list[str] | None
"""A list of texts, plain or as JSON inside a string."""


class SkipError(ValueError):
    """Raised by readers of one event's parts; carries the reason to the reader of the whole."""

    def __init__(self, reason: SkipReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class EventRow(msgspec.Struct, frozen=True, rename="camel"):
    """One event of the listing."""

    id: str
    slug: str
    markets: list[msgspec.Raw]
    title: str | None = None
    description: str | None = None
    resolution_source: str | None = None
    end_date: str | None = None
    active: bool = False
    closed: bool = False
    neg_risk: bool | None = None
    enable_neg_risk: bool | None = None
    neg_risk_augmented: bool | None = None
    neg_risk_id: str | None = msgspec.field(default=None, name="negRiskMarketID")


class TokenRow(msgspec.Struct, frozen=True):
    """One element of `tokens`."""

    token_id: str | None = None
    outcome_id: str | None = None
    outcome: str | None = None


class MarketRow(msgspec.Struct, frozen=True, rename="camel"):
    """One child of the listing. Absent status flags count against trading."""

    condition: str | None = msgspec.field(default=None, name="conditionId")
    condition_snake: str | None = msgspec.field(default=None, name="condition_id")
    id: str | int | None = None
    market_id: str | int | None = msgspec.field(default=None, name="market_id")
    market: str | int | None = None
    outcomes: Texts = None
    clob_token_ids: Texts = None
    outcome_prices: Texts = None
    tokens: list[TokenRow] | None = None
    question: str | None = None
    name: str | None = None
    slug: str | None = None
    order_price_min_tick_size: Decimal | None = None
    order_min_size: Decimal | None = None
    question_id: str | None = msgspec.field(default=None, name="questionID")
    group_item_title: str | None = None
    description: str | None = None
    resolution_source: str | None = None
    end_date: str | None = None
    version: str | None = None
    active: bool = False
    closed: bool = False
    archived: bool | None = None
    accepting_orders: bool | None = None
    enable_order_book: bool | None = None
    neg_risk: bool | None = None
    neg_risk_id: str | None = msgspec.field(default=None, name="negRiskMarketID")
    neg_risk_other: bool | None = None
    seconds_delay: Decimal | None = None
    fees_enabled: bool | None = None
    fee_schedule: msgspec.Raw = msgspec.Raw()
    rewards_min_size: msgspec.Raw = msgspec.Raw()
    rewards_max_spread: msgspec.Raw = msgspec.Raw()
    clob_rewards: msgspec.Raw = msgspec.Raw()
    uma_resolution_status: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one market from all others; None where the row does not tell it."""

    condition_id: ConditionId | None
    outcomes: tuple[str, ...] | None
    tokens: tuple[TokenId, ...] | None


def identity_of(row: MarketRow) -> Identity:
    """Return the ids of a row.

    Raises OddAnswer for what is malformed or told in two ways, SkipError for a market without two outcomes.
    """
    outcomes, tokens = _texts(row.outcomes), _texts(row.clob_token_ids)
    if row.tokens:
        outcomes, tokens = _with_token_rows(row.tokens, outcomes, tokens)
    for told in (outcomes, tokens):
        if told is not None and len(told) != 2:
            raise SkipError(SkipReason.NOT_BINARY, f"expected two outcomes and two tokens, found {told}")
    return Identity(
        condition_id=_condition(row),
        outcomes=outcomes,
        tokens=None if tokens is None else tuple(token_id(token) for token in tokens),
    )


def winner_of(row: MarketRow) -> str:
    """Return YES or NO if the market is closed and resolved to that outcome, else nothing.

    A resolved market is listed with the prices that its outcomes pay; anything but a whole dollar for one of
    them, as a 50-50 answer, has no winner.
    """
    if not row.closed or row.uma_resolution_status != "resolved":
        return ""
    try:
        paid = tuple(Decimal(price) for price in _texts(row.outcome_prices) or ())
    except InvalidOperation:
        return ""
    one, nothing = Decimal(1), Decimal(0)
    return "YES" if paid == (one, nothing) else "NO" if paid == (nothing, one) else ""


def title_of(row: MarketRow) -> str:
    """Return the question, or what stands for it; raises OddAnswer when the row has no words at all."""
    title = row.question or row.name or row.slug
    if not title:
        raise OddAnswer("expected a question, a name or a slug, found none")
    return title


def _condition(row: MarketRow) -> ConditionId | None:
    """Return the condition id; `id`, `market_id` and `market` may also hold a record's number."""
    told = [text for text in (row.condition_snake, row.condition) if text]
    loose = (row.id, row.market_id, row.market)
    told += [text for text in loose if isinstance(text, str) and text.startswith("0x")]
    found = {condition_id(text) for text in told}
    if len(found) > 1:
        raise OddAnswer(f"expected one condition id, found {sorted(found)} under different names")
    return found.pop() if found else None


def _texts(value: Texts) -> tuple[str, ...] | None:
    listed = decode(value.encode(), list[str]) if isinstance(value, str) and value else value
    return tuple(listed) if listed else None


def _with_token_rows(
    rows: list[TokenRow], outcomes: tuple[str, ...] | None, tokens: tuple[str, ...] | None
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return outcomes and tokens with what `tokens` tells, put in the order of the outcomes."""
    ids = tuple(row.token_id or row.outcome_id or "" for row in rows)
    names = tuple(row.outcome or "" for row in rows)
    if outcomes is not None and all(names):
        if sorted(names) != sorted(outcomes) or len(set(names)) != len(names):
            raise OddAnswer(f"expected tokens for {outcomes}, found them for {names}")
        ids = tuple(ids[names.index(outcome)] for outcome in outcomes)
    named = outcomes or (names if all(names) else None)
    if not all(ids):
        return named, tokens
    if tokens is not None and tokens != ids:
        raise OddAnswer("expected the same tokens in clobTokenIds and tokens, found different ones")
    return named, ids
