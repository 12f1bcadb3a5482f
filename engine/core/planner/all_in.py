"""What a lot costs at every price, fee included: one table for a curve and a side, shared by touch and walk.

Integers of the formula's unit. A table depends on nothing but its arguments, so a kept one is never wrong.
"""

from functools import lru_cache
from typing import NamedTuple

from engine.core.planner.formula import Formula
from engine.core.planner.ladder import FeeTable, OddCurve, fee_table
from engine.domain.fees import FeeCurve
from engine.domain.market import Side
from engine.domain.units import Price


class AllIn(NamedTuple):
    """One lot at one price."""

    unit: int
    """What it costs the objective with its unrounded fee, without slippage; less is more for SELL legs."""
    pull: int
    """The unrounded fee alone, floored to a unit, so that whatever is added up from it stays a ceiling."""
    fee_steps: int
    fee_per: int
    """The fee is fee_steps / fee_per steps."""


class AllInTable(dict[Price, AllIn]):
    """`AllIn` by price; a price is worked out when it is first met."""

    def __init__(self, fees: FeeTable, raw_weight: int, step_weight: int) -> None:
        """Begin empty."""
        super().__init__()
        self._fees, self._raw = fees, raw_weight
        self.step_weight = step_weight
        """Effect of a step of fee on the objective."""

    def __missing__(self, price: Price) -> AllIn:
        """Work it out and keep it."""
        steps, per = self._fees[price]
        pull = self.step_weight * steps // per
        found = self[price] = AllIn(self._raw * price + pull, pull, steps, per)
        return found


@lru_cache(maxsize=16)
def _kept_table(rate: int, exponent: int, raw_weight: int, step_weight: int) -> AllInTable:
    return AllInTable(fee_table(FeeCurve(rate, exponent)), raw_weight, step_weight)


def all_in_table(curve: FeeCurve | OddCurve, side: Side, formula: Formula) -> AllInTable:
    """Return the all-in costs of a curve on one side; those of the desk's markets are kept."""
    raw, step = formula.raw_weight(side), formula.step_weight(side)
    if formula.grain == 1 and type(curve) is FeeCurve:
        return _kept_table(curve.rate, curve.exponent, raw, step)
    return AllInTable(fee_table(curve, formula.grain), raw, step)
