"""Quotes placed together as a plan: one leg an order, no set, no margin. Pure over market and targets.

What they may bind, and whether they may leave, is asked elsewhere (`engine.core.exposure.risk`).
"""

import hashlib

from engine.core.order_terms import BATCH_LEGS_MAX, GTD_LEAD_MS, OrderTerms, form_problem
from engine.core.orders.order_plan import VENUE_GTD_EARLY_MS
from engine.domain.fees import FeeCurve, outlay_bound
from engine.domain.ids import PlanId, TicketId
from engine.domain.market import EventGroup, Market, Side, canonical_json, rules_hash, terms_hash
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.plan import LegRisk, Margin, Plan, PlanKind, PlanLeg, intent_of
from engine.domain.quote import QuoteSide, Target
from engine.domain.units import Ms, Price, Rounding, Size, Usdc, notional

SIDES = (QuoteSide.BID, QuoteSide.ASK)


def leg_number(side: QuoteSide, layer: int) -> int:
    """Return the leg that stands for a side and layer in every batch: bids are even."""
    return layer * len(SIDES) + SIDES.index(side)


def slot_of(leg: int) -> tuple[QuoteSide, int]:
    """Return the side and layer of a leg: the inverse of `leg_number`."""
    layer, side = divmod(leg, len(SIDES))
    return SIDES[side], layer


def plan_quotes(
    event: EventGroup,
    market: Market,
    targets: tuple[Target, ...],
    *,
    tick: Price,
    key: str,
    at_ms: Ms,
    books_ms: Ms,
) -> Plan:
    """Return the plan of a batch; `key` makes its id unique, for no batch is the same as one before.

    Asserts that the venue would take every order's form.
    """
    assert 0 < len(targets) <= BATCH_LEGS_MAX, f"expected 1 to {BATCH_LEGS_MAX} quotes, was {len(targets)}"
    fee = market.terms.fee
    assert fee is not None, f"expected a known fee of {market.condition_id}: it was asked before"
    legs = tuple(_leg(market, target, fee, tick) for target in targets)
    spend = Usdc(sum(leg.outlay_max for leg in legs))
    rules, terms = rules_hash(event), terms_hash(event)
    named = [[leg.token_id, leg.side.value, leg.limit, leg.size] for leg in legs]
    text = "quote/1|" + canonical_json([key, event.event_id, rules, terms, named])
    return Plan(
        plan_id=PlanId(hashlib.sha256(text.encode()).hexdigest()[:32]),
        kind=PlanKind.QUOTE,
        event_id=event.event_id,
        code=event.code,
        title=event.title,
        rules_hash=rules,
        terms_hash=terms,
        size=max(leg.size for leg in legs),
        legs=legs,
        margin=_no_margin(Usdc(sum(leg.raw if leg.side is Side.BUY else -leg.raw for leg in legs))),
        risk=LegRisk(bound=spend, hard=spend),
        spend_max=spend,
        limited_by="the grant",
        planned_ms=at_ms,
        books_ms=books_ms,
    )


def _leg(market: Market, target: Target, fee: FeeCurve, tick: Price) -> PlanLeg:
    form = OrderTerms(target.order_side, target.price, target.size, tick, TimeInForce.GTC, True, 0)
    problem = form_problem(form)
    assert problem is None, f"expected a quote that the venue takes: {problem}"
    buys = target.order_side is Side.BUY
    worth = notional(target.price, target.size, Rounding.UP if buys else Rounding.DOWN)
    return PlanLeg(
        number=leg_number(target.side, target.layer),
        token_id=target.token_id,
        condition_id=market.condition_id,
        name=market.name if target.token_id == market.yes else f"NO {market.name}",
        side=target.order_side,
        neg_risk=market.neg_risk,
        tick=tick,
        fee=fee,
        size=target.size,
        touch=target.price,
        worst=target.price,
        limit=target.price,
        depth=Size(0),
        raw=worth,
        fee_paid=Usdc(0),
        # A maker pays no fee; what is held back is what the desk holds back for any order at this limit.
        outlay_max=outlay_bound(fee, target.price, target.size) if buys else Usdc(0),
        proceeds_min=Usdc(0) if buys else worth,
    )


def _no_margin(raw: Usdc) -> Margin:
    zero = Usdc(0)
    return Margin(
        payout=zero,
        raw=raw,
        fee=zero,
        slippage=zero,
        buffer=zero,
        safety=zero,
        carry=zero,
        fixed=zero,
        net=zero,
    )


def quote_intent(
    plan: Plan,
    leg: PlanLeg,
    ticket_id: TicketId,
    *,
    at_ms: Ms,
    offset_ms: int,
    ends_ms: Ms,
    margin_ms: Ms,
    fresh_ms: Ms,
) -> OrderIntent:
    """Return the order of one leg: post-only, good until the grant ends at `ends_ms`, whatever becomes of us.

    The venue takes no shorter life than its minimum, so the last quotes of a grant would outlive it: they are
    cancelled at its end, as all others are. After `fresh_ms` the same bytes are not sent again.
    """
    least = at_ms + GTD_LEAD_MS + margin_ms
    ends = max(least, ends_ms + VENUE_GTD_EARLY_MS) // 1_000 * 1_000
    return intent_of(
        plan,
        leg,
        ticket_id,
        time_in_force=TimeInForce.GTD,
        post_only=True,
        created_ms=Ms(at_ms + offset_ms),
        expiration_s=(ends + offset_ms) // 1_000,
        resend_until_ms=Ms(min(at_ms + fresh_ms, ends - GTD_LEAD_MS)),
    )
