"""A quiet exchange on loopback with one logged-in trader, for the tests that go over HTTP."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from engine.clock import ManualClock
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import running_exchange
from tests.unit.simulator.trader import Trader, trader_on


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def exchange(clock: ManualClock) -> AsyncIterator[LocalExchange]:
    async with running_exchange(clock=clock) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
async def trader(exchange: LocalExchange, session: ClientSession) -> Trader:
    return await trader_on(exchange, session)
