"""What is listed changes while the venue runs: every form and every stream tells the same afterwards."""

import json

import pytest

from engine.simulator.catalogue import Market
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import COIN, CUP, FED, FILM, market_of, running_exchange
from tests.unit.simulator.book_reader import BookReader, constants_of
from tests.unit.simulator.stream_client import listening
from tests.unit.simulator.trader import Record, Trader


def listed(exchange: LocalExchange, slug: str, child: int = 0) -> Market:
    event = exchange.venue.catalogue.event(slug)
    assert event is not None
    return event.markets[child]


async def gamma_market(trader: Trader, market: Market) -> Record:
    return (await trader.get(f"/markets/slug/{market.slug}")).record


async def test_tick_change_reaches_every_subscriber_and_every_form(exchange, trader):
    market = listed(exchange, COIN)
    token = market.spec.tokens[1]
    async with listening(exchange, token) as plain:
        reply = await trader.post_public("/_local/tick", {"market": market.slug, "tick": "0.001"})
        events = await plain.events()

    assert reply.record == {"orders_cancelled": 0}
    assert [event["event_type"] for event in events] == ["tick_size_change"]
    told = events[0]
    assert (told["asset_id"], told["market"]) == (token, market.spec.condition_id)
    assert (told["old_tick_size"], told["new_tick_size"]) == ("0.01", "0.001")
    compact = (await trader.get(f"/clob-markets/{market.spec.condition_id}")).record
    long = (await trader.get(f"/markets/{market.spec.condition_id}")).record
    book = (await trader.get("/book", token_id=token)).record
    assert compact["mts"] == long["minimum_tick_size"] == 0.001
    assert (await gamma_market(trader, market))["orderPriceMinTickSize"] == 0.001
    assert (await trader.get("/tick-size", token_id=token)).record == {"minimum_tick_size": 0.001}
    assert book["tick_size"] == "0.001"
    placed = await trader.place(trader.limit(exchange.exchange.tokens[token][0], "BUY", "0.021", "10"))
    assert placed.record["status"] == "live"


async def test_coarser_tick_cancels_what_is_off_the_grid_and_leaves_the_rest(exchange, trader):
    market = listed(exchange, FED, 2)
    spec = market.spec
    fine = (await trader.place(trader.limit(spec, "BUY", "0.021", "10"))).record["orderID"]
    coarse = (await trader.place(trader.limit(spec, "BUY", "0.02", "10"))).record["orderID"]

    reply = await trader.post_public("/_local/tick", {"market": spec.condition_id, "tick": "0.01"})

    assert reply.record["orders_cancelled"] > 1
    opened = (await trader.call("GET", "/data/orders")).record["data"]
    assert [order["id"] for order in opened] == [coarse]
    assert fine not in {order["id"] for order in opened}
    book = (await trader.get("/book", token_id=spec.tokens[0])).record
    assert all(len(level["price"]) <= 4 for level in [*book["bids"], *book["asks"]])
    refused = await trader.place(trader.limit(spec, "BUY", "0.021", "10"))
    assert "breaks minimum tick size rule: 0.01" in str(refused.error)


async def test_hashes_hold_across_a_tick_change_for_who_takes_it_over(session, clock):
    async with running_exchange(clock=clock, flow_frames_per_s=40) as exchange:
        market = listed(exchange, FED, 1)
        async with listening(exchange, *market.spec.tokens, dump=False) as listener:
            trader = Trader(exchange.url, session)
            await trader.post_public("/_local/tick", {"market": market.slug, "tick": "0.01"})
            events = await listener.events()
            ticks = [event for event in events if event["event_type"] == "tick_size_change"]
            assert len(ticks) == 2
            reader = BookReader(constants_of([exchange.exchange.markets[market.spec.condition_id]]))
            async with listening(exchange) as fresh:
                await fresh.subscribe(*market.spec.tokens)
                reader.feed(str(await fresh.raw()))
                for _ in range(60):
                    clock.advance(500)
                    exchange.venue.advance()
                for text in await fresh.queued():
                    reader.feed(text)

    assert reader.mismatches == []
    assert reader.kinds["price_change"] > 10


async def test_windows_still_open_after_a_tick_change(exchange, trader):
    for child in range(3):
        market = listed(exchange, CUP, child)
        await trader.post_public("/_local/tick", {"market": market.slug, "tick": "0.001"})

    reply = await trader.post_public("/_local/window", {"event_slug": CUP, "hold_ms": 5_000})

    assert sum(round(float(ask) * 1_000) for ask in reply.record["asks"]) == 920


async def test_new_outcome_joins_catalogue_order_service_books_and_stream(exchange, trader):
    event = exchange.venue.catalogue.event(CUP)
    known = event.markets[0].spec.tokens[0]
    async with listening(exchange, known, custom=True) as custom, listening(exchange, known) as plain:
        reply = (await trader.post_public("/_local/outcome", {"event_slug": CUP, "name": "Eastgate"})).record
        (told,) = await custom.events("new_market")
        assert await plain.events("new_market") == []
        await custom.subscribe(*reply["tokens"])
        assert [book["asset_id"] for book in await custom.next()] == reply["tokens"]

    condition = reply["condition_id"]
    assert told["market"] == told["condition_id"] == condition
    assert told["assets_ids"] == told["clob_token_ids"] == reply["tokens"]
    assert told["event_message"]["slug"] == CUP
    assert (told["group_item_title"], told["active"]) == ("Eastgate", True)
    assert told["order_price_min_tick_size"] == "0.01"
    assert told["fee_schedule"] == {
        "exponent": "1",
        "rate": "0.03",
        "taker_only": True,
        "rebate_rate": "0.15",
    }
    grown = (await trader.get(f"/events/{event.id}")).record
    assert [row["groupItemTitle"] for row in grown["markets"]][-1] == "Eastgate"
    assert [row["id"] for row in grown["markets"]][:3] == [market.id for market in event.markets]
    assert grown["markets"][3]["conditionId"] == condition
    assert grown["markets"][3]["negRiskMarketID"] == event.neg_risk_market_id
    pages = (await trader.get("/markets")).record["data"]
    assert condition in {row["condition_id"] for row in pages}
    assert (await trader.get(f"/clob-markets/{condition}")).record["c"] == condition
    book = (await trader.get("/book", token_id=reply["tokens"][0])).record
    assert book["bids"]
    assert book["asks"]
    spec = exchange.exchange.tokens[reply["tokens"][0]][0]
    assert (await trader.place(trader.limit(spec, "BUY", "0.03", "40"))).record["status"] == "matched"


async def test_event_that_has_grown_opens_no_window(exchange, trader):
    await trader.post_public("/_local/outcome", {"event_slug": CUP, "name": "Eastgate"})

    assert (await trader.post_public("/_local/window", {"event_slug": CUP})).status == 400
    assert (await trader.post_public("/_local/window", {"event_slug": FED})).status == 200


async def test_resolution_ends_orders_takes_the_book_and_names_the_winner_everywhere(exchange, trader):
    market = listed(exchange, CUP, 1)
    token = market.spec.tokens[0]
    await trader.place(trader.limit(market.spec, "BUY", "0.02", "10"))
    async with listening(exchange, token, custom=True) as custom, listening(exchange, token) as plain:
        await trader.post_public("/_local/resolve", {"market": token, "winner": "No"})
        (told,) = await custom.events("market_resolved")
        assert await plain.events("market_resolved") == []

    assert (told["id"], told["market"]) == (market.id, market.spec.condition_id)
    assert (told["winning_asset_id"], told["winning_outcome"]) == (market.spec.tokens[1], "No")
    assert (await trader.call("GET", "/data/orders")).record["data"] == []
    assert (await trader.get("/book", token_id=token)).status == 404
    assert (await trader.post_public("/books", [{"token_id": token}])).body == []
    row = await gamma_market(trader, market)
    assert (row["closed"], row["acceptingOrders"], row["outcomePrices"]) == (True, False, '["0", "1"]')
    assert row["umaResolutionStatus"] == "resolved"
    long = (await trader.get(f"/markets/{market.spec.condition_id}")).record
    assert (long["closed"], long["accepting_orders"]) == (True, False)
    assert [held["winner"] for held in long["tokens"]] == [False, True]
    assert (await trader.get(f"/clob-markets/{market.spec.condition_id}")).record["ao"] is False
    assert (await trader.place(trader.limit(market.spec, "BUY", "0.02", "10"))).status == 404
    event = (await trader.get(f"/events/slug/{CUP}")).record
    assert event["closed"] is False


async def test_event_is_closed_when_its_last_market_is_resolved(exchange, trader, clock):
    await trader.post_public("/_local/resolve", {"market": COIN, "winner": "Yes"})

    assert (await trader.get(f"/events/slug/{COIN}")).record["closed"] is True
    open_events = (await trader.get("/events/keyset")).record["events"]
    assert COIN not in {event["slug"] for event in open_events}
    clock.advance(60_000)
    exchange.venue.advance()


async def test_flow_goes_on_after_every_kind_of_change(clock, session):
    async with running_exchange(clock=clock, flow_frames_per_s=200) as exchange:
        trader = Trader(exchange.url, session)
        for path, script in (
            ("resolve", {"market": listed(exchange, FILM, 0).slug, "winner": "Yes"}),
            ("resolve", {"market": listed(exchange, FILM, 1).slug, "winner": "No"}),
            ("tick", {"market": listed(exchange, FED, 0).slug, "tick": "0.01"}),
            ("tick", {"market": COIN, "tick": "0.0001"}),
            ("outcome", {"event_slug": FED, "name": "No statement", "price": "0.011"}),
        ):
            assert (await trader.post_public(f"/_local/{path}", script)).status == 200
        for _ in range(200):
            clock.advance(500)
            exchange.venue.advance()
        tokens = list(exchange.exchange.tokens)
        books = (await trader.post_public("/books", [{"token_id": token} for token in tokens])).body
        assert isinstance(books, list)
        for book in books:
            best = [
                float(book[side][-1]["price"]) if book[side] else edge
                for side, edge in (("bids", 0), ("asks", 1))
            ]
            assert best[0] < best[1], "no book is ever crossed"
            tick = float(book["tick_size"])
            for level in [*book["bids"], *book["asks"]]:
                steps = float(level["price"]) / tick
                assert abs(steps - round(steps)) < 1e-6


async def test_reworded_rules_show_in_the_event_and_in_every_market(exchange, trader):
    before = exchange.venue.catalogue.event(FED).seed.rules

    reply = await trader.post_public("/_local/rules", {"event_slug": FED, "text": "Resolves by a coin."})

    assert reply.record == {"before": before, "after": "Resolves by a coin."}
    event = (await trader.get(f"/events/slug/{FED}")).record
    texts = {event["description"], *(row["description"] for row in event["markets"])}
    assert texts == {"Resolves by a coin."}
    condition = event["markets"][0]["conditionId"]
    assert (await trader.get(f"/markets/{condition}")).record["description"] == "Resolves by a coin."


@pytest.mark.parametrize("about", ["tick", "tokens", "neg_risk"])
async def test_catalogue_can_be_made_to_err_about_one_market_and_to_tell_the_truth_again(
    exchange, trader, about
):
    market, sibling = listed(exchange, FED, 1), listed(exchange, FED, 2)

    async def told(of: Market) -> dict[str, bool]:
        gamma = await gamma_market(trader, of)
        compact = (await trader.get(f"/clob-markets/{of.spec.condition_id}")).record
        return {
            "tick": gamma["orderPriceMinTickSize"] == compact["mts"],
            "tokens": json.loads(gamma["clobTokenIds"]) == [token["t"] for token in compact["t"]],
            "neg_risk": gamma["negRisk"] == compact.get("nr", False),
        }

    truth = dict.fromkeys(("tick", "tokens", "neg_risk"), True)
    assert await told(market) == truth
    await trader.post_public("/_local/disagree", {"market": market.slug, "about": about})
    assert await told(market) == truth | {about: False}
    assert await told(sibling) == truth
    await trader.post_public("/_local/disagree", {"market": market.slug, "about": "nothing"})
    assert await told(market) == truth


async def test_best_bid_ask_is_told_to_custom_subscribers_when_the_touch_moves(exchange, trader):
    spec = market_of(exchange, COIN)
    async with (
        listening(exchange, *spec.tokens, custom=True) as custom,
        listening(exchange, *spec.tokens) as plain,
    ):
        await trader.place(trader.limit(spec, "BUY", "0.02", "10"))
        assert await custom.events("best_bid_ask") == []
        await trader.place(trader.limit(spec, "BUY", "0.57", "10"))
        told = await custom.events("best_bid_ask")
        assert await plain.events("best_bid_ask") == []

    yes, no = (next(event for event in told if event["asset_id"] == token) for token in spec.tokens)
    assert (yes["best_bid"], yes["best_ask"], yes["spread"]) == ("0.57", "0.58", "0.01")
    assert (no["best_bid"], no["best_ask"], no["spread"]) == ("0.42", "0.43", "0.01")
    assert {event["market"] for event in told} == {spec.condition_id}


async def test_custom_features_can_be_chosen_by_a_later_frame(exchange, trader):
    spec = market_of(exchange, COIN)
    async with listening(exchange, spec.tokens[0]) as listener:
        await listener.subscribe(spec.tokens[1], custom=True)
        await listener.queued()
        await trader.place(trader.limit(spec, "BUY", "0.57", "10"))
        assert len(await listener.events("best_bid_ask")) == 2


@pytest.mark.parametrize(
    ("path", "script"),
    [
        ("tick", {"market": "nothing", "tick": "0.001"}),
        ("tick", {"market": COIN, "tick": "0.002"}),
        ("tick", {"market": COIN, "tick": 0.001}),
        ("tick", {"market": f"{FILM}-4", "tick": "0.001"}),
        ("outcome", {"event_slug": "nothing", "name": "x"}),
        ("outcome", {"event_slug": CUP}),
        ("outcome", {"event_slug": CUP, "name": "x", "price": "0.001"}),
        ("resolve", {"market": COIN, "winner": "Maybe"}),
        ("resolve", {"market": f"{FILM}-4", "winner": "Yes"}),
        ("rules", {"event_slug": FED}),
        ("disagree", {"market": COIN, "about": "weather"}),
        ("disagree", []),
    ],
)
async def test_change_that_cannot_be_made_is_refused_with_a_reason(trader, path, script):
    reply = await trader.post_public(f"/_local/{path}", script)

    assert reply.status == 400
    assert reply.error
