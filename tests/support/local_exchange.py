"""The local exchange for tests, started on a free loopback port and driven by a clock.

`running_exchange` is the way in: flow off, a clock that stands still, one thousand dollars for every new key.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from engine.clock import Clock, ManualClock
from engine.domain.units import Usdc
from engine.simulator.market import MarketSpec
from engine.simulator.server import LocalExchange

HARDHAT_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""Account 0 of the published development mnemonic."""
ELEVENS_KEY = "0x" + "11" * 32
"""The key of the protocol page's golden vectors."""
FED, CUP = "fed-decision-in-december", "harbour-cup-winner"
COIN, TREATY, MATCH = (
    "coin-index-above-100-in-december",
    "strait-treaty-signed-in-2027",
    "open-final-first-set",
)
LEADER, FILM = "next-leader-of-the-union-party", "lantern-prize-best-film"


@asynccontextmanager
async def running_exchange(
    *,
    seed: int = 7,
    wide: int = 0,
    clock: Clock | None = None,
    flow_frames_per_s: int = 0,
    confirm_delay_ms: int = 2_000,
    start_balance: int = 1_000_000_000,
    socket_queue_max: int = 2_000,
) -> AsyncIterator[LocalExchange]:
    """Run a local exchange for the body of the block; books stand still unless a flow is asked for."""
    exchange = LocalExchange(
        seed=seed,
        wide=wide,
        clock=clock or ManualClock(),
        flow_frames_per_s=flow_frames_per_s,
        confirm_delay_ms=confirm_delay_ms,
        start_balance=Usdc(start_balance),
        socket_queue_max=socket_queue_max,
    )
    await exchange.start()
    try:
        yield exchange
    finally:
        await exchange.stop()


def market_of(exchange: LocalExchange, slug: str, child: int = 0) -> MarketSpec:
    """Return one market of an event."""
    event = exchange.venue.catalogue.event(slug)
    assert event is not None, f"no event {slug}"
    return event.markets[child].spec


async def until(condition: Callable[[], bool], deadline_s: float = 30.0) -> None:
    """Wait for something another task brings about; fails at the deadline."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - the condition belongs to code that knows no event
            await asyncio.sleep(0.005)
