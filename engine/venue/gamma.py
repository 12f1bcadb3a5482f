"""The catalogue's raw JSON as values, before trading terms are known (protocol 7). Pure.

Read raw because the official client drops `negRiskOther` and the neg-risk ids. An event with one child that
cannot be read is skipped whole, with a named reason: a set without that child would look complete. A child
that lacks an id is kept as `Lacking` until the order service has told it.
"""

from dataclasses import dataclass

import msgspec

from engine.domain.catalogue import SkippedEvent, SkipReason
from engine.domain.ids import EventId
from engine.domain.market import Market, Terms
from engine.domain.units import Size
from engine.venue.clob_rows import ClobRow
from engine.venue.gamma_rows import EventRow, Identity, MarketRow, SkipError, identity_of, title_of, winner_of
from engine.venue.reward_rows import listed_offer, listed_rebate_pct
from engine.venue.strict_json import OddAnswer, decode, positive_tick, scaled_number


@dataclass(frozen=True, slots=True)
class GammaMarket:
    """One child as the listing tells it. Its terms are the listing's own and never traded on: fee None."""

    market: Market
    charges_fee: bool

    @property
    def wants_terms(self) -> bool:
        """Tell whether the CLOB need be asked: a child that takes no orders has no terms that matter."""
        terms = self.market.terms
        return terms.active and not terms.closed and terms.accepting


@dataclass(frozen=True, slots=True)
class Lacking:
    """One child whose listing does not tell everything; `completed` takes the rest from the order service."""

    row: MarketRow
    event: EventRow
    identity: Identity
    lacks: tuple[str, ...]


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
    children: tuple[GammaMarket | Lacking, ...]


@dataclass(frozen=True, slots=True)
class EventsPage:
    """One page of the catalogue; `cursor` is None on the last."""

    events: tuple[GammaEvent | SkippedEvent, ...]
    cursor: str | None


class _PageShape(msgspec.Struct, frozen=True):
    events: list[msgspec.Raw]
    next_cursor: str | None = None


def read_events_page(raw: bytes) -> EventsPage:
    """Return one page of /events/keyset; raises OddAnswer when the page itself cannot be read."""
    page = decode(raw, _PageShape)
    return EventsPage(tuple(_read_event(event) for event in page.events), page.next_cursor or None)


def _read_event(raw: msgspec.Raw) -> GammaEvent | SkippedEvent:
    try:
        event = decode(raw, EventRow)
    except OddAnswer as error:
        return SkippedEvent("", "", SkipReason.MALFORMED_EVENT, str(error))
    try:
        return _event(event)
    except SkipError as skip:
        return SkippedEvent(event.id, event.slug, skip.reason, str(skip))


def _event(event: EventRow) -> GammaEvent:
    if not event.markets:
        raise SkipError(SkipReason.NO_MARKETS, "expected at least one market, found none")
    return GammaEvent(
        event_id=EventId(event.id),
        slug=event.slug,
        title=event.title or event.slug,
        rules_text=event.description or "",
        resolution_source=event.resolution_source or "",
        end_date=event.end_date or "",
        neg_risk=bool(event.neg_risk or event.enable_neg_risk),
        augmented=bool(event.neg_risk_augmented),
        neg_risk_id=event.neg_risk_id or "",
        children=tuple(_read_child(raw, event) for raw in event.markets),
    )


def _read_child(raw: msgspec.Raw, event: EventRow) -> GammaMarket | Lacking:
    try:
        return _child(decode(raw, MarketRow), event)
    except OddAnswer as error:
        raise SkipError(SkipReason.MALFORMED_MARKET, str(error)) from error


def _child(row: MarketRow, event: EventRow) -> GammaMarket | Lacking:
    if row.version not in (None, "v1"):
        raise SkipError(SkipReason.PROTOCOL_VERSION, f"expected a v1 market, was {row.version}")
    identity = identity_of(row)
    condition, tokens = identity.condition_id, identity.tokens
    tick, min_size = row.order_price_min_tick_size, row.order_min_size
    if not (condition and tokens and identity.outcomes) or tick is None or min_size is None:
        told = (condition, tokens, identity.outcomes, tick, min_size)
        names = ("condition id", "tokens", "outcomes", "tick", "minimum size")
        return Lacking(row, event, identity, tuple(n for n, v in zip(names, told, strict=True) if v is None))
    market = Market(
        condition_id=condition,
        question_id=row.question_id or "",
        question=title_of(row),
        name=row.group_item_title or title_of(row),
        rules_text=row.description or "",
        resolution_source=row.resolution_source or "",
        end_date=row.end_date or "",
        yes=tokens[0],
        no=tokens[1],
        neg_risk=bool(row.neg_risk),
        neg_risk_id=row.neg_risk_id or "",
        is_other=bool(row.neg_risk_other),
        terms=Terms(
            tick=positive_tick(tick),
            min_size=Size(scaled_number(min_size, 6)),
            fee=None,
            active=row.active and event.active,
            closed=row.closed or event.closed or bool(row.archived),
            accepting=bool(row.accepting_orders) and bool(row.enable_order_book),
            taker_delay=bool(row.seconds_delay),
            resolution_status=row.uma_resolution_status or "",
            winner=winner_of(row),
        ),
        rewards=listed_offer(row.rewards_min_size, row.rewards_max_spread, row.clob_rewards),
        rebate_pct=listed_rebate_pct(row.fee_schedule),
    )
    return GammaMarket(market, charges_fee=bool(row.fees_enabled))


def completed(lacking: Lacking, found: ClobRow) -> GammaMarket:
    """Return the child with what the order service told; raises SkipError if both do not mean one market."""
    row, identity = lacking.row, lacking.identity
    pairs = (
        ("condition id", identity.condition_id, found.condition_id),
        ("outcomes", identity.outcomes, found.outcomes),
        ("tokens", identity.tokens, found.tokens),
        ("question id", (row.question_id or "").lower(), found.question_id),
        ("slug", row.slug, found.slug),
    )
    for what, listed, told in pairs:
        if listed and told and listed != told:
            raise _disagree(what, listed, told)
    if row.neg_risk is not None and found.neg_risk is not None and row.neg_risk != found.neg_risk:
        raise _disagree("neg-risk flag", row.neg_risk, found.neg_risk)
    tick, min_size = row.order_price_min_tick_size, row.order_min_size
    filled = msgspec.structs.replace(
        row,
        condition=found.condition_id,
        outcomes=list(found.outcomes),
        tokens=None,
        clob_token_ids=list(found.tokens),
        order_price_min_tick_size=found.tick if tick is None else tick,
        order_min_size=found.min_size if min_size is None else min_size,
    )
    try:
        child = _child(filled, lacking.event)
    except OddAnswer as error:
        raise SkipError(SkipReason.MALFORMED_MARKET, str(error)) from error
    if isinstance(child, Lacking):
        raise SkipError(
            SkipReason.LACKS_IDS, f"expected {', '.join(child.lacks)}, found none at both sources"
        )
    return child


def _disagree(what: str, listed: object, told: object) -> SkipError:
    text = f"expected the {what} of the listing, {listed}, found {told} at the order service"
    return SkipError(SkipReason.SOURCES_DISAGREE, text)
