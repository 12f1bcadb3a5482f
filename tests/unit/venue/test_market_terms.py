import json

import pytest

from engine.domain.catalogue import SkipReason
from engine.domain.fees import FREE, FeeCurve
from engine.venue.gamma import GammaEvent, GammaMarket, read_events_page
from engine.venue.gamma_rows import SkipError
from engine.venue.market_terms import ClobTerms, market_with, read_terms, terms_or_skip
from engine.venue.strict_json import OddAnswer
from tests.support.venue_catalogue import condition, event_row, events_page, market_row, terms_row

ROW = market_row(1)


def terms(**changes: object) -> ClobTerms:
    return read_terms(json.dumps(terms_row(ROW, **changes)).encode())


def listed(**changes: object) -> GammaMarket:
    (event,) = read_events_page(events_page(event_row("1", market_row(1, **changes)))).events
    assert isinstance(event, GammaEvent)
    (child,) = event.children
    assert isinstance(child, GammaMarket)
    return child


def test_terms_are_read_exactly():
    read = terms()

    assert (read.condition_id, list(read.tokens)) == (condition(1), json.loads(ROW["clobTokenIds"]))
    assert (read.tick, read.min_size, read.fee) == (10, 5_000_000, FeeCurve(rate=40_000, exponent=1))
    assert (read.neg_risk, read.accepting, read.delayed) == (True, True, False)


@pytest.mark.parametrize(
    ("number", "tick"), [(0.1, 1000), (0.01, 100), (0.005, 50), (0.0025, 25), (0.001, 10), (0.0001, 1)]
)
def test_every_tick_is_read_without_a_float(number, tick):
    assert terms(mts=number).tick == tick


@pytest.mark.parametrize(
    ("fee", "curve"),
    [
        ({"r": 0.05, "e": 1, "to": True}, FeeCurve(50_000, 1)),
        ({"r": 0.25, "e": 2, "to": True}, FeeCurve(250_000, 2)),
        ({"r": 0.0, "e": 0, "to": True}, FeeCurve(0, 0)),
        ({"r": 0.000001, "e": 1, "to": True}, FeeCurve(1, 1)),
        ({"r": 0.05, "e": 1.0, "to": True}, FeeCurve(50_000, 1)),
    ],
)
def test_fee_schedule_becomes_a_curve(fee, curve):
    assert terms(fd=fee).fee == curve


def test_market_without_a_schedule_is_free():
    assert terms(fd=None).fee is FREE
    assert read_terms(json.dumps(terms_row(ROW) | {"fd": None}).encode()).fee is FREE


@pytest.mark.parametrize(
    "fee",
    [
        {"r": 0.05, "e": 1.5, "to": True},
        {"r": 0.05, "e": 9, "to": True},
        {"r": 0.0000001, "e": 1, "to": True},
        {"r": 1.5, "e": 1, "to": True},
        {"r": -0.05, "e": 1, "to": True},
        {"r": 0.05, "e": 1, "to": False},
        {"r": 0.05, "e": 1},
        {"r": 0.05, "to": True},
        {"e": 1, "to": True},
        {"r": "much", "e": 1, "to": True},
        "free",
        [],
        {},
        0,
    ],
)
def test_schedule_that_cannot_be_computed_is_unknown_never_free(fee):
    assert terms(fd=fee).fee is None


@pytest.mark.parametrize(
    "change",
    [{"c": "0x1"}, {"t": 1}, {"mts": 0.00001}, {"mos": -5}, {"ao": "yes"}, {"ao": None}, {"mts": None}],
)
def test_odd_terms_are_refused_by_name(change):
    raw = json.dumps(terms_row(ROW, **change)).encode()

    with pytest.raises(OddAnswer):
        read_terms(raw)
    with pytest.raises(SkipError) as caught:
        terms_or_skip(raw)
    assert caught.value.reason is SkipReason.MALFORMED_TERMS


def test_market_carries_the_clobs_terms():
    market = market_with(listed(), terms(mos=15, itode=True))

    assert market.terms.tradable
    assert (market.terms.tick, market.terms.min_size) == (10, 15_000_000)
    assert (market.terms.fee, market.terms.taker_delay) == (FeeCurve(40_000, 1), True)
    assert (market.condition_id, market.name, market.neg_risk) == (condition(1), "Outcome 1", True)


def test_delay_told_by_the_catalogue_alone_counts():
    assert market_with(listed(secondsDelay=1), terms()).terms.taker_delay


@pytest.mark.parametrize("change", [{"ao": False}, {"v": "v2"}, {"mts": 0.01}])
def test_market_takes_no_orders_unless_the_clob_agrees(change):
    market = market_with(listed(), terms(**change))

    assert not market.terms.tradable
    assert not market.terms.accepting


def test_unknown_tick_takes_no_orders():
    market = market_with(listed(orderPriceMinTickSize=0.002), terms(mts=0.002))

    assert not market.terms.accepting


def test_pending_resolution_is_not_tradable():
    assert not market_with(listed(umaResolutionStatus="disputed"), terms()).terms.tradable


def test_free_at_the_clob_but_charged_by_the_catalogue_is_unknown():
    assert market_with(listed(feesEnabled=True), terms(fd=None)).terms.fee is None
    assert market_with(listed(feesEnabled=False), terms(fd=None)).terms.fee == FREE


def test_child_without_terms_keeps_its_identity_and_takes_no_orders():
    market = market_with(listed(active=False, closed=True), None)

    assert (market.terms.active, market.terms.closed, market.terms.accepting) == (False, True, False)
    assert (market.terms.fee, market.terms.tick) == (None, 10)
    assert market.yes == json.loads(ROW["clobTokenIds"])[0]


@pytest.mark.parametrize(
    "change",
    [
        {"c": condition(2)},
        {"nr": False},
        {"nr": None},
        {"t": list(reversed(terms_row(ROW)["t"]))},
        {"t": terms_row(ROW)["t"][:1]},
        {"t": terms_row(market_row(2))["t"]},
    ],
)
def test_sources_that_name_different_markets_are_refused(change):
    with pytest.raises(SkipError) as caught:
        market_with(listed(), terms(**change))

    assert caught.value.reason is SkipReason.SOURCES_DISAGREE
