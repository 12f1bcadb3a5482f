"""What the first set earns at the best prices: one table look-up a leg, before any ladder is walked."""

from collections.abc import Sequence

from engine.core.planner.all_in import all_in_table
from engine.core.planner.formula import Formula, is_steep
from engine.core.planner.ladder import LegInput
from engine.domain.market import Side
from engine.domain.units import LOT, Rounding


def touch_slope(legs: Sequence[LegInput], formula: Formula) -> int | None:
    """Return what one lot at the touch earns before fixed cost and rounding, in units.

    If it is not positive, nothing pays at any size: fees only round up, fixed costs only cost, and later
    levels are no better. None where that does not follow: fees rounded down, a steep leg, a best level below
    one lot.
    """
    if formula.rounding is not Rounding.UP:
        return None
    first = legs[0]
    total, curve, side = formula.per_lot, first.fee, first.side
    if is_steep(first, formula):
        return None
    units = all_in_table(curve, side, formula)
    for leg in legs:
        if leg.fee is not curve or leg.side is not side:
            curve, side = leg.fee, leg.side
            if is_steep(leg, formula):
                return None
            units = all_in_table(curve, side, formula)
        if not leg.levels:
            return None
        top = leg.levels[0]
        if top.size < LOT:
            return None
        total -= units[top.price][0]
    return total - sum_of_slippage(legs, formula)


def sum_of_slippage(legs: Sequence[LegInput], formula: Formula) -> int:
    """Return what the slippage buffer of one lot costs over all legs, in units."""
    if not formula.slippage_ticks:
        return 0
    weight = {side: formula.slippage_ticks * formula.fee_weight(side) for side in Side}
    return sum([leg.tick * weight[leg.side] for leg in legs])
