"""The objective of a plan, cut into the stretches of size on which every leg stays on one level.

Segments come lazily, in order of size, at O(log legs) per level that ends; what exact amounts need is added
up for those that are looked at. `planner.optimum` explains the scale, `planner.search` why searching
these is exact.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.core.planner.all_in import AllInTable, all_in_table
from engine.core.planner.fee_sum import BITS, Step, fee_steps, least_rounding
from engine.core.planner.formula import Formula
from engine.core.planner.ladder import LegInput, Rung
from engine.core.planner.touch import sum_of_slippage
from engine.domain.book import Level
from engine.domain.market import Side
from engine.domain.units import FEE_STEP, LOT, SIZE_ONE, Price, Rounding, Size, Usdc

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


class LegCap(NamedTuple):
    """The largest size that keeps one leg's raw notional within `Objective.max_leg`."""

    lots: int
    leg: int


class Segment(NamedTuple):
    """All sizes q with lo < q <= hi, in lots; amounts in units of the formula."""

    lo: int
    hi: int
    base: int
    slope: int
    """Of the ceiling."""
    ending: int
    """The leg whose level ends at `hi`."""
    leg_cap: LegCap | None
    """The tightest cap by `max_leg` among the levels walked so far."""

    def ceiling(self, lots: int) -> int:
        """Return the objective as if the fees of the active levels, and no others, were not rounded."""
        return self.base + self.slope * lots


class SideFees(NamedTuple):
    """The active levels of all legs of one side that are charged fees."""

    weight: int
    """Effect of a step of fee on the objective."""
    outlay_weight: int
    """The same on the capital needed; 0 for SELL legs."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Detail:
    """The exact objective and capital of the sizes of one segment, in units of the formula."""

    base: int
    slope: int
    """Of the objective, without the fees of the active levels."""
    ceiling_base: int
    ceiling_slope: int
    """Of an upper bound of the objective, these fees included."""
    outlay_base: int
    outlay_slope: int
    """Of the capital needed, without these fees."""
    fees: tuple[SideFees, ...]
    rounding: Rounding

    def objective(self, lots: int) -> int:
        """Return the exact objective of a size inside the segment."""
        fees = sum([side.weight * fee_steps(side.steps, lots, self.rounding) for side in self.fees])
        return self.base + self.slope * lots - fees

    def ceiling(self, lots: int) -> int:
        """Return an upper bound of the objective, linear inside the segment."""
        return self.ceiling_base + self.ceiling_slope * lots

    def bounds(self, sizes: range) -> list[int]:
        """Return close upper bounds of the objective, size by size; at most `fee_sum.SIZES_MAX` sizes."""
        base, slope = self.ceiling_base, self.ceiling_slope
        bounds = [base + slope * lots for lots in sizes]
        for weight, _, steps in self.fees:
            added = least_rounding(steps, sizes)
            bounds = [bound - (weight * least >> BITS) for bound, least in zip(bounds, added, strict=True)]
        return bounds

    def outlay(self, lots: int) -> int:
        """Return the capital that a size inside the segment needs."""
        fees = sum([side.outlay_weight * fee_steps(side.steps, lots, self.rounding) for side in self.fees])
        return self.outlay_base + self.outlay_slope * lots + fees


class JointLadder:
    """The ladders of all legs, walked together; amounts in units of the formula."""

    def __init__(self, legs: Sequence[LegInput], formula: Formula) -> None:
        """Look at nothing yet."""
        self._legs, self._formula = legs, formula
        self._base = -formula.fixed - formula.fixed * formula.carry // formula.scale
        self._slope = formula.per_lot - sum_of_slippage(legs, formula)
        self._rungs: list[list[Rung]] = []
        """By leg, the levels walked so far."""
        numbers = {side: [number for number, leg in enumerate(legs) if leg.side is side] for side in Side}
        self._sides = [(side, of_side) for side, of_side in numbers.items() if of_side]

    def segments(self) -> Iterator[Segment]:
        """Yield the segments in order of size, until one leg's ladder ends; nothing if one is empty.

        To be called once; the ladder can be asked about the segments that it has yielded.
        """
        legs, base, slope, walked = self._legs, self._base, self._slope, self._rungs
        assert not walked, "expected one walk of a joint ladder"
        is_up, max_leg = self._formula.rounding is Rounding.UP, self._formula.max_leg
        buys = [leg.side is Side.BUY for leg in legs]
        tables = list(_tables(legs, self._formula))
        climbs = [iter(leg.levels) for leg in legs]
        ends: list[tuple[int, int]] = []
        leg_cap: LegCap | None = None
        for ending, table in enumerate(tables):
            level = _next_offer(climbs[ending])
            if level is None:
                return
            price, end = level.price, level.size // LOT
            unit, _, steps, per = table[price]
            slope -= unit
            walked.append([Rung(0, end, price, 0, 0, steps, per)])
            ends.append((end, ending))
            if max_leg is not None:
                leg_cap = _tighter(leg_cap, walked[ending][0], ending, max_leg)
        heapq.heapify(ends)
        lo = 0
        while True:
            hi, ending = ends[0]
            if hi > lo:
                yield Segment(lo, hi, base, slope, ending, leg_cap)
                lo = hi
            level = _next_offer(climbs[ending])
            if level is None:
                return
            rungs, table = walked[ending], tables[ending]
            start, _, done, raw, fee, steps, per = rungs[-1]
            price, end, lots = level.price, lo + level.size // LOT, lo - start
            assert (price > done) is buys[ending], "expected best first"
            unit, pull, _, _ = table[done]
            next_unit, _, next_steps, next_per = table[price]
            # At this size only rounding moves the ceiling: the level that ends is charged its rounded fee.
            charged = -(-lots * steps // per) if is_up else lots * steps // per
            base += (next_unit - unit) * lo + pull * lots - table.step_weight * charged
            slope -= next_unit - unit
            rung = Rung(lo, end, price, raw + lots * done, fee + FEE_STEP * charged, next_steps, next_per)
            rungs.append(rung)
            heapq.heapreplace(ends, (end, ending))
            if max_leg is not None:
                leg_cap = _tighter(leg_cap, rung, ending, max_leg)

    def touch(self) -> list[Price]:
        """Return the best price of every leg."""
        return [rungs[0].price for rungs in self._rungs]

    def rungs(self, segment: Segment) -> list[Rung]:
        """Return the active level of every leg."""
        lo = segment.lo
        return [
            rungs[-1] if rungs[-1][0] <= lo else next(rung for rung in reversed(rungs) if rung[0] <= lo)
            for rungs in self._rungs
        ]

    def detail(self, segment: Segment) -> Detail:
        """Return what tells exact amounts of a segment, in time proportional to the number of legs."""
        formula, active = self._formula, self.rungs(segment)
        base, slope, ceiling_base = self._base, self._slope, segment.base
        outlay_base, outlay_slope = formula.fixed, formula.locked
        charged = []
        for side, numbers in self._sides:
            raw = prices = fees = 0
            steps: list[Step] = []
            for start, _, price, before, paid, fee, per in [active[number] for number in numbers]:
                raw += before - price * start
                prices += price
                fees += paid
                if fee:
                    steps.append((start, fee, per))
            raw_weight, weight, outlay_weight = formula.raw_weight(side), formula.step_weight(side), 0
            fees //= FEE_STEP
            base -= raw_weight * raw + weight * fees
            slope -= raw_weight * prices
            if side is Side.BUY:
                outlay_weight = formula.scale * FEE_STEP // formula.grain
                slips = formula.slippage_ticks * sum([self._legs[number].tick for number in numbers])
                outlay_base += formula.scale * raw + outlay_weight * fees
                outlay_slope += formula.scale * (prices + slips)
            if formula.rounding is Rounding.DOWN:
                ceiling_base += weight * len(steps)  # may spare up to one step of each
            charged.append(SideFees(weight, outlay_weight, tuple(steps)))
        line = base, slope, ceiling_base, segment.slope, outlay_base, outlay_slope
        return Detail(*line, tuple(charged), formula.rounding)


def _next_offer(climb: Iterator[Level]) -> Level | None:
    """Return the next level that holds a lot."""
    for level in climb:
        if level.size >= LOT:
            return level
    return None


def _tighter(cap: LegCap | None, rung: Rung, leg: int, max_leg: int) -> LegCap | None:
    """Return the tighter of a cap and the one that a level sets; past it, an earlier level has the cap."""
    start, end, price, raw, *_ = rung
    if not raw <= max_leg < raw + (end - start) * price:
        return cap
    found = LegCap(start + (max_leg - raw) // price, leg)
    return found if cap is None else min(cap, found)


def _tables(legs: Sequence[LegInput], formula: Formula) -> Iterator[AllInTable]:
    """Yield the all-in costs of each leg, looked up once where legs of a kind follow each other."""
    curve, side = legs[0].fee, legs[0].side
    table = all_in_table(curve, side, formula)
    for leg in legs:
        if leg.fee is not curve or leg.side is not side:
            curve, side = leg.fee, leg.side
            table = all_in_table(curve, side, formula)
        yield table
