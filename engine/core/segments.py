"""The objective of a plan, cut into the stretches of size on which every leg stays on one level.

Segments come lazily, in order of size, at O(log legs) per level that ends; what exact amounts need is added
up for those that are looked at. `engine.core.optimum` explains the scale, `engine.core.search` why searching
these is exact.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.core.all_in import AllInTable, all_in_table
from engine.core.fee_sum import BITS, Step, fee_steps, least_rounding
from engine.core.formula import Formula
from engine.core.ladder import LegInput, Rung, first_lot, rung_at
from engine.core.touch import sum_of_slippage
from engine.domain.book import Level
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
        self._rungs: list[Rung | None] = [None] * len(legs)
        """By leg: the level that was active where the ladder was looked at last."""

    def segments(self) -> Iterator[Segment]:
        """Yield the segments in order of size, until one leg's ladder ends; nothing if one is empty."""
        legs, base, slope = self._legs, self._base, self._slope
        places = [first_lot(leg.levels) for leg in legs]
        if any(place == len(leg.levels) for leg, place in zip(legs, places, strict=True)):
            return
        active = [leg.levels[place] for leg, place in zip(legs, places, strict=True)]
        tables = list(_tables(legs, self._formula))
        slope -= sum([table[level.price][0] for table, level in zip(tables, active, strict=True)])
        ends = [(level.size // LOT, leg) for leg, level in enumerate(active)]
        leg_caps = None if self._formula.max_leg is None else _LegCaps(active, self._formula.max_leg)
        heapq.heapify(ends)
        is_up = self._formula.rounding is Rounding.UP
        step_weight = {side: self._formula.step_weight(side) for side in Side}
        lo = 0
        while True:
            hi, ending = ends[0]
            if hi > lo:
                yield Segment(lo, hi, base, slope, ending, None if leg_caps is None else leg_caps.tightest)
                lo = hi
            leg, table, done = legs[ending], tables[ending], active[ending]
            place = places[ending] = first_lot(leg.levels, places[ending] + 1)
            if place == len(leg.levels):
                return
            level = active[ending] = leg.levels[place]
            assert (level.price > done.price) is (leg.side is Side.BUY), "expected best first"
            unit, pull, steps, per = table[done.price]
            worse, lots = table[level.price][0] - unit, done.size // LOT
            # At this size only rounding moves the ceiling: the fee of the level that ends is now what is charged.
            charged = -(-lots * steps // per) if is_up else lots * steps // per
            base += worse * lo + pull * lots - step_weight[leg.side] * charged
            slope -= worse
            heapq.heapreplace(ends, (lo + level.size // LOT, ending))
            if leg_caps is not None:
                leg_caps.enter(ending, lo, level)

    def rungs(self, segment: Segment) -> list[Rung]:
        """Return the active level of every leg."""
        lo, formula = segment.lo, self._formula
        for number, rung in enumerate(self._rungs):
            if rung is None or not rung[0] <= lo < rung[1]:
                found = rung_at(self._legs[number], lo + 1, formula.rounding, formula.grain)
                self._rungs[number] = found
        active = [rung for rung in self._rungs if rung is not None]
        assert len(active) == len(self._legs), f"expected every ladder to hold more than {lo} lots"
        return active

    def detail(self, segment: Segment) -> Detail:
        """Return what tells exact amounts of a segment, in time proportional to the number of legs."""
        formula, active = self._formula, self.rungs(segment)
        base, slope, ceiling_base = self._base, self._slope, segment.base
        outlay_base, outlay_slope = formula.fixed, formula.locked
        charged = []
        for side in Side:
            fees, raw, prices, ticks, steps = 0, 0, 0, 0, []
            for leg, rung in zip(self._legs, active, strict=True):
                if leg.side is not side:
                    continue
                start, _, price, before, paid, fee, per = rung
                raw += before - price * start
                prices += price
                fees += paid
                ticks += leg.tick
                if fee:
                    steps.append((start, fee, per))
            raw_weight, weight, paid = formula.raw_weight(side), formula.step_weight(side), fees // FEE_STEP
            base -= raw_weight * raw + weight * paid
            slope -= raw_weight * prices
            outlay_weight = 0
            if side is Side.BUY:
                outlay_weight = formula.scale * FEE_STEP // formula.grain
                outlay_base += formula.scale * raw + outlay_weight * paid
                outlay_slope += formula.scale * (prices + formula.slippage_ticks * ticks)
            if steps:
                charged.append(SideFees(weight, outlay_weight, tuple(steps)))
            if formula.rounding is Rounding.DOWN:
                ceiling_base += weight * len(steps)  # rounding down may spare up to one step of each
        return Detail(
            base,
            slope,
            ceiling_base,
            segment.slope,
            outlay_base,
            outlay_slope,
            tuple(charged),
            formula.rounding,
        )


class _LegCaps:
    """Where the raw notional of a leg passes its cap, as far as the ladders have been walked."""

    def __init__(self, best: Sequence[Level], max_leg: Usdc) -> None:
        """Enter the best level of every leg."""
        self.tightest: LegCap | None = None
        self._left: list[int] = [max_leg] * len(best)
        """By leg, what it may cost beyond the levels entered, in micro-dollars; negative once it is capped."""
        for leg, level in enumerate(best):
            self.enter(leg, 0, level)

    def enter(self, leg: int, start: int, level: Level) -> None:
        """Take in the level that begins after `start` lots."""
        left, cost = self._left[leg], level.size // LOT * level.price
        self._left[leg] = left - cost
        if 0 <= left < cost:
            cap = LegCap(start + left // level.price, leg)
            self.tightest = cap if self.tightest is None else min(self.tightest, cap)


def _tables(legs: Sequence[LegInput], formula: Formula) -> Iterator[AllInTable]:
    """Yield the all-in costs of each leg, looked up once where legs of a kind follow each other."""
    curve, side = legs[0].fee, legs[0].side
    table = all_in_table(curve, side, formula)
    for leg in legs:
        if leg.fee is not curve or leg.side is not side:
            curve, side = leg.fee, leg.side
            table = all_in_table(curve, side, formula)
        yield table
