"""A Dutch plan at one given size: legs with limits, margin, leg risk. The best size is sought elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import lcm

from engine.core.dutch.leg_risk import (
    LegStake,
    RestTerms,
    SaleStake,
    dump_proceeds,
    plan_risk,
    probe_risk,
    rest_of,
    with_rests,
)
from engine.core.dutch.legs import Candidate
from engine.core.dutch.params import DutchParams
from engine.core.dutch.release import HELD_TO_RESOLUTION
from engine.core.order_terms import lot_of
from engine.core.planner.ladder import LegFill, fill_at
from engine.core.planner.segments import BPS_ONE, LOTS_PER_SET, PPM_ONE, Objective
from engine.domain.fees import outlay_bound, taker_fee
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.plan import LegRisk, Margin, PlanKind, PlanLeg, payout_of
from engine.domain.units import LOT, PRICE_ONE, Price, Rounding, Size, Usdc, divide, notional

DAYS_PER_YEAR = 365
TYPE_OF = {Side.BUY: TimeInForce.GTD, Side.SELL: TimeInForce.FAK}
"""How a leg of each side is sent (design, section 7)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything about a plan that follows from its size and the books."""

    legs: tuple[PlanLeg, ...]
    stakes: tuple[LegStake | SaleStake, ...]
    margin: Margin
    risk: LegRisk
    spend_max: Usdc
    sets: Usdc | None = None
    """What one leg pays of a basket of NO; None for every other kind."""
    rests: tuple[Usdc, ...] = ()
    """Of each leg, what of its dump may not come about."""
    probe_order: tuple[int, ...] = ()
    """Where the legs go one after the other; empty for a batch."""

    @property
    def profit(self) -> Usdc:
        """What is earned before buffers if all goes as the books stand: Pi of strategy 3.3."""
        return Usdc(self.margin.if_held - self.margin.fixed)


def lot_for(candidates: Sequence[Candidate], params: DutchParams) -> Size:
    """Return the size step that the terms ask for and every leg's order type and tick allow."""
    steps = [lot_of(c.leg.side, TYPE_OF[c.leg.side], c.leg.tick) for c in candidates]
    return Size(lcm(params.lot, *steps))


def objective_of(
    kind: PlanKind, candidates: Sequence[Candidate], params: DutchParams, *, max_sets: Size
) -> Objective:
    """Return what the optimiser maximises for this kind; fees are rounded up (design, section 7)."""
    bought = sum(candidate.leg.side is Side.BUY for candidate in candidates)
    return Objective(
        payout=payout_of(kind, bought),
        lot=lot_for(candidates, params),
        fee_rounding=Rounding.UP,
        fee_bps=params.fee_bps,
        slippage_ticks=params.slippage_ticks,
        safety_per_set=params.safety_per_set,
        fixed_cost=params.fixed_cost,
        carry_ppm=carry_ppm(kind, params),
        min_profit=params.min_profit,
        max_capital=None,
        max_sets=max_sets,
        max_leg=params.max_leg,
    )


def carry_ppm(kind: PlanKind, params: DutchParams) -> int:
    """Return the millionths of its outlay that holding a plan costs; released at once it costs nothing."""
    if kind not in HELD_TO_RESOLUTION:
        return 0
    return divide(params.carry_rate_e6 * params.days_locked, DAYS_PER_YEAR, Rounding.UP)


def draft_at(
    candidates: Sequence[Candidate],
    lots: int,
    params: DutchParams,
    *,
    kind: PlanKind,
    limits: Sequence[Price] | None = None,
) -> Draft:
    """Return the plan at a size that every ladder holds; `limits` None sets them from the levels walked."""
    legs = []
    for number, candidate in enumerate(candidates):
        fill = fill_at(candidate.leg, lots, Rounding.UP)
        assert fill is not None, f"expected {lots} lots on offer for {candidate.name}"
        limit = _limit(candidate, fill.worst, params) if limits is None else limits[number]
        legs.append(_leg(candidate, number, lots, fill, limit))
    stakes = tuple(_stake(leg, candidate, params) for leg, candidate in zip(legs, candidates, strict=True))
    margin = _margin(legs, lots, params, kind)
    sets = Usdc(PRICE_ONE * lots) if kind is PlanKind.NO_SET else None
    rests = tuple(_rest(leg, candidate, params) for leg, candidate in zip(legs, candidates, strict=True))
    risk = with_rests(plan_risk(stakes, payout=margin.payout, sets=sets), rests)
    return Draft(
        legs=tuple(legs),
        stakes=stakes,
        margin=margin,
        risk=_with_fixed(risk, params.fixed_cost),
        sets=sets,
        rests=rests,
        spend_max=Usdc(sum(leg.outlay_max for leg in legs) + params.fixed_cost),
    )


def probed(draft: Draft, given: Sequence[int] = ()) -> Draft:
    """Return the same plan with its legs sent one after the other, thinnest first (strategy 4.2).

    A `given` order of leg numbers, as of a card, is kept. Between equally thin legs the one that can lose
    most goes last. A conversion's legs keep their batch.
    """
    if len({leg.side for leg in draft.legs}) > 1:
        return draft
    order = sorted(
        range(len(draft.legs)),
        key=lambda i: (draft.legs[i].depth, _lost(draft.stakes[i]), draft.legs[i].number),
    )
    if given:
        order.sort(key=lambda i: given.index(draft.legs[i].number))
    risk = probe_risk([draft.stakes[i] for i in order], payout=draft.margin.payout, sets=draft.sets)
    risk = _with_fixed(with_rests(risk, draft.rests), draft.margin.fixed)
    return replace(draft, risk=risk, probe_order=tuple(draft.legs[i].number for i in order))


def _with_fixed(risk: LegRisk, fixed: Usdc) -> LegRisk:
    """Return L and L0 with the fixed cost: whatever fills costs it, in full and in part."""
    return replace(risk, bound=Usdc(risk.bound + fixed), hard=Usdc(risk.hard + fixed))


def _lost(stake: LegStake | SaleStake) -> int:
    return stake.loss if isinstance(stake, LegStake) else stake.planned - stake.dumped


def _limit(candidate: Candidate, worst: Price, params: DutchParams) -> Price:
    """Return the worst level plus or minus the slippage ticks, at least a tick away from 0 and from 1."""
    tick = candidate.leg.tick
    if candidate.leg.side is Side.BUY:
        return Price(min(worst + params.slippage_ticks * tick, PRICE_ONE - tick))
    return Price(max(worst - params.slippage_ticks * tick, tick))


def _leg(candidate: Candidate, number: int, lots: int, fill: LegFill, limit: Price) -> PlanLeg:
    size = Size(lots * LOT)
    buys = candidate.leg.side is Side.BUY
    within = [x.size for x in candidate.facing if (x.price <= limit if buys else x.price >= limit)]
    return PlanLeg(
        number=number,
        token_id=candidate.book.token_id,
        condition_id=candidate.market.condition_id,
        name=candidate.name,
        side=candidate.leg.side,
        neg_risk=candidate.market.neg_risk,
        tick=candidate.leg.tick,
        fee=candidate.fee,
        size=size,
        touch=fill.touch,
        worst=fill.worst,
        limit=limit,
        depth=Size(sum(within)),
        raw=fill.raw,
        fee_paid=fill.fee,
        outlay_max=outlay_bound(candidate.fee, limit, size) if buys else Usdc(0),
        proceeds_min=Usdc(0) if buys else _proceeds_min(candidate, limit, size),
    )


def _proceeds_min(candidate: Candidate, limit: Price, size: Size) -> Usdc:
    """Return what a sale brings if every share goes at the limit; above it price less fee only grows."""
    fee = taker_fee(candidate.fee, limit, size, Rounding.UP)
    return Usdc(max(0, notional(limit, size, Rounding.DOWN) - fee))


def _stake(leg: PlanLeg, candidate: Candidate, params: DutchParams) -> LegStake | SaleStake:
    bids, levels = candidate.book.bids, params.stress_levels
    dumped = dump_proceeds(bids, candidate.fee, leg.size, stress_levels=levels)
    if leg.side is Side.BUY:
        return LegStake(leg.outlay_max, dumped)
    return SaleStake(leg.proceeds_min, dumped)


def _rest(leg: PlanLeg, candidate: Candidate, params: DutchParams) -> Usdc:
    terms = RestTerms(
        least=candidate.leg.min_size,
        step=lot_of(Side.SELL, TYPE_OF[Side.SELL], leg.tick),
        slippage=Price(params.slippage_ticks * leg.tick),
        stress_levels=params.stress_levels,
    )
    return rest_of(candidate.book.bids, candidate.fee, leg.size, terms)


def _margin(legs: Sequence[PlanLeg], lots: int, params: DutchParams, kind: PlanKind) -> Margin:
    """Return the split of strategy 3.8 for the whole plan; every cost is rounded up on its own."""
    buys = [leg for leg in legs if leg.side is Side.BUY]
    sales = [leg for leg in legs if leg.side is Side.SELL]
    payout = lots * payout_of(kind, len(buys)) // LOTS_PER_SET
    bought, sold = sum(leg.raw for leg in buys), sum(leg.raw for leg in sales)
    fee = sum(leg.fee_paid for leg in legs)
    slippage = sum(params.slippage_ticks * leg.tick * lots for leg in legs)
    laid_out = (
        params.fixed_cost
        + bought
        + sum(leg.fee_paid + params.slippage_ticks * leg.tick * lots for leg in buys)
    )
    buffer = divide((bought + sold) * params.fee_bps, BPS_ONE, Rounding.UP)
    safety = divide(params.safety_per_set * lots, LOTS_PER_SET, Rounding.UP)
    carry = divide(laid_out * carry_ppm(kind, params), PPM_ONE, Rounding.UP)
    costs = bought - sold + fee + slippage + params.fixed_cost
    return Margin(
        payout=Usdc(payout),
        raw=Usdc(bought - sold),
        fee=Usdc(fee),
        slippage=Usdc(slippage),
        buffer=Usdc(buffer),
        safety=Usdc(safety),
        carry=Usdc(carry),
        fixed=params.fixed_cost,
        net=Usdc(payout - costs - buffer - safety - carry),
    )
