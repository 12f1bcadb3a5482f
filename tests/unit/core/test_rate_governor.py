"""Rate limits: nothing leaves that the venue would turn away, hardly anything waits that it would take."""

import heapq
import random

import pytest

from engine.core.rate_governor import (
    CANCEL_IDS_MAX,
    CANCEL_RESERVE,
    ORDER_RESERVE,
    Purpose,
    RateGovernor,
)
from engine.domain.rates import TIERS, Bucket, RateReading, RetryAfter
from engine.domain.units import Ms
from tests.support.builders import NOW
from tests.support.model_buckets import ModelBuckets

STANDARD = TIERS[0]
TEN_MINUTES = 600_000
ORDERS, CANCELS = Bucket.ORDERS, Bucket.CANCELS


def ms(after: int) -> Ms:
    return Ms(NOW + after)


def reading(bucket=ORDERS, remaining=10, tier="Standard"):
    return RateReading(bucket, remaining, None, tier, warning=False)


def test_it_begins_at_the_lowest_tier_with_a_full_burst():
    governor = RateGovernor()

    assert governor.tier is STANDARD
    assert (governor.remaining(ORDERS, NOW), governor.remaining(CANCELS, NOW)) == (60, 120)


def test_a_batch_is_admitted_whole_or_waits_whole():
    governor = RateGovernor()
    governor.take(ORDERS, 40, NOW)

    assert governor.wait_ms(ORDERS, 5, Purpose.PLAN, NOW) == 0
    assert governor.wait_ms(ORDERS, 6, Purpose.PLAN, NOW) == 25, "one token more, at 40 a second"
    assert governor.remaining(ORDERS, NOW) == 20, "asking takes nothing"


def test_tokens_come_back_with_time_up_to_the_burst():
    governor = RateGovernor()
    governor.take(ORDERS, 60, NOW)

    assert governor.remaining(ORDERS, ms(1_000)) == 40
    assert governor.remaining(ORDERS, ms(60_000)) == 60


def test_plans_leave_the_reserves_to_repairs():
    governor = RateGovernor()
    governor.take(ORDERS, 60 - ORDER_RESERVE, NOW)
    governor.take(CANCELS, 120 - CANCEL_RESERVE, NOW)

    assert governor.wait_ms(ORDERS, 1, Purpose.PLAN, NOW)
    assert governor.wait_ms(ORDERS, ORDER_RESERVE, Purpose.REPAIR, NOW) == 0
    assert governor.wait_ms(CANCELS, 1, Purpose.PLAN, NOW)
    assert governor.wait_ms(CANCELS, CANCEL_RESERVE, Purpose.REPAIR, NOW) == 0


def test_what_is_larger_than_the_burst_is_never_admitted():
    assert RateGovernor().wait_ms(ORDERS, 61, Purpose.REPAIR, NOW) is None


def test_the_largest_cancel_and_the_largest_batch_fit_the_lowest_tier():
    governor = RateGovernor()

    assert governor.wait_ms(CANCELS, CANCEL_IDS_MAX, Purpose.PLAN, NOW) == 0
    assert governor.wait_ms(ORDERS, 15, Purpose.PLAN, NOW) == 0


def test_a_kill_passes_through_an_empty_bucket_and_through_a_429():
    governor = RateGovernor()
    governor.take(CANCELS, 500, NOW)
    governor.limited(RetryAfter(Ms(60_000), told=True), NOW)

    assert governor.wait_ms(CANCELS, 1_001, Purpose.KILL, NOW) == 0
    assert governor.remaining(CANCELS, NOW) == 120 - 500


def test_after_a_429_nothing_but_a_kill_leaves_before_its_time():
    governor = RateGovernor()
    governor.limited(RetryAfter(Ms(2_000), told=True), NOW)

    for bucket in Bucket:
        assert governor.wait_ms(bucket, 1, Purpose.REPAIR, ms(500)) == 1_500
        assert governor.wait_ms(bucket, 1, Purpose.REPAIR, ms(2_000)) == 0


def test_a_shorter_word_does_not_end_a_longer_one():
    governor = RateGovernor()
    governor.limited(RetryAfter(Ms(5_000), told=True), NOW)
    governor.limited(RetryAfter(Ms(100), told=False), NOW)

    assert governor.blocked_until_ms == ms(5_000)


def test_a_reading_lowers_what_we_think_and_never_raises_it():
    governor = RateGovernor()
    governor.learn(reading(remaining=-20), NOW)
    assert governor.remaining(ORDERS, NOW) <= -10

    governor.learn(reading(remaining=60), NOW)
    assert governor.remaining(ORDERS, NOW) <= -10


@pytest.mark.parametrize("tier", TIERS[1:])
def test_a_higher_tier_is_learned_and_what_was_used_stays_used(tier):
    governor = RateGovernor()
    governor.take(ORDERS, 50, NOW)

    governor.learn(reading(CANCELS, remaining=10_000, tier=tier.name.upper()), NOW)

    assert governor.tier is tier
    assert governor.remaining(ORDERS, NOW) == tier.order_burst - 50
    assert governor.orders.rate == tier.order_rate


def test_an_unknown_tier_changes_nothing():
    governor = RateGovernor()
    governor.learn(reading(remaining=1_000, tier="Unobtainium"), NOW)

    assert governor.tier is STANDARD


def full_load(bucket: Bucket, cost: int, seed: int, tier=STANDARD) -> tuple[ModelBuckets, float]:
    """Ten minutes of as much as the governor admits; requests and answers take 10 to 100 ms each way."""
    rng = random.Random(seed)
    venue, governor = ModelBuckets(tier), RateGovernor()
    governor.learn(reading(bucket, 10_000, tier.name), Ms(0))
    answers: list[tuple[int, int]] = []
    arrivals: list[tuple[int, int]] = []
    at = 0
    while at < TEN_MINUTES:
        while arrivals and arrivals[0][0] <= at:
            came, _ = heapq.heappop(arrivals)
            _, remaining = venue.ask(bucket.value, cost, came)
            heapq.heappush(answers, (came + rng.randint(10, 100), remaining))
        while answers and answers[0][0] <= at:
            _, remaining = heapq.heappop(answers)
            governor.learn(reading(bucket, remaining, tier.name), Ms(at))
        if governor.wait_ms(bucket, cost, Purpose.PLAN, Ms(at)) == 0:
            governor.take(bucket, cost, Ms(at))
            heapq.heappush(arrivals, (at + rng.randint(10, 100), cost))
        else:
            at += 5
    rate = tier.order_rate if bucket is ORDERS else tier.cancel_rate
    return venue, 100 * venue.admitted[bucket.value] / (rate * TEN_MINUTES / 1_000)


LOADS = [(ORDERS, 15, 0), (ORDERS, 1, 0), (CANCELS, 15, 0), (CANCELS, 80, 0), (ORDERS, 15, 3)]
"""Bucket, cost of one request, and the tier's place in the table."""


@pytest.mark.parametrize(("bucket", "cost", "tier"), LOADS)
def test_ten_minutes_at_full_load_meet_no_429_and_use_the_tier(bucket, cost, tier):
    for seed in range(3):
        venue, used = full_load(bucket, cost, seed, TIERS[tier])
        assert venue.refused == 0, f"seed {seed}"
        assert used >= 95, f"seed {seed}"
