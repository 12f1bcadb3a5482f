"""The catalogue: fixed by its seed, in Gamma's shape, with every case a scanner must judge."""

import json

import pytest

from engine.domain.units import PRICE_ONE
from engine.simulator.catalogue import Catalogue, build_catalogue
from engine.simulator.catalogue_seed import ChildState
from engine.simulator.clob_metadata import clob_long_json, clob_market_json
from engine.simulator.gamma import event_json, market_json
from engine.simulator.gamma_lists import BadQuery, Gamma
from tests.support.local_exchange import COIN, CUP, FED, FILM, LEADER, MATCH, TREATY

POSITION_BITS = ((1 << 64) - 1) << 40


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return build_catalogue(7)


@pytest.fixture(scope="module")
def gamma(catalogue: Catalogue) -> Gamma:
    return Gamma(catalogue)


def event_of(catalogue: Catalogue, slug: str):
    found = catalogue.event(slug)
    assert found is not None, f"no event {slug}"
    return found


def test_catalogue_depends_on_nothing_but_the_seed(catalogue):
    again, other = build_catalogue(7), build_catalogue(8)

    assert [event_json(event) for event in catalogue.events] == [event_json(event) for event in again.events]
    own = {token for market in catalogue.markets for token in market.spec.tokens}
    assert own.isdisjoint(token for market in other.markets for token in market.spec.tokens)


def test_catalogue_ids_are_unique_and_full_width(catalogue):
    tokens = [token for market in catalogue.markets for token in market.spec.tokens]
    conditions = [market.spec.condition_id for market in catalogue.markets]
    ids = [market.id for market in catalogue.markets]

    for values in (tokens, conditions, ids, [event.id for event in catalogue.events]):
        assert len(set(values)) == len(values)
    assert all(int(token) & POSITION_BITS for token in tokens)
    assert all(2**200 < int(token) < 2**256 for token in tokens)
    assert all(len(condition) == 66 for condition in conditions)


@pytest.mark.parametrize(
    ("slug", "children", "terms"),
    [
        (FED, 5, (10, 40_000, True, False)),
        (CUP, 3, (100, 30_000, True, False)),
        (LEADER, 8, (10, 40_000, True, False)),
        (FILM, 4, (100, 50_000, True, False)),
        (COIN, 1, (100, 70_000, False, False)),
        (TREATY, 1, (10, 0, False, False)),
        (MATCH, 1, (100, 50_000, False, True)),
    ],
)
def test_catalogue_holds_every_kind_of_event(catalogue, slug, children, terms):
    event = event_of(catalogue, slug)

    assert len(event.markets) == children
    for market in event.markets:
        spec = market.spec
        assert (spec.tick, spec.fee.rate, spec.neg_risk, spec.taker_delay) == terms


@pytest.mark.parametrize("slug", [FED, CUP])
def test_complete_event_is_fairly_priced_at_one_dollar_and_has_only_named_children(catalogue, slug):
    event = event_of(catalogue, slug)

    assert sum(market.seed.fair for market in event.markets) == PRICE_ONE
    assert {market.seed.state for market in event.markets} == {ChildState.NAMED}
    record = event_json(event)
    assert (record["enableNegRisk"], record["negRiskAugmented"]) == (True, False)


def test_augmented_event_carries_inactive_placeholders_and_other(catalogue):
    event = event_of(catalogue, LEADER)
    record = event_json(event)
    rows = json.loads(json.dumps(record["markets"]))

    assert record["negRiskAugmented"] is True
    inactive = [row for row in rows if not row["active"]]
    assert [row["groupItemTitle"] for row in inactive] == ["Person A", "Person B", "Person C", "Other"]
    assert all(row["acceptingOrders"] and not row["closed"] for row in inactive)
    assert [row["groupItemTitle"] for row in rows if row["negRiskOther"]] == ["Other"]
    assert sum(market.seed.fair for market in event.markets if market.trades) < 9_000


def test_closed_child_is_resolved_keeps_no_book_and_takes_no_orders(catalogue):
    market = event_of(catalogue, FILM).markets[3]
    record = market_json(event_of(catalogue, FILM), market)

    assert (record["closed"], record["acceptingOrders"]) == (True, False)
    assert record["umaResolutionStatus"] == "resolved"
    assert record["outcomePrices"] == '["0", "1"]'
    assert not market.has_book
    assert not market.spec.accepting


def test_gamma_market_has_lists_as_strings_and_numbers_as_numbers(catalogue):
    event = event_of(catalogue, FED)
    record = market_json(event, event.markets[1])

    assert json.loads(str(record["outcomes"])) == ["Yes", "No"]
    assert json.loads(str(record["clobTokenIds"])) == list(event.markets[1].spec.tokens)
    assert record["orderPriceMinTickSize"] == 0.001
    assert record["feeSchedule"] == {"exponent": 1, "rate": 0.04, "takerOnly": True, "rebateRate": 0.25}
    assert record["negRiskMarketID"] == event.neg_risk_market_id
    assert str(record["questionID"]).startswith(event.neg_risk_market_id[:-2])
    assert record["endDate"] == "2027-12-08T00:00:00Z"


def test_gamma_absent_things_are_absent_keys(catalogue):
    event = event_of(catalogue, TREATY)
    record = market_json(event, event.markets[0])

    for name in ("feeSchedule", "feeType", "umaResolutionStatus", "negRiskMarketID", "groupItemTitle"):
        assert name not in record
    assert "negRiskMarketID" not in event_json(event)
    assert record["feesEnabled"] is False


def test_clob_compact_form_omits_what_is_false(catalogue):
    places = [event_of(catalogue, slug) for slug in (FED, TREATY, MATCH)]
    fed, treaty, match = (clob_market_json(event, event.markets[0]) for event in places)
    spec = places[0].markets[0].spec

    assert fed == {
        "c": spec.condition_id,
        "t": [{"t": spec.tokens[0], "o": "Yes"}, {"t": spec.tokens[1], "o": "No"}],
        "mts": 0.001,
        "mos": 5,
        "mbf": 1000,
        "tbf": 1000,
        "ao": True,
        "v": "v1",
        "nr": True,
        "fd": {"r": 0.04, "e": 1, "to": True},
        "r": {"mi": 50, "ma": 3.5, "e": True, "moas": 3.5},
    }
    assert not {"nr", "fd", "itode"} & treaty.keys()
    assert match["itode"] is True
    assert "r" not in match


def test_rewards_are_told_alike_by_the_three_forms(catalogue):
    for event in catalogue.events:
        for market in event.markets:
            gamma = json.loads(json.dumps(market_json(event, market)))
            compact = json.loads(json.dumps(clob_market_json(event, market))).get("r", {"mi": 0, "ma": 0})
            long = json.loads(json.dumps(clob_long_json(event, market)["rewards"]))
            assert compact["mi"] == long["min_size"] == gamma["rewardsMinSize"]
            assert compact["ma"] == long["max_spread"] == gamma["rewardsMaxSpread"]
            rates = [row["rewardsDailyRate"] for row in gamma.get("clobRewards", [])]
            assert rates == [row["rewards_daily_rate"] for row in long["rates"] or []]
            assert bool(rates) == (event.seed.rewards is not None and market.trades)


def test_clob_long_form_tells_the_winner_of_a_closed_market(catalogue):
    event = event_of(catalogue, FILM)

    record = clob_long_json(event, event.markets[3])

    tokens = json.loads(json.dumps(record["tokens"]))
    assert [token["winner"] for token in tokens] == [False, True]
    assert (record["closed"], record["accepting_orders"], record["enable_order_book"]) == (True, False, False)


def test_keyset_pages_cover_everything_once_and_the_last_has_no_cursor(gamma, catalogue):
    seen: list[str] = []
    query: dict[str, list[str]] = {"limit": ["4"]}
    for _ in range(50):
        page = json.loads(json.dumps(gamma.market_page(query)))
        seen += [row["id"] for row in page["markets"]]
        if "next_cursor" not in page:
            break
        query["after_cursor"] = [page["next_cursor"]]

    named = [market.id for market in catalogue.markets if market.trades]
    assert seen == named


def test_keyset_lists_of_events_embed_inactive_and_closed_children(gamma):
    page = json.loads(json.dumps(gamma.event_page({})))

    assert [len(event["markets"]) for event in page["events"]] == [5, 3, 8, 4, 1, 1, 1]
    assert "next_cursor" not in page


def test_keyset_filters_combine(gamma, catalogue):
    market = event_of(catalogue, CUP).markets[1]

    by_token = gamma.market_page({"clob_token_ids": [market.spec.tokens[1]]})
    by_condition = gamma.market_page({"condition_ids": [market.spec.condition_id, "0x12"]})
    closed = json.loads(json.dumps(gamma.market_page({"closed": ["true"]})))
    contradictory = gamma.market_page({"id": [market.id], "slug": ["nothing"]})

    assert by_token == by_condition
    assert [row["id"] for row in json.loads(json.dumps(by_token))["markets"]] == [market.id]
    assert [row["groupItemTitle"] for row in closed["markets"]] == ["Glass Harbour"]
    assert contradictory == {"markets": []}


@pytest.mark.parametrize(
    "query",
    [
        {"offset": ["0"]},
        {"limit": ["0"]},
        {"limit": ["101"]},
        {"limit": ["many"]},
        {"after_cursor": ["20"]},
        {"after_cursor": ["k-1"]},
    ],
)
def test_keyset_bad_query_is_refused(gamma, query):
    with pytest.raises(BadQuery):
        gamma.event_page(query)
    with pytest.raises(BadQuery):
        gamma.market_page(query)


def test_gamma_single_reads_find_by_id_and_slug_or_nothing(gamma, catalogue):
    event = event_of(catalogue, FED)

    assert gamma.event(event_id=event.id) == gamma.event(slug=FED)
    assert gamma.market(market_id=event.markets[2].id) == gamma.market(slug=event.markets[2].slug)
    assert gamma.event(slug="nothing") is None
    assert gamma.market(market_id="1") is None
