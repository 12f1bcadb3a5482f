"""The unmodified unified client reads a recording that `mock-ws` serves, as it would read the venue."""

import asyncio
from pathlib import Path

import pytest
from polymarket import AsyncPublicClient
from polymarket.models.clob.market_events import MarketBookPayload, MarketPriceChangePayload
from polymarket.streams import MarketSpec

from bot.cli.mock_ws import play, served
from engine.core.feed.inlet import Heard
from engine.simulator.recorded_stream import RecordedStream
from tests.support.market_stream import NO, YES
from tests.support.recordings import record, stream
from tests.support.sdk import loopback_environment, no_proxy

pytestmark = pytest.mark.usefixtures(no_proxy.__name__)
__all__ = ["no_proxy"]


async def test_client_gets_the_recorded_books_and_every_change_after_them(tmp_path: Path):
    inputs = [x for x in stream(20) if not isinstance(x, Heard) or b"asset_id" in x.raw]
    files = tuple(record(tmp_path, inputs).files)
    changes = sum(isinstance(x, Heard) and b"price_change" in x.raw for x in inputs)
    mock = RecordedStream()
    async with served(mock, 0) as url:
        client = AsyncPublicClient(environment=loopback_environment(url, url.replace("http", "ws", 1)))
        playing = asyncio.create_task(play(mock, files, speed=10.0))
        async with asyncio.timeout(30), await client.subscribe(MarketSpec(asset_ids=[YES, NO])) as events:
            got = [(await anext(events)).payload for _ in range(2 + changes)]
        await playing
        await client.close()

    books = [payload for payload in got if isinstance(payload, MarketBookPayload)]
    assert {str(book.asset_id) for book in books} == {str(YES), str(NO)}
    assert sum(isinstance(payload, MarketPriceChangePayload) for payload in got) == changes
