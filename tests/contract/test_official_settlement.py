"""The unmodified unified client lives through settlement, foreign orders and approvals; nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from polymarket import AsyncSecureClient, RequestRejectedError, TransactionFailedError
from polymarket.models import AcceptedOrder
from polymarket.models.clob.user_events import UserOrderPayload, UserTradePayload
from polymarket.streams import UserSpec

from engine.clock import SystemClock
from engine.domain.units import Price, Size, Usdc
from engine.simulator.contracts import STANDARD
from engine.simulator.market import Side
from engine.simulator.orders import OrderType, TradeStatus
from engine.simulator.other_hands import Wish
from engine.simulator.server import LocalExchange
from engine.simulator.settlement import Plan, Wait
from tests.contract.test_official_client import dropped
from tests.support.local_exchange import COIN, CUP, FED, HARDHAT_KEY, market_of, running_exchange, until
from tests.support.sdk import no_proxy, secure_client

pytestmark = pytest.mark.usefixtures(no_proxy.__name__)
__all__ = ["no_proxy"]
STEP_MS = 40
MINED, RETRYING = TradeStatus.MINED, TradeStatus.RETRYING
CONFIRMED, FAILED = TradeStatus.CONFIRMED, TradeStatus.FAILED


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


@pytest.fixture
async def client(exchange: LocalExchange) -> AsyncIterator[AsyncSecureClient]:
    async with secure_client(exchange.url, exchange.ws_url, HARDHAT_KEY) as opened:
        yield opened


def next_trade(exchange: LocalExchange, *statuses: TradeStatus) -> None:
    """Let the next trade settle this way."""
    course = tuple(Wait(status, STEP_MS) for status in statuses)
    exchange.exchange.settlements.script_next(Plan(TradeStatus.MATCHED, course), 1)


async def bought(exchange: LocalExchange, client: AsyncSecureClient, slug: str = CUP) -> AcceptedOrder:
    """Buy ten YES at once."""
    token = market_of(exchange, slug).tokens[0]
    placed = await client.place_limit_order(asset_id=token, price="0.6", size=10, side="BUY")
    assert isinstance(placed, AcceptedOrder)
    return placed


@pytest.mark.parametrize(
    "course",
    [
        (MINED, CONFIRMED),
        (MINED, RETRYING, MINED, CONFIRMED),
        (RETRYING, MINED, CONFIRMED),
        (FAILED,),
        (MINED, FAILED),
        (MINED, RETRYING, FAILED),
    ],
)
async def test_user_stream_tells_every_step_and_every_hash_of_a_settlement(
    exchange: LocalExchange, client: AsyncSecureClient, course: tuple[TradeStatus, ...]
):
    next_trade(exchange, *course)
    async with await client.subscribe(UserSpec()) as events:
        await until(lambda: exchange.venue.user_stream.listeners == 1)
        placed = await bought(exchange, client)
        told: list[UserTradePayload] = []
        while len(told) < 1 + len(course):
            event = await asyncio.wait_for(anext(events), 5)
            if isinstance(event.payload, UserTradePayload):
                told.append(event.payload)

        assert [trade.status for trade in told] == ["MATCHED", *(status.value for status in course)]
        assert {trade.id for trade in told} == set(placed.trade_ids)
        mined = [trade.transaction_hash for trade in told if trade.status == "MINED"]
        assert len(set(mined)) == len(mined)
        assert dropped(events) == 0
        assert client._get_user_manager().dropped_events == 0
    read = [trade async for trade in client.list_account_trades().iter_items()]
    assert [trade.status for trade in read] == [course[-1].value]


async def test_failed_settlement_is_told_by_the_wait_and_gives_everything_back(
    exchange: LocalExchange, client: AsyncSecureClient
):
    before = (await client.get_balance_allowance(asset_type="COLLATERAL")).balance
    next_trade(exchange, MINED, FAILED)
    placed = await bought(exchange, client)

    with pytest.raises(TransactionFailedError):
        await client.wait_for_order_fill_settlement(placed)

    assert (await client.get_balance_allowance(asset_type="COLLATERAL")).balance == before
    held = await client.get_balance_allowance(
        asset_type="CONDITIONAL", asset_id=market_of(exchange, CUP).tokens[0]
    )
    assert held.balance == 0


@pytest.mark.parametrize(("side", "outcome"), [("BUY", 0), ("BUY", 1), ("SELL", 0), ("SELL", 1)])
async def test_maker_fill_by_transfer_mint_and_merge_is_told_and_counted(
    exchange: LocalExchange, client: AsyncSecureClient, side: Literal["BUY", "SELL"], outcome: int
):
    market = market_of(exchange, COIN)
    exchange.exchange.bank.split(client.wallet, market, Size(50_000_000))
    token = market.tokens[0]
    async with await client.subscribe(UserSpec(markets=[market.condition_id])) as events:
        await until(lambda: exchange.venue.user_stream.listeners == 1)
        placed = await client.place_limit_order(asset_id=token, price="0.57", size=10, side=side)
        assert isinstance(placed, AcceptedOrder)
        resting = exchange.exchange.orders[placed.order_id]
        exchange.venue.hands.meet(resting, outcome, Size(10_000_000), exchange.venue.now_ms())
        exchange.venue.publish()
        seen = [await asyncio.wait_for(anext(events), 5) for _ in range(5)]

    trades = [event.payload for event in seen if isinstance(event.payload, UserTradePayload)]
    assert [trade.status for trade in trades] == ["MATCHED", "MINED", "CONFIRMED"]
    assert {trade.trader_side for trade in trades} == {"MAKER"}
    own = [maker for maker in trades[0].maker_orders or () if maker.order_id == placed.order_id]
    assert [(maker.asset_id, maker.side, int(maker.matched_amount)) for maker in own] == [(token, side, 10)]
    held = await client.get_balance_allowance(asset_type="CONDITIONAL", asset_id=token)
    assert held.balance == (60 if side == "BUY" else 40) * 1_000_000


async def test_foreign_order_is_listed_and_ends_when_the_money_leaves(
    exchange: LocalExchange, client: AsyncSecureClient
):
    market, now_ms = market_of(exchange, FED), exchange.venue.now_ms()
    wish = Wish(market, 0, Side.BUY, Price(100), Size(50_000_000_000), OrderType.GTC)
    async with await client.subscribe(UserSpec()) as events:
        await until(lambda: exchange.venue.user_stream.listeners == 1)
        exchange.venue.hands.place_foreign(client.wallet, wish, now_ms)
        exchange.venue.publish()
        listed = [order async for order in client.list_open_orders().iter_items()]
        exchange.exchange.bank.withdraw(client.wallet, Usdc(600_000_000), now_ms)
        exchange.exchange.end_uncovered(client.wallet, now_ms)
        exchange.venue.publish()
        seen = [(await asyncio.wait_for(anext(events), 5)).payload for _ in range(2)]

    assert [order.id for order in listed] == [event.id for event in seen[:1]]
    assert [event.order_event_type for event in seen if isinstance(event, UserOrderPayload)] == [
        "PLACEMENT",
        "CANCELLATION",
    ]
    assert seen[1].status == "CANCELED_NOT_ENOUGH_BALANCE"


async def test_approvals_are_complete_until_one_is_taken_back(
    exchange: LocalExchange, client: AsyncSecureClient
):
    before = await client.get_trading_approvals_state()
    account = exchange.exchange.bank.accounts[client.wallet]
    account.allowances[STANDARD.adapter] = 0
    after = await client.get_trading_approvals_state()

    assert before.is_fully_approved
    assert [missing.spender for missing in after.missing.erc20] == [STANDARD.adapter]
    assert not after.missing.erc1155


async def test_closed_only_account_is_told_so_and_cannot_buy(
    exchange: LocalExchange, client: AsyncSecureClient
):
    exchange.venue.entry.closed_only = True

    assert await client.get_closed_only_mode()
    with pytest.raises(RequestRejectedError, match="address in closed only mode"):
        await bought(exchange, client)


async def test_plural_reads_and_a_market_by_slug_are_answered(
    exchange: LocalExchange, client: AsyncSecureClient
):
    tokens = market_of(exchange, CUP).tokens
    await bought(exchange, client)

    midpoints = await client.get_midpoints(asset_ids=tokens)
    spreads = await client.get_spreads(asset_ids=tokens)
    last = await client.get_last_trade_price(asset_id=tokens[0])
    market = await client.get_market(slug=f"{CUP}-1")

    assert set(midpoints) == set(spreads) == set(tokens)
    assert sum(midpoints.values()) == 1
    assert last is not None
    assert last.price > 0
    assert market.condition_id == market_of(exchange, CUP).condition_id


async def test_deleted_key_opens_nothing_any_more(exchange: LocalExchange, client: AsyncSecureClient):
    assert client.credentials.key in await client.fetch_api_keys()

    await client.delete_api_key()

    with pytest.raises(RequestRejectedError):
        await client.get_closed_only_mode()
