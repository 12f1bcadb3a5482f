"""Each knob of strategy 5.6 that decides about keeping, replacing, cancelling; both sides of its boundary."""

from dataclasses import replace

import pytest

from engine.core.spread.quoter import Replaces, reconcile
from engine.domain.ids import OrderId
from engine.domain.quote import CancelQuote, Held, PlaceQuote, RewardMode, RewardTerms, Suppressed
from engine.domain.units import Ms, Price, Usdc
from tests.support.builders import NOW, shares
from tests.support.quotes import ASK, BID, MARKET, PLENTY, QUIET, context, knobs, live, target

REPLACE = {
    BID: (CancelQuote(OrderId("bid0"), None, hard=False),),
    ASK: (CancelQuote(OrderId("ask0"), None, hard=False),),
}


def decide(targets, quotes, *, market=MARKET, at=None, **changes):
    return reconcile(targets, quotes, market, knobs(**changes), at or context())


def kept(side, why):
    return (Suppressed(side, why),)


@pytest.mark.parametrize(("age", "younger"), [(999, True), (1_000, False)])
def test_min_quote_lifetime_ms_keeps_what_is_younger(age, younger):
    found = decide([target(BID, 45)], [live(BID, 48, age=age)], min_quote_lifetime_ms=Ms(1_000))

    assert found == (kept(BID, Held.LIFETIME) if younger else REPLACE[BID])


@pytest.mark.parametrize(("age", "younger"), [(999, True), (1_000, False)])
def test_min_quote_lifetime_ms_keeps_what_is_not_wanted_any_more(age, younger):
    found = decide([], [live(BID, 48, age=age)], min_quote_lifetime_ms=Ms(1_000))

    dropped = (CancelQuote(OrderId("bid0"), Held.UNWANTED, hard=False),)
    assert found == (kept(BID, Held.LIFETIME) if younger else dropped)


@pytest.mark.parametrize(("cents", "enough"), [(49, False), (50, True), (47, False), (46, True)])
def test_min_change_ticks_bid_is_met_by_exactly_so_many(cents, enough):
    found = decide([target(BID, cents)], [live(BID, 48)], min_change_ticks_bid=2, min_change_ticks_ask=9)

    assert found == (REPLACE[BID] if enough else kept(BID, Held.CHANGE))


@pytest.mark.parametrize(("cents", "enough"), [(53, False), (54, True), (51, False), (50, True)])
def test_min_change_ticks_ask_is_met_by_exactly_so_many(cents, enough):
    found = decide([target(ASK, cents)], [live(ASK, 52)], min_change_ticks_ask=2, min_change_ticks_bid=9)

    assert found == (REPLACE[ASK] if enough else kept(ASK, Held.CHANGE))


@pytest.mark.parametrize(("tick", "enough"), [(100, False), (50, True)])
def test_min_change_ticks_counts_in_the_present_tick_of_the_market(tick, enough):
    found = decide([target(BID, 49)], [live(BID, 48)], market=replace(MARKET, tick=Price(tick)))

    assert found == (REPLACE[BID] if enough else kept(BID, Held.CHANGE))


@pytest.mark.parametrize("side", [BID, ASK])
def test_min_change_ticks_of_zero_does_not_replace_what_is_right(side):
    changes = {"min_change_ticks_bid": 0, "min_change_ticks_ask": 0}

    assert decide([target(side, 50)], [live(side, 50)], **changes) == ()
    assert decide([target(side, 50)], [live(side, 50, left=90)], **changes) == kept(side, Held.CHANGE)


@pytest.mark.parametrize(
    ("side", "cents", "enough"),
    [
        (BID, 46, False),
        (BID, 45, True),
        (BID, 53, False),
        (BID, 54, True),
        (ASK, 54, False),
        (ASK, 55, True),
        (ASK, 47, False),
        (ASK, 46, True),
    ],
)
def test_away_ticks_is_the_threshold_of_moves_away_from_the_market_alone(side, cents, enough):
    """From 50: the bid goes away downwards by 5, the ask upwards by 5; towards it takes 4."""
    changes = {f"min_change_ticks_{side.value}": 4, f"away_ticks_{side.value}": 5}

    assert decide([target(side, cents)], [live(side, 50)], **changes) == (
        REPLACE[side] if enough else kept(side, Held.CHANGE)
    )


@pytest.mark.parametrize(("side", "away"), [(BID, 49), (ASK, 51)])
def test_away_ticks_lets_a_defensive_move_go_earlier(side, away):
    changes = {f"min_change_ticks_{side.value}": 3, f"away_ticks_{side.value}": 1}

    assert decide([target(side, away)], [live(side, 50)], **changes) == REPLACE[side]
    assert decide([target(side, 100 - away)], [live(side, 50)], **changes) == kept(side, Held.CHANGE)


@pytest.mark.parametrize(("size", "enough"), [(125, False), (126, True), (84, False), (83, True)])
def test_min_size_change_pct_is_passed_by_more_than_so_much_of_the_target(size, enough):
    """100 rest: 25 of 125 are exactly 20 %."""
    found = decide([target(BID, 48, size)], [live(BID, 48, 100)], min_size_change_pct=20)

    assert found == (REPLACE[BID] if enough else kept(BID, Held.CHANGE))


@pytest.mark.parametrize(("left", "enough"), [(5, False), (4, True)])
def test_min_size_change_pct_is_not_passed_by_fills_alone_until_the_minimum(left, enough):
    found = decide([target(BID, 48)], [live(BID, 48, left=left)])

    assert found == (REPLACE[BID] if enough else kept(BID, Held.CHANGE))


@pytest.mark.parametrize(
    ("mode", "left", "enough"),
    [
        (RewardMode.BAND, 50, False),
        (RewardMode.BAND, 49, True),
        (RewardMode.ONLY, 49, True),
        (RewardMode.OFF, 49, False),
    ],
)
def test_min_size_change_pct_lets_fills_go_to_the_scoring_minimum_where_rewards_are_wanted(
    mode, left, enough
):
    market = replace(MARKET, rewards=RewardTerms(Price(300), shares(50), Usdc(1), 0))
    found = decide([target(BID, 48)], [live(BID, 48, left=left)], market=market, reward_mode=mode)

    assert found == (REPLACE[BID] if enough else kept(BID, Held.CHANGE))


@pytest.mark.parametrize(("size", "enough"), [(125, False), (126, True)])
def test_min_size_change_pct_judges_what_is_left_where_the_order_as_sent_differs(size, enough):
    found = decide([target(BID, 48, size)], [live(BID, 48, 200, left=100)])

    assert found == (REPLACE[BID] if enough else kept(BID, Held.CHANGE))


def test_min_size_change_pct_keeps_a_rest_that_fills_made_right():
    """The target shrank with the inventory that the fills brought."""
    assert decide([target(BID, 48, 60)], [live(BID, 48, left=60)]) == ()


@pytest.mark.parametrize(("passed", "sooner"), [(499, True), (500, False)])
@pytest.mark.parametrize("side", [BID, ASK])
def test_replace_interval_ms_parts_two_replaces_of_a_side(side, passed, sooner):
    last = Ms(NOW - passed)
    replaces = Replaces(bid_ms=last) if side is BID else Replaces(ask_ms=last)
    changes = {f"replace_interval_ms_{side.value}": Ms(500)}
    found = decide([target(side, 56)], [live(side, 50)], at=context(replaces=replaces), **changes)

    assert found == (kept(side, Held.INTERVAL) if sooner else REPLACE[side])


def test_replace_interval_ms_of_one_side_does_not_hold_the_other():
    found = decide(
        [target(BID, 40), target(ASK, 60)],
        [live(BID, 48), live(ASK, 52)],
        at=context(replaces=Replaces(bid_ms=Ms(NOW - 1))),
    )

    assert found == (*kept(BID, Held.INTERVAL), *REPLACE[ASK])


def test_replace_interval_ms_does_not_hold_a_first_order_nor_one_that_filled():
    found = decide([target(BID, 48)], [], at=context(replaces=Replaces(bid_ms=Ms(NOW - 1))))

    assert found == (PlaceQuote(target(BID, 48)),)


@pytest.mark.parametrize(("ask", "narrow"), [(5_100, True), (5_200, False)])
def test_min_spread_ticks_is_wide_enough_when_equal(ask, narrow):
    at = context(best_bid=Price(5_000), best_ask=Price(ask))
    found = decide([target(BID, 48)], [live(ASK, 55)], at=at, min_spread_ticks=2)

    skipped = (Suppressed(None, Held.NARROW), CancelQuote(OrderId("ask0"), Held.NARROW, hard=False))
    quoted = (CancelQuote(OrderId("ask0"), Held.UNWANTED, hard=False), PlaceQuote(target(BID, 48)))
    assert found == (skipped if narrow else quoted)


def test_min_spread_ticks_does_not_judge_a_book_with_an_empty_side():
    at = context(best_bid=None, best_ask=Price(100))

    assert decide([target(BID, 48)], [], at=at) == (PlaceQuote(target(BID, 48)),)


@pytest.mark.parametrize(("tokens", "placed"), [(0, False), (1, True)])
def test_max_quotes_per_min_takes_a_token_for_each_new_order(tokens, placed):
    at = context(allowance=replace(PLENTY, quotes=tokens))
    found = decide([target(BID, 48)], [], at=at)

    assert found == ((PlaceQuote(target(BID, 48)),) if placed else kept(BID, Held.QUOTES_RATE_LIMITED))


@pytest.mark.parametrize(("tokens", "replaced"), [(0, False), (1, True)])
def test_max_quotes_per_min_keeps_the_old_quote_without_a_token_for_the_new_one(tokens, replaced):
    at = context(allowance=replace(PLENTY, quotes=tokens))
    found = decide([target(BID, 45)], [live(BID, 48)], at=at)

    assert found == (REPLACE[BID] if replaced else kept(BID, Held.QUOTES_RATE_LIMITED))


@pytest.mark.parametrize(("tokens", "cancelled"), [(0, False), (1, True)])
def test_cancel_reserve_stops_soft_cancels(tokens, cancelled):
    at = context(allowance=replace(PLENTY, soft_cancels=tokens))

    replaced = decide([target(BID, 45)], [live(BID, 48)], at=at)
    dropped = decide([], [live(BID, 48)], at=at)

    held = kept(BID, Held.CANCELS_RATE_LIMITED)
    assert replaced == (REPLACE[BID] if cancelled else held)
    assert dropped == ((CancelQuote(OrderId("bid0"), Held.UNWANTED, hard=False),) if cancelled else held)


def test_the_stance_closes_sides_and_says_why():
    at = context(stance=replace(QUIET, sides=(BID,), why=Held.TRENDING))
    found = decide([target(BID, 48), target(ASK, 52)], [live(ASK, 52)], at=at)

    assert found == (
        Suppressed(ASK, Held.TRENDING),
        CancelQuote(OrderId("ask0"), Held.TRENDING, hard=False),
        PlaceQuote(target(BID, 48)),
    )
