"""One order by itself: which outcome is meant, and the one-leg plan its terms make, or why there is none.

Pure over the catalogue and one live book, so that a dry run without a desk judges by the same rules. Caps,
gate and inventory are asked elsewhere (`engine.core.trading.order_flow`, `engine.core.exposure.risk`).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.order_terms import GTD_LEAD_MS, OrderTerms, order_problem
from engine.core.planner.ladder import LegFill, LegInput, fill_at
from engine.domain.book import Level, LiveBook
from engine.domain.commands import OutcomeRef, PlaceOrder
from engine.domain.fees import FeeCurve, outlay_bound
from engine.domain.ids import PlanId, TokenId
from engine.domain.market import EventGroup, Market, Side, canonical_json, rules_hash, terms_hash
from engine.domain.order import TimeInForce
from engine.domain.plan import LegRisk, Margin, Plan, PlanKind, PlanLeg
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import (
    LOT,
    Ms,
    Price,
    Rounding,
    Size,
    Usdc,
    format_price,
    format_size,
)

RESTING = (TimeInForce.GTC, TimeInForce.GTD)
VENUE_GTD_EARLY_MS = 60_000
"""It ends a GTD order this long before the expiration on the wire (protocol 4.3)."""
NAMES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """One token with the market and the event it belongs to."""

    event: EventGroup
    market: Market
    token_id: TokenId

    @property
    def name(self) -> str:
        """What the outcome is called on cards."""
        is_no = self.token_id == self.market.no
        if len(self.event.markets) == 1:
            return "NO" if is_no else "YES"
        return f"NO {self.market.name}" if is_no else self.market.name


def find_outcome(events: Iterable[EventGroup], wanted: OutcomeRef) -> Outcome | Refusal:
    """Return the outcome that is meant, or a refusal that names what there is."""
    groups = tuple(events)
    if wanted.token_id is not None:
        for group in groups:
            for market in group.markets:
                if wanted.token_id in (market.yes, market.no):
                    return Outcome(group, market, wanted.token_id)
        return _unknown(f"expected a token of the catalogue, found {wanted.token_id[:24]!r}")
    meant = next((group for group in groups if group.code == wanted.code), None)
    if meant is None:
        known = ", ".join(sorted(group.code for group in groups)[:NAMES_SHOWN]) or "none yet"
        return _unknown(f"expected the code of an event, found {wanted.code!r}; known: {known}")
    return _named(meant, wanted)


def _named(group: EventGroup, wanted: OutcomeRef) -> Outcome | Refusal:
    name = wanted.name.strip().casefold()
    if len(group.markets) == 1 and name in ("yes", "no", ""):
        market = group.markets[0]
        is_no = wanted.is_no is not (name == "no")
        return Outcome(group, market, market.no if is_no else market.yes)
    found = [m for m in group.markets if name and m.name.casefold() == name]
    if len(found) != 1:
        names = ", ".join(f'"{m.name}"' for m in group.markets[:NAMES_SHOWN])
        return _unknown(
            f"expected one outcome of {group.code} by its name, found {wanted.name!r}; it has {names}"
        )
    return Outcome(group, found[0], found[0].no if wanted.is_no else found[0].yes)


def _unknown(text: str) -> Refusal:
    return Refusal(RefusalKind.UNKNOWN_CODE, text)


def ends_ms(wanted: PlaceOrder, at_ms: Ms, *, margin_ms: Ms) -> int:
    """Return the expiration in whole seconds' ms, on the clock of `at_ms`; 0 for a type that has none."""
    if wanted.time_in_force is not TimeInForce.GTD:
        return 0
    asked = wanted.lasts_ms + VENUE_GTD_EARLY_MS if wanted.rests else 0
    return (at_ms + max(GTD_LEAD_MS + margin_ms, asked)) // 1_000 * 1_000


def plan_order(
    outcome: Outcome, book: LiveBook, wanted: PlaceOrder, *, now_ms: Ms, ends: int
) -> Plan | Refusal:
    """Return the plan of one order whose every term the venue would take, or the first that it would not.

    `ends` is its expiration in ms on the clock of `now_ms`, 0 for none. Which types this desk sends is asked
    apart: `type_refusal`.
    """
    refusal = _market_refusal(outcome) or order_problem(
        _terms_of(outcome, wanted, ends),
        min_size=outcome.market.terms.min_size,
        venue_ms=now_ms,
        touch=_facing(book, wanted),
    )
    if refusal is not None:
        return refusal
    fee = outcome.market.terms.fee
    assert fee is not None, f"expected a known fee of {outcome.market.condition_id}: it was asked before"
    within = _within(book, wanted)
    refusal = _book_refusal(wanted, within)
    if refusal is not None:
        return refusal
    leg = _leg(outcome, wanted, book, fee, within)
    at_risk = leg.outlay_max
    rules, terms = rules_hash(outcome.event), terms_hash(outcome.event)
    return Plan(
        plan_id=_plan_id([outcome.event.event_id, rules, terms, book.hash], wanted, leg),
        kind=PlanKind.ORDER,
        event_id=outcome.event.event_id,
        code=outcome.event.code,
        title=outcome.event.title,
        rules_hash=rules,
        terms_hash=terms,
        size=wanted.size,
        legs=(leg,),
        margin=_no_margin(leg),
        risk=LegRisk(bound=at_risk, hard=at_risk),
        spend_max=at_risk,
        limited_by="the size asked for",
        planned_ms=now_ms,
        books_ms=book.confirmed_ms,
    )


def type_refusal(wanted: PlaceOrder) -> Refusal | None:
    """Return why this order type is not sent for this side, None if it is (design, section 7)."""
    word = wanted.time_in_force.value
    if wanted.rests:
        if wanted.time_in_force not in RESTING:
            return _terms(f"expected GTC or GTD for an order that rests, found {word}: {word} never rests")
        if (wanted.time_in_force is TimeInForce.GTD) is not (wanted.lasts_ms > 0):
            return _terms("expected a life time for a resting GTD order, and none for GTC")
        return None
    if wanted.side is Side.BUY and wanted.time_in_force is not TimeInForce.GTD:
        return _terms(
            f"expected GTD for a BUY that matches at once, found {word}: its BUY targets dollars and may "
            "buy more shares than asked for; GTD's rest is cancelled at once"
        )
    if wanted.side is Side.SELL and wanted.time_in_force in RESTING:
        return _terms(f"expected FAK or FOK for a SELL that matches at once, found {word}; or let it rest")
    return None


def _market_refusal(outcome: Outcome) -> Refusal | None:
    market, terms = outcome.market, outcome.market.terms
    if not terms.tradable:
        status = terms.resolution_status or "closed, or not accepting orders"
        return Refusal(
            RefusalKind.NOT_TRADABLE, f'expected "{market.name}" open for orders, found it {status}; wait'
        )
    if terms.fee is None:
        return Refusal(
            RefusalKind.FEE_UNKNOWN,
            f'expected a fee schedule for "{market.name}", found none; wait for the next catalogue read',
        )
    return None


def _terms_of(outcome: Outcome, wanted: PlaceOrder, ends: int) -> OrderTerms:
    return OrderTerms(
        side=wanted.side,
        price=wanted.price,
        size=wanted.size,
        tick=outcome.market.terms.tick,
        time_in_force=wanted.time_in_force,
        post_only=wanted.rests,
        expiration_s=ends // 1_000,
    )


def _facing(book: LiveBook, wanted: PlaceOrder) -> Price | None:
    """Return the best price of the other side."""
    levels = book.asks if wanted.side is Side.BUY else book.bids
    return levels[0].price if levels else None


def _within(book: LiveBook, wanted: PlaceOrder) -> tuple[Level, ...]:
    """Return the levels the order could match with, best first."""
    if wanted.side is Side.BUY:
        return tuple(level for level in book.asks if level.price <= wanted.price)
    return tuple(level for level in book.bids if level.price >= wanted.price)


def _book_refusal(wanted: PlaceOrder, within: tuple[Level, ...]) -> Refusal | None:
    limit = format_price(wanted.price)
    offered = Size(sum(level.size for level in within))
    if not wanted.rests and not within:
        return _terms(
            f"expected something to match at {limit} or better, found nothing; ask for a resting order"
        )
    if wanted.time_in_force is TimeInForce.FOK and offered < wanted.size:
        return _terms(
            f"expected {format_size(wanted.size)} shares at {limit} or better for FOK, found "
            f"{format_size(offered)}"
        )
    return None


def _leg(
    outcome: Outcome, wanted: PlaceOrder, book: LiveBook, fee: FeeCurve, within: tuple[Level, ...]
) -> PlanLeg:
    market = outcome.market
    depth = Size(sum(level.size // LOT * LOT for level in within))
    taken = min(depth, wanted.size) // LOT
    walk = LegInput(wanted.side, within, market.terms.tick, fee, market.terms.min_size, None, Usdc(0))
    rounding = Rounding.UP if wanted.side is Side.BUY else Rounding.DOWN
    fill = fill_at(walk, taken, rounding) if taken else None
    touch = _facing(book, wanted) or wanted.price
    fill = fill or LegFill(touch, wanted.price, Usdc(0), Usdc(0))
    bound = outlay_bound(fee, wanted.price, wanted.size)
    return PlanLeg(
        number=0,
        token_id=outcome.token_id,
        condition_id=market.condition_id,
        name=outcome.name,
        side=wanted.side,
        neg_risk=market.neg_risk,
        tick=market.terms.tick,
        fee=fee,
        size=wanted.size,
        touch=touch,
        worst=fill.worst,
        limit=wanted.price,
        depth=depth,
        raw=fill.raw,
        fee_paid=fill.fee,
        # A SELL gives shares that are held: it can cost nothing more, its fee comes out of the proceeds.
        outlay_max=bound if wanted.side is Side.BUY else Usdc(0),
    )


def _no_margin(leg: PlanLeg) -> Margin:
    """Return the money of one order: what it costs or brings now. It promises no profit."""
    zero = Usdc(0)
    return Margin(
        payout=zero,
        raw=leg.raw,
        fee=leg.fee_paid,
        slippage=zero,
        buffer=zero,
        safety=zero,
        carry=zero,
        fixed=zero,
        net=zero,
    )


def _plan_id(event: list[str], wanted: PlaceOrder, leg: PlanLeg) -> PlanId:
    terms = [leg.token_id, leg.side.value, leg.limit, leg.size, wanted.time_in_force.value, wanted.rests]
    text = "order/1|" + canonical_json([*event, *terms, wanted.lasts_ms])
    return PlanId(hashlib.sha256(text.encode()).hexdigest()[:32])


def _terms(text: str) -> Refusal:
    return Refusal(RefusalKind.ORDER_TERMS, text)
