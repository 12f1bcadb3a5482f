"""A Dutch plan at one given size: legs with limits, margin, leg risk. The best size is sought elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.core.dutch_params import DutchParams
from engine.core.eligibility import kind_of
from engine.core.ladder import LegFill, LegInput, fill_at
from engine.core.leg_risk import LegStake, batch_risk, dump_proceeds
from engine.core.order_terms import MARKETABLE_MIN
from engine.core.segments import BPS_ONE, LOTS_PER_SET, PPM_ONE, Objective
from engine.domain.book import LiveBook
from engine.domain.fees import FeeCurve, outlay_bound
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup, Market, Side
from engine.domain.plan import LegRisk, Margin, PlanKind, PlanLeg
from engine.domain.units import LOT, PRICE_ONE, USDC_ONE, Price, Rounding, Size, Usdc, divide

DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True)
class Candidate:
    """One token to buy, before its size is known."""

    market: Market
    name: str
    fee: FeeCurve
    book: LiveBook
    leg: LegInput


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything about a plan that follows from its size and the books."""

    legs: tuple[PlanLeg, ...]
    margin: Margin
    risk: LegRisk
    spend_max: Usdc

    @property
    def profit(self) -> Usdc:
        """What is earned before buffers if all goes as the books stand: Pi of strategy 3.3."""
        return Usdc(self.margin.if_held - self.margin.fixed)


def tokens_of(event: EventGroup) -> tuple[TokenId, ...]:
    """Return the tokens a plan of this event buys: both of a lone market, every YES of several."""
    return tuple(token for _, _, token in _wanted(event))


def _wanted(event: EventGroup) -> list[tuple[Market, str, TokenId]]:
    if kind_of(event) is PlanKind.BUY_PAIR:
        market = event.markets[0]
        return [(market, "YES", market.yes), (market, "NO", market.no)]
    return [(market, market.name, market.yes) for market in event.markets]


def candidates_of(event: EventGroup, books: Mapping[TokenId, LiveBook]) -> tuple[Candidate, ...]:
    """Return the legs in the catalogue's order. The event must be eligible and every book present."""
    found = []
    for market, name, token in _wanted(event):
        fee = market.terms.fee
        assert fee is not None, f"expected an eligible event, the fee of {market.condition_id} is unknown"
        leg = LegInput(
            side=Side.BUY,
            levels=books[token].asks,
            tick=market.terms.tick,
            fee=fee,
            min_size=market.terms.min_size,
            max_size=None,
            min_notional=MARKETABLE_MIN,
        )
        found.append(Candidate(market, name, fee, books[token], leg))
    return tuple(found)


def objective_of(kind: PlanKind, params: DutchParams, *, max_sets: Size) -> Objective:
    """Return what the optimiser maximises for this kind; fees are rounded up (design, section 7)."""
    return Objective(
        payout=Usdc(USDC_ONE),
        lot=params.lot,
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
    """Return the millionths of its outlay that holding a plan costs; a pair is merged at once."""
    if kind is PlanKind.BUY_PAIR:
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
        ticks = params.slippage_ticks * candidate.leg.tick
        limit = Price(min(fill.worst + ticks, PRICE_ONE - candidate.leg.tick))
        legs.append(_leg(candidate, number, lots, fill, limit if limits is None else limits[number]))
    stakes = [
        LegStake(leg.outlay_max, _dump(candidate, leg.size, params))
        for leg, candidate in zip(legs, candidates, strict=True)
    ]
    margin = _margin(legs, lots, params, kind)
    return Draft(
        legs=tuple(legs),
        margin=margin,
        risk=batch_risk(stakes, payout=margin.payout),
        spend_max=Usdc(sum(leg.outlay_max for leg in legs) + params.fixed_cost),
    )


def _leg(candidate: Candidate, number: int, lots: int, fill: LegFill, limit: Price) -> PlanLeg:
    size = Size(lots * LOT)
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
        depth=Size(sum(level.size for level in candidate.book.asks if level.price <= limit)),
        raw=fill.raw,
        fee_paid=fill.fee,
        outlay_max=outlay_bound(candidate.fee, limit, size),
    )


def _dump(candidate: Candidate, size: Size, params: DutchParams) -> Usdc:
    return dump_proceeds(candidate.book.bids, candidate.fee, size, stress_levels=params.stress_levels)


def _margin(legs: Sequence[PlanLeg], lots: int, params: DutchParams, kind: PlanKind) -> Margin:
    """Return the split of strategy 3.8 for the whole plan; every cost is rounded up on its own."""
    payout = lots * USDC_ONE // LOTS_PER_SET
    raw = sum(leg.raw for leg in legs)
    fee = sum(leg.fee_paid for leg in legs)
    slippage = sum(params.slippage_ticks * leg.tick * lots for leg in legs)
    outlay = params.fixed_cost + raw + fee + slippage
    buffer = divide(raw * params.fee_bps, BPS_ONE, Rounding.UP)
    safety = divide(params.safety_per_set * lots, LOTS_PER_SET, Rounding.UP)
    carry = divide(outlay * carry_ppm(kind, params), PPM_ONE, Rounding.UP)
    return Margin(
        payout=Usdc(payout),
        raw=Usdc(raw),
        fee=Usdc(fee),
        slippage=Usdc(slippage),
        buffer=Usdc(buffer),
        safety=Usdc(safety),
        carry=Usdc(carry),
        fixed=params.fixed_cost,
        net=Usdc(payout - outlay - buffer - safety - carry),
    )
