"""The catalogue's raw JSON as values, before trading terms are known (protocol 7). Pure.

Read raw because the official client drops `negRiskOther` and the neg-risk ids. An event with one child that
cannot be read is skipped whole, with a named reason: a set without that child would look complete.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

import msgspec

from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.units import Price, Size
from engine.venue.strict_json import OddAnswer, condition_id, decode, scaled_number, token_id


class SkipReason(Enum):
    """Why an event is not offered at all; the value is a label and never changes its meaning."""

    MALFORMED_EVENT = "malformed_event"
    MALFORMED_MARKET = "malformed_market"
    NO_MARKETS = "no_markets"
    NOT_BINARY = "not_binary"
    PROTOCOL_VERSION = "protocol_version"
    NO_CLOB_MARKET = "no_clob_market"
    MALFORMED_TERMS = "malformed_terms"
    SOURCES_DISAGREE = "sources_disagree"
    """Gamma and CLOB name different tokens or exchanges for one market (reliability B 64)."""


@dataclass(frozen=True, slots=True)
class SkippedEvent:
    """One event left out, and why."""

    event_id: str
    slug: str
    reason: SkipReason
    detail: str


class SkipError(ValueError):
    """Raised by readers of one event's parts; carries the reason to the reader of the whole."""

    def __init__(self, reason: SkipReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class GammaMarket:
    """One child as the catalogue tells it. Status flags that are absent count against trading."""

    condition_id: ConditionId
    question_id: str
    question: str
    name: str
    rules_text: str
    resolution_source: str
    end_date: str
    yes: TokenId
    no: TokenId
    neg_risk: bool
    neg_risk_id: str
    is_other: bool
    tick: Price
    min_size: Size
    active: bool
    closed: bool
    accepting: bool
    delayed: bool
    charges_fee: bool
    resolution_status: str

    @property
    def wants_terms(self) -> bool:
        """Tell whether the CLOB need be asked: a child that takes no orders has no terms that matter."""
        return self.active and not self.closed and self.accepting


@dataclass(frozen=True, slots=True)
class GammaEvent:
    """One event with all its children."""

    event_id: EventId
    slug: str
    title: str
    rules_text: str
    resolution_source: str
    end_date: str
    neg_risk: bool
    augmented: bool
    neg_risk_id: str
    markets: tuple[GammaMarket, ...]


@dataclass(frozen=True, slots=True)
class EventsPage:
    """One page of the catalogue; `cursor` is None on the last."""

    events: tuple[GammaEvent | SkippedEvent, ...]
    cursor: str | None


class _PageShape(msgspec.Struct, frozen=True):
    events: list[msgspec.Raw]
    next_cursor: str | None = None


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    slug: str
    title: str
    markets: list[msgspec.Raw]
    description: str | None = None
    resolution_source: str | None = None
    end_date: str | None = None
    active: bool = False
    closed: bool = False
    neg_risk: bool | None = None
    enable_neg_risk: bool | None = None
    neg_risk_augmented: bool | None = None
    neg_risk_id: str | None = msgspec.field(default=None, name="negRiskMarketID")


class _Market(msgspec.Struct, frozen=True, rename="camel"):
    condition_id: str
    outcomes: str
    clob_token_ids: str
    question: str
    order_price_min_tick_size: Decimal
    order_min_size: Decimal
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
    uma_resolution_status: str | None = None


def read_events_page(raw: bytes) -> EventsPage:
    """Return one page of /events/keyset; raises OddAnswer when the page itself cannot be read."""
    page = decode(raw, _PageShape)
    return EventsPage(tuple(_read_event(event) for event in page.events), page.next_cursor or None)


def _read_event(raw: msgspec.Raw) -> GammaEvent | SkippedEvent:
    try:
        event = decode(raw, _Event)
    except OddAnswer as error:
        return SkippedEvent("", "", SkipReason.MALFORMED_EVENT, str(error))
    try:
        return _event(event)
    except SkipError as skip:
        return SkippedEvent(event.id, event.slug, skip.reason, str(skip))


def _event(event: _Event) -> GammaEvent:
    if not event.markets:
        raise SkipError(SkipReason.NO_MARKETS, "expected at least one market, found none")
    markets = tuple(_read_market(raw, event) for raw in event.markets)
    if len({token for market in markets for token in (market.yes, market.no)}) != 2 * len(markets):
        raise SkipError(SkipReason.MALFORMED_MARKET, "expected every token once in an event, found one twice")
    return GammaEvent(
        event_id=EventId(event.id),
        slug=event.slug,
        title=event.title,
        rules_text=event.description or "",
        resolution_source=event.resolution_source or "",
        end_date=event.end_date or "",
        neg_risk=bool(event.neg_risk or event.enable_neg_risk),
        augmented=bool(event.neg_risk_augmented),
        neg_risk_id=event.neg_risk_id or "",
        markets=markets,
    )


def _read_market(raw: msgspec.Raw, event: _Event) -> GammaMarket:
    try:
        return _market(decode(raw, _Market), event)
    except OddAnswer as error:
        raise SkipError(SkipReason.MALFORMED_MARKET, str(error)) from error


def _market(market: _Market, event: _Event) -> GammaMarket:
    if market.version not in (None, "v1"):
        raise SkipError(SkipReason.PROTOCOL_VERSION, f"expected a v1 market, was {market.version}")
    outcomes = decode(market.outcomes.encode(), list[str])
    tokens = decode(market.clob_token_ids.encode(), list[str])
    if len(outcomes) != 2 or len(tokens) != 2:
        raise SkipError(SkipReason.NOT_BINARY, f"expected two outcomes and two tokens, found {outcomes}")
    return GammaMarket(
        condition_id=condition_id(market.condition_id),
        question_id=market.question_id or "",
        question=market.question,
        name=market.group_item_title or market.question,
        rules_text=market.description or "",
        resolution_source=market.resolution_source or "",
        end_date=market.end_date or "",
        yes=token_id(tokens[0]),
        no=token_id(tokens[1]),
        neg_risk=bool(market.neg_risk),
        neg_risk_id=market.neg_risk_id or "",
        is_other=bool(market.neg_risk_other),
        tick=Price(scaled_number(market.order_price_min_tick_size, 4)),
        min_size=Size(scaled_number(market.order_min_size, 6)),
        active=market.active and event.active,
        closed=market.closed or event.closed or bool(market.archived),
        accepting=bool(market.accepting_orders) and bool(market.enable_order_book),
        delayed=bool(market.seconds_delay),
        charges_fee=bool(market.fees_enabled),
        resolution_status=market.uma_resolution_status or "",
    )
