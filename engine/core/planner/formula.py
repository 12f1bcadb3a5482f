"""What a size is worth, as coefficients of the search: every amount a whole number of one small unit.

The unit is 1 / scale micro-dollar, fine enough for every term to be exact: whoever writes a formula chooses
it (`planner.segments.formula_of` for the desk, `planner.plan_case` for a case of the file format).
A lot here is 0.01 share. This module knows no book and no clock.
"""

from dataclasses import dataclass

from engine.core.planner.ladder import LegInput
from engine.domain.fees import FeeCurve
from engine.domain.market import Side
from engine.domain.units import FEE_STEP, Rounding, Usdc


@dataclass(frozen=True, slots=True)
class Formula:
    """Strategy 3.3 in units. None means no cap; costs and buffers are not negative."""

    scale: int
    """Units per micro-dollar."""
    lot: int
    """The size is a whole multiple of so many lots of 0.01 share."""
    rounding: Rounding
    """Of each level's fee, to whole steps."""
    grain: int
    """A step of fee is FEE_STEP / grain micro-dollars: 1 as the venue rounds; so fine that nothing is rounded
    where fees are to be exact."""
    payout: int
    """Per lot: positive for what it pays, negative for what it costs to make."""
    safety: int
    """Per lot."""
    bps: int
    """Buffer per micro-dollar of raw cost or raw proceeds."""
    carry: int
    """Charged per micro-dollar of outlay."""
    slippage_ticks: int
    fixed: int
    min_profit: int
    max_outlay: int | None
    max_lots: int | None
    max_leg: Usdc | None

    @property
    def locked(self) -> int:
        """Collateral that a lot binds before anything is bought, in units."""
        return max(0, -self.payout)

    @property
    def per_lot(self) -> int:
        """What a lot earns before its legs: payout less safety and carry on the collateral it locks."""
        return self.payout - self.safety - self.locked * self.carry // self.scale

    def fee_weight(self, side: Side) -> int:
        """Return what one micro-dollar of a leg's fee costs the objective: carry is on outlay only."""
        return self.scale + (self.carry if side is Side.BUY else 0)

    def step_weight(self, side: Side) -> int:
        """Return what one step of a leg's fee costs the objective."""
        weight = self.fee_weight(side) * FEE_STEP
        assert weight % self.grain == 0, f"expected a unit that divides a step of fee, grain {self.grain}"
        return weight // self.grain

    def raw_weight(self, side: Side) -> int:
        """Return what one micro-dollar of a leg's raw notional costs the objective; negative if it pays."""
        return self.bps + (self.scale + self.carry if side is Side.BUY else -self.scale)


def is_steep(leg: LegInput, formula: Formula) -> bool:
    """Tell whether a later level of this leg may be better all-in than an earlier one (strategy 3.6).

    The fee's slope in the price is rate x exponent x (p (1 - p)) ** (exponent - 1) x (1 - 2p), at most
    rate x exponent / 4 ** (exponent - 1): as long as that is no more than what the price itself weighs, the
    all-in ladder stays sorted. May say so of a leg that is sorted all the same: it then only costs time.
    """
    curve, is_buy = leg.fee, leg.side is Side.BUY
    if is_buy and type(curve) is FeeCurve:
        return False  # rate <= 1: the bound above is at most 1, the price weighs at least as much
    price = formula.raw_weight(leg.side) if is_buy else -formula.raw_weight(leg.side)
    if curve.exponent == 0:
        return price < 0
    pull = formula.fee_weight(leg.side) * curve.rate * curve.exponent * 4
    return pull > price * curve.per * int(4**curve.exponent)
