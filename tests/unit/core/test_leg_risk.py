"""Leg risk: the formulas on hand-computed cases, and the promise that no partial fill loses more."""

from itertools import combinations
from random import Random

import pytest

from engine.core.dutch.leg_risk import (
    LegStake,
    RestTerms,
    basket_risk,
    batch_risk,
    dump_proceeds,
    probe_risk,
    rest_of,
    worth_the_risk,
)
from engine.domain.book import Level
from engine.domain.fees import FREE, FeeCurve, outlay_bound, taker_fee
from engine.domain.units import (
    LOT,
    Price,
    Rounding,
    Size,
    Usdc,
    notional,
    parse_size,
)
from tests.support.planner import FOUR_PERCENT, levels, usdc

BIDS = levels([("0.44", "100"), ("0.43", "50"), ("0.40", "500")])


def test_dump_walks_the_bids_and_pays_the_fee_of_every_level():
    """100 x 0.44 + 50 x 0.43 = 65.50; fees 0.9856 + 0.4902."""
    assert dump_proceeds(BIDS, FOUR_PERCENT, parse_size("150"), stress_levels=0) == usdc("64.0242")


def test_dump_under_stress_finds_the_best_bids_gone():
    assert dump_proceeds(BIDS, FREE, parse_size("150"), stress_levels=1) == usdc("61.50")
    assert dump_proceeds(BIDS, FREE, parse_size("150"), stress_levels=2) == usdc("60")


def test_dump_beyond_the_bids_brings_nothing_for_the_rest():
    assert dump_proceeds(BIDS, FREE, parse_size("1000"), stress_levels=2) == usdc("200")
    assert dump_proceeds(BIDS, FREE, parse_size("10"), stress_levels=3) == 0
    assert dump_proceeds((), FREE, parse_size("10"), stress_levels=0) == 0


def test_dump_never_costs_more_than_giving_the_shares_away():
    """At the lowest prices the rounded fee exceeds what one lot brings."""
    cheap = (Level(Price(1), parse_size("0.01")),)

    assert dump_proceeds(cheap, FOUR_PERCENT, Size(LOT), stress_levels=0) == 0


def test_dump_rounds_proceeds_down_and_fees_up():
    odd = (Level(Price(3_333), Size(1_234_567)),)

    found = dump_proceeds(odd, FOUR_PERCENT, Size(1_234_567), stress_levels=0)

    # 0.41148118... floored, less a fee of 0.0109734... rounded up to 0.01098.
    assert found == 411_481 - 10_980


def test_batch_loses_every_leg_but_the_cheapest_to_miss():
    stakes = [
        LegStake(usdc("80"), usdc("70")),
        LegStake(usdc("60"), usdc("56")),
        LegStake(usdc("40"), usdc("33")),
    ]

    risk = batch_risk(stakes, payout=usdc("200"))

    assert risk.bound == usdc("17")
    assert risk.hard == usdc("140")


def test_leg_that_would_sell_above_its_cost_adds_no_loss():
    stakes = [LegStake(usdc("10"), usdc("12")), LegStake(usdc("20"), usdc("15"))]

    assert batch_risk(stakes, payout=usdc("40")).bound == usdc("5")


def test_single_leg_cannot_be_filled_in_part_of_its_legs():
    risk = batch_risk([LegStake(usdc("9"), usdc("1"))], payout=usdc("10"))

    assert (risk.bound, risk.hard) == (0, 0)


def test_limits_that_add_up_above_the_payout_count_as_a_loss_of_the_whole():
    """Forced beyond the edge by a minimum: filled completely at the limits it costs 102 for 100."""
    stakes = [LegStake(usdc("52"), usdc("51.50")), LegStake(usdc("50"), usdc("49.80"))]

    assert batch_risk(stakes, payout=usdc("100")).bound == usdc("2")


@pytest.mark.parametrize(
    ("profit", "bound", "success_pct", "worth"),
    [
        ("10", "39.99", 80, True),
        ("10", "40", 80, False),
        ("10", "40", 81, True),
        ("0.01", "0", 80, True),
        ("0", "0", 80, False),
        ("1", "0.01", 0, False),
        ("-1", "0", 100, False),
        ("1", "1000000", 100, True),
    ],
)
def test_profit_must_outweigh_the_loss_at_the_odds(profit, bound, success_pct, worth):
    """Pi Pi > (1 - pi) L, strictly: at 80 % a dollar of profit carries less than four of risk."""
    assert worth_the_risk(usdc(profit), usdc(bound), success_pct=success_pct) is worth


def test_odds_outside_a_percentage_are_a_broken_invariant():
    with pytest.raises(AssertionError, match="percentage"):
        worth_the_risk(usdc("1"), usdc("1"), success_pct=101)


class Scene:
    """Legs as sent: same size, limits a little above random bids, and the stakes that were printed."""

    def __init__(self, rng: Random) -> None:
        self.size = Size(rng.randint(100, 20_000) * LOT)
        self.stress = rng.randint(0, 2)
        count = rng.randint(2, 5)
        self.limits = [Price(rng.randint(200, 9_000 // count)) for _ in range(count)]
        self.fees = [FeeCurve(rng.choice((0, 40_000, 70_000)), rng.randint(0, 2)) for _ in range(count)]
        self.bids = [self._bids(rng, limit) for limit in self.limits]
        self.stakes = [
            LegStake(outlay_bound(fee, limit, self.size), self.dumped(i, self.size))
            for i, (fee, limit) in enumerate(zip(self.fees, self.limits, strict=True))
        ]
        self.risk = batch_risk(self.stakes, payout=Usdc(self.size))

    @staticmethod
    def _bids(rng: Random, limit: Price) -> tuple[Level, ...]:
        prices = sorted(rng.sample(range(1, limit), rng.randint(0, 5)), reverse=True)
        return tuple(Level(Price(price), Size(rng.randint(1, 9_000) * LOT)) for price in prices)

    def dumped(self, leg: int, size: Size) -> Usdc:
        return dump_proceeds(self.bids[leg], self.fees[leg], size, stress_levels=self.stress)

    def paid(self, leg: int, size: Size, price: Price) -> int:
        """The venue charges per match and rounds down (design, section 7)."""
        fee = taker_fee(self.fees[leg], price, size, Rounding.DOWN)
        return notional(price, size, Rounding.UP) + fee


@pytest.mark.parametrize("seed", range(60))
def test_every_subset_of_filled_legs_loses_at_most_the_bound(seed):
    scene = Scene(Random(seed))
    legs = range(len(scene.stakes))
    for count in legs:
        for filled in combinations(legs, count):
            paid = sum(scene.paid(leg, scene.size, scene.limits[leg]) for leg in filled)
            back = sum(scene.dumped(leg, scene.size) for leg in filled)

            assert paid - back <= scene.risk.bound, f"seed {seed}, filled {filled}"
            assert paid <= scene.risk.hard, f"seed {seed}, filled {filled}"


@pytest.mark.parametrize("seed", range(300))
def test_every_mixture_of_partial_fills_loses_at_most_the_bound(seed):
    """Complete sets count at 1, what is left over is dumped; each level may round by one step more."""
    rng = Random(seed)
    scene = Scene(rng)
    fills = [Size(rng.choice((0, 1, rng.randint(0, 1_000))) * scene.size // 1_000) for _ in scene.stakes]
    sets = min(fills)
    prices = [Price(limit - rng.choice((0, 0, rng.randint(0, limit - 1)))) for limit in scene.limits]
    paid = sum(scene.paid(leg, size, prices[leg]) for leg, size in enumerate(fills))
    back = sum(scene.dumped(leg, Size(size - sets)) for leg, size in enumerate(fills))
    rounding = sum(10 * (len(bids) + 1) + 1 for bids in scene.bids)

    assert paid - back - sets <= scene.risk.bound + rounding, f"seed {seed}, fills {fills}"
    assert paid - sets <= scene.risk.hard + rounding, f"seed {seed}, fills {fills}"


@pytest.mark.parametrize("seed", range(60))
def test_bound_never_exceeds_the_hard_bound(seed):
    risk = Scene(Random(seed)).risk

    assert 0 <= risk.bound <= risk.hard, f"seed {seed}"


def basket_loss(costs, filled, sets):
    """What subsets of NO lose at worst, outcome by outcome: the one that comes true pays nothing."""
    paid = sum(costs[leg] for leg in filled)
    worlds = [sum(sets for leg in filled if leg != true) for true in range(len(costs))]
    return paid - min(worlds)


@pytest.mark.parametrize("seed", range(200))
def test_worst_case_of_a_basket_of_no_is_the_worst_of_all_subsets_that_can_fill(seed):
    rng = Random(seed)
    sets = rng.randint(5, 200) * 1_000_000
    count = rng.randint(2, 9)
    most = 104 if rng.random() < 0.3 else 99  # at the limits with fees a leg may cost more than it pays
    stakes = []
    for _ in range(count):
        outlay = sets * rng.randint(40, most) // 100
        stakes.append(LegStake(Usdc(outlay), Usdc(rng.randint(0, outlay))))
    costs = [stake.outlay for stake in stakes]
    subsets = [filled for size in range(1, count + 1) for filled in combinations(range(count), size)]

    risk = basket_risk(stakes, sets=Usdc(sets))
    probed = probe_risk(stakes, payout=Usdc(sets * (count - 1)), sets=Usdc(sets))

    assert risk.hard == max(basket_loss(costs, filled, sets) for filled in subsets), f"seed {seed}"
    begun = [tuple(range(size)) for size in range(1, count + 1)]
    assert probed.hard == max(basket_loss(costs, filled, sets) for filled in begun), f"seed {seed}"
    for filled in subsets:
        dumped = sum(stakes[leg].loss for leg in filled)
        assert min(dumped, basket_loss(costs, filled, sets)) <= risk.bound, f"seed {seed}, filled {filled}"
    assert risk.bound <= risk.hard, f"seed {seed}"


def test_what_is_below_the_least_order_or_worth_the_slippage_alone_is_a_rest():
    """The best bid is gone: 4.99 of the least order's five shares at 0.43, and 50 whose price is a tick."""
    bids = levels([("0.44", "100"), ("0.43", "50"), ("0.01", "50")])
    terms = RestTerms(least=parse_size("5"), step=Size(LOT), slippage=Price(0), stress_levels=1)

    assert rest_of(bids, FREE, parse_size("100"), terms) == usdc("2.1457")
    assert rest_of(bids, FREE, parse_size("3"), terms) == usdc("1.29")
    slipping = RestTerms(least=parse_size("5"), step=Size(LOT), slippage=Price(100), stress_levels=1)
    assert rest_of(bids, FREE, parse_size("100"), slipping) == usdc("2.6457")
