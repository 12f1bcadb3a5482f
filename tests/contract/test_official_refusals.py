"""What the unified client makes of a venue that says no: kills, states, limits, heartbeats, mixed batches."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Literal

import pytest
from polymarket import AsyncSecureClient, RateLimitError, RequestRejectedError
from polymarket._internal.streams.handle import AsyncSubscriptionHandle
from polymarket.errors import OrderHeartbeatMismatchError
from polymarket.models import AcceptedOrder, OrderResponse, RejectedOrder
from polymarket.rate_limit import RateLimitUpdate
from polymarket.streams import UserSpec

from engine.clock import ManualClock
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.heartbeats import CHECK_MS, SILENCE_MS
from engine.simulator.modes import Mode, ModeWindow
from engine.simulator.orders import OrderState
from engine.simulator.rate_limits import Enforcement
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import COIN, CUP, HARDHAT_KEY, market_of, running_exchange, until
from tests.support.sdk import no_proxy, secure_client

pytestmark = pytest.mark.usefixtures(no_proxy.__name__)
__all__ = ["no_proxy"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def exchange(clock: ManualClock) -> AsyncIterator[LocalExchange]:
    async with running_exchange(clock=clock, confirm_delay_ms=0) as running:
        yield running


@pytest.fixture
async def client(exchange: LocalExchange) -> AsyncIterator[AsyncSecureClient]:
    async with secure_client(exchange.url, exchange.ws_url, HARDHAT_KEY) as opened:
        yield opened


async def rest(
    exchange: LocalExchange, client: AsyncSecureClient, *, price: str = "0.02", post_only: bool = False
) -> OrderResponse:
    """Place a BUY of ten shares in the coin market."""
    return await client.place_limit_order(
        asset_id=market_of(exchange, COIN).tokens[0],
        price=price,
        size=10,
        side="BUY",
        post_only=post_only,
    )


async def test_fok_buy_is_filled_whole_or_killed_with_the_documented_text(
    exchange: LocalExchange, client: AsyncSecureClient
):
    token = market_of(exchange, COIN).tokens[0]

    filled = await client.place_market_order(asset_id=token, side="BUY", amount=10, order_type="FOK")

    assert isinstance(filled, AcceptedOrder)
    assert (filled.status, 9 < filled.making_amount <= 10) == ("matched", True)
    best = (await client.get_order_book(asset_id=token)).asks[-1]
    wanted = int(best.price * best.size) + 20
    with pytest.raises(RequestRejectedError, match="fully filled or killed") as caught:
        await client.place_market_order(
            asset_id=token, side="BUY", amount=wanted, max_price=best.price, order_type="FOK"
        )
    assert (caught.value.status, caught.value.restriction) == (400, None)
    assert {trade.taker_order_id for trade in exchange.exchange.trades} == {filled.order_id}


@pytest.mark.parametrize("order_type", ["FOK", "FAK"])
async def test_immediate_sell_gives_shares_or_is_killed_below_its_minimum(
    exchange: LocalExchange, client: AsyncSecureClient, order_type: Literal["FAK", "FOK"]
):
    token = market_of(exchange, COIN).tokens[0]
    await client.place_limit_order(asset_id=token, price="0.7", size=20, side="BUY")

    sold = await client.place_market_order(asset_id=token, side="SELL", shares=10, order_type=order_type)

    assert isinstance(sold, AcceptedOrder)
    assert (sold.status, int(sold.making_amount)) == ("matched", 10)
    with pytest.raises(RequestRejectedError, match="killed"):
        await client.place_market_order(
            asset_id=token, side="SELL", shares=10, min_price="0.95", order_type=order_type
        )


async def test_fak_buy_takes_what_its_limit_allows_and_kills_the_rest(
    exchange: LocalExchange, client: AsyncSecureClient
):
    token = market_of(exchange, COIN).tokens[0]
    best = (await client.get_order_book(asset_id=token)).asks[-1]

    placed = await client.place_market_order(
        asset_id=token, side="BUY", amount=int(best.price * best.size) + 20, max_price=best.price
    )

    assert isinstance(placed, AcceptedOrder)
    assert (placed.status, placed.taking_amount) == ("matched", best.size)
    assert exchange.exchange.orders[placed.order_id].state is OrderState.CANCELED


async def test_post_only_rests_or_is_refused_when_it_would_cross(
    exchange: LocalExchange, client: AsyncSecureClient
):
    resting = await rest(exchange, client, post_only=True)

    assert isinstance(resting, AcceptedOrder)
    assert resting.status == "live"
    with pytest.raises(RequestRejectedError, match="order crosses book"):
        await rest(exchange, client, price="0.9", post_only=True)


async def test_heartbeats_chain_and_a_stale_one_raises_with_the_expected_id(client: AsyncSecureClient):
    first = await client.send_order_heartbeat()
    second = await client.send_order_heartbeat(heartbeat_id=first.heartbeat_id)

    with pytest.raises(OrderHeartbeatMismatchError) as caught:
        await client.send_order_heartbeat(heartbeat_id=first.heartbeat_id)

    assert caught.value.heartbeat_id == second.heartbeat_id


async def test_lapsed_heartbeat_cancels_every_open_order(
    exchange: LocalExchange, client: AsyncSecureClient, clock: ManualClock
):
    await client.send_order_heartbeat()
    placed = await rest(exchange, client)

    clock.advance(SILENCE_MS + CHECK_MS)
    exchange.venue.advance()

    assert isinstance(placed, AcceptedOrder)
    assert not [order async for order in client.list_open_orders().iter_items()]
    assert [lapse.order_ids for lapse in exchange.venue.heartbeats.lapses] == [(placed.order_id,)]


@pytest.mark.parametrize(
    ("mode", "expected", "cancels"),
    [
        (Mode.RESTARTING, (425, "restarting", None), False),
        (Mode.POST_ONLY, (503, "post_only", 79), True),
        (Mode.CANCEL_ONLY, (503, "cancel_only", None), True),
        (Mode.DISABLED, (503, None, None), False),
    ],
)
async def test_state_of_the_venue_is_told_by_the_error_of_a_plain_order(
    exchange: LocalExchange,
    client: AsyncSecureClient,
    mode: Mode,
    expected: tuple[int, str | None, float | None],
    cancels: bool,
):
    resting = await rest(exchange, client)
    assert isinstance(resting, AcceptedOrder)
    exchange.venue.modes.follow([ModeWindow(mode, 79_000)], exchange.venue.now_ms())

    with pytest.raises(RequestRejectedError) as caught:
        await rest(exchange, client, price="0.03")

    error = caught.value
    assert (error.status, error.restriction, error.retry_after) == expected
    if cancels:
        cancelled = await client.cancel_order(order_id=resting.order_id)
        assert cancelled.canceled == (resting.order_id,)
    else:
        with pytest.raises(RequestRejectedError) as refused:
            await client.cancel_order(order_id=resting.order_id)
        assert refused.value.status == expected[0]


async def test_post_only_state_takes_post_only_orders_and_refuses_plain_legs_alone(
    exchange: LocalExchange, client: AsyncSecureClient
):
    exchange.venue.modes.follow([ModeWindow(Mode.POST_ONLY, 0)], exchange.venue.now_ms())
    token = market_of(exchange, COIN).tokens[0]
    legs = [
        await client.create_limit_order(asset_id=token, price=price, size=10, side="BUY", post_only=post_only)
        for price, post_only in (("0.02", True), ("0.03", False))
    ]

    taken, refused = await client.post_orders(legs)

    assert isinstance(taken, AcceptedOrder)
    assert isinstance(refused, RejectedOrder)
    assert refused.code == "post_only_mode"


async def test_batch_beyond_the_bucket_raises_with_the_limits_and_places_nothing(exchange: LocalExchange):
    exchange.venue.rates.enforcement = Enforcement.ENFORCED
    updates: list[RateLimitUpdate] = []
    async with secure_client(exchange.url, exchange.ws_url, HARDHAT_KEY, updates.append) as client:
        token = market_of(exchange, COIN).tokens[0]
        legs = [
            await client.create_limit_order(asset_id=token, price="0.02", size=10 + number, side="BUY")
            for number in range(75)
        ]
        for start in range(0, 60, 15):
            await client.post_orders(legs[start : start + 15])
        with pytest.raises(RateLimitError) as caught:
            await client.post_orders(legs[60:])
        opened = len([order async for order in client.list_open_orders().iter_items()])

    assert [update.remaining for update in updates[:4]] == [45, 30, 15, 0]
    assert {update.tier for update in updates} == {"Standard"}
    assert caught.value.retry_after == 1
    assert caught.value.rate_limit is not None
    assert caught.value.rate_limit.remaining == 0
    assert opened == 60


async def test_batch_of_mixed_legs_answers_each_by_its_own_fate(
    exchange: LocalExchange, client: AsyncSecureClient
):
    coin, cup = (market_of(exchange, slug).tokens[0] for slug in (COIN, CUP))
    exchange.faults.arm(
        Fault(FaultKind.REJECT_LEG, leg=5, text="the market is not yet ready to process new orders")
    )
    legs = [
        await client.create_limit_order(asset_id=coin, price="0.02", size=10, side="BUY"),
        await client.create_limit_order(asset_id=cup, price="0.6", size=10, side="BUY"),
        await client.create_market_order(asset_id=coin, side="BUY", amount=10, order_type="FOK"),
        await client.create_market_order(
            asset_id=coin, side="BUY", amount=10, max_price="0.05", order_type="FAK"
        ),
        await client.create_limit_order(asset_id=coin, price="0.9", size=10, side="BUY", post_only=True),
        await client.create_limit_order(asset_id=coin, price="0.03", size=10, side="BUY"),
        await client.create_limit_order(asset_id=coin, price="0.04", size=2_000, side="SELL"),
    ]

    answers = await client.post_orders(legs)

    assert [answer.status if isinstance(answer, AcceptedOrder) else answer.code for answer in answers] == [
        "live",
        "matched",
        "matched",
        "fak_not_filled",
        "post_only_would_cross",
        "market_not_ready",
        "not_enough_balance",
    ]


async def test_market_is_cancelled_by_condition_by_token_or_by_both(
    exchange: LocalExchange, client: AsyncSecureClient
):
    market = market_of(exchange, COIN)
    ids: list[str] = []
    for token in (*market.tokens, market.tokens[0]):
        placed = await client.place_limit_order(
            asset_id=token, price=Decimal("0.02"), size=10 + len(ids), side="BUY"
        )
        assert isinstance(placed, AcceptedOrder)
        ids.append(placed.order_id)

    by_token = await client.cancel_market_orders(asset_id=market.tokens[1])
    nothing = await client.cancel_market_orders(market=market.condition_id, asset_id=market.tokens[1])
    both = await client.cancel_market_orders(market=market.condition_id, asset_id=market.tokens[0])

    assert by_token.canceled == (ids[1],)
    assert nothing.canceled == ()
    assert set(both.canceled) == {ids[0], ids[2]}


async def test_user_stream_tells_kills_and_lapses_without_a_dropped_event(
    exchange: LocalExchange, client: AsyncSecureClient, clock: ManualClock
):
    token = market_of(exchange, COIN).tokens[0]
    async with await client.subscribe(UserSpec()) as events:
        await until(lambda: exchange.venue.user_stream.listeners == 1)
        with pytest.raises(RequestRejectedError, match="killed"):
            await client.place_market_order(
                asset_id=token, side="BUY", amount=10, max_price="0.05", order_type="FOK"
            )
        await client.send_order_heartbeat()
        resting = await rest(exchange, client, post_only=True)
        clock.advance(SILENCE_MS + CHECK_MS)
        exchange.venue.advance()
        seen = [await asyncio.wait_for(anext(events), 5) for _ in range(2)]

        assert isinstance(resting, AcceptedOrder)
        told = [event.payload for event in seen if event.type == "order"]
        assert [(order.id, order.order_event_type) for order in told] == [
            (resting.order_id, "PLACEMENT"),
            (resting.order_id, "CANCELLATION"),
        ]
        assert isinstance(events, AsyncSubscriptionHandle)
        assert (events.dropped, client._get_user_manager().dropped_events) == (0, 0)


async def test_scoring_and_notifications_are_answered_no_and_none(
    exchange: LocalExchange, client: AsyncSecureClient
):
    placed = await rest(exchange, client)
    assert isinstance(placed, AcceptedOrder)

    assert await client.get_order_scoring(order_id=placed.order_id) is False
    assert await client.get_orders_scoring(order_ids=[placed.order_id]) == {placed.order_id: False}
    assert await client.get_notifications() == ()
    await client.drop_notifications(ids=[1])
