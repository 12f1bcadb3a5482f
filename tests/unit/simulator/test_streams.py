"""Both channels over loopback: subscriptions, frames, proofs, slow consumers, dropped deltas."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from tests.support.local_exchange import COIN, CUP, ELEVENS_KEY, FED, market_of, running_exchange, until
from tests.unit.simulator.book_reader import BookReader, constants_of
from tests.unit.simulator.trader import trader_on

WAIT_S = 5


@asynccontextmanager
async def channel(exchange, session: ClientSession, name: str, frame: object):
    """Open a channel and send the first frame."""
    async with session.ws_connect(f"{exchange.ws_url}/ws/{name}") as socket:
        await socket.send_json(frame)
        yield socket


async def text(socket: ClientWebSocketResponse) -> str:
    """Return the next text frame."""
    message = await asyncio.wait_for(socket.receive(), WAIT_S)
    assert message.type is WSMsgType.TEXT, f"expected text, was {message.type}"
    return str(message.data)


async def ended(socket: ClientWebSocketResponse) -> bool:
    """Tell whether the server closes the connection without a further text frame."""
    message = await asyncio.wait_for(socket.receive(), WAIT_S)
    return message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR)


async def silent(socket: ClientWebSocketResponse) -> bool:
    """Tell whether nothing was queued: the next frame is the answer to our own PING."""
    await socket.send_str("PING")
    return await text(socket) == "PONG"


def market_frame(*tokens: str, **extra: object) -> dict[str, object]:
    """Return a first frame of the market channel."""
    return {"type": "market", "assets_ids": list(tokens), "custom_feature_enabled": False} | extra


def user_frame(trader, **extra: object) -> dict[str, object]:
    """Return a first frame of the user channel."""
    auth = {"apiKey": trader.api_key, "secret": trader.secret, "passphrase": trader.passphrase}
    return {"type": "user", "auth": auth} | extra


async def test_market_dump_is_one_array_of_all_books_that_exist(exchange, session):
    tokens = [*market_of(exchange, FED).tokens, *market_of(exchange, COIN).tokens]
    async with channel(exchange, session, "market", market_frame(*tokens, "12")) as socket:
        books = json.loads(await text(socket))

    assert [book["asset_id"] for book in books] == tokens
    assert all(book["event_type"] == "book" for book in books)
    assert all({"tick_size", "last_trade_price"} <= set(book) for book in books)
    assert not any({"min_order_size", "neg_risk"} & set(book) for book in books)


async def test_market_dump_may_be_declined(exchange, session):
    token = market_of(exchange, FED).tokens[0]
    async with channel(exchange, session, "market", market_frame(token, initial_dump=False)) as socket:
        assert await silent(socket)


async def test_market_change_reaches_a_subscriber_of_either_token_with_both_in_it(exchange, session, trader):
    market = market_of(exchange, CUP)
    async with channel(exchange, session, "market", market_frame(market.tokens[1])) as socket:
        await text(socket)
        await trader.place(trader.limit(market, "BUY", "0.02", "10"))
        frame = json.loads(await text(socket))

    assert frame["event_type"] == "price_change"
    entries = {entry["asset_id"]: entry for entry in frame["price_changes"]}
    assert entries.keys() == set(market.tokens)
    yes, no = (entries[token] for token in market.tokens)
    assert (yes["side"], yes["price"], no["side"], no["price"]) == ("BUY", "0.02", "SELL", "0.98")
    assert yes["size"] == no["size"]


async def test_market_frames_of_a_trade_are_books_then_the_trade(exchange, session, trader):
    market = market_of(exchange, CUP)
    async with channel(exchange, session, "market", market_frame(*market.tokens)) as socket:
        await text(socket)
        await trader.place(trader.limit(market, "BUY", "0.6", "10"))
        frames = [json.loads(await text(socket)) for _ in range(3)]

    assert [frame["event_type"] for frame in frames] == ["book", "book", "last_trade_price"]
    assert "last_trade_price" not in frames[0]
    trade = frames[2]
    assert (trade["price"], trade["size"], trade["side"]) == ("0.46", "10", "BUY")
    assert trade["asset_id"] == market.tokens[0]


async def test_market_subscribe_and_unsubscribe_later(exchange, session, trader):
    first, second = market_of(exchange, FED), market_of(exchange, CUP)
    async with channel(exchange, session, "market", market_frame(first.tokens[0])) as socket:
        await text(socket)
        await socket.send_json({"operation": "subscribe", "assets_ids": [second.tokens[0], first.tokens[0]]})
        added = json.loads(await text(socket))
        await socket.send_json({"operation": "unsubscribe", "assets_ids": [first.tokens[0]]})
        assert await silent(socket)
        await trader.place(trader.limit(first, "BUY", "0.02", "10"))
        await trader.place(trader.limit(second, "BUY", "0.02", "10"))
        frame = json.loads(await text(socket))

    assert [book["asset_id"] for book in added] == [second.tokens[0]]
    assert frame["market"] == second.condition_id


@pytest.mark.parametrize("frame", [{}, [], {"type": "market"}, {"type": "user", "assets_ids": []}, 5])
async def test_market_frame_that_is_no_subscription_closes_the_connection(exchange, session, frame):
    async with channel(exchange, session, "market", frame) as socket:
        assert await ended(socket)
    await until(lambda: exchange.open_sockets == 0)


async def test_market_text_that_is_no_json_closes_the_connection(exchange, session):
    async with session.ws_connect(f"{exchange.ws_url}/ws/market") as socket:
        await socket.send_str("hello")
        assert await ended(socket)


async def test_market_flow_over_the_wire_keeps_every_hash(session, clock):
    async with running_exchange(clock=clock, flow_frames_per_s=30) as exchange:
        markets = [market_of(exchange, slug, child) for slug, child in ((FED, 1), (CUP, 0), (COIN, 0))]
        tokens = [token for market in markets for token in market.tokens]
        reader = BookReader(constants_of(markets))
        async with channel(exchange, session, "market", market_frame(*tokens)) as socket:
            reader.feed(await text(socket))
            for _ in range(60):
                clock.advance(500)
                exchange.venue.advance()
                await asyncio.sleep(0)
            await socket.send_str("PING")
            while (frame := await text(socket)) != "PONG":
                reader.feed(frame)

    assert reader.mismatches == []
    assert reader.kinds["price_change"] > 50


async def test_dropped_delta_shows_as_a_wrong_hash_and_only_once(exchange, session, trader):
    market = market_of(exchange, CUP)
    reader = BookReader(constants_of([market]))
    async with channel(exchange, session, "market", market_frame(*market.tokens)) as socket:
        reader.feed(await text(socket))
        await trader.arm(kind="drop_delta", asset_id=market.tokens[1])
        await trader.place(trader.limit(market, "BUY", "0.02", "10"))
        await trader.place(trader.limit(market, "BUY", "0.03", "10"))
        reader.feed(await text(socket))
        assert await silent(socket)

    assert len(reader.mismatches) == 2
    assert [firing.kind.value for firing in exchange.faults.fired] == ["drop_delta"]


async def test_dropped_delta_waits_until_somebody_listens(exchange, trader):
    market = market_of(exchange, CUP)
    await trader.arm(kind="drop_delta")

    await trader.place(trader.limit(market, "BUY", "0.02", "10"))

    assert exchange.faults.fired == []


async def test_slow_consumer_is_disconnected_and_costs_no_memory(session, clock):
    async with running_exchange(clock=clock, flow_frames_per_s=0, socket_queue_max=50) as exchange:
        trader = await trader_on(exchange, session)
        market = market_of(exchange, CUP)
        async with channel(exchange, session, "market", market_frame(*market.tokens)) as socket:
            await text(socket)
            # The pump has no turn between these changes, so the queue fills as behind a stalled reader.
            for turn in range(60):
                exchange.flow.markets[5].change(exchange.flow._rng, clock.now_ms())
                exchange.venue.publish()
                assert turn < 60
            await until(lambda: exchange.open_sockets == 0)
            while (message := await asyncio.wait_for(socket.receive(), WAIT_S)).type is WSMsgType.TEXT:
                assert message.data
        assert (await trader.get("/ok")).status == 200


async def test_user_stream_tells_placement_update_and_settlement(exchange, session, trader, clock):
    market = market_of(exchange, COIN)
    async with channel(exchange, session, "user", user_frame(trader)) as socket:
        await until(lambda: exchange.venue.user_stream.listeners == 1)
        placed = (await trader.place(trader.limit(market, "BUY", "0.6", "10"))).record
        first = [json.loads(await text(socket)) for _ in range(3)]
        clock.advance(1_000)
        mined = json.loads(await text(socket))
        clock.advance(1_000)
        confirmed = json.loads(await text(socket))

    assert [(event["event_type"], event["type"]) for event in first] == [
        ("order", "PLACEMENT"),
        ("trade", "TRADE"),
        ("order", "UPDATE"),
    ]
    assert first[0]["id"] == first[2]["id"] == placed["orderID"]
    assert (first[2]["size_matched"], first[2]["status"]) == ("10", "MATCHED")
    statuses = [event["status"] for event in (first[1], mined, confirmed)]
    assert statuses == ["MATCHED", "MINED", "CONFIRMED"]
    assert {event["id"] for event in (first[1], mined, confirmed)} == set(placed["tradeIDs"])
    assert confirmed["transaction_hash"].startswith("0x")


async def test_user_stream_tells_cancellation_and_expiry(exchange, session, trader, clock):
    market = market_of(exchange, COIN)
    expiration = str(clock.now_ms() // 1000 + 200)
    async with channel(exchange, session, "user", user_frame(trader)) as socket:
        await until(lambda: exchange.venue.user_stream.listeners == 1)
        gone = (await trader.place(trader.limit(market, "BUY", "0.02", "10"))).record["orderID"]
        await trader.call("DELETE", "/order", {"orderID": gone})
        body = trader.limit(market, "BUY", "0.02", "10", order_type="GTD", expiration=expiration)
        await trader.place(body)
        clock.advance(140_001)
        events = [json.loads(await text(socket)) for _ in range(4)]

    assert [event["type"] for event in events] == ["PLACEMENT", "CANCELLATION"] * 2
    assert [event["status"] for event in events] == ["LIVE", "CANCELED", "LIVE", "CANCELED_EXPIRED_ORDER"]
    assert events[3]["expiration"] == expiration


async def test_user_stream_shows_a_maker_its_own_order_and_nothing_of_others(exchange, session, trader):
    other = await trader_on(exchange, session, ELEVENS_KEY)
    market = market_of(exchange, COIN)
    resting = (await other.place(other.limit(market, "BUY", "0.57", "10"))).record["orderID"]
    async with channel(exchange, session, "user", user_frame(other)) as socket:
        await until(lambda: exchange.venue.user_stream.listeners == 1)
        await trader.place(trader.limit(market, "BUY", "0.02", "10"))
        await trader.place(trader.limit(market, "BUY", "0.43", "10", token_index=1))
        events = [json.loads(await text(socket)) for _ in range(2)]
        assert await silent(socket)

    trade, update = events
    assert (trade["event_type"], trade["trader_side"]) == ("trade", "MAKER")
    assert trade["maker_orders"][0]["order_id"] == resting
    assert (update["id"], update["status"]) == (resting, "MATCHED")


async def test_user_stream_can_be_narrowed_to_markets(exchange, session, trader):
    fed, coin = market_of(exchange, FED), market_of(exchange, COIN)
    frame = user_frame(trader, markets=[coin.condition_id])
    async with channel(exchange, session, "user", frame) as socket:
        await until(lambda: exchange.venue.user_stream.listeners == 1)
        await trader.place(trader.limit(fed, "BUY", "0.02", "10"))
        await trader.place(trader.limit(coin, "BUY", "0.02", "10"))
        assert json.loads(await text(socket))["market"] == coin.condition_id
        await socket.send_json({"operation": "subscribe", "markets": [fed.condition_id]})
        assert await silent(socket)
        await trader.place(trader.limit(fed, "BUY", "0.02", "10"))
        assert json.loads(await text(socket))["market"] == fed.condition_id
        await socket.send_json({"operation": "unsubscribe", "markets": [fed.condition_id]})
        assert await silent(socket)
        await trader.place(trader.limit(fed, "BUY", "0.02", "10"))
        assert await silent(socket)


@pytest.mark.parametrize("part", ["apiKey", "secret", "passphrase"])
async def test_user_frame_with_a_wrong_part_is_turned_away(exchange, session, trader, part):
    frame = user_frame(trader)
    frame["auth"] = {**frame["auth"], part: "wrong"}  # type: ignore[dict-item]
    async with channel(exchange, session, "user", frame) as socket:
        assert await ended(socket)
    assert exchange.venue.user_stream.listeners == 0


@pytest.mark.parametrize("frame", [{}, [], {"type": "user"}, {"type": "user", "auth": {"apiKey": 1}}])
async def test_user_frame_without_proof_is_turned_away(exchange, session, frame):
    async with channel(exchange, session, "user", frame) as socket:
        assert await ended(socket)
