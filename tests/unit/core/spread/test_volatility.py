"""How far a price moves: decay, logit and the sigma that quotes are widened by."""

import math

import pytest

from engine.core.spread.decay import DECAY_ONE, decay
from engine.core.spread.volatility import LOGIT_ONE, Volatility, logit, moved, sigma
from engine.domain.units import Ms
from tests.support.quote_pricing import CENT, HALF

LIFE = Ms(60_000)


def path(*points: tuple[int, int], halflife_ms=LIFE) -> Volatility:
    """The state after these (time, mid) pairs."""
    state = Volatility()
    for at_ms, mid in points:
        state = moved(state, mid=mid, at_ms=Ms(at_ms), halflife_ms=halflife_ms)
    return state


def test_decay_halves_exactly_and_agrees_with_the_exponential():
    assert decay(0, 7) == DECAY_ONE
    assert decay(7, 7) == DECAY_ONE // 2
    assert decay(21, 7) == DECAY_ONE // 8
    assert decay(7 * 64, 7) == 0
    for passed in (1, 3, 999, 12_345):
        assert decay(passed, 10_000) / DECAY_ONE == pytest.approx(2 ** (-passed / 10_000), rel=1e-14)


def test_decay_loses_no_millisecond_of_a_long_half_life():
    day = 86_400_000

    assert decay(0, day) > decay(1, day) > decay(2, day)


def test_logit_is_odd_and_agrees_with_the_logarithm():
    assert logit(HALF) == 0
    for mid in (50, 10_000, 123_450, 499_950, 999_950):
        assert logit(mid) == -logit(1_000_000 - mid)
        exact = math.log(mid / (1_000_000 - mid))
        assert logit(mid) / LOGIT_ONE == pytest.approx(exact, abs=2e-9)


def test_sigma_is_zero_before_two_mids_and_where_nothing_moves():
    assert sigma(path((0, HALF)), HALF, LIFE) == 0
    assert sigma(path((0, HALF), (1_000, HALF), (9_000, HALF)), HALF, LIFE) == 0


def test_sigma_of_a_steady_walk_is_its_step_from_the_start():
    """Ticks up and down each second: over a second the expected move is one tick, early and late alike."""
    walk = [(second * 1_000, HALF + (second % 2) * CENT) for second in range(600)]

    assert sigma(path(*walk[:3]), HALF, Ms(1_000)) == pytest.approx(CENT, rel=0.002)
    assert sigma(path(*walk), HALF, Ms(1_000)) == pytest.approx(CENT, rel=0.002)


def test_sigma_does_not_depend_on_how_often_an_unmoved_mid_is_seen():
    seldom = path((0, HALF), (1_000, HALF + CENT), (61_000, HALF + CENT))
    often = path((0, HALF), *((at, HALF + CENT) for at in range(1_000, 61_001, 100)))

    assert sigma(often, HALF, LIFE) == pytest.approx(sigma(seldom, HALF, LIFE), rel=1e-4)


def test_calm_after_a_burst_narrows_again():
    burst = path((0, HALF), (1_000, HALF + CENT))
    minutes = [
        sigma(moved(burst, mid=HALF + CENT, at_ms=Ms(at), halflife_ms=LIFE), HALF, LIFE)
        for at in (61_000, 121_000, 601_000)
    ]

    assert minutes == sorted(minutes, reverse=True)
    assert minutes[0] < sigma(burst, HALF, LIFE)


def test_sigma_shrinks_towards_the_ends_as_a_price_must():
    state = path((0, HALF), (1_000, HALF + CENT))

    assert sigma(state, 100_000, LIFE) == pytest.approx(sigma(state, HALF, LIFE) * 9 / 25, abs=1)
    assert sigma(state, 100_000, LIFE) == sigma(state, 900_000, LIFE)


def test_two_mids_of_one_millisecond_or_an_older_time_do_not_break_it():
    same = path((5_000, HALF), (5_000, HALF + CENT))
    back = path((5_000, HALF), (4_000, HALF + CENT))

    assert same == back
    assert back.at_ms == 5_000
    assert sigma(same, HALF, LIFE) > 0
