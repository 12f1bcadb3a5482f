"""What the order-service client makes of a venue that says no: kills, states, limits, heartbeats, batches."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    DropNotificationParams,
    MarketOrderArgsV2,
    OrderArgsV2,
    OrderMarketCancelParams,
    OrderPayload,
    OrderScoringParams,
    OrdersScoringParams,
    OrderType,
    PostOrdersV2Args,
)
from py_clob_client_v2.exceptions import PolyApiException

from engine.clock import ManualClock
from engine.simulator.heartbeats import CHECK_MS, SILENCE_MS
from engine.simulator.modes import Mode, ModeWindow
from engine.simulator.rate_limits import Enforcement
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import COIN, CUP, HARDHAT_KEY, market_of, running_exchange
from tests.support.sdk import clob_client, no_proxy

pytestmark = pytest.mark.usefixtures(no_proxy.__name__)
__all__ = ["no_proxy"]

Record = dict[str, Any]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def exchange(clock: ManualClock) -> AsyncIterator[LocalExchange]:
    async with running_exchange(clock=clock, confirm_delay_ms=0) as running:
        yield running


@pytest.fixture
async def client(exchange: LocalExchange) -> ClobClient:
    return await asyncio.to_thread(clob_client, exchange.url, HARDHAT_KEY)


def limit(token: str, price: float, size: float = 10, side: str = "BUY") -> OrderArgsV2:
    return OrderArgsV2(token_id=token, price=price, size=size, side=side)


def market_order(token: str, side: str, price: float, kind: str) -> MarketOrderArgsV2:
    """Return an immediate order of ten dollars or shares."""
    return MarketOrderArgsV2(token_id=token, amount=10, side=side, price=price, order_type=kind)


async def refusal(call: Any, *args: Any) -> PolyApiException:
    """Return the error that a call of the client raises."""
    with pytest.raises(PolyApiException) as caught:
        await asyncio.to_thread(call, *args)
    return caught.value


@pytest.mark.parametrize("kind", [OrderType.FOK, OrderType.FAK])
async def test_immediate_orders_of_both_sides_fill_or_are_killed(
    exchange: LocalExchange, client: ClobClient, kind: str
):
    token = market_of(exchange, COIN).tokens[0]

    def trade(side: str, price: float) -> Record:
        made: Record = client.create_and_post_market_order(market_order(token, side, price, kind), None, kind)
        return made

    bought = [await asyncio.to_thread(trade, "BUY", 0.7) for _ in range(2)]
    sold = await asyncio.to_thread(trade, "SELL", 0.3)

    assert [made["status"] for made in (*bought, sold)] == ["matched"] * 3
    assert (9.9 < float(bought[0]["makingAmount"]) <= 10, sold["makingAmount"]) == (True, "10")
    for side, price in (("BUY", 0.05), ("SELL", 0.95)):
        error = await refusal(trade, side, price)
        assert (error.status_code, "killed" in str(error.error_msg)) == (400, True)


async def test_post_only_rests_or_is_refused_when_it_would_cross(exchange: LocalExchange, client: ClobClient):
    token = market_of(exchange, COIN).tokens[0]

    def place(price: float) -> Record:
        placed: Record = client.create_and_post_order(limit(token, price), None, OrderType.GTC, True)
        return placed

    assert (await asyncio.to_thread(place, 0.02))["status"] == "live"
    error = await refusal(place, 0.9)
    assert error.error_msg == {"error": "invalid post-only order: order crosses book"}


async def test_heartbeats_chain_mismatch_and_lapse(
    exchange: LocalExchange, client: ClobClient, clock: ManualClock
):
    token = market_of(exchange, COIN).tokens[0]
    first = (await asyncio.to_thread(client.post_heartbeat))["heartbeat_id"]
    second = (await asyncio.to_thread(client.post_heartbeat, first))["heartbeat_id"]

    error = await refusal(client.post_heartbeat, first)
    await asyncio.to_thread(client.create_and_post_order, limit(token, 0.02))
    clock.advance(SILENCE_MS + CHECK_MS)
    exchange.venue.advance()

    assert (error.status_code, error.error_msg) == (
        400,
        {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": second},
    )
    assert await asyncio.to_thread(client.get_open_orders) == []


@pytest.mark.parametrize(
    ("mode", "status", "words", "cancels"),
    [
        (Mode.RESTARTING, 425, "restart", False),
        (Mode.POST_ONLY, 503, "post-only mode", True),
        (Mode.CANCEL_ONLY, 503, "cancel-only", True),
        (Mode.DISABLED, 503, "Trading is currently disabled", False),
    ],
)
async def test_state_of_the_venue_is_told_by_status_and_text(
    exchange: LocalExchange, client: ClobClient, mode: Mode, status: int, words: str, *, cancels: bool
):
    token = market_of(exchange, COIN).tokens[0]
    order_id = (await asyncio.to_thread(client.create_and_post_order, limit(token, 0.02)))["orderID"]
    exchange.venue.modes.follow([ModeWindow(mode, 79_000)], exchange.venue.now_ms())

    error = await refusal(client.create_and_post_order, limit(token, 0.03))

    assert (error.status_code, words in str(error.error_msg)) == (status, True)
    if cancels:
        cancelled = await asyncio.to_thread(client.cancel_order, OrderPayload(orderID=order_id))
        assert cancelled["canceled"] == [order_id]
    else:
        assert (await refusal(client.cancel_order, OrderPayload(orderID=order_id))).status_code == status


async def test_batch_beyond_the_bucket_is_429_and_places_nothing(exchange: LocalExchange, client: ClobClient):
    exchange.venue.rates.enforcement = Enforcement.ENFORCED
    token = market_of(exchange, COIN).tokens[0]

    def post(first: int) -> list[Record]:
        orders = [client.create_order(limit(token, 0.02, first + number)) for number in range(15)]
        answers: list[Record] = client.post_orders(
            [PostOrdersV2Args(order=order, orderType=OrderType.GTC) for order in orders]
        )
        return answers

    for first in (10, 30, 50, 70):
        assert {answer["status"] for answer in await asyncio.to_thread(post, first)} == {"live"}
    error = await refusal(post, 90)

    assert (error.status_code, error.error_msg) == (429, {"error": "Too Many Requests"})
    assert len(await asyncio.to_thread(client.get_open_orders)) == 60


async def test_batch_of_mixed_legs_and_cancels_of_a_market(exchange: LocalExchange, client: ClobClient):
    coin, cup = (market_of(exchange, slug) for slug in (COIN, CUP))

    def post() -> list[Record]:
        fok = client.create_market_order(market_order(coin.tokens[0], "BUY", 0.7, OrderType.FOK))
        fak = client.create_market_order(market_order(coin.tokens[0], "BUY", 0.05, OrderType.FAK))
        entries = [
            PostOrdersV2Args(order=client.create_order(limit(coin.tokens[0], 0.02)), orderType=OrderType.GTC),
            PostOrdersV2Args(order=client.create_order(limit(cup.tokens[0], 0.6)), orderType=OrderType.GTC),
            PostOrdersV2Args(order=fok, orderType=OrderType.FOK),
            PostOrdersV2Args(order=fak, orderType=OrderType.FAK),
            PostOrdersV2Args(order=client.create_order(limit(coin.tokens[1], 0.02)), orderType=OrderType.GTC),
        ]
        answers: list[Record] = client.post_orders(entries)
        return answers

    answers = await asyncio.to_thread(post)
    both = OrderMarketCancelParams(market=coin.condition_id, asset_id=coin.tokens[1])
    one = await asyncio.to_thread(client.cancel_market_orders, both)
    rest = await asyncio.to_thread(
        client.cancel_market_orders, OrderMarketCancelParams(market=coin.condition_id)
    )

    assert [answer["status"] for answer in answers] == ["live", "matched", "matched", "", "live"]
    assert "no orders found to match with FAK order" in answers[3]["errorMsg"]
    assert one["canceled"] == [answers[4]["orderID"]]
    assert rest["canceled"] == [answers[0]["orderID"]]


async def test_scoring_and_notifications_are_answered_no_and_none(
    exchange: LocalExchange, client: ClobClient
):
    def ask() -> list[object]:
        order_id = client.create_and_post_order(limit(market_of(exchange, COIN).tokens[0], 0.02))["orderID"]
        return [
            client.is_order_scoring(OrderScoringParams(orderId=order_id)),
            client.are_orders_scoring(OrdersScoringParams(orderIds=[order_id]))[order_id],
            client.get_notifications(),
            client.drop_notifications(DropNotificationParams(ids=["1"])),
        ]

    assert await asyncio.to_thread(ask) == [{"scoring": False}, False, [], "OK"]
