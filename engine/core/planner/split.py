"""What a plan of a given size earns and costs, part by part, and how that changes with the size.

Exact amounts in units of the formula. This module decides nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.core.planner.formula import Formula
from engine.core.planner.ladder import LegFill, LegInput, fill_at
from engine.core.planner.optimum import size_cap
from engine.core.planner.search import affordable
from engine.core.planner.segments import JointLadder, Segment
from engine.domain.market import Side


@dataclass(frozen=True, slots=True)
class Split:
    """The split of strategy 3.8 over the whole size: net = gross less everything else."""

    gross: int
    """Payout - raw cost of BUY legs + raw proceeds of SELL legs."""
    fee: int
    slippage: int
    buffer: int
    """`fee_bps` of the raw notional of every leg."""
    safety: int
    carry: int
    fixed: int

    @property
    def before_buffers(self) -> int:
        """What is earned if all goes as the books stand: Pi of strategy 3.3, without carry."""
        return self.gross - self.fee - self.fixed

    @property
    def net(self) -> int:
        """The objective."""
        return self.before_buffers - self.slippage - self.buffer - self.safety - self.carry


class CurvePoint(NamedTuple):
    """One breakpoint of the edge against the size."""

    lots: int
    objective: int
    outlay: int


def split_at(legs: Sequence[LegInput], formula: Formula, lots: int) -> Split:
    """Return the parts of the objective at a size that every ladder holds."""
    fills = [fill_at(leg, lots, formula.rounding, formula.grain) for leg in legs]
    walked = [(leg, fill) for leg, fill in zip(legs, fills, strict=True) if fill is not None]
    assert len(walked) == len(legs), f"expected {lots} lots on offer on every leg"
    scale = formula.scale
    ticks = {side: sum(leg.tick for leg in legs if leg.side is side) for side in Side}
    paid = {side: sum(_fee(fill, formula) for leg, fill in walked if leg.side is side) for side in Side}
    raw = {side: sum(fill.raw for leg, fill in walked if leg.side is side) for side in Side}
    slipped = {side: formula.slippage_ticks * ticks[side] * lots * scale for side in Side}
    bought = raw[Side.BUY] * scale + paid[Side.BUY] + slipped[Side.BUY]
    outlay = formula.fixed + formula.locked * lots + bought
    return Split(
        gross=formula.payout * lots + (raw[Side.SELL] - raw[Side.BUY]) * scale,
        fee=sum(paid.values()),
        slippage=sum(slipped.values()),
        buffer=formula.bps * sum(raw.values()),
        safety=formula.safety * lots,
        carry=outlay * formula.carry // scale,
        fixed=formula.fixed,
    )


def _fee(fill: LegFill, formula: Formula) -> int:
    """Return a fill's fee in units; its grain divides the unit."""
    return fill.fee * formula.scale // formula.grain


def edge_curve(legs: Sequence[LegInput], formula: Formula) -> Iterator[CurvePoint]:
    """Yield every size at which a level ends, up to where depth or caps end; nothing if a leg is empty.

    Sizes are lots of 0.01 share, whatever the formula's own lot is; between two points without rounded fees
    the objective is a straight line. Minimums are not asked for.
    """
    ladder = JointLadder(legs, formula)
    for segment, lots in _reached(ladder, legs, formula):
        detail = ladder.detail(segment)
        yield CurvePoint(lots, detail.objective(lots), detail.outlay(lots))


def largest_size(legs: Sequence[LegInput], formula: Formula) -> int:
    """Return the most lots that depth and caps leave."""
    return max((lots for _, lots in _reached(JointLadder(legs, formula), legs, formula)), default=0)


def _reached(
    ladder: JointLadder, legs: Sequence[LegInput], formula: Formula
) -> Iterator[tuple[Segment, int]]:
    """Yield every segment with the last of its sizes that the caps allow."""
    cap, _, _ = size_cap(legs, formula)
    known = [] if cap is None else [cap]
    for segment in ladder.segments():
        caps = [segment.hi, *known]
        if segment.leg_cap is not None:
            caps.append(segment.leg_cap.lots)
        last = min(caps)
        if formula.max_outlay is not None and last > segment.lo:
            last = segment.lo + affordable(
                ladder.detail(segment), segment.lo + 1, last, 1, formula.max_outlay
            )
        if last > segment.lo:
            yield segment, last
        if last < segment.hi:
            return
