"""Reads of rewards and rebates: exact, rounded down, strict; a market is traded whatever its rewards say."""

import json
from dataclasses import replace
from random import Random

import msgspec
import pytest

from engine.domain.failure import VenueFailure
from engine.domain.market import rules_hash, terms_hash
from engine.domain.quote import RewardTerms, reward_terms
from engine.domain.rewards import DAY_MS, PAYOUT_MIN, Earned, PoolShare, RewardOffer, paid
from engine.domain.units import Ms, Price, Size, Usdc
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.gamma import GammaEvent, GammaMarket, read_events_page
from engine.venue.http_client import HttpClient
from engine.venue.market_terms import market_with, read_terms
from engine.venue.reward_rows import (
    NO_OFFER,
    compact_offer,
    day_text,
    listed_offer,
    listed_rebate_pct,
    read_earned_page,
    read_offers_page,
    read_rebates,
    read_scoring,
    read_shares,
    with_clob,
)
from engine.venue.strict_json import OddAnswer
from tests.support.builders import event
from tests.support.scripted_venue import says
from tests.support.venue_account import ORDER, OTHER, page, proved
from tests.support.venue_catalogue import event_row, events_page, market_row, terms_row
from tests.support.venue_orders import ACCOUNT, CONDITION

DAY, DATE = 20_717, "2026-09-21"
PUSD = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
FOREIGN = "0x69308FB512518e39F9b16112fA8d994F4e2Bf8bB"
OFFER = RewardOffer(Price(350), Size(50_000_000), Usdc(200_000_000))
OFFER_ROW = {
    "condition_id": CONDITION,
    "rewards_max_spread": 3.5,
    "rewards_min_size": 50,
    "rewards_config": [
        {"id": 0, "asset_address": PUSD, "start_date": "2026-09-01", "rate_per_day": 200, "total_rewards": 9}
    ],
    "total_daily_rate": 200,
}
EARNED_ROW = {
    "condition_id": CONDITION,
    "date": f"{DATE}T00:00:00Z",
    "asset_address": PUSD,
    "maker_address": ACCOUNT.wallet,
    "earnings": 2.3456789,
    "asset_rate": 1,
}
REBATE_ROW = {
    "condition_id": CONDITION,
    "date": DATE,
    "asset_address": PUSD,
    "maker_address": ACCOUNT.wallet.lower(),
    "rebated_fees_usdc": "1.2345678",
}


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def offers(**changes: object) -> object:
    return read_offers_page(page(OFFER_ROW | changes)).rows


def test_offer_is_read_exactly():
    (found,) = read_offers_page(page(OFFER_ROW)).rows

    assert (found.condition_id, found.offer) == (CONDITION, OFFER)


def test_pools_in_other_assets_count_nothing_and_dollars_add_up():
    config = OFFER_ROW["rewards_config"]
    assert isinstance(config, list)
    foreign = config[0] | {"asset_address": FOREIGN, "rate_per_day": 1_000}
    more = config[0] | {"rate_per_day": "0.0000019"}
    (found,) = read_offers_page(page(OFFER_ROW | {"rewards_config": [*config, foreign, more]})).rows

    assert found.offer.daily == 200_000_001


@pytest.mark.parametrize("change", [{"rewards_max_spread": 0}, {"rewards_max_spread": None}])
def test_market_without_a_band_is_no_offer(change):
    assert offers(**change) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"condition_id": "0x1"},
        {"rewards_max_spread": 3.501},
        {"rewards_max_spread": -1},
        {"rewards_min_size": "many"},
        {"rewards_config": None},
        {"rewards_config": [{"asset_address": PUSD}]},
        {"rewards_config": [{"asset_address": PUSD, "rate_per_day": -1}]},
        {"rewards_config": [{"asset_address": PUSD, "rate_per_day": "1e99"}]},
    ],
)
def test_odd_offer_fails_the_read(change):
    with pytest.raises(OddAnswer):
        offers(**change)


def test_shares_are_millionths_of_the_pool_rounded_down():
    told = json.dumps({CONDITION: 12.34567}).encode()

    assert read_shares(told) == (PoolShare(CONDITION, 123_456),)
    assert read_shares(b"{}") == ()


@pytest.mark.parametrize("body", [{CONDITION: 101}, {CONDITION: -1}, {"0x1": 1}, {CONDITION: None}, []])
def test_odd_shares_are_refused(body):
    with pytest.raises(OddAnswer):
        read_shares(json.dumps(body).encode())


@pytest.mark.parametrize("told", [DATE, f"{DATE}T00:00:00Z", DAY * DAY_MS, DAY * DAY_MS + DAY_MS - 1])
def test_earning_is_rounded_down_whatever_its_date_looks_like(told):
    assert read_earned_page(page(EARNED_ROW | {"date": told})).rows == (
        Earned(DAY, CONDITION, Usdc(2_345_678)),
    )
    assert day_text(DAY) == DATE


def test_earning_counts_at_the_rate_of_its_asset_and_foreign_ones_not_at_all():
    rows = (EARNED_ROW | {"asset_rate": 0.5}, EARNED_ROW | {"asset_address": FOREIGN})

    assert [row.amount for row in read_earned_page(page(*rows)).rows] == [1_172_839]


@pytest.mark.parametrize(
    "change", [{"date": "soon"}, {"date": -1}, {"earnings": -0.1}, {"asset_rate": "1e99"}, {"earnings": None}]
)
def test_odd_earning_fails_the_read(change):
    with pytest.raises(OddAnswer):
        read_earned_page(page(EARNED_ROW | change))


def test_rebates_are_rounded_down_and_none_is_null():
    rows = [REBATE_ROW, REBATE_ROW | {"rebated_fees_usdc": 1}, REBATE_ROW | {"asset_address": FOREIGN}]

    assert read_rebates(json.dumps(rows).encode(), DAY, ACCOUNT.wallet) == (
        Earned(DAY, CONDITION, Usdc(2_234_567)),
    )
    assert read_rebates(b"null", DAY, ACCOUNT.wallet) == read_rebates(b"[]", DAY, ACCOUNT.wallet) == ()


@pytest.mark.parametrize("change", [{"date": "2026-09-22"}, {"maker_address": FOREIGN}, {"date": None}])
def test_rebates_of_another_day_or_maker_are_refused(change):
    with pytest.raises(OddAnswer):
        read_rebates(json.dumps([REBATE_ROW | change]).encode(), DAY, ACCOUNT.wallet)


@pytest.mark.parametrize(
    "told", [{ORDER: True}, {ORDER: True, OTHER: 1}, {ORDER: True, OTHER: True, "0x": True}, []]
)
def test_scoring_must_name_exactly_what_was_asked(told):
    with pytest.raises(OddAnswer):
        read_scoring(json.dumps(told).encode(), (ORDER, OTHER))


def test_day_is_paid_once_it_is_over_and_from_one_dollar():
    rows = (Earned(DAY, CONDITION, Usdc(600_000)), Earned(DAY, CONDITION, Usdc(400_000)))
    over = Ms((DAY + 1) * DAY_MS)

    assert paid(rows, DAY, Ms(over - 1)) == 0
    assert paid(rows, DAY, over) == PAYOUT_MIN
    assert paid((replace(rows[0], amount=Usdc(599_999)), rows[1]), DAY, over) == 0
    assert paid(rows, DAY - 1, over) == 0


def test_listing_tells_band_minimum_pool_and_rebate():
    pools = [{"assetAddress": PUSD, "rewardsDailyRate": 200, "id": "1", "startDate": "2026-09-01"}]

    assert listed_offer(raw(50), raw(3.5), raw(pools)) == OFFER
    assert listed_offer(raw(50), raw(3.5), raw([])) == replace(OFFER, daily=Usdc(0))
    assert listed_offer(raw(50), raw(3.5), msgspec.Raw()) == replace(OFFER, daily=None)
    assert listed_offer(raw(0), raw(0), msgspec.Raw()) is None
    assert listed_rebate_pct(raw({"rate": 0.04, "rebateRate": 0.25})) == 25
    assert [
        listed_rebate_pct(odd) for odd in (msgspec.Raw(), raw(None), raw({}), raw({"rebateRate": 2e-3}))
    ] == [
        0,
        0,
        0,
        0,
    ]


def test_order_service_has_the_last_word_on_all_but_the_pool():
    told = compact_offer(raw({"mi": 20, "ma": 3, "e": True, "moas": 3.5}))

    assert told == RewardOffer(Price(300), Size(20_000_000), None, Ms(3_500))
    assert with_clob(OFFER, told) == replace(told, daily=OFFER.daily)
    assert with_clob(None, told) == told
    assert with_clob(OFFER, None) == OFFER
    assert compact_offer(raw({"mi": 20, "ma": 3, "e": False})) is NO_OFFER
    assert with_clob(OFFER, NO_OFFER) is None


ODD_VALUES: tuple[object, ...] = (
    None,
    "much",
    -1,
    [],
    {},
    1e99,
    [1],
    [{}],
    {"ma": "x", "mi": 1},
    True,
    3.50001,
)


def test_market_is_read_and_traded_whatever_its_rewards_say():
    seed = 4_711
    rng = Random(seed)
    keys = ("rewardsMinSize", "rewardsMaxSpread", "clobRewards", "feeSchedule")
    plain = market_row(1)
    for _ in range(300):
        row = market_row(1, **{key: rng.choice(ODD_VALUES) for key in keys if rng.random() < 0.7})
        (found,) = read_events_page(events_page(event_row("1", row))).events
        assert isinstance(found, GammaEvent), f"seed {seed}: {row}"
        (child,) = found.children
        assert isinstance(child, GammaMarket)
        terms = read_terms(json.dumps(terms_row(plain) | {"r": rng.choice(ODD_VALUES)}).encode())
        assert market_with(child, terms).terms.accepting, f"seed {seed}: {row}"


def test_rewards_and_rebates_change_neither_fingerprint():
    before = event()
    changed = tuple(replace(market, rewards=OFFER, rebate_pct=25) for market in before.markets)
    after = replace(before, markets=changed)

    assert (rules_hash(before), terms_hash(before)) == (rules_hash(after), terms_hash(after))


def test_pricing_takes_an_offer_with_a_known_pool_alone():
    assert reward_terms(OFFER, 7) == RewardTerms(Price(350), Size(50_000_000), Usdc(200_000_000), 7)
    assert reward_terms(replace(OFFER, daily=None), 7) is None
    assert reward_terms(replace(OFFER, daily=Usdc(0)), 7) is None
    assert reward_terms(None, 7) is None


async def test_relayer_asks_as_the_venue_wants_it(relayer, venue):
    venue.answers("GET", "/rewards/user/percentages", says(json.dumps({CONDITION: 20})))
    venue.answers("GET", "/rewards/user", says(page(EARNED_ROW, cursor="Mg==")), says(page(EARNED_ROW)))
    venue.answers("GET", "/rebates/current", says(json.dumps([REBATE_ROW])))
    venue.answers("POST", "/orders-scoring", says(json.dumps({ORDER: True, OTHER: False})))

    assert await relayer.read_pool_shares() == (PoolShare(CONDITION, 200_000),)
    assert await relayer.read_earned(DAY) == (Earned(DAY, CONDITION, Usdc(4_691_356)),)
    assert await relayer.read_rebates(DAY) == (Earned(DAY, CONDITION, Usdc(1_234_567)),)
    assert await relayer.read_scoring((ORDER, OTHER)) == {ORDER}
    assert [dict(asked.query) for asked in venue.asked] == [
        {"signature_type": "0"},
        {"date": DATE, "signature_type": "0"},
        {"date": DATE, "signature_type": "0", "next_cursor": "Mg=="},
        {"date": DATE, "maker_address": ACCOUNT.wallet},
        {},
    ]
    signed = [asked for asked in venue.asked if asked.path != "/rebates/current"]
    assert all(proved(asked) for asked in signed)


@pytest.mark.parametrize(
    "answer",
    [
        says("", 500),
        says("<html>", 200, "text/html"),
        says("[1]"),
        says(page(EARNED_ROW | {"date": "2026-09-20"})),
    ],
)
async def test_earnings_that_cannot_be_read_are_a_failure(relayer, venue, answer):
    venue.answers("GET", "/rewards/user", answer)

    assert isinstance(await relayer.read_earned(DAY), VenueFailure)


async def test_offers_follow_the_cursor_and_one_market_must_be_itself(venue):
    http = HttpClient(timeout_s=2)
    reads = VenueReads(http, VenueHosts.loopback(venue.url, "ws://127.0.0.1:1"), {})
    other = OFFER_ROW | {"condition_id": "0x" + "cd" * 32}
    current, single = "/rewards/markets/current", f"/rewards/markets/{CONDITION}"
    venue.answers("GET", current, says(page(OFFER_ROW, cursor="Mg==")), says(page(other)))
    venue.answers("GET", single, says(page(OFFER_ROW)), says(page()), says(page(other)))

    found = await reads.read_offers()
    assert isinstance(found, tuple)
    assert [row.offer for row in found] == [OFFER, OFFER]
    assert await reads.read_offer(CONDITION) == OFFER
    assert await reads.read_offer(CONDITION) is None
    assert isinstance(await reads.read_offer(CONDITION), VenueFailure)
    await http.close()
