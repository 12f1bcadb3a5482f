"""A plan: the legs to send, what they pay together, what can go wrong, under one fingerprint.

All money in micro-dollars, sizes in micro-shares, prices in 1e-4. Plans are made by
`engine.core.dutch.event_plan`, for one order by itself by `engine.core.orders.order_plan`, and for what a
broken set needs by `engine.core.repair.repair_plan`.
"""

from dataclasses import dataclass, field
from enum import Enum

from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, EventId, PlanId, TicketId, TokenId
from engine.domain.market import Side
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.units import USDC_ONE, Ms, Price, Size, Usdc


class PlanKind(Enum):
    """Which outcomes are bought together (strategy 3.1)."""

    BUY_PAIR = "buy_pair"
    """YES and NO of one market: pays 1 whatever happens."""
    BUY_SET = "buy_set"
    """YES of every outcome of an exclusive and exhaustive event: exactly one pays 1."""
    NO_SET = "no_set"
    """NO of m outcomes of an exclusive event: all of them but one pay 1, or all."""
    SELL_SET = "sell_set"
    """YES sold of every outcome of which a set is held: the set was worth at most 1."""
    CONVERT = "convert"
    """NO bought of m outcomes, turned into m - 1 dollars and YES of the others, and these sold."""
    ORDER = "order"
    """One order by itself (`core.trading.order_flow`): no set, no margin, its limit is all it promises."""
    REPAIR = "repair"
    """What completes or unwinds a broken set (`core.repair.repair_plan`): legs of either side, any size."""
    QUOTE = "quote"
    """Orders that are to rest on one market (`core.orders.quote_plan`): no set, each by its own limit."""


class Sequencing(Enum):
    """In which order the legs are sent (strategy 4.2)."""

    BATCH = "batch"
    """All in one request: the shortest exposure."""
    PROBE = "probe"
    """One after the other in the order of `Plan.probe_order`, each only after the fill of the one before."""


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
    """Best price of the other side when planned: the ask for a BUY, the bid for a SELL."""
    worst: Price
    """Last level walked: the dearest for a BUY, the cheapest for a SELL."""
    limit: Price
    """What the order carries: `worst` plus (BUY) or minus (SELL) the slippage ticks, never 0 or 1."""
    depth: Size
    """Size within `limit`."""
    raw: Usdc
    """Cost (BUY) or proceeds (SELL) at the levels walked, without fee."""
    fee_paid: Usdc
    """Taker fee at the levels walked, rounded up per level."""
    outlay_max: Usdc
    """Cost and fee if every share costs `limit` (fee at its dearest price up to the limit); 0 for a SELL."""
    proceeds_min: Usdc = field(default=Usdc(0))
    """SELL: what every share sold at `limit` brings, fee taken off, rounded down; 0 for a BUY."""


@dataclass(frozen=True, slots=True)
class Margin:
    """Where the money goes, per plan. `net` is the planner's objective."""

    payout: Usdc
    """What the sets pay; negative where sets are given up for it."""
    raw: Usdc
    """Cost of the BUY legs minus proceeds of the SELL legs, without fees."""
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
    rests: Usdc = field(default=Usdc(0))
    """Beyond L, never beyond L0: what stays held because less is left of legs than the venue takes back."""

    @property
    def within_stress(self) -> Usdc:
        """The most that is lost while bids stay but for the stress levels, in whatever parts legs fill."""
        return Usdc(self.bound + self.rests)


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
    sequencing: Sequencing = Sequencing.BATCH
    probe_order: tuple[int, ...] = ()
    """Numbers of the legs, thinnest first; empty for a batch."""
    advice: str = ""
    """What would pay more and cannot be sent, in words; empty for nothing."""

    @property
    def touch_sum(self) -> Price:
        """Price of one set at the touch: what its BUY legs cost minus what its SELL legs bring, in 1e-4."""
        return Price(sum(leg.touch if leg.side is Side.BUY else -leg.touch for leg in self.legs))

    @property
    def per_set(self) -> Usdc:
        """What one set pays (strategy 3.1); negative where it is given up."""
        return payout_of(self.kind, sum(leg.side is Side.BUY for leg in self.legs))

    @property
    def sells_only(self) -> bool:
        """Tell whether it can only lower what the desk may lose: it sells what is held."""
        return all(leg.side is Side.SELL for leg in self.legs)


def payout_of(kind: PlanKind, bought: int) -> Usdc:
    """Return what one set of a kind with `bought` BUY legs pays in micro-dollars (strategy 3.1)."""
    match kind:
        case PlanKind.BUY_PAIR | PlanKind.BUY_SET:
            return Usdc(USDC_ONE)
        case PlanKind.NO_SET | PlanKind.CONVERT:
            return Usdc((bought - 1) * USDC_ONE)
        case PlanKind.SELL_SET:
            return Usdc(-USDC_ONE)
        case _:
            return Usdc(0)


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
