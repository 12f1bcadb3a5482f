"""What a repair is decided on and what comes out of it: a case, its ways out, what holdings pay. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.core.repair.repair_walk import Costs, Trade
from engine.domain.book import Level
from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, TokenId
from engine.domain.plan import LegRisk, PlanKind
from engine.domain.repair import RepairWay
from engine.domain.units import Price, Size, Usdc


def floor_of(kind: PlanKind, held: Sequence[int]) -> int:
    """Return how many of the shares held of every leg pay a dollar whatever comes true, in their unit.

    Of a set its smallest leg, because that outcome may be the one; of NO of exclusive outcomes all but the
    largest, because one outcome at most comes true.
    """
    return sum(held) - max(held) if kind is PlanKind.NO_SET else min(held)


def way_named(kind: PlanKind, *, completes: bool, gives_back: bool) -> RepairWay:
    """Return the way out that buys legs, gives back, or both; of a broken sale selling completes."""
    if completes and gives_back:
        return RepairWay.BOTH
    if not completes and not gives_back:
        return RepairWay.LEAVE
    return RepairWay.COMPLETE if completes is not (kind is PlanKind.SELL_SET) else RepairWay.UNWIND


@dataclass(frozen=True, slots=True)
class RepairLeg:
    """One leg of the broken set as it stands; empty ladders where no book is proven."""

    number: int
    token_id: TokenId
    condition_id: ConditionId
    name: str
    neg_risk: bool
    tick: Price
    fee: FeeCurve
    min_size: Size
    held: Size
    """Shares of this ticket and its repairs that are not paired with their complement."""
    sellable: Size
    """Of these, what the venue has confirmed and nothing else is selling."""
    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    other: TokenId
    """The complement."""
    other_asks: tuple[Level, ...]
    """Empty where the complement is a leg itself."""


@dataclass(frozen=True, slots=True)
class RepairCase:
    """Everything a repair is decided on."""

    legs: tuple[RepairLeg, ...]
    wanted: Size
    """Sets of the broken plan: more are never bought."""
    paid: Usdc
    """Cash and fees paid so far minus what came back, pairs counted as the dollar they are."""
    risk: LegRisk
    """What the broken ticket's card printed before it was sent."""
    costs: Costs
    stress_levels: int
    room: Usdc
    """The most that new orders may take under every cap."""
    may_buy: bool
    """False while only dumping is allowed: rules that changed, or an event that may not be bought."""
    kind: PlanKind = field(default=PlanKind.BUY_SET)
    """What the broken plan was: it decides what holdings pay, and which way an order goes."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way out, priced."""

    way: RepairWay
    sets: Size
    """Dollars that what is held pays afterwards whatever comes true: for sets, the complete ones."""
    trades: tuple[Trade, ...]
    worth: Usdc
    """Profit of the whole ticket in the worst case, negative for a loss."""
    risk: LegRisk
    """The most that can be lost in all if only some of these orders fill: L while bids hold, L0 always."""


@dataclass(frozen=True, slots=True)
class Remedies:
    """The best of every way; the first is the one to take, `LEAVE` is always among them."""

    ranked: tuple[Remedy, ...]

    @property
    def best(self) -> Remedy:
        """Return the one with the highest worst case; among equals the one with the fewest orders."""
        return self.ranked[0]

    def of(self, way: RepairWay) -> Remedy | None:
        """Return the best of one way, None if the books or the bounds have none."""
        return next((remedy for remedy in self.ranked if remedy.way is way), None)
