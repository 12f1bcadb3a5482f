"""The unmodified order-service client through what is left: settlement, reads, standing, both roles."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    MarketOrderArgsV2,
    OpenOrderParams,
    OrderArgsV2,
    OrderMarketCancelParams,
    OrderType,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException

from engine.clock import SystemClock
from engine.domain.units import Size
from engine.simulator.orders import TradeStatus
from engine.simulator.server import LocalExchange
from engine.simulator.settlement import Plan, Wait
from tests.support.local_exchange import COIN, CUP, FED, HARDHAT_KEY, market_of, running_exchange, until
from tests.support.sdk import clob_client, no_proxy

pytestmark = pytest.mark.usefixtures(no_proxy.__name__)
__all__ = ["no_proxy"]


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(clock=SystemClock(), confirm_delay_ms=50) as running:
        yield running


@pytest.fixture
async def client(exchange: LocalExchange) -> ClobClient:
    return await asyncio.to_thread(clob_client, exchange.url, HARDHAT_KEY)


def limit(token: str, price: float, size: float, side: str = "BUY") -> OrderArgsV2:
    return OrderArgsV2(token_id=token, price=price, size=size, side=side)


async def held(client: ClobClient, token: str) -> int:
    """Return the shares that the venue tells, in micro-units."""
    params = BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=token)
    answer = await asyncio.to_thread(client.get_balance_allowance, params)
    return int(answer["balance"])


async def test_retried_trade_changes_its_hash_and_fails_in_the_end(
    exchange: LocalExchange, client: ClobClient
):
    token = market_of(exchange, COIN).tokens[0]
    words = (TradeStatus.MINED, TradeStatus.RETRYING, TradeStatus.MINED, TradeStatus.FAILED)
    course = tuple(Wait(word, 300) for word in words)
    exchange.exchange.settlements.script_next(Plan(TradeStatus.UNBROADCAST, course), 1)

    answer = await asyncio.to_thread(client.create_and_post_order, limit(token, 0.6, 10))
    trade = TradeParams(id=answer["tradeIDs"][0])
    first = (await asyncio.to_thread(client.get_trades, trade))[0]
    await until(lambda: exchange.exchange.trades[0].status is TradeStatus.FAILED)
    last = (await asyncio.to_thread(client.get_trades, trade))[0]

    assert answer["transactionsHashes"] == [first["transaction_hash"]]
    assert (first["status"], last["status"]) == ("TRADE_STATUS_MINED", "TRADE_STATUS_FAILED")
    assert len({first["transaction_hash"], last["transaction_hash"]}) == 2
    assert await held(client, token) == 0


async def test_sale_right_after_a_purchase_is_refused_and_taken_once_confirmed(
    exchange: LocalExchange, client: ClobClient
):
    token = market_of(exchange, COIN).tokens[0]
    exchange.exchange.settlements.confirm_delay_ms = 1_000
    await asyncio.to_thread(client.create_and_post_order, limit(token, 0.6, 10))

    with pytest.raises(PolyApiException, match="the balance is not enough"):
        await asyncio.to_thread(client.create_and_post_order, limit(token, 0.5, 10, "SELL"))
    await until(lambda: exchange.exchange.trades[0].status is TradeStatus.CONFIRMED)
    assert await held(client, token) == 10 * 1_000_000
    wanted = MarketOrderArgsV2(token_id=token, amount=10, side="SELL", price=0.5, order_type=OrderType.FAK)
    sold = await asyncio.to_thread(client.create_and_post_market_order, wanted, None, OrderType.FAK)

    assert (sold["status"], sold["makingAmount"]) == ("matched", "10")
    assert await held(client, token) == 0


@pytest.mark.parametrize("outcome", [0, 1])
async def test_maker_finds_its_own_order_inside_the_trade(
    exchange: LocalExchange, client: ClobClient, outcome: int
):
    market = market_of(exchange, COIN)
    placed = await asyncio.to_thread(client.create_and_post_order, limit(market.tokens[0], 0.57, 10))
    resting = exchange.exchange.orders[placed["orderID"]]
    exchange.venue.hands.meet(resting, outcome, Size(4_000_000), exchange.venue.now_ms())

    order = await asyncio.to_thread(client.get_order, placed["orderID"])
    trades = await asyncio.to_thread(client.get_trades, TradeParams(market=market.condition_id))

    assert (order["size_matched"], order["associate_trades"]) == ("4", [trades[0]["id"]])
    assert (trades[0]["trader_side"], trades[0]["asset_id"]) == ("MAKER", market.tokens[outcome])
    own = [maker for maker in trades[0]["maker_orders"] if maker["order_id"] == placed["orderID"]]
    assert [(maker["matched_amount"], maker["price"], maker["side"]) for maker in own] == [
        ("4", "0.57", "BUY")
    ]


async def test_open_orders_are_filtered_and_cancelled_by_token(exchange: LocalExchange, client: ClobClient):
    market = market_of(exchange, CUP)
    yes, no = [
        (await asyncio.to_thread(client.create_and_post_order, limit(token, 0.03, 10)))["orderID"]
        for token in market.tokens
    ]

    listed = await asyncio.to_thread(client.get_open_orders, OpenOrderParams(asset_id=market.tokens[1]))
    cancelled = await asyncio.to_thread(
        client.cancel_market_orders, OrderMarketCancelParams(asset_id=market.tokens[1])
    )
    left = await asyncio.to_thread(client.get_open_orders)

    assert [order["id"] for order in listed] == cancelled["canceled"] == [no]
    assert [order["id"] for order in left] == [yes]


async def test_lagging_balance_is_fresh_after_this_clients_update(
    exchange: LocalExchange, client: ClobClient
):
    token = market_of(exchange, COIN).tokens[0]
    exchange.exchange.balances.set_lag(60_000, exchange.venue.now_ms())
    await asyncio.to_thread(client.create_and_post_order, limit(token, 0.6, 10))
    await until(lambda: exchange.exchange.trades[0].status is TradeStatus.CONFIRMED)
    params = BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=token)

    before = await held(client, token)
    await asyncio.to_thread(client.update_balance_allowance, params)

    assert (before, await held(client, token)) == (0, 10 * 1_000_000)


async def test_metadata_and_plural_reads_are_answered(exchange: LocalExchange, client: ClobClient):
    market = market_of(exchange, FED)
    tokens = [BookParams(token_id=token, side="BUY") for token in market.tokens]

    def read() -> list[object]:
        return [
            client.get_ok(),
            client.get_version(),
            client.get_tick_size(market.tokens[0]),
            client.get_neg_risk(market.tokens[0]),
            client.get_closed_only_mode(),
            client.get_market(market.condition_id)["condition_id"],
        ]

    def prices() -> list[set[str]]:
        return [
            set(client.get_midpoints(tokens)),
            set(client.get_prices(tokens)),
            set(client.get_spreads(tokens)),
        ]

    assert await asyncio.to_thread(read) == [
        "OK",
        2,
        "0.001",
        True,
        {"closed_only": False},
        market.condition_id,
    ]
    assert await asyncio.to_thread(prices) == [set(market.tokens)] * 3


async def test_deleted_key_opens_nothing_any_more(exchange: LocalExchange, client: ClobClient):
    await asyncio.to_thread(client.delete_api_key)

    with pytest.raises(PolyApiException) as caught:
        await asyncio.to_thread(client.get_open_orders)

    assert caught.value.status_code == 401
