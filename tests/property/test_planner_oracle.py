"""The optimiser against brute force in fractions: thousands of small ladders, every size tried."""

from fractions import Fraction
from random import Random

import pytest

from engine.core.planner.optimum import Optimum, best_size
from engine.core.planner.segments import SCALE, Objective
from engine.domain.book import Level
from engine.domain.fees import FeeCurve
from engine.domain.market import Side
from engine.domain.units import LOT, Price, Rounding, Size, Usdc
from tests.support.planner import leg
from tests.support.planner_oracle import Worth, brute_force, random_case

DOLLAR = SCALE * 10**6
BATCH = 200


def answer(legs, terms) -> tuple[Fraction, int]:
    best = best_size(legs, terms)
    return (Fraction(best.objective, DOLLAR), best.lots) if isinstance(best, Optimum) else (Fraction(0), 0)


@pytest.mark.parametrize("batch", range(12))
def test_optimum_equals_brute_force_to_the_last_fraction(batch):
    """Objective, smallest size, outlay and every leg's cost; the largest difference is zero."""
    trades = 0
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        legs, terms = random_case(Random(seed))
        best = best_size(legs, terms)

        found = (
            (Fraction(best.objective, DOLLAR), best.lots) if isinstance(best, Optimum) else (Fraction(0), 0)
        )
        assert found == brute_force(legs, terms), f"seed {seed}"
        if isinstance(best, Optimum):
            trades += 1
            worth = Worth(legs, terms, best.lots)
            assert Fraction(best.outlay, DOLLAR) == worth.outlay, f"seed {seed}"
            assert [Fraction(fill.raw, 10**6) for fill in best.fills] == worth.raws, f"seed {seed}"
            assert [Fraction(fill.fee, 10**6) for fill in best.fills] == worth.fees, f"seed {seed}"
    assert trades >= 25, f"batch {batch} hardly traded: {trades}"


@pytest.mark.parametrize("batch", range(4))
@pytest.mark.parametrize("rounding", list(Rounding))
def test_saw_tooth_of_nearly_flat_ladders_is_searched_to_the_lot(batch, rounding):
    """The payout is put within a thousandth of a cent of the touch's cost, so only rounding decides."""
    for seed in range(batch * 25, (batch + 1) * 25):
        rng = Random(seed)
        curve = FeeCurve(rng.choice((40_000, 70_000, 33_333)), rng.choice((1, 2)))
        legs = [
            leg([("0.50", "0.01")], fee=curve).__class__(
                side=Side.BUY,
                levels=tuple(
                    Level(Price(price + 10 * step), Size(rng.randint(20, 250) * LOT)) for step in range(2)
                ),
                tick=Price(10),
                fee=curve,
                min_size=Size(0),
                max_size=None,
                min_notional=Usdc(0),
            )
            for price in (rng.randint(10, 400) * 10 for _ in range(rng.randint(1, 3)))
        ]
        touch = sum(Fraction(one.levels[0].price, 10_000) + _fee(one.levels[0].price, curve) for one in legs)
        payout = Usdc(int(touch * 10**6) + rng.randint(0, 12))
        terms = Objective(payout, Size(LOT), rounding, 0, 0, Usdc(0), Usdc(0), 0, Usdc(0), None, None, None)

        assert answer(legs, terms) == brute_force(legs, terms), f"seed {seed}"


def _fee(price: int, curve: FeeCurve) -> Fraction:
    p = Fraction(price, 10_000)
    return Fraction(curve.rate, 10**6) * (p * (1 - p)) ** curve.exponent


@pytest.mark.parametrize("seed", range(3))
def test_many_deep_legs_are_best_among_their_neighbours(seed):
    """N = 40 legs of 50 levels: too large for brute force, so every size near by is tried."""
    rng = Random(seed)
    legs = []
    for _ in range(40):
        price, levels = rng.randint(100, 230), []
        for _ in range(50):
            levels.append(Level(Price(price), Size(rng.randint(100, 20_000) * LOT)))
            price += rng.choice((1, 1, 2, 5))
        legs.append(
            leg([("0.50", "1")]).__class__(
                Side.BUY, tuple(levels), Price(1), FeeCurve(40_000, 1), Size(0), None, Usdc(1_000_000)
            )
        )
    payout = Usdc(sum(one.levels[0].price for one in legs) * 100 + 50_000)
    terms = Objective(payout, Size(LOT), Rounding.UP, 0, 0, Usdc(0), Usdc(0), 0, Usdc(0), None, None, None)

    best = best_size(legs, terms)

    assert isinstance(best, Optimum), f"seed {seed}"
    found = Fraction(best.objective, DOLLAR)
    assert found == Worth(legs, terms, best.lots).objective, f"seed {seed}"
    for lots in range(max(1, best.lots - 12), best.lots + 13):
        value = Worth(legs, terms, lots).objective
        assert value <= found, f"seed {seed}, {lots} lots"
        assert value < found or lots >= best.lots, f"seed {seed}: {lots} lots are as good and fewer"
