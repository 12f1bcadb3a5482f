"""The wide catalogue: the default stays untouched, every special case is there, the forms agree."""

import base64
import hashlib
import json

import pytest

from engine.clock import ManualClock
from engine.domain.units import PRICE_ONE, Usdc
from engine.simulator.catalogue import build_catalogue
from engine.simulator.catalogue_seed import ChildState
from engine.simulator.catalogue_wide import DEEP_LEVELS, SPECIAL_EVENTS
from engine.simulator.clob_metadata import clob_long_json, clob_market_json
from engine.simulator.gamma import event_json
from engine.simulator.gamma_lists import Gamma
from engine.simulator.http_metadata import MARKETS_PAGE
from engine.simulator.market import BookSide
from engine.simulator.venue import Venue
from tests.support.local_exchange import FED, running_exchange
from tests.unit.simulator.trader import Record, Trader

DEFAULT_SHA256 = {
    1: "d14bc5e0c1e1a81de601ef674b279be7adcba9571670b035387278cabe92e63e",
    7: "45e8ab647a625fce4717e3f494ab67db8f74fa0e1b15bc577e64c186917f5d25",
}
"""Fingerprint of the rendered default catalogue, taken when rules of it were first reviewed."""
NOMINEE, EDGE, GRID, DEEP = (
    "coast-party-nominee",
    "orchard-award-winner",
    "lighthouse-relit-in-2027",
    "tide-mark-above-datum",
)
RESOLVED, PROPOSED = "archive-prize-2026", "ferry-strike-in-september"
SEVERAL_WIN = ("bridge-open-by", "reservoir-level-above", "regatta-top-three")


@pytest.fixture(scope="module")
def venue() -> Venue:
    clock, balance = ManualClock(), Usdc(1_000_000_000)
    return Venue(seed=7, wide=40, clock=clock, frames_per_s=30, confirm_delay_ms=2_000, start_balance=balance)


def rows_of(venue: Venue, slug: str) -> list[Record]:
    event = venue.catalogue.event(slug)
    assert event is not None, slug
    rows: list[Record] = json.loads(json.dumps(event_json(event)["markets"]))
    return rows


def book_of(venue: Venue, slug: str, child: int = 0):
    event = venue.catalogue.event(slug)
    assert event is not None, slug
    return venue.books[event.markets[child].spec.condition_id]


def best_asks(venue: Venue, slug: str) -> list[int]:
    event = venue.catalogue.event(slug)
    assert event is not None, slug
    books = [venue.books[market.spec.condition_id] for market in event.markets if market.trades]
    return [ask for book in books if (ask := book.best(0, BookSide.ASK)) is not None]


@pytest.mark.parametrize(("seed", "expected"), DEFAULT_SHA256.items())
def test_default_catalogue_never_changes_because_its_rules_are_reviewed(seed, expected):
    for catalogue in (build_catalogue(seed), build_catalogue(seed, wide=3)):
        listed = json.loads(json.dumps([event_json(event) for event in catalogue.events[:7]]))
        for record in (market for event in listed for market in event["markets"]):
            # What quotes are rewarded is no rule: it may change.
            record |= {"rewardsMinSize": 0, "rewardsMaxSpread": 0}
            record.pop("clobRewards", None)
        text = json.dumps(listed, sort_keys=True)
        assert hashlib.sha256(text.encode()).hexdigest() == expected


def test_wide_catalogue_is_the_default_the_special_cases_and_the_plain_events():
    catalogue = build_catalogue(7, wide=300)

    assert len(catalogue.events) == 7 + len(SPECIAL_EVENTS) + 300
    for ids in (
        [event.id for event in catalogue.events],
        [event.slug for event in catalogue.events],
        [market.id for market in catalogue.markets],
        [market.slug for market in catalogue.markets],
        [market.spec.condition_id for market in catalogue.markets],
        [token for market in catalogue.markets for token in market.spec.tokens],
    ):
        assert len(set(ids)) == len(ids)
    assert [event.id for event in build_catalogue(7, wide=300).events] == [e.id for e in catalogue.events]


def test_plain_events_are_binary_or_complete_sets_of_three_to_eight():
    plain = build_catalogue(7, wide=60).events[-60:]
    sizes = {len(event.markets) for event in plain}

    assert sizes <= {1, *range(3, 9)}
    assert len(sizes) > 4
    for event in plain:
        assert event.seed.neg_risk == (len(event.markets) > 1)
        if event.seed.neg_risk:
            assert sum(market.seed.fair for market in event.markets) == PRICE_ONE
        assert all(market.seed.fair % market.spec.tick == 0 for market in event.markets)


def test_nominee_event_has_128_children_and_asks_that_only_look_like_an_arbitrage(venue):
    rows = rows_of(venue, NOMINEE)
    inactive = [row for row in rows if not row["active"]]

    assert (len(rows), len(inactive)) == (128, 75)
    assert all(row["acceptingOrders"] and not row["closed"] for row in inactive)
    assert all(row["groupItemTitle"].startswith("Person ") for row in inactive[:-1])
    assert [row["groupItemTitle"] for row in rows if row["negRiskOther"]] == ["Other"]
    asks = best_asks(venue, NOMINEE)
    assert len(asks) == 53
    assert sum(asks) == 9_660


@pytest.mark.parametrize("slug", SEVERAL_WIN)
def test_event_of_which_several_may_win_is_no_neg_risk_event(venue, slug):
    event = venue.catalogue.event(slug)
    record = event_json(event)

    assert (record["enableNegRisk"], "negRiskMarketID" in record) == (False, False)
    assert sum(market.seed.fair for market in event.markets) > PRICE_ONE
    for row in rows_of(venue, slug):
        assert row["groupItemTitle"]
        assert not {"negRiskMarketID", "negRiskOther", "negRiskRequestID"} & row.keys()


def test_resolved_event_is_closed_names_its_winner_and_keeps_no_book(venue):
    event = venue.catalogue.event(RESOLVED)
    longs = [json.loads(json.dumps(clob_long_json(event, market))) for market in event.markets]

    assert event_json(event)["closed"] is True
    assert [row["outcomePrices"] for row in rows_of(venue, RESOLVED)] == ['["1", "0"]'] + ['["0", "1"]'] * 2
    assert [[token["winner"] for token in row["tokens"]] for row in longs] == [
        [True, False],
        [False, True],
        [False, True],
    ]
    assert all(venue.find_book(token) is None for market in event.markets for token in market.spec.tokens)


def test_closed_events_are_listed_only_when_asked_for(venue):
    gamma = Gamma(venue.catalogue)

    def listed(**query: list[str]) -> list[str]:
        pages = [gamma.event_page(query | {"limit": ["100"]})]
        return [event["slug"] for page in pages for event in json.loads(json.dumps(page["events"]))]

    assert listed(closed=["true"]) == [RESOLVED]
    assert RESOLVED not in listed()
    assert PROPOSED in listed()


def test_proposed_result_takes_no_orders_and_has_no_book_but_is_not_closed(venue):
    (row,) = rows_of(venue, PROPOSED)

    assert (row["active"], row["closed"], row["acceptingOrders"]) == (True, False, False)
    assert (row["umaResolutionStatus"], row["umaResolutionStatuses"]) == ("proposed", '["proposed"]')
    assert venue.catalogue.event(PROPOSED).markets[0].spec.condition_id not in venue.books


def test_books_at_the_edge_have_one_side(venue):
    favourite, outsider = book_of(venue, EDGE, 0), book_of(venue, EDGE, 1)

    assert '"asks":[]' in favourite.rest_text(0)
    assert favourite.best_texts(0)[1] == "1"
    assert '"bids":[]' in outsider.rest_text(0)
    assert outsider.best_texts(0)[0] == "0"
    assert favourite.best(0, BookSide.BID) is not None


def test_book_near_the_end_of_a_fine_grid_mixes_coarse_and_fine_prices(venue):
    book = json.loads(book_of(venue, GRID).rest_text(0))
    lengths = {len(level["price"]) for level in [*book["bids"], *book["asks"]]}

    assert book["tick_size"] == "0.001"
    assert lengths == {4, 5}


def test_deep_book_has_two_thousand_levels_a_side_on_the_finest_grid(venue):
    book = json.loads(book_of(venue, DEEP).rest_text(0))

    assert book["tick_size"] == "0.0001"
    assert min(len(book["bids"]), len(book["asks"])) >= DEEP_LEVELS


def test_flow_keeps_its_total_rate_and_its_one_sided_books_in_a_wide_catalogue():
    changes = {0: 0, 40: 0}
    for width in changes:
        clock = ManualClock()
        running = Venue(
            seed=7,
            wide=width,
            clock=clock,
            frames_per_s=100,
            confirm_delay_ms=2_000,
            start_balance=Usdc(1_000_000_000),
        )
        before = {key: book.rest_text(0) for key, book in running.books.items()}
        for _ in range(40):
            clock.advance(500)
            running.advance()
            now = {key: book.rest_text(0) for key, book in running.books.items()}
            changes[width] += sum(now[key] != before[key] for key in now)
            before = now
    narrow, wide = changes.values()
    assert wide > 500, "the flow goes on in a wide catalogue"
    # Several changes of one market between two looks count once: the narrow catalogue shows fewer.
    assert narrow <= wide <= 100 * 20 * 2
    assert '"asks":[]' in book_of(running, EDGE, 0).rest_text(0)


def test_every_market_is_told_alike_by_the_three_forms(venue):
    for event in venue.catalogue.events:
        rows = {row["conditionId"]: row for row in json.loads(json.dumps(event_json(event)["markets"]))}
        for market in event.markets:
            gamma = rows[market.spec.condition_id]
            compact = json.loads(json.dumps(clob_market_json(event, market)))
            long = json.loads(json.dumps(clob_long_json(event, market)))
            assert compact["c"] == long["condition_id"] == gamma["conditionId"]
            tokens = [token["t"] for token in compact["t"]]
            assert tokens == [token["token_id"] for token in long["tokens"]]
            assert tokens == json.loads(gamma["clobTokenIds"])
            assert compact["mts"] == long["minimum_tick_size"] == gamma["orderPriceMinTickSize"]
            assert compact["mos"] == long["minimum_order_size"] == gamma["orderMinSize"]
            assert compact.get("nr", False) == long["neg_risk"] == gamma["negRisk"]
            assert compact["ao"] == long["accepting_orders"] == gamma["acceptingOrders"]
            assert compact["tbf"] == long["taker_base_fee"] == gamma["takerBaseFee"]
            assert long["closed"] == gamma["closed"]
            assert long["market_slug"] == gamma["slug"]
            assert compact.get("itode", False) == bool(long["seconds_delay"])


async def test_market_pages_of_the_order_service_cover_every_market_once(session):
    async with running_exchange(wide=130) as exchange:
        trader = Trader(exchange.url, session)
        seen, sizes, cursor = [], [], "MA=="
        while cursor != "LTE=":
            page = (await trader.get("/markets", next_cursor=cursor)).record
            assert page["limit"] == MARKETS_PAGE
            assert page["count"] == len(page["data"])
            seen += [row["condition_id"] for row in page["data"]]
            sizes.append(page["count"])
            cursor = page["next_cursor"]
        single = (await trader.get(f"/markets/{seen[-1]}")).record

    assert seen == [market.spec.condition_id for market in exchange.venue.catalogue.markets]
    assert len(sizes) > 1
    assert set(sizes[:-1]) == {MARKETS_PAGE}
    assert page["data"][-1] == single


@pytest.mark.parametrize("cursor", ["", "x", "0", base64.b64encode(b"many").decode()])
async def test_market_pages_refuse_a_cursor_they_never_gave(exchange, trader, cursor):
    assert (await trader.get("/markets", next_cursor=cursor)).status == 400


async def test_market_pages_end_after_the_end(exchange, trader):
    beyond = base64.b64encode(b"100000").decode()
    empty = {"data": [], "next_cursor": "LTE=", "limit": MARKETS_PAGE, "count": 0}

    assert (await trader.get("/markets", next_cursor=beyond)).body == empty
    assert (await trader.get("/markets", next_cursor="LTE=")).body == empty
    first = (await trader.get("/markets")).record
    assert (
        first["data"][0]["condition_id"] == exchange.venue.catalogue.event(FED).markets[0].spec.condition_id
    )


def test_child_states_are_told_apart_by_their_flags(venue):
    flags: dict[ChildState, set[tuple[bool, bool, bool]]] = {}
    for event in venue.catalogue.events:
        for market, row in zip(event.markets, rows_of(venue, event.slug), strict=True):
            flags.setdefault(market.seed.state, set()).add(
                (row["active"], row["closed"], row["acceptingOrders"])
            )

    assert flags == {
        ChildState.NAMED: {(True, False, True)},
        ChildState.PLACEHOLDER: {(False, False, True)},
        ChildState.OTHER: {(False, False, True)},
        ChildState.PROPOSED: {(True, False, False)},
        ChildState.CLOSED: {(True, True, False)},
    }
