"""Protocol V2: position ids, exchange V3, domain version 3. Both clients and our own bytes trade there."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from polymarket import AsyncSecureClient
from polymarket._internal.protocol import decode_v2_outcome_position_id, is_v2_position_id
from polymarket.models import AcceptedOrder
from polymarket.models.types import PositionId
from py_clob_client_v2.clob_types import OrderArgsV2

from engine.clock import ManualClock
from engine.domain.ids import ConditionId, TokenId
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.units import Price
from engine.simulator.auth import ApiKey
from engine.simulator.exchange import Placed
from engine.simulator.market import MarketSpec
from engine.simulator.refusals import INVALID_PAYLOAD
from engine.simulator.server import LocalExchange
from engine.venue import signing
from engine.venue.order_body import prepare_order
from engine.venue.signing import Exchange
from tests.support.local_exchange import ELEVENS_KEY, HARDHAT_KEY, market_of, running_exchange
from tests.support.sdk import clob_client, loopback_environment, no_proxy, secure_client
from tests.support.venue_orders import ACCOUNT, ADDRESS, INSTALL_SECRET, INTENT

pytestmark = pytest.mark.usefixtures(no_proxy.__name__)
__all__ = ["no_proxy"]
POSITIONS = "causeway-dry-at-noon"


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(clock=ManualClock(), confirm_delay_ms=0, wide=1) as running:
        yield running


@pytest.fixture
def market(exchange: LocalExchange) -> MarketSpec:
    return market_of(exchange, POSITIONS)


def test_ids_are_positions_of_one_condition_in_the_clients_eyes(market: MarketSpec):
    decoded = [decode_v2_outcome_position_id(PositionId(token)) for token in market.tokens]

    assert all(is_v2_position_id(PositionId(token)) for token in market.tokens)
    assert [found.condition_id for found in decoded] == [market.condition_id] * 2
    assert [found.outcome_index for found in decoded] == [0, 1]


async def test_unified_client_rests_trades_sells_and_reads_its_positions(
    exchange: LocalExchange, market: MarketSpec
):
    async with secure_client(exchange.url, exchange.ws_url, HARDHAT_KEY) as client:
        resting = await client.place_limit_order(asset_id=market.tokens[0], price="0.05", size=10, side="BUY")
        bought = await client.place_limit_order(asset_id=market.tokens[1], price="0.9", size=20, side="BUY")
        sold = await client.place_market_order(asset_id=market.tokens[1], side="SELL", shares=5)
        held = await client.get_balance_allowance(asset_type="CONDITIONAL-V2", asset_id=market.tokens[1])
        opened = [order.id async for order in client.list_open_orders().iter_items()]

    answers = [answer for answer in (resting, bought, sold) if isinstance(answer, AcceptedOrder)]
    assert [answer.status for answer in answers] == ["live", "matched", "matched"]
    assert opened == [answers[0].order_id]
    assert held.balance == 15_000_000


async def test_deposit_wallet_of_the_unified_client_is_verified(exchange: LocalExchange, market: MarketSpec):
    client = await AsyncSecureClient.create(
        private_key=ELEVENS_KEY, environment=loopback_environment(exchange.url, exchange.ws_url)
    )
    try:
        placed = await client.place_limit_order(asset_id=market.tokens[0], price="0.05", size=10, side="BUY")
    finally:
        await client.close()

    assert isinstance(placed, AcceptedOrder)


async def test_order_service_client_trades_by_position_id(exchange: LocalExchange, market: MarketSpec):
    client = await asyncio.to_thread(clob_client, exchange.url, HARDHAT_KEY)
    wanted = OrderArgsV2(position_id=market.tokens[0], price=0.9, size=10, side="BUY")

    placed = await asyncio.to_thread(client.create_and_post_order, wanted)

    assert placed["status"] == "matched"
    assert exchange.exchange.orders[placed["orderID"]].terms.condition_id == market.condition_id


async def test_our_own_bytes_are_taken_under_their_id_and_refused_under_another_domain(
    exchange: LocalExchange, market: MarketSpec, monkeypatch: pytest.MonkeyPatch
):
    client = await asyncio.to_thread(clob_client, exchange.url, ELEVENS_KEY)
    creds = client.creds
    key = ApiKey(ADDRESS, creds.api_key, creds.api_secret, creds.api_passphrase)
    intent = replace(
        INTENT,
        token_id=TokenId(market.tokens[0]),
        condition_id=ConditionId(market.condition_id),
        price=Price(500),
        time_in_force=TimeInForce.GTC,
        expiration_s=0,
    )

    def sent(wanted: OrderIntent) -> tuple[str, str, object]:
        """Return our id, the exchange's, and its verdict."""
        order = prepare_order(wanted, ACCOUNT, owner=key.owner, install_secret=INSTALL_SECRET)
        judged = exchange.venue.entry.judge(key, json.loads(order.body), exchange.venue.now_ms())
        return order.order_id, judged.order_id, judged.outcome

    ours, theirs, outcome = sent(intent)
    monkeypatch.setattr("engine.venue.order_body.exchange_for", lambda *_, **__: Exchange.STANDARD)
    wrong, right, refused = sent(replace(intent, leg=2))

    assert isinstance(outcome, Placed)
    assert ours == theirs
    assert wrong != right
    assert refused == INVALID_PAYLOAD
    assert signing.exchange_for(int(market.tokens[0]), neg_risk=True) is Exchange.V3
