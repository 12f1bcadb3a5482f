"""What the listing lacks is asked of the order service, under a budget, and never guessed into a set."""

import json
from dataclasses import replace

import pytest

from engine.domain.catalogue import Catalogue, SkippedEvent, SkipReason
from engine.domain.market import rules_hash
from engine.venue.catalogue_calls import Progress, Step
from engine.venue.clob import VenueReads
from engine.venue.clob_fallback import Budget
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from tests.support.scripted_venue import Handler, ScriptedVenue, hangs_up, says, scripted_venue
from tests.support.venue_catalogue import (
    Json,
    clob_page,
    clob_row,
    condition,
    event_row,
    events_page,
    market_row,
    terms_row,
)

ROWS = {number: market_row(number) for number in range(1, 8)}
WITHOUT_CONDITION = {"conditionId": None}
WITHOUT_TOKENS = {"clobTokenIds": None}


@pytest.fixture
async def venue():
    async with scripted_venue() as scripted:
        for row in ROWS.values():
            scripted.answers("GET", f"/clob-markets/{row['conditionId']}", says(json.dumps(terms_row(row))))
        yield scripted


@pytest.fixture
async def http():
    client = HttpClient(timeout_s=2)
    yield client
    await client.close()


async def read(
    http: HttpClient, venue: ScriptedVenue, *events: Json, budget: Budget | None = None, told=None
) -> Catalogue:
    venue.answers("GET", "/events/keyset", says(events_page(*events)))
    reads = VenueReads(http, VenueHosts.loopback(venue.url, "ws://127.0.0.1:1"), {}, budget or Budget())
    found = await (reads.read_catalogue(told) if told else reads.read_catalogue())
    assert isinstance(found, Catalogue), found
    return found


def lists(venue: ScriptedVenue, *pages: Handler) -> None:
    venue.answers("GET", "/markets", *pages)


def details(venue: ScriptedVenue, number: int, answer: Handler | None = None) -> None:
    row = says(json.dumps(clob_row(ROWS[number])))
    venue.answers("GET", f"/markets/{condition(number)}", answer or row)


def only_skipped(catalogue: Catalogue) -> SkippedEvent:
    assert catalogue.events == ()
    (skipped,) = catalogue.skipped
    return skipped


async def test_complete_listing_asks_for_nothing_more(http, venue):
    catalogue = await read(http, venue, event_row("1", ROWS[1], ROWS[2]))

    assert {asked.path.split("/")[1] for asked in venue.asked} == {"events", "clob-markets"}
    assert (catalogue.calls.clob_pages, catalogue.calls.clob_details, catalogue.used_up) == (0, 0, ())


@pytest.mark.parametrize(
    "lack", [WITHOUT_TOKENS, {"outcomes": None}, {"orderPriceMinTickSize": None}, {"orderMinSize": None}]
)
async def test_market_with_a_condition_costs_one_call(http, venue, lack):
    details(venue, 2)

    catalogue = await read(http, venue, event_row("1", ROWS[1], ROWS[2] | lack))

    whole = await read(http, venue, event_row("1", ROWS[1], ROWS[2]))
    assert catalogue.events == whole.events, "the order service tells what the listing would have told"
    assert rules_hash(catalogue.events[0]) == rules_hash(whole.events[0])
    assert (catalogue.calls.clob_details, catalogue.calls.clob_pages) == (1, 0)


@pytest.mark.parametrize(
    "lack",
    [
        WITHOUT_CONDITION,
        WITHOUT_CONDITION | WITHOUT_TOKENS,
        WITHOUT_CONDITION | WITHOUT_TOKENS | {"questionID": None},
    ],
)
async def test_market_without_a_condition_is_found_on_the_pages_by_its_other_ids(http, venue, lack):
    lists(
        venue,
        says(clob_page(clob_row(ROWS[5]), {"condition_id": "", "tokens": []}, cursor="MTAwMA==")),
        says(clob_page(clob_row(ROWS[2]), cursor="MjAwMA==")),
        says(clob_page(clob_row(ROWS[6]))),
    )

    catalogue = await read(http, venue, event_row("1", ROWS[1], ROWS[2] | lack))

    assert catalogue.events[0].markets[1].condition_id == condition(2)
    assert catalogue.skipped == ()
    queries = [asked.query for asked in venue.requests("GET", "/markets")]
    assert queries == [{"next_cursor": "MA=="}, {"next_cursor": "MTAwMA=="}], "found: the rest is not read"


async def test_words_alone_never_find_a_market(http, venue):
    lists(venue, says(clob_page(clob_row(ROWS[2], question=ROWS[2]["question"]))))
    nameless = ROWS[2] | WITHOUT_CONDITION | WITHOUT_TOKENS | {"questionID": None, "slug": None}

    skipped = only_skipped(await read(http, venue, event_row("1", ROWS[1], nameless)))

    assert skipped.reason is SkipReason.LACKS_IDS
    assert venue.requests("GET", "/markets") == []


async def test_market_that_no_page_lists_is_named(http, venue):
    lists(venue, says(clob_page(clob_row(ROWS[5]))))

    skipped = only_skipped(await read(http, venue, event_row("1", ROWS[1], ROWS[2] | WITHOUT_CONDITION)))

    assert skipped.reason is SkipReason.LACKS_IDS
    assert "the listing lacks condition id" in skipped.detail


@pytest.mark.parametrize(
    "change",
    [
        {"condition_id": condition(3)},
        {"question_id": "0xother"},
        {"market_slug": "another"},
        {"neg_risk": False},
        {"tokens": [{"token_id": "5", "outcome": "Yea"}, {"token_id": "6", "outcome": "Nay"}]},
    ],
)
async def test_sources_that_mean_different_markets_take_the_event_out(http, venue, change):
    details(venue, 2, says(json.dumps(clob_row(ROWS[2], **change))))

    skipped = only_skipped(await read(http, venue, event_row("1", ROWS[1], ROWS[2] | WITHOUT_TOKENS)))

    assert skipped.reason is SkipReason.SOURCES_DISAGREE


async def test_one_market_for_two_children_is_refused(http, venue):
    details(venue, 1)
    twin = ROWS[1] | WITHOUT_TOKENS

    skipped = only_skipped(await read(http, venue, event_row("1", ROWS[1], twin)))

    assert skipped.reason is SkipReason.MALFORMED_MARKET


@pytest.mark.parametrize("change", [{"conditionId": condition(2)}, {"clobTokenIds": '["7", "8"]'}])
async def test_token_or_condition_that_stands_twice_in_an_event_is_refused(http, venue, change):
    twin = ROWS[1] | {"conditionId": condition(1)} | change

    skipped = only_skipped(await read(http, venue, event_row("9", ROWS[1], twin)))

    assert skipped.reason is SkipReason.MALFORMED_MARKET


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says('{"error":"market not found"}', 404), SkipReason.NO_CLOB_MARKET),
        (says("", 500), SkipReason.FALLBACK_FAILED),
        (says("<html>", 200, "text/html"), SkipReason.FALLBACK_FAILED),
        (says("{}"), SkipReason.FALLBACK_FAILED),
        (hangs_up(), SkipReason.FALLBACK_FAILED),
    ],
)
async def test_detail_that_cannot_be_had_costs_its_own_event_only(http, venue, answer, reason):
    details(venue, 2, answer)

    catalogue = await read(http, venue, event_row("1", ROWS[2] | WITHOUT_TOKENS), event_row("2", ROWS[3]))

    assert [event.event_id for event in catalogue.events] == ["2"]
    assert [(s.event_id, s.reason) for s in catalogue.skipped] == [("1", reason)]


@pytest.mark.parametrize(
    "answer",
    [says("", 500), says("[]"), says("<html>"), says(clob_page(cursor="MA==")), hangs_up()],
)
async def test_page_that_cannot_be_read_costs_only_the_events_that_needed_it(http, venue, answer):
    lists(venue, answer)

    catalogue = await read(http, venue, event_row("1", ROWS[2] | WITHOUT_CONDITION), event_row("2", ROWS[3]))

    assert [event.event_id for event in catalogue.events] == ["2"]
    assert [(s.event_id, s.reason) for s in catalogue.skipped] == [("1", SkipReason.FALLBACK_FAILED)]


async def test_budget_of_details_ends_the_calls_and_is_told(http, venue):
    for number in (1, 2, 3):
        details(venue, number)
    events = [event_row(str(number), ROWS[number] | WITHOUT_TOKENS) for number in (1, 2, 3)]

    catalogue = await read(http, venue, *events, budget=replace(Budget(), clob_details=2))

    assert [event.event_id for event in catalogue.events] == ["1", "2"]
    assert [(s.event_id, s.reason) for s in catalogue.skipped] == [("3", SkipReason.BUDGET_USED_UP)]
    assert catalogue.calls.clob_details == 2
    assert catalogue.used_up == (
        "the budget of 2 calls of /markets/{condition} was used up, 1 markets were not asked for",
    )


async def test_budget_of_pages_ends_the_walk_and_is_told(http, venue):
    lists(venue, *[says(clob_page(cursor=f"k{number}")) for number in range(9)])

    catalogue = await read(
        http,
        venue,
        event_row("1", ROWS[2] | WITHOUT_CONDITION),
        budget=replace(Budget(), clob_pages=3),
    )

    assert only_skipped(catalogue).reason is SkipReason.BUDGET_USED_UP
    assert len(venue.requests("GET", "/markets")) == 3
    assert catalogue.used_up == (
        "the budget of 3 pages of /markets was used up, 1 markets were not found before",
    )


async def test_no_budget_at_all_asks_nothing(http, venue):
    lacking = [event_row("1", ROWS[1] | WITHOUT_TOKENS), event_row("2", ROWS[2] | WITHOUT_CONDITION)]

    catalogue = await read(http, venue, *lacking, budget=Budget(clob_pages=0, clob_details=0))

    assert [s.reason for s in catalogue.skipped] == [SkipReason.BUDGET_USED_UP] * 2
    assert {asked.path for asked in venue.asked} == {"/events/keyset"}


@pytest.mark.parametrize("tick", [0.01, 0.0001])
async def test_market_on_whose_tick_the_sources_disagree_stays_listed_and_takes_no_orders(http, venue, tick):
    venue.answers("GET", f"/clob-markets/{condition(2)}", says(json.dumps(terms_row(ROWS[2], mts=tick))))

    catalogue = await read(http, venue, event_row("1", ROWS[1], ROWS[2]))

    (event,) = catalogue.events
    assert [market.terms.tradable for market in event.markets] == [True, False]
    assert [(s.event_id, s.reason) for s in catalogue.skipped] == [("1", SkipReason.TICKS_DISAGREE)]
    assert "no orders there" in catalogue.skipped[0].detail


async def test_tick_nobody_documents_takes_no_orders(http, venue):
    row = ROWS[2] | {"orderPriceMinTickSize": 0.002}
    venue.answers("GET", f"/clob-markets/{condition(2)}", says(json.dumps(terms_row(row, mts=0.002))))

    catalogue = await read(http, venue, event_row("1", row))

    assert not catalogue.events[0].markets[0].terms.tradable
    assert catalogue.skipped[0].reason is SkipReason.UNKNOWN_TICK


async def test_progress_tells_every_step_to_its_end(http, venue):
    details(venue, 2)
    lists(venue, says(clob_page(clob_row(ROWS[3]))))
    told: list[Progress] = []
    event = event_row("1", ROWS[1], ROWS[2] | WITHOUT_TOKENS, ROWS[3] | WITHOUT_CONDITION)

    await read(http, venue, event, told=told.append)

    last = {progress.step: (progress.done, progress.total) for progress in told}
    assert last == {
        Step.EVENTS: (1, None),
        Step.DETAILS: (1, 1),
        Step.PAGES: (1, None),
        Step.TERMS: (3, 3),
    }


async def test_half_of_the_children_malformed_names_each_event_once(http, venue):
    """A set without them would look complete, and cheap."""
    bad = [market_row(n, clobTokenIds="nonsense") for n in (2, 4)]

    catalogue = await read(
        http, venue, event_row("1", ROWS[1], bad[0], ROWS[3], bad[1]), event_row("2", ROWS[5])
    )

    assert [event.event_id for event in catalogue.events] == ["2"]
    assert [(s.event_id, s.reason) for s in catalogue.skipped] == [("1", SkipReason.MALFORMED_MARKET)]
