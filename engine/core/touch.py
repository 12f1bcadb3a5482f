"""What the first set earns at the best prices: two table look-ups a leg, before any ladder is walked."""

from collections.abc import Sequence

from engine.core.formula import Formula, is_steep
from engine.core.ladder import LegInput, fee_table
from engine.domain.fees import FREE, FeeCurve
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
    buy, sell = ((formula.raw_weight(side), formula.step_weight(side)) for side in (Side.BUY, Side.SELL))
    slips = {side: formula.slippage_ticks * formula.fee_weight(side) for side in Side}
    total = formula.per_lot
    curve: object = FREE
    fees = fee_table(FREE, formula.grain)
    for leg in legs:
        levels, side, fee = leg.levels, leg.side, leg.fee
        is_sure = side is Side.BUY and type(fee) is FeeCurve  # `is_steep` says no more of these, but later
        if not levels or levels[0].size < LOT or (not is_sure and is_steep(leg, formula)):
            return None
        if fee is not curve:
            curve, fees = fee, fee_table(fee, formula.grain)
        price = levels[0].price
        charged, per = fees[price]
        raw, step = buy if side is Side.BUY else sell
        total -= raw * price + step * charged // per
        if formula.slippage_ticks:
            total -= slips[side] * leg.tick
    return total
