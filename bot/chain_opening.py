"""The way to one wallet's acts on chain: the official client in live mode, the local exchange in local mode.

Opened anew for every act: one is rare, and a gas relayer that is down must not keep a desk from starting.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from polymarket.errors import PolymarketError

from config.settings import Mode, Settings
from engine.ports import Chain, ChainUnavailableError
from engine.venue.chain_local import LocalChain
from engine.venue.chain_sdk import open_sdk_chain
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient

CHAIN_READ_S = 30.0


@asynccontextmanager
async def opened(
    settings: Settings, hosts: VenueHosts, *, private_key: str, wallet: str
) -> AsyncIterator[Chain]:
    """Give the acts of one wallet; raises ChainUnavailableError when no client can be made for it."""
    assert settings.mode is not Mode.PAPER, "expected a wallet on chain, paper has none"
    async with AsyncExitStack() as stack:
        http = HttpClient(timeout_s=CHAIN_READ_S)
        stack.push_async_callback(http.close)
        if settings.mode is Mode.LOCAL:
            yield LocalChain(http, hosts, wallet)
            return
        opening = open_sdk_chain(
            private_key=private_key,
            wallet=wallet,
            gas_key=settings.relayer.gas_key.get_secret_value(),
            gas_key_address=settings.relayer.gas_key_address,
            hosts=hosts,
            http=http,
        )
        try:
            chain = await stack.enter_async_context(opening)
        except (PolymarketError, httpx.HTTPError) as error:
            raise ChainUnavailableError(
                f"expected access to wallet {wallet}, found {type(error).__name__}: {str(error)[:200]}; "
                "check key, wallet, gas key and network, then try again"
            ) from error
        yield chain
