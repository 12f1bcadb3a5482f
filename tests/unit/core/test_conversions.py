"""Advice about turning pairs into collateral and back."""

import random

import pytest

from engine.core.dutch.conversions import ConversionCosts, Merge, Split, should_merge, should_split
from engine.domain.book import Level
from engine.domain.fees import FREE, FeeCurve, taker_fee
from engine.domain.units import LOT, Price, Rounding, Size, Usdc, notional
from tests.support.builders import shares, usdc

NOTHING = ConversionCosts(Usdc(0), Usdc(0))
GAS = ConversionCosts(usdc(0.50), usdc(0.10))


def bids(*levels: tuple[int, int]) -> tuple[Level, ...]:
    return tuple(Level(Price(price), shares(size)) for price, size in levels)


def test_pairs_are_merged_in_whole_lots_less_the_act():
    assert should_merge(Size(shares(70) + 9_999), shares(90), GAS) == Merge(shares(70), usdc(69.50))


@pytest.mark.parametrize(("yes", "no"), [(0, 90), (90, 0), (0, 0)])
def test_one_side_alone_is_no_pair(yes, no):
    assert should_merge(shares(yes), shares(no), NOTHING) is None


def test_merge_that_does_not_bring_its_cost_is_not_advised():
    assert should_merge(Size(usdc(0.59)), shares(5), GAS) is None
    assert should_merge(Size(usdc(0.60)), shares(5), GAS) == Merge(Size(600_000), usdc(0.10))


def test_split_sells_both_sides_while_a_pair_brings_more_than_a_dollar():
    found = should_split(
        bids((6_000, 10), (5_500, 40)), bids((4_300, 30), (4_100, 9)), FREE, usdc(99), NOTHING
    )

    # 10 pairs at 1.03; then 20 at 0.98 would lose.
    assert found == Split(shares(10), usdc(0.30))


def test_split_stays_within_its_budget():
    assert should_split(bids((6_000, 100)), bids((4_300, 100)), FREE, usdc(7.009), NOTHING) == Split(
        Size(7_000_000), usdc(0.21)
    )


def test_fees_and_the_acts_cost_can_eat_the_gain():
    fee = FeeCurve(rate=50_000, exponent=1)

    assert should_split(bids((5_100, 100)), bids((5_100, 100)), fee, usdc(99), NOTHING) is None
    assert should_split(bids((6_000, 10)), bids((4_300, 10)), FREE, usdc(99), GAS) is None


@pytest.mark.parametrize("side", [0, 1])
def test_no_bids_on_one_side_is_no_split(side):
    both = [bids((9_000, 10)), bids((9_000, 10))]
    both[side] = ()

    assert should_split(both[0], both[1], FREE, usdc(99), NOTHING) is None


@pytest.mark.parametrize("seed", range(300))
def test_split_is_the_best_size_of_all(seed):
    draw = random.Random(seed)
    fee = FeeCurve(rate=draw.choice([0, 20_000, 70_000]), exponent=1)
    yes, no = (
        bids(
            *sorted(
                ((draw.randrange(3_000, 7_000, 100), draw.randrange(1, 5)) for _ in range(4)), reverse=True
            )
        )
        for _ in range(2)
    )
    budget = Usdc(draw.randrange(0, 20) * 1_000_000)

    found = should_split(yes, no, fee, budget, NOTHING)

    most = min(budget, sum(level.size for level in yes), sum(level.size for level in no))
    gains = {
        size: sum(_sold(side, Size(size), fee) for side in (yes, no)) - size
        for size in range(LOT * 50, most + 1, LOT * 50)
    }
    best = max(gains.values(), default=0)
    # Fees are rounded up a step for each joint level here and for each level there: 16 steps of 10 at most.
    assert abs((found.gain if found else 0) - max(best, 0)) <= 160, f"seed {seed}"


def _sold(levels: tuple[Level, ...], size: Size, fee: FeeCurve) -> int:
    brought, left = 0, size
    for level in levels:
        taken = Size(min(left, level.size))
        brought += notional(level.price, taken, Rounding.DOWN) - taker_fee(
            fee, level.price, taken, Rounding.UP
        )
        left = Size(left - taken)
    return brought
