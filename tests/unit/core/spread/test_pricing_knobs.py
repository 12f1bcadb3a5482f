"""One test for every knob that moves a price or a size: each fails when the predicate is off by one."""

from dataclasses import replace

import pytest

from engine.core.spread.fair_value import FLOW_ONE, agree
from engine.core.spread.micro import to_micro
from engine.core.spread.reward_band import Arrivals
from engine.core.spread.toxicity import Adverse
from engine.core.spread.volatility import Volatility, moved, sigma
from engine.core.spread.width import PRIOR_FILLS, expected_adverse, half_spread, skew
from engine.domain.quote import Held, QuoteSide, RewardMode, Suppressed, Target
from engine.domain.units import SIZE_ONE, Ms, Price, Size, Usdc
from tests.support.quote_pricing import (
    AMPLE,
    ASKS,
    BIDS,
    CENT,
    HALF,
    KNOBS,
    MARKET,
    REWARDS,
    TICK,
    fair,
    ladder,
    prices,
    quoted,
    reasons,
    seen,
    shares,
    sizes,
)

REWARDED = replace(MARKET, rewards=REWARDS)
WIDE = seen(bids=ladder("0.40 x 500"), asks=ladder("0.60 x 500"))


def test_min_level_size_leaves_out_smaller_levels_and_keeps_equal_ones():
    bids = ladder("0.49 x 19.99", "0.45 x 500")
    equal = ladder("0.49 x 20", "0.45 x 500")

    assert fair(bids, ASKS, min_level_size=shares(20)) == 480_000
    assert fair(equal, ASKS, min_level_size=shares(20)) == 500_000


def test_depth_levels_weighs_exactly_so_many_levels_a_side():
    bids = ladder("0.49 x 100", "0.48 x 100", "0.47 x 200")
    asks = ladder("0.51 x 100", "0.52 x 100", "0.53 x 100")

    assert fair(bids, asks, depth_levels=2, micro_weight_pct=100) == HALF
    # (0.49 x 300 + 0.51 x 400) / 700: the spread moves by 1/14 of itself.
    assert fair(bids, asks, depth_levels=3, micro_weight_pct=100) == HALF + 2 * CENT // 14


def test_micro_weight_pct_moves_the_fair_value_that_part_of_the_way():
    bids = ladder("0.49 x 300")
    asks = ladder("0.51 x 100")

    assert fair(bids, asks, micro_weight_pct=100) == 505_000  # (0.49 x 100 + 0.51 x 300) / 400
    assert fair(bids, asks, micro_weight_pct=40) == 502_000
    assert fair(asks=asks, bids=bids, micro_weight_pct=0) == 500_000


def test_flow_weight_pct_pulls_in_ticks_per_unit_and_one_tick_at_most():
    assert fair(flow_weight_pct=50, flow_milli=FLOW_ONE) == HALF + CENT // 2
    assert fair(flow_weight_pct=50, flow_milli=-FLOW_ONE // 2) == HALF - CENT // 4
    assert fair(flow_weight_pct=100, flow_milli=FLOW_ONE) == HALF + CENT
    assert fair(flow_weight_pct=101, flow_milli=FLOW_ONE) == HALF + CENT
    assert fair(flow_weight_pct=300, flow_milli=-FLOW_ONE) == HALF - CENT


def test_sibling_pct_spreads_the_excess_by_half_spreads():
    fairs, halves = (500_000, 300_000, 240_000), (10_000, 20_000, 10_000)

    assert agree(fairs, halves, 100) == (490_000, 280_000, 230_000)
    assert sum(agree(fairs, halves, 50)) == 1_020_000
    assert agree(fairs, halves, 0) == fairs


def test_vol_halflife_ms_halves_what_is_remembered():
    burst = moved(Volatility(), mid=HALF, at_ms=Ms(0), halflife_ms=Ms(10_000))
    burst = moved(burst, mid=HALF + CENT, at_ms=Ms(1_000), halflife_ms=Ms(10_000))
    later = moved(burst, mid=HALF + CENT, at_ms=Ms(11_000), halflife_ms=Ms(10_000))
    sooner = moved(burst, mid=HALF + CENT, at_ms=Ms(10_999), halflife_ms=Ms(10_000))

    assert later.variance == burst.variance // 2
    assert sooner.variance > burst.variance // 2


def test_vol_horizon_ms_scales_sigma_with_the_root_of_time():
    state = moved(Volatility(), mid=HALF, at_ms=Ms(0), halflife_ms=Ms(60_000))
    state = moved(state, mid=HALF + CENT, at_ms=Ms(60_000), halflife_ms=Ms(60_000))

    minute = sigma(state, HALF, Ms(60_000))
    assert minute == pytest.approx(CENT, rel=0.001), "one cent a minute at one half"
    assert sigma(state, HALF, Ms(240_000)) == pytest.approx(2 * minute, abs=1)
    assert sigma(state, HALF, Ms(59_000)) < minute


def test_min_spread_ticks_skips_below_and_allows_equal():
    assert reasons(min_spread_ticks=3) == [Suppressed(None, Held.NARROW)]
    assert prices(min_spread_ticks=2) == ([49], [51])


def test_min_half_spread_ticks_is_the_least_distance():
    assert prices(min_half_spread_ticks=2) == ([48], [52])
    assert prices(min_half_spread_ticks=3) == ([47], [53])


def test_min_edge_ticks_keeps_skewed_quotes_that_far_from_the_fair_value():
    held = seen(net=shares(-900), fair=HALF)  # short YES: the skew pushes both quotes up

    assert prices(view=held, skew_milliticks=2_000)[0] == [49], "the touch alone holds it"
    assert prices(view=held, skew_milliticks=2_000, min_edge_ticks=1)[0] == [49]
    assert prices(view=held, skew_milliticks=2_000, min_edge_ticks=2)[0] == [48]


def test_improve_ticks_joins_at_zero_and_improves_only_from_three_ticks():
    three = seen(bids=ladder("0.48 x 500"), asks=ladder("0.51 x 500"), fair=495_000)
    two = seen(bids=ladder("0.49 x 500"), asks=ladder("0.51 x 500"), fair=505_000)

    assert prices(view=WIDE) == ([40], [60])
    assert prices(view=WIDE, improve_ticks=2) == ([42], [58])
    assert prices(view=three, improve_ticks=1, min_half_spread_ticks=0) == ([49], [50])
    assert prices(view=two, improve_ticks=1, min_half_spread_ticks=0) == ([49], [51])


def test_k_vol_pct_widens_by_that_part_of_sigma():
    wild = seen(sigma=2 * CENT)

    assert prices(view=wild, k_vol_pct=100) == ([48], [52])
    assert prices(view=wild, k_vol_pct=150) == ([47], [53])
    assert prices(view=wild, k_vol_pct=101) == ([47], [53]), "a part of a tick more: a tick further"


def test_k_tox_pct_widens_by_that_part_of_the_adverse_move():
    burnt = seen(tox=Adverse(CENT, 5))

    assert prices(view=burnt, k_tox_pct=200) == ([48], [52])
    assert prices(view=burnt, k_tox_pct=201) == ([47], [53])
    delta = half_spread(
        replace(KNOBS, k_tox_pct=100, k_vol_pct=100),
        tick=TICK,
        sigma=CENT,
        measured=Adverse(CENT, 5),
        rebate_micro=0,
    )
    assert delta == 2 * CENT, "both add up"


def test_adverse_micro_counts_less_the_rebate_and_fades_with_fills():
    knobs = replace(KNOBS, adverse_micro=2 * CENT)
    paying = replace(MARKET, fee_rate_e6=40_000, rebate_pct=25)  # a quarter of a cent back at one half

    assert prices(adverse_micro=2 * CENT) == ([48], [52])
    assert prices(adverse_micro=2 * CENT + 1) == ([47], [53])
    assert prices(paying, adverse_micro=2 * CENT + 2_500) == ([48], [52])
    assert prices(paying, adverse_micro=2 * CENT + 2_501) == ([47], [53])
    assert expected_adverse(knobs, Adverse(0, PRIOR_FILLS)) == CENT


def test_skew_milliticks_moves_both_quotes_by_ticks_at_full_inventory():
    half_full = seen(net=shares(500))

    assert prices(view=half_full, skew_milliticks=2_000, min_half_spread_ticks=2) == ([47], [51])
    assert prices(view=half_full, skew_milliticks=2_001, min_half_spread_ticks=2) == ([46], [51])
    assert prices(view=seen(net=shares(-500)), skew_milliticks=2_000, min_half_spread_ticks=2) == ([49], [53])


def test_gamma_pct_skews_by_sigma():
    knobs = replace(KNOBS, gamma_pct=150)

    moved_by = skew(knobs, tick=TICK, fair=HALF, sigma=CENT, net=shares(1_000), left_ms=None)
    assert moved_by == 15_000
    assert prices(view=seen(sigma=2 * CENT, net=shares(500)), gamma_pct=100, min_half_spread_ticks=2) == (
        [47],
        [51],
    )


def test_jump_micro_skews_more_the_nearer_the_end():
    knobs = replace(KNOBS, jump_micro=40_000)

    def at(hours: int, value: int = HALF) -> int:
        return skew(knobs, tick=TICK, fair=value, sigma=0, net=shares(1_000), left_ms=Ms(hours * 3_600_000))

    assert at(1) == CENT  # 0.04 x 0.25
    assert at(0) == CENT, "the last hour counts as one"
    assert at(4) == CENT // 2
    assert at(1, 100_000) == 3_600


def test_inventory_max_is_never_passed_and_at_it_quotes_only_reduce():
    long, full = seen(net=shares(960)), seen(net=shares(1_000))

    assert sizes(view=long)[0] == [5], "shrunk to the venue's minimum"
    assert sizes(view=seen(net=shares(996)))[0] == [], "four shares of room hold no order of five"
    assert prices(view=full) == ([], [51])
    assert sizes(view=full, base_size=shares(3_000))[1] == [1_000], "selling may not pass zero"
    assert reasons(view=full) == [Suppressed(QuoteSide.BID, Held.INVENTORY)]
    assert prices(view=seen(net=Size(-shares(1_000)))) == ([49], [])


def test_soft_pct_stops_the_adding_side_at_equality():
    at, below = shares(600), Size(shares(600) - 1)

    assert prices(view=seen(net=at), soft_pct=60) == ([], [51])
    assert prices(view=seen(net=below), soft_pct=60) == ([49], [51])
    assert prices(view=seen(net=Size(-at)), soft_pct=60) == ([49], [])
    assert prices(view=seen(net=Size(-below)), soft_pct=60) == ([49], [51])


def test_base_size_is_asked_for_and_shrinks_on_the_adding_side_only():
    assert sizes(base_size=shares(80)) == ([80], [80])
    assert sizes(view=seen(net=shares(250)), base_size=shares(80)) == ([60], [80])
    assert sizes(base_size=Size(5 * SIZE_ONE)) == ([5], [5])
    assert reasons(base_size=Size(5 * SIZE_ONE - 1)) == [
        Suppressed(QuoteSide.BID, Held.MINIMUM),
        Suppressed(QuoteSide.ASK, Held.MINIMUM),
    ]


def test_max_layers_and_layer_step_ticks_stack_orders_away_from_the_market():
    assert prices(max_layers=3) == ([49, 48, 47], [51, 52, 53])
    assert prices(max_layers=2, layer_step_ticks=3) == ([49, 46], [51, 54])


def test_reward_mode_off_ignores_the_band():
    assert prices(REWARDED, WIDE, improve_ticks=4) == ([44], [56])
    assert prices(REWARDED, min_half_spread_ticks=3) == ([47], [53])
    assert sizes(REWARDED, base_size=shares(10)) == ([10], [10])


def test_reward_mode_band_clamps_inside_it_where_other_rules_let_it():
    often = Arrivals(at_fair_milli=1_000_000, halving=100 * CENT)  # so two ticks are worth more than one
    leaning = seen(net=shares(500), arrivals=often)

    assert prices(REWARDED, seen(arrivals=often), reward_mode=RewardMode.BAND) == ([48], [52])
    assert prices(REWARDED, leaning, skew_milliticks=2_000, reward_mode=RewardMode.BAND) == ([48], [51])
    assert prices(REWARDED, leaning, skew_milliticks=4_000, reward_mode=RewardMode.BAND)[0] == [47], (
        "not inside the least half-spread"
    )
    assert prices(REWARDED, min_half_spread_ticks=4, reward_mode=RewardMode.BAND) == ([46], [54])
    assert prices(REWARDED, WIDE, reward_mode=RewardMode.BAND) == ([40], [60])


def test_reward_mode_only_quotes_up_to_v_less_a_tick_and_nothing_beyond():
    assert prices(REWARDED, min_half_spread_ticks=2, reward_mode=RewardMode.ONLY) == ([48], [52])
    assert reasons(REWARDED, min_half_spread_ticks=3, reward_mode=RewardMode.ONLY) == [
        Suppressed(QuoteSide.BID, Held.BAND),
        Suppressed(QuoteSide.ASK, Held.BAND),
    ]
    assert reasons(MARKET, reward_mode=RewardMode.ONLY) == [Suppressed(None, Held.BAND)]
    unpaid = replace(MARKET, rewards=replace(REWARDS, daily=Usdc(0)))
    assert reasons(unpaid, reward_mode=RewardMode.ONLY) == [Suppressed(None, Held.BAND)]


def test_rewards_wanted_hold_each_order_to_the_scoring_minimum():
    scoring = replace(MARKET, rewards=replace(REWARDS, min_size=shares(100)))

    assert sizes(scoring, base_size=shares(100), reward_mode=RewardMode.BAND) == ([100], [100])
    assert sizes(scoring, base_size=shares(99), reward_mode=RewardMode.BAND) == ([], [])
    tight = seen(bid_room=replace(AMPLE, shares=Size(shares(100) - 1)))
    assert sizes(scoring, tight, reward_mode=RewardMode.BAND) == ([], [100])


def test_thin_book_is_quoted_with_exactly_the_scoring_minimum():
    thin = seen(asks=ladder("0.51 x 19.99", "0.58 x 500"), bids=BIDS)
    full = seen(asks=ladder("0.51 x 20", "0.58 x 500"), bids=BIDS)

    assert sizes(REWARDED, thin, reward_mode=RewardMode.BAND) == ([20], [20])
    assert sizes(REWARDED, full, reward_mode=RewardMode.BAND) == ([100], [100])
    assert sizes(REWARDED, thin) == ([100], [100]), "only where rewards are wanted"


def test_grid_is_the_markets_own_tick():
    fine = replace(MARKET, tick=Price(10))
    found = [one.yes for one in quoted(fine, seen(sigma=14_500), k_vol_pct=100) if isinstance(one, Target)]

    assert found == [4_850, 5_150]
    assert to_micro(found[1]) >= HALF + 14_500
