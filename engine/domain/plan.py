"""A plan: the legs to send, what they pay together, what can go wrong, under one fingerprint.

All money in micro-dollars, sizes in micro-shares, prices in 1e-4. Plans are made by `engine.core.dutch`, for
one order by itself by `engine.core.order_plan`, and for what a broken set needs by `engine.core.repair_plan`.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, EventId, PlanId, TicketId, TokenId
from engine.domain.market import Side
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.units import Ms, Price, Size, Usdc


class PlanKind(Enum):
    """Which outcomes are bought together (strategy 3.1)."""

    BUY_PAIR = "buy_pair"
    """YES and NO of one market: pays 1 whatever happens."""
    BUY_SET = "buy_set"
    """YES of every outcome of an exclusive and exhaustive event: exactly one pays 1."""
    ORDER = "order"
    """One order by itself (`engine.core.order_flow`): no set, no margin, its limit is all it promises."""
    REPAIR = "repair"
    """What completes or unwinds a broken set (`engine.core.repair_plan`): legs of either side, any size."""


@dataclass(frozen=True, slots=True)
class PlanLeg:
    """One order of a plan."""

    number: int
    token_id: TokenId
    condition_id: ConditionId
    name: str
    side: Side
    neg_risk: bool
    tick: Price
    fee: FeeCurve
    size: Size
    touch: Price
    """Best ask when planned."""
    worst: Price
    """Dearest level walked."""
    limit: Price
    """What the order carries: `worst` plus the slippage ticks, never beyond 1 - tick."""
    depth: Size
    """Size on offer up to `limit`."""
    raw: Usdc
    """Cost at the levels walked, without fee."""
    fee_paid: Usdc
    """Taker fee at the levels walked, rounded up per level."""
    outlay_max: Usdc
    """Cost and fee if every share costs `limit` (fee at its dearest price up to the limit)."""


@dataclass(frozen=True, slots=True)
class Margin:
    """Where the money goes, per plan. `net` is the planner's objective."""

    payout: Usdc
    raw: Usdc
    fee: Usdc
    slippage: Usdc
    """`slippage_ticks` on every share of every leg."""
    buffer: Usdc
    """`fee_bps` of notional, on top of the venue's curve."""
    safety: Usdc
    carry: Usdc
    fixed: Usdc
    net: Usdc

    @property
    def gross(self) -> Usdc:
        """Payout minus what the legs cost before fees."""
        return Usdc(self.payout - self.raw)

    @property
    def if_held(self) -> Usdc:
        """Payout minus cost and fees, before buffers: what is earned if all goes as the books stand."""
        return Usdc(self.payout - self.raw - self.fee)


@dataclass(frozen=True, slots=True)
class LegRisk:
    """Worst loss if only some legs fill (strategy 4.3)."""

    bound: Usdc
    """L: bids stay, but the best `stress_levels` levels are gone."""
    hard: Usdc
    """L0: every bid vanishes and what was bought loses."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A complete plan; `plan_id` changes with any leg, limit, size, rule, term or book."""

    plan_id: PlanId
    kind: PlanKind
    event_id: EventId
    code: str
    title: str
    rules_hash: str
    terms_hash: str
    size: Size
    """Sets: the same number of shares on every leg."""
    legs: tuple[PlanLeg, ...]
    margin: Margin
    risk: LegRisk
    spend_max: Usdc
    """The most this plan can cost: sum of the legs' `outlay_max` plus fixed cost."""
    limited_by: str
    """What keeps the size from being larger, in words."""
    planned_ms: Ms
    books_ms: Ms
    """Confirmation time of the oldest book used."""

    @property
    def touch_sum(self) -> Price:
        """Sum of the best asks: the price of one set at the touch."""
        return Price(sum(leg.touch for leg in self.legs))


def intent_of(
    plan: Plan,
    leg: PlanLeg,
    ticket_id: TicketId,
    *,
    time_in_force: TimeInForce,
    post_only: bool,
    created_ms: Ms,
    expiration_s: int,
    resend_until_ms: Ms,
) -> OrderIntent:
    """Return the first order of a leg, at its limit and of its size; times are the caller's.

    `created_ms` and `expiration_s` (0: none) are read by the venue, `resend_until_ms` by the desk alone.
    """
    return OrderIntent(
        plan_id=plan.plan_id,
        ticket_id=ticket_id,
        leg=leg.number,
        generation=0,
        token_id=leg.token_id,
        condition_id=leg.condition_id,
        name=leg.name,
        side=leg.side,
        neg_risk=leg.neg_risk,
        tick=leg.tick,
        fee=leg.fee,
        price=leg.limit,
        size=leg.size,
        time_in_force=time_in_force,
        post_only=post_only,
        created_ms=created_ms,
        expiration_s=expiration_s,
        resend_until_ms=resend_until_ms,
    )
