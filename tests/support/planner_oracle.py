"""An oracle for the optimiser: worth and best size in plain fractions of a dollar, by trying every size."""

import math
from collections.abc import Sequence
from fractions import Fraction
from random import Random

from engine.core.planner.ladder import LegInput
from engine.core.planner.segments import Objective
from engine.domain.book import Level
from engine.domain.fees import FeeCurve
from engine.domain.market import Side
from engine.domain.units import LOT, Price, Rounding, Size, Usdc


class Worth:
    """One size, worth what the definitions of strategy 3.2 and 3.3 say; dollars and shares as fractions."""

    def __init__(self, legs: Sequence[LegInput], terms: Objective, lots: int) -> None:
        self.sets = Fraction(lots, 100)
        self.raws = [_walk(one, self.sets, terms.fee_rounding)[0] for one in legs]
        self.fees = [_walk(one, self.sets, terms.fee_rounding)[1] for one in legs]
        slips = [terms.slippage_ticks * Fraction(one.tick, 10_000) * self.sets for one in legs]
        payout = Fraction(terms.payout, 10**6) * self.sets
        fixed = Fraction(terms.fixed_cost, 10**6)
        bought = [i for i, one in enumerate(legs) if one.side is Side.BUY]
        sold = [i for i, one in enumerate(legs) if one.side is Side.SELL]
        self.outlay = fixed + max(Fraction(0), -payout)
        self.outlay += sum((self.raws[i] + self.fees[i] + slips[i] for i in bought), Fraction(0))
        self.objective = payout - fixed - sum(self.fees) - sum(slips)
        self.objective += sum(self.raws[i] for i in sold) - sum(self.raws[i] for i in bought)
        self.objective -= Fraction(terms.fee_bps, 10**4) * sum(self.raws)
        self.objective -= Fraction(terms.safety_per_set, 10**6) * self.sets
        self.objective -= Fraction(terms.carry_ppm, 10**6) * self.outlay


def _walk(one: LegInput, sets: Fraction, rounding: Rounding) -> tuple[Fraction, Fraction]:
    left, raw, fee = sets, Fraction(0), Fraction(0)
    for level in sorted(one.levels, key=lambda level: level.price, reverse=one.side is Side.SELL):
        taken = min(left, Fraction(level.size // LOT, 100))
        left -= taken
        price = Fraction(level.price, 10_000)
        raw += taken * price
        steps = taken * Fraction(one.fee.rate, 10**6) * (price * (1 - price)) ** one.fee.exponent * 10**5
        fee += Fraction(math.ceil(steps) if rounding is Rounding.UP else math.floor(steps), 10**5)
    assert left == 0, f"the ladder holds {left} shares too few"
    return raw, fee


def allowed(legs: Sequence[LegInput], terms: Objective, worth: Worth) -> bool:
    """Whether minimums and caps let this size pass."""
    sets = worth.sets
    return (
        all(sets >= Fraction(one.min_size, 10**6) for one in legs)
        and all(raw >= Fraction(one.min_notional, 10**6) for one, raw in zip(legs, worth.raws, strict=True))
        and all(one.max_size is None or sets <= Fraction(one.max_size, 10**6) for one in legs)
        and (terms.max_sets is None or sets <= Fraction(terms.max_sets, 10**6))
        and (terms.max_leg is None or all(raw <= Fraction(terms.max_leg, 10**6) for raw in worth.raws))
        and (terms.max_capital is None or worth.outlay <= Fraction(terms.max_capital, 10**6))
    )


def brute_force(legs: Sequence[LegInput], terms: Objective) -> tuple[Fraction, int]:
    """The best objective in dollars and its smallest size in lots, by trying every size there is."""
    depth = min(sum(level.size // LOT for level in one.levels) for one in legs)
    best = (Fraction(0), 0)
    for lots in range(terms.lot // LOT, depth + 1, terms.lot // LOT):
        worth = Worth(legs, terms, lots)
        if worth.objective > best[0] and allowed(legs, terms, worth):
            best = (worth.objective, lots)
    return best


def random_case(rng: Random) -> tuple[list[LegInput], Objective]:
    """A small case near the money: few levels, all exponents, extreme prices, caps and minimums that bind."""
    mixed = rng.random() < 0.3
    legs = [_random_leg(rng, mixed=mixed) for _ in range(rng.randint(1, 4))]
    touch = sum((_touch(one) for one in legs), Fraction(0))
    near = [int(touch) + rng.randint(-2_000, 200_000), int(touch) + rng.randint(0, 900)]
    terms = Objective(
        payout=Usdc(rng.choice((1_000_000, -1_000_000, *near * 4))),
        lot=Size(rng.choice((10_000, 10_000, 10_000, 20_000, 70_000, 500_000))),
        fee_rounding=rng.choice((Rounding.UP, Rounding.UP, Rounding.DOWN)),
        fee_bps=rng.choice((0, 0, 5, 100)),
        slippage_ticks=rng.choice((0, 0, 1)),
        safety_per_set=Usdc(rng.choice((0, 0, 7, 2_000))),
        fixed_cost=Usdc(rng.choice((0, 0, 100, 20_000))),
        carry_ppm=rng.choice((0, 0, 333, 5_000)),
        min_profit=Usdc(0),
        max_capital=rng.choice((None, None, None, Usdc(rng.randint(0, 2_000_000)))),
        max_sets=rng.choice((None, None, Size(rng.randint(0, 200) * LOT))),
        max_leg=rng.choice((None, None, Usdc(rng.randint(0, 1_000_000)))),
    )
    return legs, terms


def _touch(one: LegInput) -> Fraction:
    """What one set of a leg costs (or, sold, brings) at the touch with its fee, in micro-dollars."""
    price = Fraction(one.levels[0].price, 10_000)
    fee = Fraction(one.fee.rate, 10**6) * (price * (1 - price)) ** one.fee.exponent
    return (fee + price if one.side is Side.BUY else fee - price) * 10**6


def _random_leg(rng: Random, *, mixed: bool) -> LegInput:
    side = Side.SELL if mixed and rng.random() < 0.6 else Side.BUY
    tick = rng.choice((1, 10, 100))
    price = (
        rng.choice((rng.randint(1, 9_999 // tick), rng.randint(1, 5_000 // tick), 1, 10_000 // tick - 1))
        * tick
    )
    found = []
    for _ in range(rng.randint(1, 5)):
        if not 0 < price < 10_000:
            break
        size = rng.choice((rng.randint(1, 40), rng.randint(1, 90), rng.randint(50, 160)))
        found.append(Level(Price(price), Size(size * LOT + rng.choice((0, 0, 5_000)))))
        price += (1 if side is Side.BUY else -1) * tick * rng.choice((1, 1, 2))
    return LegInput(
        side=side,
        levels=tuple(found),
        tick=Price(tick),
        fee=FeeCurve(rng.choice((0, 20_000, 33_333, 40_000, 70_000, 250_000, 900_000)), rng.randint(0, 2)),
        min_size=Size(rng.choice((0, 0, 50_000, 400_000))),
        max_size=rng.choice((None, None, Size(730_000))),
        min_notional=Usdc(rng.choice((0, 0, 30_000, 200_000))),
    )
