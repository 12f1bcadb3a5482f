"""Builders for planner tests: legs and terms, events and live books, plans."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.core.dutch.event_plan import DutchParams, Room, plan_dutch, tokens_of
from engine.core.planner.ladder import LegInput
from engine.core.planner.segments import Objective
from engine.domain.book import Level, LiveBook
from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.market import EventGroup, Market, Side, Terms
from engine.domain.plan import Plan
from engine.domain.refusal import Refusal
from engine.domain.units import (
    Ms,
    Price,
    Rounding,
    Usdc,
    complement,
    parse_price,
    parse_size,
    parse_usdc,
)

FOUR_PERCENT = FeeCurve(rate=40_000, exponent=1)
NOW = Ms(1_795_335_300_000)
Pairs = Sequence[tuple[str, str]]
"""Levels as (price, size) texts."""

WORKED_ASKS: tuple[Pairs, ...] = (
    (("0.45", "120"), ("0.46", "300")),
    (("0.30", "80"), ("0.31", "100"), ("0.33", "500")),
    (("0.20", "200"), ("0.22", "200")),
)
"""The example of strategy 3.5."""


def digest(name: str) -> int:
    """A 256-bit number that belongs to a name."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16)


def token(name: str) -> TokenId:
    return TokenId(str(digest(name) | 1 << 255))


def usdc(text: str) -> Usdc:
    """Dollars, a leading minus allowed."""
    return Usdc(-parse_usdc(text[1:])) if text.startswith("-") else parse_usdc(text)


def levels(pairs: Pairs) -> tuple[Level, ...]:
    return tuple(Level(parse_price(price), parse_size(size)) for price, size in pairs)


def leg(
    pairs: Pairs,
    *,
    side: Side = Side.BUY,
    tick: str = "0.01",
    fee: FeeCurve = FOUR_PERCENT,
    min_size: str = "0",
    max_size: str | None = None,
    min_notional: str = "0",
) -> LegInput:
    return LegInput(
        side=side,
        levels=levels(pairs),
        tick=parse_price(tick),
        fee=fee,
        min_size=parse_size(min_size),
        max_size=None if max_size is None else parse_size(max_size),
        min_notional=parse_usdc(min_notional),
    )


def objective(
    *,
    payout: str = "1",
    lot: str = "0.01",
    fee_rounding: Rounding = Rounding.UP,
    fee_bps: int = 0,
    slippage_ticks: int = 0,
    safety: str = "0",
    fixed: str = "0",
    carry_ppm: int = 0,
    min_profit: str = "0",
    max_capital: str | None = None,
    max_sets: str | None = None,
    max_leg: str | None = None,
) -> Objective:
    return Objective(
        payout=usdc(payout),
        lot=parse_size(lot),
        fee_rounding=fee_rounding,
        fee_bps=fee_bps,
        slippage_ticks=slippage_ticks,
        safety_per_set=usdc(safety),
        fixed_cost=usdc(fixed),
        carry_ppm=carry_ppm,
        min_profit=usdc(min_profit),
        max_capital=None if max_capital is None else usdc(max_capital),
        max_sets=None if max_sets is None else parse_size(max_sets),
        max_leg=None if max_leg is None else usdc(max_leg),
    )


def market(name: str, /, **changes: Any) -> Market:
    """One outcome of a neg-risk event with tick 0.01, minimum 5, fee 4 %."""
    terms = Terms(
        tick=Price(100),
        min_size=parse_size("5"),
        fee=FOUR_PERCENT,
        active=True,
        closed=False,
        accepting=True,
        taker_delay=False,
        resolution_status="",
    )
    found = Market(
        condition_id=ConditionId(f"0x{digest('condition ' + name):064x}"),
        question_id=f"0x{digest('question ' + name):064x}",
        question=f"Will it be {name}?",
        name=name,
        rules_text=f"Resolves to {name} if so announced.",
        resolution_source="https://example.org",
        end_date="2026-12-16T00:00:00Z",
        yes=token("yes " + name),
        no=token("no " + name),
        neg_risk=True,
        neg_risk_id=f"0x{digest('group'):064x}",
        is_other=False,
        terms=terms,
    )
    for field, value in changes.items():
        if hasattr(terms, field):
            found = replace(found, terms=replace(found.terms, **{field: value}))
        else:
            found = replace(found, **{field: value})
    return found


def group(*markets: Market, **changes: Any) -> EventGroup:
    """An event of these markets; three plain outcomes if none is given."""
    found = EventGroup(
        event_id=EventId("901"),
        code="rate3",
        slug="rate-decision",
        title="Rate decision",
        rules_text="Exactly one of the outcomes will be announced.",
        resolution_source="https://example.org",
        end_date="2026-12-16T00:00:00Z",
        neg_risk=True,
        augmented=False,
        neg_risk_id=f"0x{digest('group'):064x}",
        markets=markets or (market("Hold"), market("Cut"), market("Hike")),
    )
    return replace(found, **changes)


def lone(**changes: Any) -> EventGroup:
    """A binary event."""
    only = market("Will it rain?", neg_risk=False, neg_risk_id="", **changes)
    return group(only, code="rain", neg_risk=False, neg_risk_id="")


def book(event: EventGroup, asset: TokenId, asks: Pairs, bids: Pairs | None = None) -> LiveBook:
    """A proven book; without bids, one deep bid a tick under the best ask."""
    found = event.market_of(asset)
    offers = levels(asks)
    tick = found.terms.tick
    under = (Level(Price(offers[0].price - tick), parse_size("5000")),) if offers else ()
    return LiveBook(
        condition_id=found.condition_id,
        token_id=asset,
        tick=tick,
        bids=under if bids is None else levels(bids),
        asks=offers,
        hash=hashlib.sha256(repr((asset, asks, bids)).encode()).hexdigest()[:40],
        epoch=1,
        venue_ms=Ms(NOW - 300),
        confirmed_ms=Ms(NOW - 100),
    )


def books_of(event: EventGroup, asks: Sequence[Pairs]) -> dict[TokenId, LiveBook]:
    """A book per leg of the event's plan, in order."""
    pairs = zip(tokens_of(event), asks, strict=True)
    return {asset: book(event, asset, offered) for asset, offered in pairs}


def mirrored(found: LiveBook, asset: TokenId) -> LiveBook:
    """The book of the other token of the same market."""
    return replace(
        found,
        token_id=asset,
        bids=tuple(Level(complement(level.price), level.size) for level in found.asks),
        asks=tuple(Level(complement(level.price), level.size) for level in found.bids),
    )


def params(**changes: Any) -> DutchParams:
    """Terms of the worked example; budgets so wide that only what a test sets can bind."""
    found = DutchParams(
        lot=parse_size("1"),
        fee_bps=0,
        slippage_ticks=0,
        safety_per_set=usdc("0.002"),
        fixed_cost=usdc("0.02"),
        min_profit=usdc("0.50"),
        max_sets=parse_size("1000"),
        max_leg=usdc("500"),
        max_plan=usdc("1000000"),
        max_event=usdc("1000000"),
        max_total=usdc("1000000"),
        max_book_age_ms=Ms(5_000),
        max_leg_skew_ms=Ms(2_000),
        allow_other=False,
        carry_rate_e6=0,
        days_locked=0,
        max_days_locked=365,
        stress_levels=0,
        max_leg_loss=usdc("10000"),
        max_residual=usdc("10000"),
        success_pct=95,
    )
    return replace(found, **changes)


def tuned(terms: DutchParams, **changes: Any) -> DutchParams:
    """The terms with some of them changed, by name."""
    return replace(terms, **changes)


def room(*, ticket: str = "10000", day: str = "10000", wallet: str = "10000") -> Room:
    return Room(ticket=usdc(ticket), day=usdc(day), wallet=usdc(wallet))


def worked(**changes: Any) -> tuple[EventGroup, dict[TokenId, LiveBook], DutchParams]:
    """The worked example as an event with live books."""
    event = group()
    return event, books_of(event, WORKED_ASKS), params(**changes)


def attempt(event, books, terms, *, wanted=None, space=None, now_ms=NOW) -> Plan | Refusal:
    """Plan an event, with room for everything unless told otherwise."""
    return plan_dutch(event, books, wanted=wanted, params=terms, room=space or room(), now_ms=now_ms)


def planned(event, books, terms, **more) -> Plan:
    """The plan, which there must be."""
    plan = attempt(event, books, terms, **more)
    assert isinstance(plan, Plan), plan
    return plan


def refused(event, books, terms, **more) -> Refusal:
    """The refusal, which there must be."""
    refusal = attempt(event, books, terms, **more)
    assert isinstance(refusal, Refusal), refusal
    return refusal
