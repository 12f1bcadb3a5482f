"""The wallet's acts on chain for a command: the official client in live mode, the local exchange in local."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.chain_opening import opened
from bot.cli.venue_hosts import hosts_of
from bot.local.world import LOCAL_PRIVATE_KEY
from config.settings import Mode, Settings
from engine.ports import Chain, ChainUnavailableError
from engine.venue.keys import SigningKey


class ChainAccessError(Exception):
    """The wallet could not be reached or an act did not come to its end; the text says what to look at."""


@asynccontextmanager
async def opened_chain(settings: Settings, data_dir: Path) -> AsyncIterator[Chain]:
    """Give the acts of the configured wallet.

    Raises SettingsError and NoExchangeError as `hosts_of` does, ChainAccessError when no client can be made.
    """
    if settings.mode is Mode.PAPER:
        raise ChainAccessError(
            "expected live or local mode for an act on chain, found paper: a paper account has no wallet"
        )
    relayer = settings.relayer
    hosts = hosts_of(settings, data_dir)
    key = relayer.private_key.get_secret_value()
    if settings.mode is Mode.LOCAL:
        key = key or LOCAL_PRIVATE_KEY
    if not key:
        raise ChainAccessError("expected relayer.private_key in the secrets file, found none; put it there")
    wallet = relayer.wallet or SigningKey(key).address
    try:
        async with opened(settings, hosts, private_key=key, wallet=wallet) as chain:
            yield chain
    except ChainUnavailableError as error:
        raise ChainAccessError(str(error)) from error
