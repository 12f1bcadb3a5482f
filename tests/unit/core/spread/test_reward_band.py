"""What the venue's rewards are worth, and how they move the half-spread."""

from dataclasses import replace

import pytest

from engine.core.spread.reward_band import (
    TYPICAL,
    Arrivals,
    PairTerms,
    band_edge,
    best_half_spread,
    income_per_day,
    is_thin,
    joint_score,
    others_score,
    score,
    side_score,
    worth_per_day,
)
from engine.domain.units import USDC_ONE, Price, Rounding, Size, Usdc
from tests.support.quote_pricing import ASKS, BIDS, CENT, HALF, REWARDS, TICK, ladder, shares

NEVER = Arrivals(at_fair_milli=0, halving=CENT)
PAIR = PairTerms(REWARDS, shares(100), HALF, HALF, gain=0, arrivals=NEVER)


def points(distance: int, size=100) -> int:
    return score(shares(size), distance=distance, max_spread=Price(300), rounding=Rounding.DOWN)


def test_score_is_quadratic_in_the_distance_and_zero_at_the_edge():
    assert points(0) == 100_000
    assert points(CENT) == 44_444
    assert points(2 * CENT) == 11_111
    assert points(3 * CENT - 1) == 0
    assert points(3 * CENT) == points(9 * CENT) == 0
    assert points(0, size=200) == 2 * points(0)


def test_side_scores_count_levels_of_the_scoring_minimum_inside_the_band():
    levels = ladder("0.49 x 20", "0.48 x 19.99", "0.47 x 500", "0.30 x 900")

    assert side_score(levels, HALF, REWARDS) == 8_889, "20 shares at a cent, rounded up"


@pytest.mark.parametrize(("one", "two", "near", "far"), [(90, 90, 90, 90), (90, 60, 60, 60), (90, 0, 30, 0)])
def test_smaller_side_counts_and_one_side_alone_a_third_near_the_middle(one, two, near, far):
    assert joint_score(one, two, HALF) == joint_score(two, one, HALF) == near
    assert joint_score(one, two, 50_000) == far


def test_one_sided_range_includes_its_ends():
    told = [joint_score(90, 0, mid) for mid in (99_999, 100_000, 900_000, 900_001)]

    assert told == [0, 30, 30, 0]


def test_others_are_assumed_to_score_the_most_their_book_allows():
    bids, asks = ladder("0.50 x 90"), ladder("0.50 x 30")

    assert others_score(bids, asks, HALF, REWARDS) == 30_000 + 20_000
    assert others_score(ladder("0.05 x 90"), ladder("0.05 x 30"), 50_000, REWARDS) == 30_000
    assert others_score((), (), HALF, REWARDS) == 0


def test_income_is_our_part_of_the_pool():
    assert income_per_day(REWARDS, 100_000) == 50 * USDC_ONE
    assert income_per_day(REWARDS, 300_000) == 75 * USDC_ONE
    assert income_per_day(REWARDS, 0) == 0
    assert income_per_day(replace(REWARDS, others_milli=0), 1) == 100 * USDC_ONE
    assert income_per_day(replace(REWARDS, others_milli=0), 0) == 0


def test_band_ends_one_tick_before_the_venue_stops_counting():
    assert band_edge(REWARDS, TICK) == 2 * CENT
    assert band_edge(REWARDS, Price(10)) == 29_000


def test_rewards_alone_choose_the_nearest_distance_allowed():
    assert best_half_spread(PAIR, CENT, TICK) == CENT
    assert best_half_spread(PAIR, 4_000, TICK) == 4_000


def test_adverse_selection_pushes_the_choice_outwards():
    """Each fill costs 10 c more than it earns: so often that the pool no longer pays for standing close."""
    often = Arrivals(at_fair_milli=20_000, halving=5_000)
    costly = replace(PAIR, gain=-10 * CENT, arrivals=often)

    assert best_half_spread(replace(costly, arrivals=NEVER), CENT, TICK) == CENT
    assert best_half_spread(costly, CENT, TICK) == 2 * CENT


def test_choice_is_never_inside_the_least_nor_beyond_the_edge():
    rich = replace(PAIR, arrivals=Arrivals(at_fair_milli=1_000_000, halving=100 * CENT))

    assert best_half_spread(rich, 0, TICK) == 2 * CENT, "wider earns more a fill: up to the edge"
    assert best_half_spread(rich, 5 * CENT, TICK) == 5 * CENT, "beyond the edge the least stands"


def test_choice_is_the_best_of_all_that_may_be_chosen():
    pair = replace(PAIR, arrivals=TYPICAL, gain=-3_000, centre=HALF + 4_000)
    fine, least = Price(10), 3_500
    chosen = best_half_spread(pair, least, fine)

    assert least <= chosen <= band_edge(REWARDS, fine)
    assert worth_per_day(pair, chosen) == max(
        worth_per_day(pair, delta) for delta in (least, *range(4_000, 29_001, 1_000))
    )


def test_worth_is_reward_plus_expected_spread():
    hourly = replace(PAIR, arrivals=TYPICAL, gain=2_000)

    assert worth_per_day(PAIR, CENT) == income_per_day(REWARDS, 44_444)
    # Half of 24 fills of 100 shares at a cent and two tenths.
    assert worth_per_day(hourly, CENT) - worth_per_day(PAIR, CENT) == Usdc(12 * 100 * 12_000)


def test_pair_off_the_mid_earns_by_its_farther_side():
    off = replace(PAIR, centre=HALF + CENT)

    assert worth_per_day(off, CENT) == income_per_day(REWARDS, max(11_111, 100_000 // 3))


def test_thin_is_less_than_a_scoring_order_inside_the_band():
    assert not is_thin(BIDS, ASKS, HALF, REWARDS)
    assert is_thin(ladder("0.49 x 19.99"), ASKS, HALF, REWARDS)
    assert is_thin(BIDS, ladder("0.53 x 900"), HALF, REWARDS), "a gap as wide as the band"
    assert not is_thin(BIDS, ladder("0.52 x 20"), HALF, REWARDS)
    assert is_thin((), ASKS, HALF, replace(REWARDS, min_size=Size(1)))
