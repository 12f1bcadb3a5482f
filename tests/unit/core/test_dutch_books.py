"""Books that may not be planned on together, each with its own sentence."""

from dataclasses import replace

import pytest

from engine.core.dutch.event_plan import tokens_of
from engine.domain.book import Level
from engine.domain.refusal import RefusalKind
from engine.domain.units import Ms, parse_price, parse_size
from tests.support.planner import NOW, book, books_of, lone, params, planned, refused, worked


def with_book(books, asset, **changes):
    return books | {asset: replace(books[asset], **changes)}


def test_leg_without_a_book_is_named():
    event, books, terms = worked()
    del books[tokens_of(event)[1]]

    refusal = refused(event, books, terms)

    assert refusal.kind is RefusalKind.BOOK_NOT_LIVE
    assert "live book for Cut" in refusal.text


def test_no_side_of_a_pair_needs_its_own_book():
    event = lone()
    books = books_of(event, [(("0.40", "300"),), (("0.50", "250"),)])
    del books[event.markets[0].no]

    assert refused(event, books, params()).kind is RefusalKind.BOOK_NOT_LIVE


def test_book_on_another_tick_than_the_catalogue_waits():
    event, books, terms = worked()

    refusal = refused(event, with_book(books, tokens_of(event)[0], tick=parse_price("0.001")), terms)

    assert refusal.kind is RefusalKind.BOOK_TICK
    assert "tick 0.010" in refusal.text
    assert "0.001" in refusal.text


def test_leg_that_nobody_offers_is_named():
    event, books, terms = worked()

    refusal = refused(event, with_book(books, tokens_of(event)[2], asks=()), terms)

    assert refusal.kind is RefusalKind.BOOK_EMPTY
    assert "offers for Hike" in refusal.text


def test_offer_of_dust_is_no_offer():
    event, books, terms = worked()
    dust = (Level(parse_price("0.20"), parse_size("0.009")),)

    refusal = refused(event, with_book(books, tokens_of(event)[2], asks=dust), terms)

    assert refusal.kind is RefusalKind.BOOK_EMPTY
    assert "0.01 shares of Hike" in refusal.text


@pytest.mark.parametrize("bid", ["0.20", "0.21"])
def test_locked_and_crossed_books_are_not_traded(bid):
    event, books, terms = worked()
    hike = tokens_of(event)[2]
    crossed = book(event, hike, (("0.20", "200"),), ((bid, "10"),))

    refusal = refused(event, books | {hike: crossed}, terms)

    assert refusal.kind is RefusalKind.BOOK_CROSSED
    assert "bid below ask for Hike" in refusal.text


def test_book_without_bids_is_planned_at_its_full_risk():
    event, books, terms = worked()
    hike = tokens_of(event)[2]

    plan = planned(event, with_book(books, hike, bids=()), replace(terms, success_pct=100))

    assert plan.risk.bound > plan.legs[2].outlay_max


@pytest.mark.parametrize(("age_ms", "fresh"), [(5_000, True), (5_001, False)])
def test_age_of_the_oldest_book_is_limited(age_ms, fresh):
    event, books, terms = worked(max_leg_skew_ms=Ms(60_000))
    old = with_book(books, tokens_of(event)[1], confirmed_ms=Ms(NOW - age_ms))

    if fresh:
        assert planned(event, old, terms).books_ms == NOW - age_ms
        return
    refusal = refused(event, old, terms)
    assert refusal.kind is RefusalKind.BOOK_AGE
    assert f"Cut {age_ms} ms old" in refusal.text


@pytest.mark.parametrize(("skew_ms", "together"), [(2_000, True), (2_001, False)])
def test_books_must_be_in_step_with_one_another(skew_ms, together):
    event, books, terms = worked()
    apart = with_book(books, tokens_of(event)[0], confirmed_ms=Ms(NOW - 100 - skew_ms))

    if together:
        assert planned(event, apart, terms).books_ms == NOW - 100 - skew_ms
        return
    refusal = refused(event, apart, terms)
    assert refusal.kind is RefusalKind.BOOK_SKEW
    assert f"Hold {skew_ms} ms behind" in refusal.text


def test_level_off_the_tick_that_would_be_bought_stops_the_plan():
    event, books, terms = worked()
    hold = tokens_of(event)[0]
    odd = (Level(parse_price("0.445"), parse_size("5")), *books[hold].asks)

    refusal = refused(event, with_book(books, hold, asks=odd), terms)

    assert refusal.kind is RefusalKind.BOOK_TICK
    assert "0.445" in refusal.text


def test_level_off_the_tick_beyond_the_plan_does_not_matter():
    event, books, terms = worked()
    hold = tokens_of(event)[0]
    odd = (*books[hold].asks, Level(parse_price("0.475"), parse_size("5")))

    assert planned(event, with_book(books, hold, asks=odd), terms).size == parse_size("180")


def test_every_refusal_says_expected_found_and_what_next():
    event, books, terms = worked()
    hold = tokens_of(event)[0]
    faults = [
        {token: one for token, one in books.items() if token != hold},
        with_book(books, hold, tick=parse_price("0.001")),
        with_book(books, hold, asks=()),
        with_book(books, hold, confirmed_ms=Ms(NOW - 90_000)),
        with_book(books, hold, confirmed_ms=Ms(NOW - 4_000)),
    ]
    for faulty in faults:
        text = refused(event, faulty, terms).text
        assert text.startswith("expected ")
        assert ", found" in text
        assert ";" in text
