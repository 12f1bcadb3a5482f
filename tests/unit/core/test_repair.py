"""The cheapest way out of a broken set: a table of books in which each way wins, and its bounds."""

from dataclasses import replace
from itertools import combinations

import pytest

from engine.core.repair.remedies import RepairCase, RepairLeg
from engine.core.repair.repair_walk import Costs
from engine.core.repair.ways import price_remedies
from engine.domain.fees import FREE, FeeCurve
from engine.domain.ids import ConditionId, TokenId
from engine.domain.market import Side
from engine.domain.plan import LegRisk
from engine.domain.repair import RepairWay
from engine.domain.units import Price, Size, Usdc
from tests.support.builders import levels, shares, usdc
from tests.support.repair_oracle import Oracle, random_case

W = RepairWay
ORACLE_CASES = 40


def leg(number, held, *, asks=(), bids=(), no_asks=(), sellable=None, **changes):
    usual = RepairLeg(
        number=number,
        token_id=TokenId(f"yes-{number}"),
        condition_id=ConditionId(f"market-{number}"),
        name=f"Leg {number}",
        neg_risk=True,
        tick=Price(10),
        fee=FREE,
        min_size=shares(5),
        held=shares(held),
        sellable=shares(held if sellable is None else sellable),
        asks=levels(*asks),
        bids=levels(*bids),
        other=TokenId(f"no-{number}"),
        other_asks=levels(*no_asks),
    )
    return replace(usual, **changes)


def case(*legs, paid=60, **changes):
    """100 sets were wanted; two legs of three at 0.30 have been paid."""
    usual = RepairCase(
        legs=legs,
        wanted=shares(100),
        paid=usdc(paid),
        risk=LegRisk(bound=usdc(500), hard=usdc(500)),
        costs=Costs(slippage_ticks=0, fee_bps=0),
        stress_levels=0,
        room=usdc(1_000),
        may_buy=True,
    )
    return replace(usual, **changes)


def best(of):
    return price_remedies(of).best


def orders(remedy):
    return [(t.leg, t.side, t.lots, t.limit, t.pairs) for t in remedy.trades]


BIDS = ((2_900, 500),)
HELD = (leg(0, 100, bids=BIDS), leg(1, 100, bids=BIDS))


def test_a_missing_leg_that_is_cheap_enough_is_bought():
    found = best(case(*HELD, leg(2, 0, asks=((3_500, 500),))))

    assert found.way is W.COMPLETE
    assert orders(found) == [(2, Side.BUY, 10_000, 3_500, False)]
    assert found.worth == usdc(100 - 60 - 35)


def test_a_missing_leg_that_is_dearer_than_the_bids_is_not_and_what_is_held_is_sold():
    found = best(case(*HELD, leg(2, 0, asks=((4_300, 500),))))

    assert found.way is W.UNWIND
    assert orders(found) == [(0, Side.SELL, 10_000, 2_900, False), (1, Side.SELL, 10_000, 2_900, False)]
    assert found.worth == usdc(58 - 60)


def test_completing_as_dear_as_unwinding_is_a_tie_that_fewer_orders_win():
    found = best(case(*HELD, leg(2, 0, asks=((4_200, 500),))))

    assert found.way is W.COMPLETE


def test_a_book_cheap_for_a_part_only_is_taken_for_that_part_and_the_rest_is_sold():
    found = best(case(*HELD, leg(2, 0, asks=((3_500, 40), (6_000, 500)))))

    assert found.way is W.BOTH
    assert found.sets == shares(40)
    assert orders(found) == [
        (0, Side.SELL, 6_000, 2_900, False),
        (1, Side.SELL, 6_000, 2_900, False),
        (2, Side.BUY, 4_000, 3_500, False),
    ]


def test_unconfirmed_shares_are_paired_with_their_complement():
    held = [leg(n, 100, bids=BIDS, no_asks=((7_100, 500),), sellable=0) for n in (0, 1)]

    found = best(case(*held, leg(2, 0)))

    assert found.way is W.UNWIND
    assert [(t.token_id, t.side, t.pairs) for t in found.trades] == [
        ("no-0", Side.BUY, True),
        ("no-1", Side.BUY, True),
    ]
    assert found.worth == usdc(58 - 60)


def test_a_complement_that_is_cheaper_than_the_bid_is_bought_instead_of_selling():
    held = (leg(0, 100, bids=BIDS, no_asks=((6_900, 500),)), leg(1, 100, bids=BIDS, no_asks=((7_100, 500),)))

    found = best(case(*held, leg(2, 0)))

    assert [(t.leg, t.pairs) for t in found.trades] == [(0, True), (1, False)]


def test_without_bids_offers_or_complements_what_is_held_is_held():
    found = best(case(leg(0, 100), leg(1, 100), leg(2, 0)))

    assert found.way is W.LEAVE
    assert found.trades == ()
    assert found.worth == usdc(-60)


def test_what_is_below_the_least_order_is_held():
    found = best(case(leg(0, 4, bids=BIDS), leg(1, 0), leg(2, 0), paid=1.2))

    assert found.way is W.LEAVE


def test_a_purchase_below_a_dollar_is_made_as_large_as_the_venue_wants():
    cheap = (leg(0, 100, bids=((4_600, 500),)), leg(1, 100, bids=((4_600, 500),)))

    found = price_remedies(case(*cheap, leg(2, 90, asks=((50, 500),)), paid=95)).of(W.COMPLETE)

    assert found is not None
    assert orders(found) == [(2, Side.BUY, 20_000, 50, False)]


def test_a_sale_is_of_a_size_that_a_fak_order_may_have():
    found = best(case(leg(0, 33.37, bids=BIDS), leg(1, 0), leg(2, 0), paid=10))

    assert [t.lots for t in found.trades] == [3_330], "price x lots is a multiple of 100"


def test_nothing_is_bought_while_nothing_may_be():
    found = price_remedies(case(*HELD, leg(2, 0, asks=((3_500, 500),)), may_buy=False))

    assert found.of(W.COMPLETE) is None
    assert found.best.way is W.UNWIND


def test_purchases_stay_within_the_room_of_the_caps():
    found = price_remedies(case(*HELD, leg(2, 0, asks=((3_500, 500),)), room=usdc(20))).of(W.COMPLETE)

    assert found is not None
    assert found.trades[0].outlay_max <= usdc(20)
    assert found.trades[0].lots > 5_700, "as much as the room allows"


def test_two_purchases_that_could_lose_more_than_was_printed_are_not_offered():
    two = (leg(0, 100, bids=BIDS), leg(1, 0, asks=((3_500, 500),)), leg(2, 0, asks=((3_100, 500),)))
    tight = case(*two, paid=30, risk=LegRisk(bound=usdc(64), hard=usdc(64)))

    found = price_remedies(tight).of(W.COMPLETE)

    assert found is not None
    assert 30 + 0.35 * found.sets / 1e6 <= 64
    assert found.sets < shares(100)
    assert found.risk.hard <= usdc(64)


def test_the_bids_that_take_what_is_held_of_a_leg_are_not_counted_again_for_what_is_bought_of_it():
    few = ((3_000, 60),)
    two = (
        leg(0, 100, bids=BIDS),
        leg(1, 40, bids=few, asks=((3_500, 500),)),
        leg(2, 0, asks=((3_000, 500),), bids=((3_000, 500),)),
    )

    found = price_remedies(case(*two, paid=42)).of(W.COMPLETE)

    # Held 100 and 40 for 42; 60 more at 0.35 fill and the third leg does not: the bids take 60 of the 100.
    assert found is not None
    assert found.sets == shares(100)
    assert found.risk.bound == usdc(42 + 21 - 29 - 18)


@pytest.mark.parametrize("seed", range(200))
def test_no_part_of_the_purchases_that_fills_and_is_dumped_loses_more_than_the_bound(seed):
    asked = random_case(f"subsets/{seed}")
    oracle = Oracle(asked)
    held = [one.held // 10_000 for one in asked.legs]

    for remedy in price_remedies(asked).ranked:
        bought = [t for t in remedy.trades if t.side is Side.BUY and not t.pairs]
        for count in range(len(bought)):
            for filled in combinations(bought, count):
                loss = oracle.dumped(held, [(t.leg, t.lots, t.outlay_max) for t in filled])
                assert loss <= remedy.risk.bound, f"seed {seed}: {remedy.way.value}, {len(filled)} filled"


def test_a_pair_is_not_bought_and_sold_at_once_for_both_meet_the_same_resting_orders():
    yes = leg(0, 100, bids=((5_500, 60),), condition_id=ConditionId("one"))
    no = leg(1, 0, asks=((4_500, 60),), condition_id=ConditionId("one"))

    ways = {remedy.way for remedy in price_remedies(case(yes, no, paid=50)).ranked}

    assert ways == {W.COMPLETE, W.UNWIND, W.LEAVE}


def test_fees_slippage_and_buffer_count_against_every_way():
    asked = case(
        *(replace(one, fee=FeeCurve(40_000, 1)) for one in (*HELD, leg(2, 0, asks=((3_500, 500),)))),
        costs=Costs(slippage_ticks=1, fee_bps=100),
    )

    found = best(asked)

    # 100 x 0.04 x 0.35 x 0.65 = 0.91 fee, one tick 0.10, one percent of 35.00
    assert found.worth == usdc(100 - 60 - 35 - 0.91 - 0.1 - 0.35)
    assert found.trades[0].limit == 3_510


@pytest.mark.parametrize("seed", range(ORACLE_CASES))
def test_the_best_way_is_the_brute_forces_to_the_micro_dollar(seed):
    asked = random_case(seed)

    assert best(asked).worth == Oracle(asked).best(), f"seed {seed}"


@pytest.mark.parametrize("seed", range(200))
def test_no_way_is_worse_than_holding_and_none_risks_more_than_was_printed(seed):
    asked = random_case(f"bounds/{seed}")
    found = price_remedies(asked)

    hold = found.of(W.LEAVE)
    assert hold is not None
    assert found.best.worth >= hold.worth
    for remedy in found.ranked:
        assert remedy.risk.hard <= max(asked.risk.hard, hold.risk.hard), f"seed {seed}"
        assert remedy.risk.bound <= max(asked.risk.bound, hold.risk.bound), f"seed {seed}"
        assert sum(trade.outlay_max for trade in remedy.trades) <= asked.room
        for trade in remedy.trades:
            assert trade.size >= asked.legs[trade.leg].min_size
            assert trade.side is Side.BUY or trade.size <= asked.legs[trade.leg].sellable


def test_more_fee_less_depth_or_a_lower_bid_never_makes_the_best_way_better():
    for seed in range(100):
        asked = random_case(f"monotone/{seed}")
        before = best(asked).worth
        dearer = replace(asked, costs=replace(asked.costs, fee_bps=asked.costs.fee_bps + 50))
        thinner = replace(
            asked,
            legs=tuple(
                replace(one, asks=one.asks[:1], bids=one.bids[:1], other_asks=()) for one in asked.legs
            ),
        )
        assert best(dearer).worth <= before, f"seed {seed}"
        assert best(thinner).worth <= before + Usdc(Size(100)), f"seed {seed}: beyond a rounded fee a level"
