import json

import pytest

from engine.domain.catalogue import SkippedEvent, SkipReason
from engine.domain.market import Market
from engine.venue.gamma import GammaEvent, GammaMarket, Lacking, read_events_page
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


def children(event: GammaEvent) -> list[GammaMarket]:
    assert all(isinstance(child, GammaMarket) for child in event.children), event.children
    return [child for child in event.children if isinstance(child, GammaMarket)]


def only_child(**changes: object) -> GammaMarket:
    (child,) = children(taken(event_row("1", market_row(1, **changes))))
    return child


def only_market(**changes: object) -> Market:
    return only_child(**changes).market


def test_event_is_read_with_all_its_children():
    rows = [market_row(1), market_row(2, negRiskOther=True)]

    event = taken(event_row("77", *rows))

    first, second = (child.market for child in children(event))
    assert (event.event_id, event.slug, event.title) == ("77", "event-number-77", "Event 77")
    assert (event.rules_text, event.resolution_source) == (
        "Exactly one resolves to Yes.",
        "https://example.org",
    )
    assert (event.neg_risk, event.augmented, event.neg_risk_id) == (True, False, "0xgroup")
    assert [first.yes, first.no] == json.loads(rows[0]["clobTokenIds"])
    assert (first.condition_id, first.question_id, first.name) == (condition(1), "0xq1", "Outcome 1")
    assert (first.question, first.rules_text) == ("Will outcome 1 happen?", "Resolves by rule 1.")
    terms = first.terms
    assert (terms.tick, terms.min_size, terms.fee, first.is_other) == (10, 5_000_000, None, False)
    assert (terms.active, terms.closed, terms.accepting) == (True, False, True)
    assert (terms.taker_delay, terms.resolution_status) == (False, "")
    assert all((child.wants_terms, child.charges_fee) == (True, True) for child in children(event))
    assert second.is_other


def test_absent_keys_count_against_trading_and_mean_no_text():
    row = market_row(1)
    needed = ("conditionId", "outcomes", "clobTokenIds", "question", "orderPriceMinTickSize", "orderMinSize")

    event = taken({"id": "1", "slug": "s", "title": "t", "markets": [{key: row[key] for key in needed}]})

    (child,) = children(event)
    market = child.market
    assert (event.rules_text, event.neg_risk, event.augmented) == ("", False, False)
    assert not any((market.terms.active, market.terms.accepting, market.neg_risk, market.is_other))
    assert market.name == market.question
    assert not child.wants_terms


@pytest.mark.parametrize("key", ["negRisk", "enableNegRisk"])
def test_either_flag_makes_an_event_neg_risk(key):
    event = event_row("1", market_row(1), negRisk=False, enableNegRisk=False) | {key: True}

    assert taken(event).neg_risk


def test_augmented_event_keeps_its_placeholders():
    event = taken(event_row("1", market_row(1), market_row(2, active=False), negRiskAugmented=True))

    assert event.augmented
    assert [child.market.terms.active for child in children(event)] == [True, False]


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
    assert not only_child(**change).wants_terms


@pytest.mark.parametrize("change", [{"active": False}, {"closed": True}])
def test_state_of_the_event_is_that_of_every_child(change):
    (child,) = children(taken(event_row("1", market_row(1), **change)))

    assert not child.wants_terms


def test_resolution_status_and_delay_are_kept():
    terms = only_market(umaResolutionStatus="proposed", secondsDelay=3).terms

    assert (terms.resolution_status, terms.taker_delay) == ("proposed", True)


@pytest.mark.parametrize(
    ("told", "winner"),
    [
        ({"outcomePrices": '["1", "0"]'}, "YES"),
        ({"outcomePrices": '["0", "1.0"]'}, "NO"),
        ({"outcomePrices": '["0.5", "0.5"]'}, ""),
        ({"outcomePrices": '["0.9995", "0.0005"]'}, ""),
        ({"outcomePrices": '["one", "0"]'}, ""),
        ({}, ""),
        ({"outcomePrices": '["1", "0"]', "closed": False}, ""),
        ({"outcomePrices": '["1", "0"]', "umaResolutionStatus": "proposed"}, ""),
    ],
)
def test_winner_is_known_only_of_a_closed_market_that_is_resolved_to_one_outcome(told, winner):
    row = {"closed": True, "umaResolutionStatus": "resolved", **told}

    assert only_market(**row).terms.winner == winner


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"conditionId": "0x12"}, SkipReason.MALFORMED_MARKET),
        ({"clobTokenIds": '["1","x"]'}, SkipReason.MALFORMED_MARKET),
        ({"clobTokenIds": "[1,2]"}, SkipReason.MALFORMED_MARKET),
        ({"clobTokenIds": [1, 2]}, SkipReason.MALFORMED_MARKET),
        ({"condition_id": condition(9)}, SkipReason.MALFORMED_MARKET),
        ({"market": condition(9)}, SkipReason.MALFORMED_MARKET),
        ({"id": "0x12"}, SkipReason.MALFORMED_MARKET),
        ({"tokens": [{"token_id": "1"}, {"token_id": "2"}]}, SkipReason.MALFORMED_MARKET),
        ({"tokens": [{"outcome": "Yes"}, {"outcome": "Maybe"}]}, SkipReason.MALFORMED_MARKET),
        ({"tokens": [{"outcome": "Yes"}, {"outcome": "Yes"}]}, SkipReason.MALFORMED_MARKET),
        ({"tokens": [{"token_id": 1}, {"token_id": 2}]}, SkipReason.MALFORMED_MARKET),
        ({"orderPriceMinTickSize": 0}, SkipReason.MALFORMED_MARKET),
        ({"question": "", "name": "", "slug": ""}, SkipReason.MALFORMED_MARKET),
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


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({}, "Will outcome 1 happen?"),
        ({"question": None, "name": "Outcome one"}, "Outcome one"),
        ({"question": "", "name": None}, "outcome-1"),
    ],
)
def test_title_is_question_name_or_slug(change, title):
    assert only_market(**change).question == title


def test_event_without_a_title_goes_by_its_slug():
    assert taken(event_row("1", market_row(1), title=None)).title == "event-number-1"


@pytest.mark.parametrize("name", ["condition_id", "conditionId", "id", "market_id", "market"])
def test_condition_id_is_found_under_each_of_its_names(name):
    market = only_market(**{"conditionId": None, name: condition(1).upper().replace("0X", "0x")})

    assert market.condition_id == condition(1)


@pytest.mark.parametrize("number", ["906973", 906973, None])
def test_number_of_a_record_is_never_taken_for_a_condition(number):
    assert only_market(id=number, market_id=number).condition_id == condition(1)


TOKENS = json.loads(market_row(1)["clobTokenIds"])


@pytest.mark.parametrize("key", ["token_id", "outcome_id"])
@pytest.mark.parametrize("listed", [None, "", "[]", json.dumps(TOKENS), TOKENS])
def test_tokens_are_found_under_each_of_their_names(key, listed):
    rows = [{key: TOKENS[0], "outcome": "Yes"}, {key: TOKENS[1], "outcome": "No"}]

    market = only_market(clobTokenIds=listed, tokens=rows)

    assert [market.yes, market.no] == TOKENS


def test_tokens_are_put_in_the_order_of_the_outcomes():
    rows = [{"token_id": TOKENS[1], "outcome": "No"}, {"token_id": TOKENS[0], "outcome": "Yes"}]

    assert only_market(clobTokenIds=None, tokens=rows).yes == TOKENS[0]


def test_outcomes_are_taken_from_the_tokens_when_they_stand_nowhere_else():
    rows = [{"token_id": TOKENS[0], "outcome": "Yes"}, {"token_id": TOKENS[1], "outcome": "No"}]

    assert only_market(outcomes=None, clobTokenIds=None, tokens=rows).yes == TOKENS[0]


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"conditionId": None}, ("condition id",)),
        ({"conditionId": ""}, ("condition id",)),
        ({"clobTokenIds": None}, ("tokens",)),
        ({"clobTokenIds": "[]", "outcomes": ""}, ("tokens", "outcomes")),
        ({"tokens": [{"outcome": "Yes"}, {"outcome": "No"}], "clobTokenIds": None}, ("tokens",)),
        ({"orderPriceMinTickSize": None, "orderMinSize": None}, ("tick", "minimum size")),
    ],
)
def test_child_that_lacks_something_says_what(change, lacks):
    (child,) = taken(event_row("1", market_row(1, **change))).children

    assert isinstance(child, Lacking)
    assert child.lacks == lacks


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
