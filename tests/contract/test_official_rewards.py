"""Rewards and rebates of the local exchange through the unmodified unified client, and our reads of them."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from eth_account import Account
from polymarket import AsyncSecureClient
from polymarket.models import AcceptedOrder

from engine.clock import ManualClock
from engine.domain.catalogue import Catalogue
from engine.domain.ids import ConditionId, OrderId
from engine.domain.rewards import SHARE_ONE, Earned, MarketOffer, PoolShare, RewardOffer, paid, utc_day
from engine.domain.units import Ms, Price, Size, Usdc
from engine.simulator.server import LocalExchange
from engine.venue import reward_reads
from engine.venue.auth import ApiCredentials, L2Signer
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.keys import SigningKey
from engine.venue.private_calls import PrivateCalls
from engine.venue.reward_rows import day_text
from engine.venue.signing import SignatureType
from tests.support.local_exchange import COIN, ELEVENS_KEY, HARDHAT_KEY, MATCH, market_of, running_exchange
from tests.support.sdk import clob_client, no_proxy, secure_client

pytestmark = pytest.mark.usefixtures(no_proxy.__name__)
__all__ = ["no_proxy"]
START_MS = Ms(1_790_000_000_000)
DAY = utc_day(START_MS)
DATE = day_text(DAY)
TO_MIDNIGHT_MS = 86_400_000 - START_MS % 86_400_000
EOA = SignatureType.EOA


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


@pytest.fixture
async def exchange(clock: ManualClock) -> AsyncIterator[LocalExchange]:
    async with running_exchange(clock=clock, start_balance=10_000_000_000) as running:
        yield running


@pytest.fixture
async def client(exchange: LocalExchange) -> AsyncIterator[AsyncSecureClient]:
    async with secure_client(exchange.url, exchange.ws_url, HARDHAT_KEY) as opened:
        yield opened


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    opened = HttpClient(timeout_s=5)
    yield opened
    await opened.close()


@pytest.fixture
def calls(exchange: LocalExchange, client: AsyncSecureClient, http: HttpClient, clock: ManualClock):
    told = client.credentials
    credentials = ApiCredentials(str(told.key), str(told.secret), str(told.passphrase))
    return PrivateCalls(http, exchange.url, L2Signer(SigningKey(HARDHAT_KEY).address, credentials), clock)


async def quote(exchange: LocalExchange, client: AsyncSecureClient) -> tuple[str, str]:
    """Rest 400 shares on both sides of COIN's touch, the ask as a BUY of NO."""
    ids = []
    for token, price in zip(market_of(exchange, COIN).tokens, ("0.56", "0.42"), strict=True):
        placed = await client.place_limit_order(
            asset_id=token, price=price, size=400, side="BUY", post_only=True
        )
        assert isinstance(placed, AcceptedOrder)
        ids.append(str(placed.order_id))
    return ids[0], ids[1]


def step(exchange: LocalExchange, clock: ManualClock, by_ms: int) -> None:
    clock.advance(by_ms)
    exchange.venue.advance()


def micro(amount: Decimal | float | None) -> int:
    return int(Decimal(str(amount)) * 1_000_000)


def earned(market: object, amount: Decimal) -> Earned:
    return Earned(DAY, ConditionId(str(market)), Usdc(micro(amount)))


def offered(cents: float | None, shares: Decimal | None, daily: int) -> RewardOffer:
    spread = int(Decimal(str(cents)) * 100)
    return RewardOffer(Price(spread), Size(micro(shares)), Usdc(daily))


async def test_offers_of_the_client_are_ours(exchange: LocalExchange, client: AsyncSecureClient, http):
    told = [row async for row in client.list_current_rewards().iter_items()]
    ours = await reward_reads.read_offers(http, exchange.url)

    assert isinstance(ours, tuple)
    assert len(ours) == 10
    assert sorted(ours, key=lambda row: row.condition_id) == sorted(
        (
            MarketOffer(
                ConditionId(str(row.condition_id)),
                offered(
                    row.rewards_max_spread,
                    row.rewards_min_size,
                    sum(micro(config.rate_per_day) for config in row.rewards_config),
                ),
            )
            for row in told
        ),
        key=lambda row: row.condition_id,
    )
    assert [row async for row in client.list_current_rewards(sponsored=True).iter_items()] == []


async def test_offer_of_one_market_is_that_of_the_client(exchange, client: AsyncSecureClient, http):
    coin, match = (ConditionId(market_of(exchange, slug).condition_id) for slug in (COIN, MATCH))
    (told,) = [row async for row in client.list_market_rewards(condition_id=coin).iter_items()]

    assert await reward_reads.read_offer(http, exchange.url, coin) == offered(
        told.rewards_max_spread, told.rewards_min_size, micro(told.rewards_config[0].rate_per_day)
    )
    assert [str(token.asset_id) for token in told.tokens] == list(market_of(exchange, COIN).tokens)
    assert told.market_competitiveness is not None
    assert [row async for row in client.list_market_rewards(condition_id=match).iter_items()] == []
    assert await reward_reads.read_offer(http, exchange.url, match) is None


async def test_catalogue_of_the_client_and_ours_tell_the_same_rewards(
    exchange: LocalExchange, client: AsyncSecureClient, http
):
    read = await VenueReads(http, VenueHosts.loopback(exchange.url, exchange.ws_url), {}).read_catalogue()
    assert isinstance(read, Catalogue)
    ours = {market.condition_id: market for event in read.events for market in event.markets}
    count = 0
    for condition, market in ours.items():
        slug = exchange.venue.catalogue.find_condition(condition)
        assert slug is not None
        told = (await client.get_market(slug=slug[1].slug)).rewards
        if market.rewards is None:
            assert (told.rewards_max_spread, told.clob_rewards) == (0, None)
            continue
        count += 1
        assert market.rewards.max_spread == int(Decimal(str(told.rewards_max_spread)) * 100)
        assert market.rewards.min_size == micro(told.rewards_min_size or 0)
        assert market.rewards.daily == micro((told.clob_rewards or ())[0].rewards_daily_rate)
        assert market.rewards.min_age_ms == 3_500
    assert count == 10
    assert ours[ConditionId(market_of(exchange, COIN).condition_id)].rebate_pct == 20


async def test_shares_and_scoring_of_the_client_are_ours(exchange, client, calls, clock):
    ids = await quote(exchange, client)
    far = await client.place_limit_order(
        asset_id=market_of(exchange, COIN).tokens[0], price="0.3", size=400, side="BUY"
    )
    asked = [OrderId(order_id) for order_id in (*ids, str(far.order_id))]
    assert await reward_reads.read_scoring_orders(calls, asked) == frozenset()
    step(exchange, clock, 3_500)

    told = await client.get_reward_percentages()
    ours = await reward_reads.read_pool_shares(calls, EOA)
    assert ours == tuple(
        PoolShare(ConditionId(str(market)), round(share * SHARE_ONE / 100)) for market, share in told.items()
    )
    assert len(told) == 1
    scoring = await client.get_orders_scoring(order_ids=asked)
    assert scoring == dict(zip(asked, (True, True, False), strict=True))
    assert await reward_reads.read_scoring_orders(calls, asked) == frozenset(asked[:2])
    assert await client.get_order_scoring(order_id=asked[0]) is True


async def test_earnings_of_the_client_are_ours_and_paid_when_the_day_is_over(exchange, client, calls, clock):
    await quote(exchange, client)
    before = (await client.get_balance_allowance(asset_type="COLLATERAL")).balance
    step(exchange, clock, TO_MIDNIGHT_MS - 1)

    rows = [row async for row in client.list_user_earnings_for_day(date=DATE).iter_items()]
    ours = await reward_reads.read_earned(calls, EOA, DAY)
    assert isinstance(ours, tuple)
    assert ours == tuple(earned(row.condition_id, row.earnings) for row in rows)
    (total,) = await client.get_total_earnings_for_user_for_day(date=DATE)
    assert micro(total.earnings) == sum(row.amount for row in ours) > 1_000_000
    assert paid(ours, DAY, clock.now_ms()) == 0
    step(exchange, clock, 1)

    after = (await client.get_balance_allowance(asset_type="COLLATERAL")).balance
    assert after - before == paid(ours, DAY, clock.now_ms()) == micro(total.earnings)


async def test_rebates_of_the_client_are_ours_and_what_was_credited(exchange, client, calls, http, clock):
    await quote(exchange, client)
    token = market_of(exchange, COIN).tokens[0]
    async with secure_client(exchange.url, exchange.ws_url, ELEVENS_KEY) as taker:
        taken = await taker.place_limit_order(asset_id=token, price="0.58", size=4_000, side="BUY")
        assert isinstance(taken, AcceptedOrder)
    await client.cancel_all()
    step(exchange, clock, 10_000)
    maker = Account.from_key(HARDHAT_KEY).address
    before = (await client.get_balance_allowance(asset_type="COLLATERAL")).balance
    assert await reward_reads.read_maker_rebates(http, exchange.url, maker, DAY) == ()
    assert await client.get_current_rebates(date=DATE, maker_address=maker) == ()
    step(exchange, clock, TO_MIDNIGHT_MS)

    (told,) = await client.get_current_rebates(date=DATE, maker_address=maker)
    ours = await reward_reads.read_maker_rebates(http, exchange.url, maker, DAY)
    assert ours == (earned(told.condition_id, told.rebated_fees_usdc),)
    after = (await client.get_balance_allowance(asset_type="COLLATERAL")).balance
    assert after - before == paid(ours, DAY, clock.now_ms()) > 0


async def test_second_client_reads_the_same(exchange, client, calls, clock):
    ids = await quote(exchange, client)
    step(exchange, clock, 60_000)
    condition = market_of(exchange, COIN).condition_id
    second = await asyncio.to_thread(clob_client, exchange.url, HARDHAT_KEY)

    current = await asyncio.to_thread(second.get_current_rewards)
    (one,) = await asyncio.to_thread(second.get_raw_rewards_for_market, condition)
    (row,) = await asyncio.to_thread(second.get_earnings_for_user_for_day, DATE)
    (total,) = await asyncio.to_thread(second.get_total_earnings_for_user_for_day, DATE)
    shares = await asyncio.to_thread(second.get_reward_percentages)

    assert one["condition_id"] in {listed["condition_id"] for listed in current}
    assert (row["condition_id"], row["earnings"]) == (condition, total["earnings"])
    assert await reward_reads.read_earned(calls, EOA, DAY) == (earned(condition, row["earnings"]),)
    assert shares.keys() == {condition}
    scoring = await reward_reads.read_scoring_orders(calls, [OrderId(order_id) for order_id in ids])
    assert scoring == frozenset(OrderId(order_id) for order_id in ids)
