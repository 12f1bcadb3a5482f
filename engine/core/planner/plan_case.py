"""A planning problem as plain data, as a file can hold it, and its exact answer (the planner's file format).

The search is the desk's own; only the unit differs: a case may bring any number of decimals and fees that are
not rounded at all, so its unit is the power of ten in which all its terms are whole. Reading a file is
`engine.core.planner.case_reading`; guards that need an event are not part of a case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from engine.core.planner.formula import Formula
from engine.core.planner.ladder import LegInput, OddCurve, fill_at, tidy_levels
from engine.core.planner.optimum import Optimum, Reason, lots_to_minimum, optimise
from engine.core.planner.split import CurvePoint, Split, edge_curve, largest_size, split_at
from engine.domain.book import Level
from engine.domain.market import Side
from engine.domain.units import (
    FEE_STEP,
    LOT,
    PRICE_ONE,
    USDC_ONE,
    Price,
    Rounding,
    Size,
    Usdc,
    format_scaled,
    format_size,
)

OK = "ok"
"""`reason` of an answer that trades."""
_LOT_DECIMALS = 2
_MICRO_DECIMALS = 6
_PRICE_DECIMALS = 4
_ROUNDED_DECIMALS = 12
"""The least decimals of a case with rounded fees, besides one for every digit of its largest level."""
assert 10**_LOT_DECIMALS * LOT == USDC_ONE == 10**_MICRO_DECIMALS
assert PRICE_ONE == 10**_PRICE_DECIMALS


class Exact(NamedTuple):
    """A decimal number: digits x 10 ** -decimals."""

    digits: int
    decimals: int

    def scaled(self, decimals: int, rounding: Rounding) -> int:
        """Return it in units of 10 ** -decimals, rounded."""
        if decimals >= self.decimals:
            return int(self.digits * 10 ** (decimals - self.decimals))
        per = 10 ** (self.decimals - decimals)
        return int(self.digits // per if rounding is Rounding.DOWN else -(-self.digits // per))


class CaseKind(Enum):
    """What a set is; told back, the sums follow from payout and sides."""

    BUY_SET = "buy_set"
    BUY_PAIR = "buy_pair"
    SELL_SET = "sell_set"
    NO_SET = "no_set"
    CONVERT = "convert"


class FeeRounding(Enum):
    """Of each level's fee, equal prices added up."""

    NONE = "none"
    CEIL = "ceil_1e-5"
    FLOOR = "floor_1e-5"


@dataclass(frozen=True, slots=True)
class CaseLeg:
    """One leg; amounts in dollars."""

    leg: int
    token: str
    side: Side
    levels: tuple[Level, ...]
    """In any order; equal prices are added up, zero sizes and prices outside of 0 to 1 dropped."""
    tick: Price
    min_size: Size
    max_size: Size | None
    min_notional: Exact
    fee_rate: Exact
    fee_exponent: int


@dataclass(frozen=True, slots=True)
class CaseParams:
    """Terms; amounts in dollars, None for no cap."""

    lot: Size
    fee_rounding: FeeRounding
    fee_bps: Exact
    slippage_ticks: int
    safety_margin_usdc: Exact
    fixed_cost_usdc: Exact
    min_profit_usdc: Exact
    max_capital_usdc: Exact | None
    max_sets: Size | None
    max_leg_usdc: Exact | None


@dataclass(frozen=True, slots=True)
class Case:
    """One planning problem."""

    id: str
    kind: CaseKind
    payout_per_set: Exact
    legs: tuple[CaseLeg, ...]
    params: CaseParams


@dataclass(frozen=True, slots=True)
class LegAnswer:
    """One leg of a trade, money in units of the answer."""

    worst: Price
    raw: Usdc
    """In micro-dollars."""
    fee: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The best size of a case, and what it comes to; amounts in units of 10 ** -decimals micro-dollar."""

    case: Case
    reason: str
    lots: int
    """0 without a trade, as all that follows is."""
    objective: int
    outlay: int
    split: Split
    legs: tuple[LegAnswer, ...]
    decimals: int

    @property
    def trade(self) -> bool:
        """Tell whether there is a size that pays."""
        return self.lots > 0

    @property
    def size(self) -> str:
        """The number of sets as the format writes it."""
        return format_size(Size(self.lots * LOT))

    def micro(self, units: int) -> str:
        """Return an amount in micro-dollars, exact to its last decimal."""
        return format_scaled(units, self.decimals)


def answer_case(case: Case) -> Answer:
    """Return the exact optimum of a case. Pure, and independent of the order of levels and legs."""
    decimals = _decimals(case)
    legs, formula = legs_of_case(case), formula_of_case(case)
    best = optimise(legs, formula)
    if not isinstance(best, Optimum):
        reason = _reason(legs, formula, best.reason)
        return Answer(case, reason.value, 0, 0, 0, Split(0, 0, 0, 0, 0, 0, 0), (), decimals)
    split = split_at(legs, formula, best.lots)
    assert split.net == best.objective, f"expected the parts of {case.id!r} to add up"
    found = [
        LegAnswer(fill.worst, fill.raw, fill.fee * formula.scale // formula.grain) for fill in best.fills
    ]
    return Answer(case, OK, best.lots, best.objective, best.outlay, split, tuple(found), decimals)


def curve_of(case: Case) -> tuple[CurvePoint, ...]:
    """Return every breakpoint of a case; amounts in units of its answer, sizes in lots of 0.01 share."""
    return tuple(edge_curve(legs_of_case(case), formula_of_case(case)))


def legs_of_case(case: Case) -> list[LegInput]:
    """Return the legs as the search takes them, levels tidied."""
    return [
        LegInput(
            side=leg.side,
            levels=tidy_levels(leg.levels, leg.side),
            tick=leg.tick,
            fee=OddCurve(leg.fee_rate.digits, 10**leg.fee_rate.decimals, leg.fee_exponent),
            min_size=leg.min_size,
            max_size=leg.max_size,
            # Raw notional is whole micro-dollars, so a minimum or a cap between two of them is one of them.
            min_notional=Usdc(leg.min_notional.scaled(_MICRO_DECIMALS, Rounding.UP)),
        )
        for leg in case.legs
    ]


def _decimals(case: Case) -> int:
    """Return how many decimals of a micro-dollar every term of the objective needs at most."""
    params = case.params
    per_set = _MICRO_DECIMALS - _LOT_DECIMALS
    wanted = [
        case.payout_per_set.decimals - per_set,
        params.safety_margin_usdc.decimals - per_set,
        params.fixed_cost_usdc.decimals - _MICRO_DECIMALS,
        params.fee_bps.decimals + _PRICE_DECIMALS,
    ]
    if params.fee_rounding is FeeRounding.NONE:
        spread = 2 * _PRICE_DECIMALS
        wanted += [leg.fee_rate.decimals + spread * leg.fee_exponent - per_set for leg in case.legs]
    else:
        # The search floors the fee of a lot to this unit: over the largest level that must stay under a step,
        # or sizes would be tried one by one.
        largest = max((level.size for leg in case.legs for level in leg.levels), default=0)
        wanted.append(_ROUNDED_DECIMALS + len(str(largest)))
    return max(wanted)


def formula_of_case(case: Case) -> Formula:
    """Return the terms in the unit of the case: the largest power of ten in which all are whole."""
    params, down, decimals = case.params, Rounding.DOWN, _decimals(case)
    lot, usdc, scale = (
        decimals + _MICRO_DECIMALS - _LOT_DECIMALS,
        decimals + _MICRO_DECIMALS,
        int(10**decimals),
    )
    capital, leg = params.max_capital_usdc, params.max_leg_usdc
    return Formula(
        scale=scale,
        lot=params.lot // LOT,
        rounding=down if params.fee_rounding is FeeRounding.FLOOR else Rounding.UP,
        grain=FEE_STEP * scale if params.fee_rounding is FeeRounding.NONE else 1,
        payout=case.payout_per_set.scaled(lot, down),
        safety=params.safety_margin_usdc.scaled(lot, down),
        bps=params.fee_bps.scaled(decimals - _PRICE_DECIMALS, down),
        carry=0,
        slippage_ticks=params.slippage_ticks,
        fixed=params.fixed_cost_usdc.scaled(usdc, down),
        min_profit=params.min_profit_usdc.scaled(usdc, Rounding.UP),
        max_outlay=None if capital is None else capital.scaled(usdc, down),
        max_lots=None if params.max_sets is None else params.max_sets // LOT,
        max_leg=None if leg is None else Usdc(leg.scaled(_MICRO_DECIMALS, down)),
    )


def _reason(legs: Sequence[LegInput], formula: Formula, found: Reason) -> Reason:
    """Return the first reason in the order of the format; the search stops at the one it meets first."""
    if any(fill_at(leg, 1, formula.rounding) is None for leg in legs):
        return Reason.EMPTY_LEG
    largest = largest_size(legs, formula)
    if largest < formula.lot:
        return Reason.CAPS
    smallest, short = lots_to_minimum(legs, formula.lot)
    if short is not None or smallest > largest:
        return Reason.MIN_SIZE
    return found
