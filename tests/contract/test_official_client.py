"""The unmodified unified client trades on the local exchange: every call, both streams, nothing dropped."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from eth_account import Account
from polymarket import AsyncSecureClient, RequestRejectedError
from polymarket._internal.streams.handle import AsyncSubscriptionHandle
from polymarket.models import AcceptedOrder, OrderResponse, RejectedOrder
from polymarket.models.clob.market_events import MarketBookPayload, MarketPriceChangePayload
from polymarket.streams import MarketSpec, UserSpec

from engine.clock import SystemClock
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import (
    COIN,
    CUP,
    ELEVENS_KEY,
    FED,
    HARDHAT_KEY,
    market_of,
    running_exchange,
    until,
)
from tests.support.sdk import loopback_environment, no_proxy, secure_client

pytestmark = pytest.mark.usefixtures(no_proxy.__name__)
__all__ = ["no_proxy"]


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


@pytest.fixture
async def client(exchange: LocalExchange) -> AsyncIterator[AsyncSecureClient]:
    async with secure_client(exchange.url, exchange.ws_url, HARDHAT_KEY) as opened:
        yield opened


async def test_auth_second_client_of_one_key_derives_what_the_first_created(
    exchange: LocalExchange, client: AsyncSecureClient
):
    async with secure_client(exchange.url, exchange.ws_url, HARDHAT_KEY) as again:
        assert again.credentials == client.credentials
    async with secure_client(exchange.url, exchange.ws_url, ELEVENS_KEY) as other:
        assert other.credentials.key != client.credentials.key


async def test_auth_given_credentials_are_confirmed_by_the_key_list(
    exchange: LocalExchange, client: AsyncSecureClient
):
    again = await AsyncSecureClient.create(
        private_key=HARDHAT_KEY,
        wallet=client.wallet,
        credentials=client.credentials,
        environment=loopback_environment(exchange.url, exchange.ws_url),
    )

    assert again.credentials == client.credentials
    assert not await again.get_closed_only_mode()
    await again.close()


async def test_books_single_and_batched_agree_and_have_their_best_level_last(
    exchange: LocalExchange, client: AsyncSecureClient
):
    tokens = market_of(exchange, FED).tokens

    book = await client.get_order_book(asset_id=tokens[0])
    books = {str(found.asset_id): found for found in await client.get_order_books(asset_ids=tokens)}

    assert books.keys() == set(tokens)
    assert books[tokens[0]] == book
    assert book.bids[-1].price == max(level.price for level in book.bids)
    assert book.asks[-1].price == min(level.price for level in book.asks)
    assert book.asks[-1].price > book.bids[-1].price
    mirrored = [(1 - level.price, level.size) for level in books[tokens[1]].bids]
    assert mirrored == [(level.price, level.size) for level in book.asks]


async def test_prices_midpoint_and_spread_agree_with_the_book(
    exchange: LocalExchange, client: AsyncSecureClient
):
    token = market_of(exchange, CUP).tokens[0]
    book = await client.get_order_book(asset_id=token)
    bid, ask = book.bids[-1].price, book.asks[-1].price

    assert await client.get_midpoint(asset_id=token) == (bid + ask) / 2
    assert await client.get_spread(asset_id=token) == ask - bid
    assert await client.get_price(asset_id=token, side="BUY") == bid
    assert await client.get_price(asset_id=token, side="SELL") == ask


async def test_catalogue_event_parses_with_all_its_children(
    exchange: LocalExchange, client: AsyncSecureClient
):
    event = await client.get_event(slug=FED)

    assert event.trading.enable_neg_risk is True
    assert event.trading.neg_risk_augmented is False
    assert len(event.markets) == 5
    listed = [item async for item in client.list_events().iter_items()]
    assert {item.slug for item in listed} == {found.slug for found in exchange.venue.catalogue.events}


async def test_limit_gtc_rests_is_listed_and_is_cancelled(exchange: LocalExchange, client: AsyncSecureClient):
    market = market_of(exchange, COIN)

    placed = await client.place_limit_order(asset_id=market.tokens[0], price="0.11", size=20, side="BUY")
    assert isinstance(placed, AcceptedOrder)
    assert placed.status == "live"
    one = await client.get_order(order_id=placed.order_id)
    listed = [order async for order in client.list_open_orders().iter_items()]
    cancelled = await client.cancel_order(order_id=placed.order_id)

    assert one.price == Decimal("0.11")
    assert (int(one.original_size), int(one.size_matched)) == (20, 0)
    assert [order.id for order in listed] == [placed.order_id]
    assert cancelled.canceled == (placed.order_id,)
    assert not [order async for order in client.list_open_orders().iter_items()]
    repeated = await client.cancel_order(order_id=placed.order_id)
    assert placed.order_id in repeated.not_canceled


async def test_limit_gtd_post_only_rests_and_a_crossing_one_is_refused(
    exchange: LocalExchange, client: AsyncSecureClient
):
    market = market_of(exchange, FED)
    expiration = int(time.time()) + 600

    async def place(price: str) -> OrderResponse:
        return await client.place_limit_order(
            asset_id=market.tokens[0],
            price=price,
            size=50,
            side="BUY",
            post_only=True,
            expiration=expiration,
        )

    placed = await place("0.011")

    assert isinstance(placed, AcceptedOrder)
    assert (await client.get_order(order_id=placed.order_id)).order_type == "GTD"
    with pytest.raises(RequestRejectedError, match="order crosses book"):
        await place("0.2")


async def test_marketable_limit_takes_the_book_and_its_trade_is_confirmed(
    exchange: LocalExchange, client: AsyncSecureClient
):
    market = market_of(exchange, FED)
    book = await client.get_order_book(asset_id=market.tokens[0])

    placed = await client.place_limit_order(asset_id=market.tokens[0], price="0.09", size=40, side="BUY")

    assert isinstance(placed, AcceptedOrder)
    assert placed.status == "matched"
    assert placed.taking_amount == 40
    assert placed.making_amount <= book.asks[-1].price * 41
    settled = await client.wait_for_order_fill_settlement(placed)
    assert settled
    trades = [trade async for trade in client.list_account_trades().iter_items()]
    assert sum(trade.size for trade in trades) == 40
    assert {trade.status for trade in trades} == {"CONFIRMED"}
    assert {trade.trader_side for trade in trades} == {"TAKER"}
    held = await client.get_balance_allowance(asset_type="CONDITIONAL", asset_id=market.tokens[0])
    assert held.balance == 40_000_000


async def test_market_fak_buy_spends_its_dollars_and_the_ledger_agrees(
    exchange: LocalExchange, client: AsyncSecureClient
):
    market = market_of(exchange, COIN)
    before = (await client.get_balance_allowance(asset_type="COLLATERAL")).balance

    placed = await client.place_market_order(asset_id=market.tokens[0], side="BUY", amount=10)

    assert isinstance(placed, AcceptedOrder)
    assert placed.status == "matched"
    assert Decimal("9.99") < placed.making_amount <= 10
    after = (await client.get_balance_allowance(asset_type="COLLATERAL")).balance
    account = exchange.exchange.bank.accounts[client.wallet]
    fees = sum(fill.fee for trade in exchange.exchange.trades for fill in trade.takers)
    assert fees > 0
    assert before - after == placed.making_amount * 1_000_000 + fees
    assert account.shares[market.tokens[0]] == placed.taking_amount * 1_000_000


async def test_market_fak_sell_gives_back_what_was_bought_once_it_is_confirmed(
    exchange: LocalExchange, client: AsyncSecureClient
):
    market = market_of(exchange, CUP)
    bought = await client.place_limit_order(asset_id=market.tokens[1], price="0.7", size=10, side="BUY")
    assert isinstance(bought, AcceptedOrder)

    with pytest.raises(RequestRejectedError, match="not enough balance / allowance"):
        await client.place_market_order(asset_id=market.tokens[1], side="SELL", shares=10)
    assert await client.wait_for_order_fill_settlement(bought)
    sold = await client.place_market_order(asset_id=market.tokens[1], side="SELL", shares=10)

    assert isinstance(sold, AcceptedOrder)
    assert sold.making_amount == 10
    held = await client.get_balance_allowance(asset_type="CONDITIONAL", asset_id=market.tokens[1])
    assert held.balance == 0


async def test_batch_keeps_order_and_reports_a_refused_leg_as_rejected(
    exchange: LocalExchange, client: AsyncSecureClient
):
    markets = [market_of(exchange, FED, child) for child in range(3)]
    signed = [
        await client.create_limit_order(asset_id=market.tokens[0], price=price, size=size, side="BUY")
        for market, price, size in zip(markets, ("0.01", "0.02", "0.5"), (30, 60_000, 10), strict=True)
    ]

    answers = await client.post_orders(signed)

    assert [type(answer) for answer in answers] == [AcceptedOrder, RejectedOrder, AcceptedOrder]
    refused = answers[1]
    assert isinstance(refused, RejectedOrder)
    assert refused.code == "not_enough_balance"
    assert isinstance(answers[2], AcceptedOrder)
    assert answers[2].status == "matched"


async def test_batch_leg_rejected_by_a_scripted_fault_names_its_text(
    exchange: LocalExchange, client: AsyncSecureClient
):
    from engine.simulator.faults import Fault, FaultKind

    exchange.faults.arm(Fault(FaultKind.REJECT_LEG, leg=1))
    signed = [
        await client.create_limit_order(
            asset_id=market_of(exchange, CUP, child).tokens[0], price="0.05", size=10, side="BUY"
        )
        for child in range(3)
    ]

    answers = await client.post_orders(signed)

    assert [answer.ok for answer in answers] == [True, False, True]
    assert isinstance(answers[1], RejectedOrder)
    assert answers[1].code == "fak_not_filled"


async def test_cancels_many_by_market_and_all_leave_nothing_open(
    exchange: LocalExchange, client: AsyncSecureClient
):
    fed, cup, coin = (market_of(exchange, slug) for slug in (FED, CUP, COIN))
    ids = {}
    for name, market in (("fed", fed), ("cup", cup), ("coin", coin), ("more", coin)):
        price = "0.01" if market is not fed else "0.011"
        placed = await client.place_limit_order(asset_id=market.tokens[0], price=price, size=10, side="BUY")
        assert isinstance(placed, AcceptedOrder)
        ids[name] = placed.order_id

    many = await client.cancel_orders(order_ids=[ids["fed"], "0x" + "77" * 32])
    by_market = await client.cancel_market_orders(market=cup.condition_id)
    everything = await client.cancel_all()

    assert many.canceled == (ids["fed"],)
    assert list(many.not_canceled) == ["0x" + "77" * 32]
    assert by_market.canceled == (ids["cup"],)
    assert set(everything.canceled) == {ids["coin"], ids["more"]}
    assert not [order async for order in client.list_open_orders().iter_items()]


async def test_market_stream_delivers_dump_deltas_and_trades_without_a_drop(
    exchange: LocalExchange, client: AsyncSecureClient
):
    market = market_of(exchange, CUP)
    async with await client.subscribe(MarketSpec(asset_ids=list(market.tokens))) as events:
        await until(lambda: exchange.open_sockets == 1)
        first = [await anext(events), await anext(events)]
        await client.place_limit_order(asset_id=market.tokens[0], price="0.02", size=10, side="BUY")
        change = await anext(events)
        await client.place_limit_order(asset_id=market.tokens[0], price="0.5", size=10, side="BUY")
        after_trade = [await anext(events) for _ in range(3)]

        books = [event.payload for event in first if isinstance(event.payload, MarketBookPayload)]
        assert {book.asset_id for book in books} == set(market.tokens)
        assert isinstance(change.payload, MarketPriceChangePayload)
        assert {entry.asset_id for entry in change.payload.price_changes} == set(market.tokens)
        assert [event.type for event in after_trade] == ["book", "book", "last_trade_price"]
        assert dropped(events) == 0
        assert client._get_market_manager().dropped_events == 0


async def test_user_stream_tells_the_whole_life_of_an_order(
    exchange: LocalExchange, client: AsyncSecureClient
):
    market = market_of(exchange, CUP)
    async with await client.subscribe(UserSpec()) as events:
        await until(lambda: exchange.open_sockets == 1)
        await _heard(exchange)
        placed = await client.place_limit_order(asset_id=market.tokens[0], price="0.5", size=10, side="BUY")
        assert isinstance(placed, AcceptedOrder)
        seen = [await asyncio.wait_for(anext(events), 5) for _ in range(5)]

        orders = [event.payload for event in seen if event.type == "order"]
        trades = [event.payload for event in seen if event.type == "trade"]
        assert [order.order_event_type for order in orders] == ["PLACEMENT", "UPDATE"]
        assert [order.size_matched for order in orders] == [0, 10]
        assert {order.id for order in orders} == {placed.order_id}
        assert [trade.status for trade in trades] == ["MATCHED", "MINED", "CONFIRMED"]
        assert {trade.id for trade in trades} == set(placed.trade_ids)
        assert dropped(events) == 0
        assert client._get_user_manager().dropped_events == 0


async def test_deposit_wallet_order_is_verified_and_rests(exchange: LocalExchange):
    as_wallet = await AsyncSecureClient.create(
        private_key=HARDHAT_KEY, environment=loopback_environment(exchange.url, exchange.ws_url)
    )
    try:
        placed = await as_wallet.place_limit_order(
            asset_id=market_of(exchange, FED).tokens[0], price="0.02", size=10, side="BUY"
        )
        assert isinstance(placed, AcceptedOrder)
        order = await as_wallet.get_order(order_id=placed.order_id)
        assert order.maker_address == as_wallet.wallet
        assert order.maker_address != Account.from_key(HARDHAT_KEY).address
        held = await as_wallet.get_balance_allowance(asset_type="COLLATERAL")
        assert held.balance == 1_000_000_000
    finally:
        await as_wallet.close()


async def test_credentials_have_the_shape_of_the_venue(client: AsyncSecureClient):
    assert len(base64.urlsafe_b64decode(client.credentials.secret)) == 32
    assert len(client.credentials.key.split("-")) == 5


def dropped(events: object) -> int:
    """Return how many events the client's own queue threw away."""
    assert isinstance(events, AsyncSubscriptionHandle), f"unexpected handle {type(events)}"
    return events.dropped


async def _heard(exchange: LocalExchange) -> None:
    """Wait until the exchange has taken the user socket's first frame."""
    await until(lambda: exchange.venue.user_stream.listeners == 1)
