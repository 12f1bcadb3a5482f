"""Public reads against a scripted venue: paging, joining, what is left out and what fails the whole."""

import json
import logging

import pytest
from aiohttp import web

from engine.domain.catalogue import Catalogue, CatalogueCalls, SkipReason
from engine.domain.failure import VenueFailure
from engine.domain.fees import FeeCurve
from engine.domain.ids import EventId
from engine.ports import MarketReads
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.terms_reads import TERMS_AT_ONCE
from tests.support.scripted_venue import Handler, ScriptedVenue, hangs_up, says, scripted_venue
from tests.support.venue_catalogue import Json, condition, event_row, events_page, market_row, terms_row
from tests.support.venue_orders import CONDITION, INTENT

BOOK = {
    "market": CONDITION,
    "asset_id": INTENT.token_id,
    "timestamp": "1790000000000",
    "hash": "3dba1cee29f880571d211a8294c773c38c80c026",
    "bids": [{"price": "0.49", "size": "25"}],
    "asks": [{"price": "0.53", "size": "40"}],
    "min_order_size": "5",
    "tick_size": "0.01",
    "neg_risk": True,
    "last_trade_price": "0.510",
}


@pytest.fixture
async def venue():
    async with scripted_venue() as scripted:
        yield scripted


@pytest.fixture
async def http():
    client = HttpClient(timeout_s=2)
    yield client
    await client.close()


@pytest.fixture
def reads(http, venue):
    return VenueReads(http, VenueHosts.loopback(venue.url, "ws://127.0.0.1:1"), {})


def serve(venue: ScriptedVenue, *events: Json) -> None:
    """Serve these events on one page, with good terms for every child."""
    venue.answers("GET", "/events/keyset", says(events_page(*events)))
    for event in events:
        for market in event["markets"]:
            path = f"/clob-markets/{market['conditionId']}"
            venue.answers("GET", path, says(json.dumps(terms_row(market))))


async def whole(reads: VenueReads) -> Catalogue:
    read = await reads.read_catalogue()
    assert isinstance(read, Catalogue), read
    return read


def asked_terms(venue: ScriptedVenue) -> list[str]:
    return sorted(asked.path for asked in venue.asked if asked.path.startswith("/clob-markets/"))


def test_reads_fill_the_port(reads):
    port: MarketReads = reads

    assert port is reads


async def test_catalogue_joins_both_sources(reads, venue):
    serve(venue, event_row("7", market_row(1), market_row(2)))

    (event,) = (await whole(reads)).events

    assert (event.event_id, event.code, len(event.markets)) == ("7", "event2", 2)
    assert [market.terms.fee for market in event.markets] == [FeeCurve(40_000, 1)] * 2
    assert all(market.terms.tradable for market in event.markets)
    assert venue.requests("GET", "/events/keyset")[0].query == {"limit": "100"}


async def test_catalogue_follows_the_cursor_to_the_end(reads, venue):
    first, second = event_row("1", market_row(1)), event_row("2", market_row(2))
    serve(venue, first, second)
    venue.answers(
        "GET", "/events/keyset", says(events_page(first, cursor="k1")), says(events_page(second, first))
    )

    events = (await whole(reads)).events

    assert [event.event_id for event in events] == ["1", "2"]
    queries = [asked.query for asked in venue.requests("GET", "/events/keyset")]
    assert queries == [{"limit": "100"}, {"limit": "100", "after_cursor": "k1"}]


async def test_only_children_that_take_orders_are_asked_for(reads, venue):
    rows = [market_row(1), market_row(2, active=False), market_row(3, closed=True)]
    serve(venue, event_row("1", *rows))

    (event,) = (await whole(reads)).events

    assert asked_terms(venue) == [f"/clob-markets/{condition(1)}"]
    assert [market.terms.tradable for market in event.markets] == [True, False, False]


async def test_codes_are_stable_and_new_ones_come_in_event_id_order(http, venue):
    known = {EventId("20"): "event1", EventId("99"): "gone"}
    reads = VenueReads(http, VenueHosts.loopback(venue.url, "ws://127.0.0.1:1"), known)
    rows = {number: event_row(str(number), market_row(number), slug="event-x") for number in (100, 20, 3)}
    serve(venue, rows[100], rows[20], rows[3])

    events = (await whole(reads)).events
    serve(venue, rows[3], rows[20], rows[100])
    again = (await whole(reads)).events

    codes = {event.event_id: event.code for event in events}
    # A lone market's code is its slug's word alone.
    assert codes == {"3": "event", "20": "event1", "100": "eventb"}
    assert {event.event_id: event.code for event in again} == codes


async def test_codes_go_on_after_every_letter_of_a_word_is_taken(reads, venue):
    serve(venue, *[event_row(str(n), market_row(n), slug="will-it") for n in range(1, 41)])

    events = (await whole(reads)).events

    assert len({event.code for event in events}) == 40
    assert events[0].code == "will"


async def test_event_that_cannot_be_read_is_left_out_by_name_and_others_stay(reads, venue, caplog):
    good, bad = event_row("1", market_row(1)), event_row("2", market_row(2, version="v2"))
    serve(venue, bad, good)

    with caplog.at_level(logging.WARNING):
        catalogue = await whole(reads)
        await whole(reads)

    assert [event.event_id for event in catalogue.events] == ["1"]
    assert [(s.event_id, s.reason) for s in catalogue.skipped] == [("2", SkipReason.PROTOCOL_VERSION)]
    assert len(caplog.records) == 1, "the same list of skipped events is told once"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says('{"error":"market not found"}', 404), SkipReason.NO_CLOB_MARKET),
        (says("{}"), SkipReason.MALFORMED_TERMS),
        (says(json.dumps(terms_row(market_row(3)))), SkipReason.SOURCES_DISAGREE),
    ],
)
async def test_child_without_usable_terms_takes_its_event_out(reads, venue, answer, reason):
    serve(venue, event_row("1", market_row(1), market_row(2)), event_row("5", market_row(5)))
    venue.answers("GET", f"/clob-markets/{condition(2)}", answer)

    catalogue = await whole(reads)

    assert [event.event_id for event in catalogue.events] == ["5"]
    assert [(s.event_id, s.slug, s.reason) for s in catalogue.skipped] == [("1", "event-number-1", reason)]


@pytest.mark.parametrize(
    "answer", [says("", 500), says("<html>", 404, "text/html"), says('{"error":"slow"}', 429), hangs_up()]
)
async def test_unanswered_terms_fail_the_whole_read_and_stop_asking(reads, venue, answer):
    serve(venue, event_row("1", *[market_row(n) for n in range(1, 60)]))
    for number in range(1, 60):
        venue.answers("GET", f"/clob-markets/{condition(number)}", answer)

    failure = await reads.read_catalogue()

    assert isinstance(failure, VenueFailure)
    assert "/clob-markets/" in failure.reason
    # Idempotent reads may be repeated once by the transport on a connection that died.
    assert len(asked_terms(venue)) <= 2 * TERMS_AT_ONCE


async def test_terms_are_asked_a_few_at_a_time(reads, venue):
    now, most = 0, 0

    def counting(market: Json) -> Handler:
        async def answer(_: web.Request) -> web.StreamResponse:
            nonlocal now, most
            now += 1
            most = max(most, now)
            response = web.json_response(terms_row(market))
            now -= 1
            return response

        return answer

    rows = [market_row(n) for n in range(1, 40)]
    serve(venue, event_row("1", *rows))
    for row in rows:
        venue.answers("GET", f"/clob-markets/{row['conditionId']}", counting(row))

    (event,) = (await whole(reads)).events

    assert len(event.markets) == 39
    assert most <= TERMS_AT_ONCE


@pytest.mark.parametrize(
    "answer", [says("", 500), says("{}"), says("<html>", 200, "text/html"), says("[]"), hangs_up()]
)
async def test_page_that_cannot_be_read_fails_the_catalogue(reads, venue, answer):
    venue.answers(
        "GET", "/events/keyset", says(events_page(event_row("1", market_row(1)), cursor="k1")), answer
    )

    failure = await reads.read_catalogue()

    assert isinstance(failure, VenueFailure)
    assert "/events/keyset" in failure.reason
    assert asked_terms(venue) == []


async def test_cursor_that_does_not_move_is_given_up(reads, venue):
    venue.answers("GET", "/events/keyset", says(events_page(cursor="k1")))

    failure = await reads.read_catalogue()

    assert isinstance(failure, VenueFailure)
    assert len(venue.asked) == 2


async def test_catalogue_without_end_is_given_up(reads, venue):
    count = 0

    async def endless(_: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        return web.Response(body=events_page(cursor=f"k{count}"), content_type="application/json")

    venue.answers("GET", "/events/keyset", endless)

    failure = await reads.read_catalogue()

    assert isinstance(failure, VenueFailure)
    assert "200 pages" in failure.reason


async def test_empty_catalogue_is_an_answer(reads, venue):
    venue.answers("GET", "/events/keyset", says(events_page()))

    assert await whole(reads) == Catalogue((), calls=CatalogueCalls(gamma_pages=1))


async def test_books_are_asked_for_in_batches_of_500(reads, venue):
    venue.answers("POST", "/books", says(json.dumps([BOOK])))

    books = await reads.read_books([INTENT.token_id] * 1001)

    bodies = [json.loads(asked.body) for asked in venue.asked]
    assert [len(body) for body in bodies] == [500, 500, 1]
    assert bodies[2] == [{"token_id": INTENT.token_id}]
    assert [book.token_id for book in books] == [INTENT.token_id] * 3


async def test_no_tokens_ask_nothing(reads, venue):
    assert await reads.read_books([]) == ()
    assert venue.asked == []


@pytest.mark.parametrize("answer", [says("", 500), says("{"), says('[{"market":1}]'), hangs_up()])
async def test_books_that_cannot_be_read_are_a_failure(reads, venue, answer):
    venue.answers("POST", "/books", answer)

    assert isinstance(await reads.read_books([INTENT.token_id]), VenueFailure)


async def test_time_is_in_whole_seconds(reads, venue):
    venue.answers("GET", "/time", says("1790000000"))

    assert await reads.read_time_ms() == 1_790_000_000_000


@pytest.mark.parametrize("answer", [says("1790000000.5"), says('"now"'), says(""), says("", 503), hangs_up()])
async def test_odd_time_is_a_failure(reads, venue, answer):
    venue.answers("GET", "/time", answer)

    assert isinstance(await reads.read_time_ms(), VenueFailure)
