"""A second opinion: the unmodified order-service client trades on the local exchange too.

It is synchronous, so every call runs in a thread while the exchange lives on the event loop.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    MarketOrderArgsV2,
    OrderArgsV2,
    OrderMarketCancelParams,
    OrderPayload,
    OrderType,
    PostOrdersV2Args,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException

from engine.clock import SystemClock
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import COIN, CUP, FED, HARDHAT_KEY, market_of, running_exchange
from tests.support.sdk import clob_client, no_proxy

pytestmark = pytest.mark.usefixtures(no_proxy.__name__)
__all__ = ["no_proxy"]

Record = dict[str, Any]


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(clock=SystemClock(), confirm_delay_ms=50) as running:
        yield running


@pytest.fixture
async def client(exchange: LocalExchange) -> ClobClient:
    return await asyncio.to_thread(clob_client, exchange.url, HARDHAT_KEY)


async def test_auth_creates_once_and_then_derives_the_same_credentials(
    exchange: LocalExchange, client: ClobClient
):
    again = await asyncio.to_thread(clob_client, exchange.url, HARDHAT_KEY)

    listed = await asyncio.to_thread(client.get_api_keys)

    assert again.creds == client.creds
    assert listed == {"apiKeys": [client.creds.api_key]}


async def test_books_carry_the_hash_this_client_computes_itself(exchange: LocalExchange, client: ClobClient):
    tokens = market_of(exchange, FED).tokens

    single = await asyncio.to_thread(client.get_order_book, tokens[0])
    books = await asyncio.to_thread(client.get_order_books, [BookParams(token_id=token) for token in tokens])

    assert {book["asset_id"] for book in books} == set(tokens)
    assert single in books
    for book in books:
        assert book["hash"] == _independent_hash(book)


async def test_limit_orders_gtc_and_gtd_rest_and_are_listed(exchange: LocalExchange, client: ClobClient):
    market = market_of(exchange, FED)

    def place() -> list[Record]:
        gtc = OrderArgsV2(token_id=market.tokens[0], price=0.02, size=30, side="BUY")
        gtd = OrderArgsV2(
            token_id=market.tokens[1], price=0.9, size=10, side="BUY", expiration=int(time.time()) + 600
        )
        return [
            client.create_and_post_order(gtc),
            client.create_and_post_order(gtd, order_type=OrderType.GTD),
        ]

    answers = await asyncio.to_thread(place)
    listed = await asyncio.to_thread(client.get_open_orders)

    assert [answer["status"] for answer in answers] == ["live", "live"]
    assert [order["id"] for order in listed] == [answer["orderID"] for answer in answers]
    assert [order["order_type"] for order in listed] == ["GTC", "GTD"]
    assert [order["outcome"] for order in listed] == ["Yes", "No"]


async def test_market_fak_buy_trades_and_its_settlement_hash_appears(
    exchange: LocalExchange, client: ClobClient
):
    market = market_of(exchange, COIN)
    wanted = MarketOrderArgsV2(
        token_id=market.tokens[0], amount=25, side="BUY", price=0.6, order_type=OrderType.FAK
    )

    answer = await asyncio.to_thread(client.create_and_post_market_order, wanted, None, OrderType.FAK)
    trades = await asyncio.to_thread(client.get_trades, TradeParams(id=answer["tradeIDs"][0]))

    assert answer["status"] == "matched"
    assert 24.9 < float(answer["makingAmount"]) <= 25
    assert answer["transactionsHashes"], "the client waits until the trade is mined"
    assert [trade["id"] for trade in trades] == answer["tradeIDs"][:1]


async def test_fak_without_a_match_is_an_http_error_with_the_documented_text(
    exchange: LocalExchange, client: ClobClient
):
    market = market_of(exchange, COIN)
    wanted = OrderArgsV2(token_id=market.tokens[0], price=0.02, size=100, side="BUY")

    with pytest.raises(PolyApiException) as caught:
        await asyncio.to_thread(client.create_and_post_order, wanted, None, OrderType.FAK)

    assert caught.value.status_code == 400
    assert caught.value.error_msg == {
        "error": "no orders found to match with FAK order. "
        "FAK orders are partially filled or killed if no match is found."
    }


async def test_batch_answers_every_leg_in_its_place(exchange: LocalExchange, client: ClobClient):
    def post() -> list[Record]:
        entries = []
        for child, size in ((0, 20), (1, 2), (2, 20)):
            token = market_of(exchange, CUP, child).tokens[0]
            signed = client.create_order(OrderArgsV2(token_id=token, price=0.03, size=size, side="BUY"))
            entries.append(PostOrdersV2Args(order=signed, orderType=OrderType.GTC))
        answers: list[Record] = client.post_orders(entries)
        return answers

    answers = await asyncio.to_thread(post)

    assert [answer["status"] for answer in answers] == ["live", "", "live"]
    assert answers[1]["orderID"] == ""
    assert answers[1]["success"] is True
    assert "lower than the minimum: 5" in answers[1]["errorMsg"]


async def test_cancels_of_every_kind_empty_the_book(exchange: LocalExchange, client: ClobClient):
    markets = [market_of(exchange, CUP, child) for child in range(3)]

    def trade() -> tuple[list[str], list[Record]]:
        ids = [
            client.create_and_post_order(
                OrderArgsV2(token_id=market.tokens[0], price=0.03, size=10, side="BUY")
            )["orderID"]
            for market in (*markets, markets[2])
        ]
        return ids, [
            client.cancel_order(OrderPayload(orderID=ids[0])),
            client.cancel_orders(ids[:1]),
            client.cancel_market_orders(OrderMarketCancelParams(market=markets[1].condition_id)),
            client.cancel_all(),
        ]

    ids, answers = await asyncio.to_thread(trade)

    assert [answer["canceled"] for answer in answers[:3]] == [ids[:1], [], ids[1:2]]
    assert set(answers[1]["not_canceled"]) == set(ids[:1])
    assert set(answers[3]["canceled"]) == set(ids[2:])
    assert await asyncio.to_thread(client.get_open_orders) == []


async def test_balance_falls_by_what_the_ledger_says(exchange: LocalExchange, client: ClobClient):
    market = market_of(exchange, FED)
    wanted = OrderArgsV2(token_id=market.tokens[0], price=0.1, size=50, side="BUY")

    await asyncio.to_thread(client.create_and_post_order, wanted)
    collateral = BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)
    balance = await asyncio.to_thread(client.get_balance_allowance, collateral)

    fills = [fill for trade in exchange.exchange.trades for fill in trade.takers]
    assert int(balance["balance"]) == 1_000_000_000 - sum(fill.cash + fill.fee for fill in fills)
    assert sum(fill.size for fill in fills) == 50_000_000


def _independent_hash(book: Record) -> str:
    """Hash a book with this client's own routine, fed with the answer's texts."""
    from py_clob_client_v2.clob_types import OrderBookSummary, OrderSummary
    from py_clob_client_v2.utilities import generate_orderbook_summary_hash

    fields = {name: book[name] for name in book if name not in ("bids", "asks")}
    summary = OrderBookSummary(
        **fields,
        bids=[OrderSummary(**level) for level in book["bids"]],
        asks=[OrderSummary(**level) for level in book["asks"]],
    )
    return str(generate_orderbook_summary_hash(summary))
