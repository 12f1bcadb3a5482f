import json

import pytest

from engine.venue.gamma import GammaEvent, SkippedEvent, SkipReason, read_events_page
from engine.venue.strict_json import OddAnswer
from tests.support.venue_catalogue import Json, condition, event_row, events_page, market_row


def only(event: Json) -> GammaEvent | SkippedEvent:
    (read,) = read_events_page(events_page(event)).events
    return read


def skipped(event: Json) -> SkippedEvent:
    read = only(event)
    assert isinstance(read, SkippedEvent), read
    return read


def taken(event: Json) -> GammaEvent:
    read = only(event)
    assert isinstance(read, GammaEvent), read
    return read


def test_event_is_read_with_all_its_children():
    rows = [market_row(1), market_row(2, negRiskOther=True)]

    event = taken(event_row("77", *rows))

    first, second = event.markets
    assert (event.event_id, event.slug, event.title) == ("77", "event-number-77", "Event 77")
    assert (event.rules_text, event.resolution_source) == (
        "Exactly one resolves to Yes.",
        "https://example.org",
    )
    assert (event.neg_risk, event.augmented, event.neg_risk_id) == (True, False, "0xgroup")
    assert [first.yes, first.no] == json.loads(rows[0]["clobTokenIds"])
    assert (first.condition_id, first.question_id, first.name) == (condition(1), "0xq1", "Outcome 1")
    assert (first.question, first.rules_text) == ("Will outcome 1 happen?", "Resolves by rule 1.")
    assert (first.tick, first.min_size, first.is_other) == (10, 5_000_000, False)
    assert (first.active, first.closed, first.accepting, first.wants_terms) == (True, False, True, True)
    assert (first.charges_fee, first.delayed, first.resolution_status) == (True, False, "")
    assert second.is_other


def test_absent_keys_count_against_trading_and_mean_no_text():
    row = market_row(1)
    needed = ("conditionId", "outcomes", "clobTokenIds", "question", "orderPriceMinTickSize", "orderMinSize")

    event = taken({"id": "1", "slug": "s", "title": "t", "markets": [{key: row[key] for key in needed}]})

    (market,) = event.markets
    assert (event.rules_text, event.neg_risk, event.augmented) == ("", False, False)
    assert (market.active, market.accepting, market.neg_risk, market.is_other) == (False, False, False, False)
    assert market.name == market.question
    assert not market.wants_terms


@pytest.mark.parametrize("key", ["negRisk", "enableNegRisk"])
def test_either_flag_makes_an_event_neg_risk(key):
    event = event_row("1", market_row(1), negRisk=False, enableNegRisk=False) | {key: True}

    assert taken(event).neg_risk


def test_augmented_event_keeps_its_placeholders():
    event = taken(event_row("1", market_row(1), market_row(2, active=False), negRiskAugmented=True))

    assert event.augmented
    assert [market.active for market in event.markets] == [True, False]


@pytest.mark.parametrize(
    "change",
    [
        {"active": False},
        {"closed": True},
        {"archived": True},
        {"acceptingOrders": False},
        {"acceptingOrders": None},
        {"enableOrderBook": False},
    ],
)
def test_child_that_takes_no_orders_needs_no_terms(change):
    (market,) = taken(event_row("1", market_row(1, **change))).markets

    assert not market.wants_terms


@pytest.mark.parametrize("change", [{"active": False}, {"closed": True}])
def test_state_of_the_event_is_that_of_every_child(change):
    (market,) = taken(event_row("1", market_row(1), **change)).markets

    assert not market.wants_terms


def test_resolution_status_and_delay_are_kept():
    (market,) = taken(event_row("1", market_row(1, umaResolutionStatus="proposed", secondsDelay=3))).markets

    assert (market.resolution_status, market.delayed) == ("proposed", True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"conditionId": "0x12"}, SkipReason.MALFORMED_MARKET),
        ({"clobTokenIds": '["1","x"]'}, SkipReason.MALFORMED_MARKET),
        ({"clobTokenIds": "[1,2]"}, SkipReason.MALFORMED_MARKET),
        ({"clobTokenIds": None}, SkipReason.MALFORMED_MARKET),
        ({"clobTokenIds": ["1", "2"]}, SkipReason.MALFORMED_MARKET),
        ({"outcomes": "Yes, No"}, SkipReason.MALFORMED_MARKET),
        ({"orderPriceMinTickSize": 0.00001}, SkipReason.MALFORMED_MARKET),
        ({"orderPriceMinTickSize": -0.01}, SkipReason.MALFORMED_MARKET),
        ({"orderMinSize": "five"}, SkipReason.MALFORMED_MARKET),
        ({"active": "yes"}, SkipReason.MALFORMED_MARKET),
        ({"outcomes": '["A", "B", "C"]'}, SkipReason.NOT_BINARY),
        ({"clobTokenIds": '["7"]'}, SkipReason.NOT_BINARY),
        ({"version": "v2"}, SkipReason.PROTOCOL_VERSION),
    ],
)
def test_one_child_that_cannot_be_read_takes_its_whole_event_out_by_name(change, reason):
    """A set without that child would look complete, and cheap."""
    read = skipped(event_row("9", market_row(1), market_row(2, **change)))

    assert (read.event_id, read.slug, read.reason) == ("9", "event-number-9", reason)
    assert read.detail


def test_token_that_stands_twice_in_an_event_is_refused():
    twin = market_row(1) | {"conditionId": condition(2)}

    assert skipped(event_row("9", market_row(1), twin)).reason is SkipReason.MALFORMED_MARKET


def test_event_without_children_is_named():
    assert skipped(event_row("9")).reason is SkipReason.NO_MARKETS


@pytest.mark.parametrize(
    "event", [7, None, [], {"id": 9}, {"id": "9", "slug": "s", "title": "t", "markets": 1}]
)
def test_event_that_is_no_event_does_not_spoil_its_neighbours(event):
    bad, good = read_events_page(events_page(event, event_row("1", market_row(1)))).events

    assert isinstance(bad, SkippedEvent)
    assert bad.reason is SkipReason.MALFORMED_EVENT
    assert isinstance(good, GammaEvent)


def test_cursor_is_absent_on_the_last_page():
    assert read_events_page(events_page(cursor="k100")).cursor == "k100"
    assert read_events_page(events_page()).cursor is None
    assert read_events_page(b'{"events":[],"next_cursor":null}').cursor is None


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"events":{}}', b'{"events":[],"next_cursor":7}', b"<html>"]
)
def test_odd_page_is_refused(raw):
    with pytest.raises(OddAnswer):
        read_events_page(raw)
