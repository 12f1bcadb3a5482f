"""The objective of a plan, cut into the stretches of size on which every leg stays on one level.

Segments come lazily, in order of size, at O(log legs) per level that ends. `engine.core.optimum` explains
the scale and why searching these is exact.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.core.fee_sum import Step, fee_sum
from engine.core.formula import Formula
from engine.core.ladder import LegInput, Rung, rungs
from engine.domain.market import Side
from engine.domain.units import FEE_STEP, LOT, SIZE_ONE, Rounding, Size, Usdc

SCALE = 100_000_000
"""The desk's units per micro-dollar: the least in which every term of an `Objective` is a whole number."""
LOTS_PER_SET = SIZE_ONE // LOT
BPS_ONE = 10_000
PPM_ONE = 1_000_000


@dataclass(frozen=True, slots=True)
class Objective:
    """What a size is worth (strategy 3.3). None means no cap; costs and buffers are not negative."""

    payout: Usdc
    """Per set: positive for what a set pays, negative for what a set costs to make."""
    lot: Size
    """The size is a whole multiple of it; itself a multiple of 0.01 share."""
    fee_rounding: Rounding
    """Per level, equal prices added up, to steps of 10 micro-dollars."""
    fee_bps: int
    slippage_ticks: int
    safety_per_set: Usdc
    fixed_cost: Usdc
    carry_ppm: int
    """Millionths of the outlay that holding it until its release costs."""
    min_profit: Usdc
    max_capital: Usdc | None
    max_sets: Size | None
    max_leg: Usdc | None


def formula_of(objective: Objective) -> Formula:
    """Return the desk's terms in units of 1 / SCALE micro-dollar."""
    per_lot = SCALE // LOTS_PER_SET
    return Formula(
        scale=SCALE,
        lot=objective.lot // LOT,
        rounding=objective.fee_rounding,
        grain=1,
        payout=objective.payout * per_lot,
        safety=objective.safety_per_set * per_lot,
        bps=objective.fee_bps * (SCALE // BPS_ONE),
        carry=objective.carry_ppm * (SCALE // PPM_ONE),
        slippage_ticks=objective.slippage_ticks,
        fixed=objective.fixed_cost * SCALE,
        min_profit=objective.min_profit * SCALE,
        max_outlay=None if objective.max_capital is None else objective.max_capital * SCALE,
        max_lots=None if objective.max_sets is None else objective.max_sets // LOT,
        max_leg=objective.max_leg,
    )


class Line(NamedTuple):
    """Six coefficients, linear in the size: of a segment, or of the terms that belong to no leg."""

    base: int
    slope: int
    """Of the objective, without the rounded fees of the active levels."""
    ceiling_base: int
    ceiling_slope: int
    """Of an upper bound of the objective, those fees included."""
    outlay_base: int
    outlay_slope: int
    """Of the capital needed, without those fees."""


class LegCap(NamedTuple):
    """The largest size that keeps one leg's raw notional within `Objective.max_leg`."""

    lots: int
    leg: int


@dataclass(frozen=True, slots=True)
class Detail:
    """The exact objective and capital of the sizes of one segment."""

    line: Line
    steps: tuple[Step, ...]
    outlay_weights: tuple[int, ...]
    """Effect on the capital needed per step of fee, by leg; 0 for SELL legs."""

    def objective(self, lots: int) -> int:
        """Return the exact objective of a size inside the segment."""
        return self.line.base + self.line.slope * lots - fee_sum(self.steps, lots)

    def ceiling(self, lots: int) -> int:
        """Return an upper bound of the objective, linear inside the segment."""
        return self.line.ceiling_base + self.line.ceiling_slope * lots

    def outlay(self, lots: int) -> int:
        """Return the capital that a size inside the segment needs."""
        paid = zip(self.steps, self.outlay_weights, strict=True)
        fees = fee_sum([step._replace(weight=weight) for step, weight in paid if weight], lots)
        return self.line.outlay_base + self.line.outlay_slope * lots + fees


class Segment(NamedTuple):
    """All sizes q with lo < q <= hi, in lots; every amount in units of the formula.

    Cheap to make, because most segments are only passed; `detail` adds up what exact amounts need.
    """

    lo: int
    hi: int
    base: int
    slope: int
    """Of the ceiling."""
    active: tuple[Rung, ...]
    weights: tuple["_Weights", ...]
    constant: Line
    ending: int
    """The leg whose level ends at `hi`."""
    leg_cap: LegCap | None
    """The tightest cap by `max_leg` among the levels walked so far."""

    def ceiling(self, lots: int) -> int:
        """Return the objective as if the fees of the active levels, and no others, were not rounded."""
        return self.base + self.slope * lots

    def detail(self) -> Detail:
        """Return what tells exact amounts, in time proportional to the number of legs."""
        base, slope, _, _, outlay_base, outlay_slope = self.constant
        ceiling_base = base
        steps = []
        for weight, rung in zip(self.weights, self.active, strict=True):
            start, _, price, raw, fee, fee_steps, fee_per = rung
            before, paid = raw - price * start, fee // FEE_STEP
            base -= weight.raw * before + weight.fee * paid
            slope -= weight.raw * price + weight.size
            # Floored, so the ceiling stays one; rounding down may spare up to one step more.
            ceiling_base += weight.fee * fee_steps // fee_per * start
            if weight.rounding is Rounding.DOWN and fee_steps:
                ceiling_base += weight.fee
            outlay_base += weight.outlay_raw * before + weight.outlay_fee * paid
            outlay_slope += weight.outlay_raw * price + weight.outlay_size
            spare = fee_per - 1 if weight.rounding is Rounding.UP else 0
            steps.append(Step(start, fee_steps, fee_per, spare, weight.fee))
        ceiling_base += base - self.constant.base
        line = Line(base, slope, ceiling_base, self.slope, outlay_base, outlay_slope)
        return Detail(line, tuple(steps), tuple([weight.outlay_fee for weight in self.weights]))


@dataclass(frozen=True, slots=True)
class _Weights:
    """Effect of one leg's raw cost, fee and size on the objective and on the capital."""

    raw: int
    fee: int
    """Per step of fee; so is `outlay_fee`."""
    size: int
    outlay_raw: int
    outlay_fee: int
    outlay_size: int
    rounding: Rounding

    def unit(self, rung: Rung) -> int:
        """Return what a lot of the active level costs with its unrounded fee; less is more for SELL legs."""
        return self.raw * rung.price + self.size + self.pull(rung)

    def pull(self, rung: Rung) -> int:
        """Return the unrounded fee of a lot of the active level, floored to a unit: a ceiling stays one."""
        return self.fee * rung.fee_steps // rung.fee_per


def _weights(leg: LegInput, formula: Formula) -> _Weights:
    buy, scale = leg.side is Side.BUY, formula.scale
    slippage = formula.slippage_ticks * leg.tick
    return _Weights(
        raw=formula.raw_weight(leg.side),
        fee=formula.step_weight(leg.side),
        size=slippage * formula.fee_weight(leg.side),
        outlay_raw=scale if buy else 0,
        outlay_fee=scale * FEE_STEP // formula.grain if buy else 0,
        outlay_size=slippage * scale if buy else 0,
        rounding=formula.rounding,
    )


def _constant(formula: Formula) -> Line:
    """Return what does not depend on any leg: payout, safety, locked collateral, fixed cost."""
    base = -formula.fixed - formula.fixed * formula.carry // formula.scale
    slope = formula.per_lot
    return Line(base, slope, base, slope, formula.fixed, formula.locked)


def _leg_cap(rung: Rung, leg: int, formula: Formula) -> LegCap | None:
    if formula.max_leg is None or rung.raw > formula.max_leg:
        return None  # beyond it, an earlier level has the cap
    lots = rung.start + (formula.max_leg - rung.raw) // rung.price
    return LegCap(lots, leg) if lots < rung.end else None


def segments(legs: Sequence[LegInput], formula: Formula) -> Iterator[Segment]:
    """Yield the segments in order of size, until one leg's ladder ends; nothing if one is empty."""
    climbs = [rungs(leg, formula.rounding, formula.grain) for leg in legs]
    active = [rung for climb in climbs if (rung := next(climb, None)) is not None]
    if len(active) < len(legs):
        return
    weights, constant = tuple(_weights(leg, formula) for leg in legs), _constant(formula)
    units = [weight.unit(rung) for weight, rung in zip(weights, active, strict=True)]
    base, slope = constant.base, constant.slope - sum(units)
    caps = [cap for leg, rung in enumerate(active) if (cap := _leg_cap(rung, leg, formula)) is not None]
    leg_cap = min(caps, default=None)
    ends = [(rung.end, leg) for leg, rung in enumerate(active)]
    heapq.heapify(ends)
    lo = 0
    while True:
        hi, ending = ends[0]
        if hi > lo:
            yield Segment(lo, hi, base, slope, tuple(active), weights, constant, ending, leg_cap)
            lo = hi
        rung = next(climbs[ending], None)
        if rung is None:
            return
        weight, done = weights[ending], active[ending]
        unit = weight.unit(rung)
        # At this size only rounding moves the ceiling: the fee of the level that ends is now what is charged.
        charged = (rung.fee - done.fee) // FEE_STEP * weight.fee
        base += (unit - units[ending]) * lo - charged + weight.pull(done) * (done.end - done.start)
        slope -= unit - units[ending]
        units[ending], active[ending] = unit, rung
        if formula.max_leg is not None and (cap := _leg_cap(rung, ending, formula)) is not None:
            leg_cap = cap if leg_cap is None else min(leg_cap, cap)
        heapq.heapreplace(ends, (rung.end, ending))
