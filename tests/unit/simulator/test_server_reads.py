"""Public reads over loopback: metadata, catalogue, books and prices."""

import pytest

from engine.simulator.http_books import BATCH_READ_MAX
from tests.support.local_exchange import COIN, CUP, FED, FILM, LEADER, MATCH, TREATY, market_of
from tests.unit.simulator.book_reader import book_hash

NO_BOOK = {"error": "No orderbook exists for the requested token id"}
NOT_FOUND = {"error": "market not found"}


async def test_time_version_and_ok(exchange, trader, clock):
    assert (await trader.get("/time")).body == clock.now_ms() // 1000
    assert (await trader.get("/version")).body == {"version": 2}
    assert (await trader.get("/ok")).body == "OK"


@pytest.mark.parametrize(
    ("slug", "terms"),
    [
        (FED, (0.001, True, 1000)),
        (CUP, (0.01, True, 1000)),
        (COIN, (0.01, False, 1000)),
        (TREATY, (0.001, False, 0)),
    ],
)
async def test_trading_parameters_by_token(exchange, trader, slug, terms):
    tick, neg_risk, base_fee = terms
    market = market_of(exchange, slug)
    for token in market.tokens:
        assert (await trader.get("/tick-size", token_id=token)).body == {"minimum_tick_size": tick}
        assert (await trader.get("/neg-risk", token_id=token)).body == {"neg_risk": neg_risk}
        assert (await trader.get("/fee-rate", token_id=token)).body == {"base_fee": base_fee}
        assert (await trader.get(f"/markets-by-token/{token}")).body == {
            "condition_id": market.condition_id,
            "primary_token_id": market.tokens[0],
            "secondary_token_id": market.tokens[1],
        }


async def test_clob_market_forms_describe_the_same_market(exchange, trader):
    market = market_of(exchange, MATCH)

    compact = (await trader.get(f"/clob-markets/{market.condition_id}")).record
    long = (await trader.get(f"/markets/{market.condition_id}")).record

    assert compact["c"] == long["condition_id"] == market.condition_id
    assert (compact["mts"], compact["mos"]) == (long["minimum_tick_size"], long["minimum_order_size"])
    assert compact["itode"] is True
    assert long["seconds_delay"] == 1


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/markets-by-token/12", {}),
        ("/clob-markets/0x12", {}),
        ("/markets/0x12", {}),
        ("/tick-size", {"token_id": "12"}),
        ("/neg-risk", {}),
    ],
)
async def test_unknown_market_is_not_found(exchange, trader, path, query):
    reply = await trader.get(path, **query)

    assert (reply.status, reply.body) == (404, NOT_FOUND)


async def test_catalogue_reads_by_id_and_slug(exchange, trader):
    event = exchange.venue.catalogue.event(FED)
    market = event.markets[3]

    by_slug = (await trader.get(f"/events/slug/{FED}")).record
    by_id = (await trader.get(f"/events/{event.id}")).record
    single = (await trader.get(f"/markets/{market.id}")).record

    assert by_slug == by_id
    assert by_id["markets"][3] == single
    assert (await trader.get(f"/markets/slug/{market.slug}")).body == single
    assert (await trader.get("/events/999")).status == 404
    assert (await trader.get("/markets/slug/none")).status == 404


async def test_catalogue_keyset_lists_page_and_refuse_offsets(exchange, trader):
    first = (await trader.get("/events/keyset", limit="5")).record
    second = (await trader.get("/events/keyset", limit="5", after_cursor=first["next_cursor"])).record
    refused = await trader.get("/markets/keyset", offset="20")

    slugs = [event["slug"] for event in first["events"] + second["events"]]
    assert slugs == [event.slug for event in exchange.venue.catalogue.events]
    assert "next_cursor" not in second
    assert refused.status == 422


async def test_book_of_both_tokens_hashes_and_mirrors(exchange, trader):
    market = market_of(exchange, FED, 2)

    yes = (await trader.get("/book", token_id=market.tokens[0])).record
    no = (await trader.get("/book", token_id=market.tokens[1])).record

    for book in (yes, no):
        assert book["hash"] == book_hash(book)
    assert [level["size"] for level in yes["bids"]] == [level["size"] for level in no["asks"]]
    assert len(yes["bids"]) >= 40
    assert len(yes["asks"]) >= 40
    assert yes["timestamp"] == no["timestamp"]


@pytest.mark.parametrize("token", ["", "12", "not-a-number"])
async def test_book_of_an_unknown_token_is_refused(exchange, trader, token):
    reply = await trader.get("/book", token_id=token)

    assert (reply.status, reply.body) == (404, NO_BOOK)


async def test_book_of_a_closed_market_does_not_exist(exchange, trader):
    closed = exchange.venue.catalogue.event(FILM).markets[3].spec

    assert (await trader.get("/book", token_id=closed.tokens[0])).body == NO_BOOK
    assert (await trader.get(f"/clob-markets/{closed.condition_id}")).record["ao"] is False


async def test_book_of_a_placeholder_is_empty(exchange, trader):
    placeholder = exchange.venue.catalogue.event(LEADER).markets[4].spec

    book = (await trader.get("/book", token_id=placeholder.tokens[0])).record

    assert (book["bids"], book["asks"], book["last_trade_price"]) == ([], [], "")
    assert (await trader.get("/midpoint", token_id=placeholder.tokens[0])).status == 404


async def test_books_omit_the_unknown_and_do_not_keep_the_order(exchange, trader):
    tokens = [market_of(exchange, FED, child).tokens[0] for child in range(5)]
    asked = [{"token_id": token} for token in [*tokens, "12"]]
    orders = set()

    for _ in range(6):
        reply = await trader.post_public("/books", asked)
        assert isinstance(reply.body, list)
        found = [book["asset_id"] for book in reply.body]
        assert sorted(found) == sorted(tokens)
        orders.add(tuple(found))

    assert len(orders) > 1


async def test_books_are_limited_to_five_hundred(exchange, trader):
    token = market_of(exchange, COIN).tokens[0]

    most = await trader.post_public("/books", [{"token_id": token}] * BATCH_READ_MAX)
    refused = await trader.post_public("/books", [{"token_id": token}] * (BATCH_READ_MAX + 1))

    assert most.status == 200
    assert (refused.status, refused.error) == (400, "Payload exceeds the limit")


@pytest.mark.parametrize("body", [{}, "x", [1], None])
async def test_batched_reads_refuse_malformed_bodies(exchange, trader, body):
    for path in ("/books", "/prices", "/midpoints", "/spreads"):
        assert (await trader.post_public(path, body)).status == 400


async def test_prices_midpoints_and_spreads_follow_the_book(exchange, trader):
    token = market_of(exchange, FED, 1).tokens[1]
    book = (await trader.get("/book", token_id=token)).record
    bid, ask = book["bids"][-1]["price"], book["asks"][-1]["price"]

    assert (await trader.get("/price", token_id=token, side="BUY")).body == {"price": bid}
    assert (await trader.get("/price", token_id=token, side="SELL")).body == {"price": ask}
    assert (await trader.get("/price", token_id=token, side="HOLD")).status == 400
    assert (await trader.get("/spread", token_id=token)).body == {"spread": "0.006"}
    asked = [{"token_id": token, "side": "BUY"}, {"token_id": "12", "side": "BUY"}]
    assert (await trader.post_public("/prices", asked)).body == {token: {"BUY": bid}}
    middle = (await trader.get("/midpoint", token_id=token)).record["mid"]
    assert (await trader.post_public("/midpoints", asked)).body == {token: middle}
    assert (await trader.post_public("/spreads", asked)).body == {token: "0.006"}
    assert float(middle) == pytest.approx((float(bid) + float(ask)) / 2)


async def test_last_trade_price_is_the_tokens_own(exchange, trader):
    market = market_of(exchange, COIN)
    assert (await trader.get("/last-trade-price", token_id=market.tokens[0])).record["side"] == ""

    await trader.place(trader.limit(market, "BUY", "0.6", "10"))

    assert (await trader.get("/last-trade-price", token_id=market.tokens[0])).body == {
        "price": "0.58",
        "side": "BUY",
    }
    assert (await trader.get("/last-trade-price", token_id=market.tokens[1])).record["price"] == "0.42"
    book = (await trader.get("/book", token_id=market.tokens[1])).record
    assert book["last_trade_price"] == "0.580"
    assert book["hash"] == book_hash(book)
