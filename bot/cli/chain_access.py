"""The wallet's acts on chain for a command: the official client in live mode, the local exchange in local."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from polymarket.errors import PolymarketError

from bot.cli.venue_hosts import hosts_of
from bot.local.world import LOCAL_PRIVATE_KEY
from config.settings import Mode, Settings
from engine.ports import Chain
from engine.venue.chain_local import LocalChain
from engine.venue.chain_sdk import open_sdk_chain
from engine.venue.http_client import HttpClient
from engine.venue.keys import SigningKey

CHAIN_READ_S = 30.0


class ChainAccessError(Exception):
    """The wallet could not be reached or an act did not come to its end; the text says what to look at."""


@asynccontextmanager
async def opened_chain(settings: Settings, data_dir: Path) -> AsyncIterator[Chain]:
    """Give the acts of the configured wallet.

    Raises SettingsError and NoExchangeError as `hosts_of` does, ChainAccessError when no client can be made.
    """
    relayer = settings.relayer
    hosts = hosts_of(settings, data_dir)
    key = relayer.private_key.get_secret_value()
    if settings.mode is Mode.LOCAL:
        key = key or LOCAL_PRIVATE_KEY
    if not key:
        raise ChainAccessError("expected relayer.private_key in the secrets file, found none; put it there")
    wallet = relayer.wallet or SigningKey(key).address
    http = HttpClient(timeout_s=CHAIN_READ_S)
    try:
        if settings.mode is Mode.LOCAL:
            yield LocalChain(http, hosts, wallet)
            return
        try:
            opening = open_sdk_chain(
                private_key=key,
                wallet=wallet,
                gas_key=relayer.gas_key.get_secret_value(),
                gas_key_address=relayer.gas_key_address,
                hosts=hosts,
                http=http,
            )
            async with opening as chain:
                yield chain
        except (PolymarketError, httpx.HTTPError) as error:
            raise ChainAccessError(
                f"expected access to wallet {wallet}, found {type(error).__name__}: {str(error)[:200]}; "
                "check key, wallet, gas key and network, then try again"
            ) from error
    finally:
        await http.close()
