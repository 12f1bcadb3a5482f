"""Tokens: how many, how soon, and for whom; exact to the millisecond."""

import pytest

from engine.core.spread.buckets import Allowance, Bucket, allowance, charge, full_buckets, market_buckets
from engine.domain.ids import OrderId
from engine.domain.quote import CancelAll, CancelQuote, Held, PlaceQuote, Pull, Suppressed
from engine.domain.units import Ms
from tests.support.builders import NOW
from tests.support.quotes import BID, KNOBS, knobs, target

PLACE = PlaceQuote(target(BID, 48))
CANCEL = CancelQuote(OrderId("bid0"), None, hard=False)


def plenty():
    return full_buckets(quotes=(6_000, 1_000), cancels=(6_000, 1_000), cancel_reserve=0, at_ms=NOW)


def after(passed):
    return Ms(NOW + passed)


@pytest.mark.parametrize(("rate", "waits"), [(60, 1_000), (7, 8_572), (1, 60_000), (61, 984)])
def test_max_quotes_per_min_refills_a_token_at_exactly_its_millisecond(rate, waits):
    bucket = Bucket(rate, burst=1, parts=0, at_ms=NOW)

    assert (bucket.held(after(waits - 1)), bucket.held(after(waits))) == (0, 1)


def test_a_minute_of_looks_refills_exactly_its_rate():
    bucket = Bucket(7, burst=100, parts=0, at_ms=NOW)
    for passed in range(1, 60_001):
        bucket.held(after(passed))

    assert (bucket.held(after(60_000)), bucket.parts) == (7, 7 * 60_000)


def test_quote_burst_is_the_most_that_waiting_brings():
    own = market_buckets(knobs(quote_burst=3), NOW)

    assert allowance(own, plenty(), after(3_600_000)).quotes == 3


def test_cancel_burst_is_the_most_that_waiting_brings():
    own = market_buckets(knobs(cancel_burst=5, cancel_reserve=2), NOW)

    assert allowance(own, plenty(), after(3_600_000)) == Allowance(10, 3, 5)


def test_max_cancels_per_min_refills_soft_cancels_only_above_the_reserve():
    own, everywhere = market_buckets(knobs(max_cancels_per_min=60), NOW), plenty()
    own.cancels.take(7, NOW)

    assert allowance(own, everywhere, after(1_999)).soft_cancels == 0
    assert allowance(own, everywhere, after(2_000)) == Allowance(10, 1, 5)


def test_cancel_reserve_is_kept_from_soft_cancels_to_the_last_token():
    own, everywhere = market_buckets(knobs(cancel_burst=10, cancel_reserve=4), NOW), plenty()
    charge([CANCEL] * 5, own, everywhere, NOW)
    assert allowance(own, everywhere, NOW) == Allowance(10, 1, 5)
    charge([CANCEL], own, everywhere, NOW)
    assert allowance(own, everywhere, NOW) == Allowance(10, 0, 4)


def test_a_reserve_of_nothing_leaves_everything_to_soft_cancels():
    own = market_buckets(knobs(cancel_reserve=0), NOW)

    assert allowance(own, plenty(), NOW) == Allowance(10, 10, 10)


def test_the_pair_of_all_markets_bounds_each_of_them():
    everywhere = full_buckets(quotes=(60, 2), cancels=(60, 5), cancel_reserve=2, at_ms=NOW)
    one, other = market_buckets(KNOBS, NOW), market_buckets(KNOBS, NOW)
    charge([PLACE, CANCEL, CANCEL], one, everywhere, NOW)

    assert allowance(other, everywhere, NOW) == Allowance(quotes=1, soft_cancels=1, hard_cancels=3)
    assert allowance(one, plenty(), NOW) == Allowance(quotes=9, soft_cancels=4, hard_cancels=8)


def test_what_is_not_sent_costs_nothing():
    own, everywhere = market_buckets(KNOBS, NOW), plenty()
    charge([Suppressed(BID, Held.EDGE), CancelAll(Pull.KILL)], own, everywhere, NOW)

    assert allowance(own, everywhere, NOW) == Allowance(10, 6, 10)


def test_a_clock_that_steps_back_brings_no_tokens():
    bucket = Bucket(60, burst=5, parts=0, at_ms=NOW)

    assert bucket.held(Ms(NOW - 60_000)) == 0
    assert bucket.held(after(1_000)) == 1


def test_taking_what_is_not_there_is_a_defect():
    with pytest.raises(AssertionError):
        Bucket(60, burst=5, parts=0, at_ms=NOW).take(1, NOW)


def test_a_reserve_above_the_burst_is_a_defect():
    with pytest.raises(AssertionError):
        market_buckets(knobs(cancel_burst=3, cancel_reserve=4), NOW)
