"""The best size of a plan over joint ladders: exact, in integers, for any mix of BUY and SELL legs.

Scale. Every amount inside is an integer of the formula's unit. For the desk that is 1e-8 micro-dollar
(`SCALE`): a lot is 0.01 share, so raw cost and slippage are whole micro-dollars, a payout or safety per set
is a multiple of 1/100 of one, `fee_bps` of a raw cost of 1/10,000, carry of 1/1,000,000 and carry on locked
collateral of 1e-8: nothing is ever rounded except the fees, and those exactly where the venue rounds them,
level by level to 10 micro-dollars. A case of the file format has a unit of its own (`planner.plan_case`).

Exactness is argued in `engine.core.planner.search`. This module knows no event, no book and no clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from engine.core.planner.formula import Formula, is_steep
from engine.core.planner.ladder import LegFill, LegInput, fill_at, fill_on, lots_to_reach
from engine.core.planner.search import Bound, Search, hopeless, round_up
from engine.core.planner.segments import LOTS_PER_SET, JointLadder, Objective, formula_of
from engine.core.planner.touch import touch_slope
from engine.domain.units import LOT, Rounding, Size, Usdc, divide


class Reason(Enum):
    """Why there is no trade; the values are those of the planner's file format."""

    EMPTY_LEG = "empty_leg"
    CAPS = "caps"
    MIN_SIZE = "min_size"
    NO_EDGE = "no_edge"
    MIN_PROFIT = "min_profit"


@dataclass(frozen=True, slots=True)
class Optimum:
    """The smallest of the best sizes."""

    lots: int
    objective: int
    """G in units of the formula; 1e-8 micro-dollar for the desk."""
    outlay: int
    """Capital needed (BUY cost, fee and slippage, locked collateral, fixed cost) in the same units."""
    scale: int
    """Units per micro-dollar."""
    fills: tuple[LegFill, ...]
    bound: Bound
    bound_leg: int | None
    """The leg that binds, for the bounds that belong to one."""

    @property
    def size(self) -> Size:
        """Number of sets in micro-shares."""
        return Size(self.lots * LOT)

    @property
    def net(self) -> Usdc:
        """The objective in micro-dollars, rounded down."""
        return Usdc(self.objective // self.scale)


@dataclass(frozen=True, slots=True)
class NoTrade:
    """No size pays."""

    reason: Reason
    leg: int | None
    """The leg to blame, where it is one."""
    lots_min: int
    """The smallest size the minimums allow; 0 where the search ended before asking."""
    net: Usdc
    """MIN_PROFIT: the best objective. Otherwise what one set earns at the touch. Rounded down."""


def lots_to_minimum(legs: Sequence[LegInput], lot: int) -> tuple[int, int | None]:
    """Return the smallest size that every leg's minimums allow, and the leg that cannot reach its own."""
    smallest = max(lot, divide(max([leg.min_size for leg in legs]), LOT, Rounding.UP))
    for number, leg in enumerate(legs):
        lots = lots_to_reach(leg, leg.min_notional)
        if lots is None:
            return 0, number
        smallest = max(smallest, lots)
    return round_up(smallest, lot), None


def _slack(legs: Sequence[LegInput], formula: Formula) -> int:
    if formula.rounding is Rounding.UP:
        return 0
    return sum(len(leg.levels) * formula.step_weight(leg.side) for leg in legs)


def size_cap(legs: Sequence[LegInput], formula: Formula) -> tuple[int | None, Bound, int | None]:
    """Return the tightest cap that is known before any level is walked, what it is, and the leg it is of."""
    caps = [
        (leg.max_size // LOT, Bound.LEG_SIZE, i) for i, leg in enumerate(legs) if leg.max_size is not None
    ]
    if formula.max_lots is not None:
        caps.append((formula.max_lots, Bound.SETS, -1))
    if not caps:
        return None, Bound.DEPTH, None
    lots, bound, leg = min(caps, key=lambda cap: cap[0])
    return lots, bound, leg if bound is Bound.LEG_SIZE else None


def best_size(legs: Sequence[LegInput], objective: Objective) -> Optimum | NoTrade:
    """Return the exact optimum of the desk's terms, or why there is none. Pure."""
    lot = objective.lot // LOT
    assert lot * LOT == objective.lot > 0, f"expected a lot of whole 0.01 shares, was {objective.lot}"
    return optimise(legs, formula_of(objective))


def optimise(legs: Sequence[LegInput], formula: Formula) -> Optimum | NoTrade:
    """Return the exact optimum of any formula, or why there is none. Pure; `planner.search` proves it."""
    assert legs, "expected at least one leg"
    at_once = touch_slope(legs, formula)
    if at_once is not None and at_once <= 0:
        return NoTrade(Reason.NO_EDGE, None, 0, Usdc(at_once * LOTS_PER_SET // formula.scale))
    ladder = JointLadder(legs, formula)
    walk = ladder.segments()
    first = next(walk, None)
    if first is None:
        empty = next(i for i, leg in enumerate(legs) if fill_at(leg, 1, formula.rounding) is None)
        return NoTrade(Reason.EMPTY_LEG, empty, 0, Usdc(0))
    touch = Usdc(first.slope * LOTS_PER_SET // formula.scale)
    slack, steep = _slack(legs, formula), at_once is None and any(is_steep(leg, formula) for leg in legs)
    if not steep and hopeless(first, slack=slack, best=0):
        return NoTrade(Reason.NO_EDGE, None, 0, touch)
    lots_min, short = lots_to_minimum(legs, formula.lot)
    if short is not None:
        return NoTrade(Reason.MIN_SIZE, short, 0, touch)
    cap, bound, bound_leg = size_cap(legs, formula)
    search = Search(ladder, formula.lot, slack, steep, formula.max_outlay, lots_min, cap, bound, bound_leg)
    search.walk(first, walk)
    search.gather()
    search.settle()
    return _verdict(search, formula, touch)


def _verdict(search: Search, formula: Formula, touch: Usdc) -> Optimum | NoTrade:
    if search.lots == 0:
        if search.has_room or search.bound is Bound.EDGE:
            return NoTrade(Reason.NO_EDGE, None, search.lots_min, touch)
        reason = Reason.CAPS if search.cap is not None and search.cap < search.lot else Reason.MIN_SIZE
        return NoTrade(reason, search.bound_leg, search.lots_min, touch)
    if search.best < formula.min_profit:
        return NoTrade(Reason.MIN_PROFIT, None, search.lots_min, Usdc(search.best // formula.scale))
    segment = next(kept.segment for kept in search.kept if kept.first <= search.lots <= kept.last)
    walked = zip(search.ladder.rungs(segment), search.ladder.touch(), strict=True)
    fills = [fill_on(rung, search.lots, formula.rounding, touch=price) for rung, price in walked]
    return Optimum(
        lots=search.lots,
        objective=search.best,
        outlay=search.detail(segment).outlay(search.lots),
        scale=formula.scale,
        fills=tuple(fills),
        bound=search.bound,
        bound_leg=search.bound_leg,
    )
