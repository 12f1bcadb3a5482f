"""API credentials through the official client: the one thing of it that runs in the desk for now.

The client can be pointed elsewhere only through a private factory, so its version is pinned and a test guards
the factory. Every address it could reach is overridden: those the desk has no use for lead nowhere.
"""

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import httpx
from polymarket import AsyncSecureClient
from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment
from polymarket.environments import Environment
from polymarket.errors import PolymarketError

from engine.venue.auth import ApiCredentials
from engine.venue.endpoints import VenueHosts

CREDENTIALS_TIMEOUT_S = 30.0
"""For the two to three requests of the exchange together; the client's own limits are 5 and 10 s each."""
_NOWHERE_HTTP = "http://127.0.0.1:1"
_NOWHERE_WS = "ws://127.0.0.1:1"
"""A port on which nothing listens: a request the desk never meant fails at once, on this machine."""


class CredentialsError(Exception):
    """No credentials: the text tells why and what to check, and holds no secret."""


def sdk_environment(hosts: VenueHosts) -> Environment:
    """Return the official client's environment with every one of its addresses replaced."""
    named = {
        "clob_url": hosts.clob,
        "gamma_url": hosts.gamma,
        "data_url": hosts.data,
        "relayer_url": hosts.relayer,
        "rpc_url": hosts.rpc,
        "clob_market_ws_url": hosts.market_ws,
        "clob_user_ws_url": hosts.user_ws,
    }
    fields = [field.name for field in dataclasses.fields(PRODUCTION_CONFIG) if field.name.endswith("_url")]
    nowhere = {name: _NOWHERE_WS if name.endswith("_ws_url") else _NOWHERE_HTTP for name in fields}
    assert set(named) <= set(nowhere), "expected the pinned client's addresses; look at its new environment"
    urls: dict[str, Any] = nowhere | named
    config = dataclasses.replace(PRODUCTION_CONFIG, **urls)
    return create_environment(name="dutchdesk", config=config)


async def obtain_credentials(*, private_key: str, wallet: str, hosts: VenueHosts) -> ApiCredentials:
    """Create the key's L2 credentials, or derive those it has. Raises CredentialsError.

    A wallet that is not the key's own address is looked up at the relayer first, and never deployed from
    here: the desk holds no relayer key.
    """
    try:
        async with asyncio.timeout(CREDENTIALS_TIMEOUT_S):
            with proxies_ignored():
                client = await AsyncSecureClient.create(
                    private_key=private_key, wallet=wallet, environment=sdk_environment(hosts)
                )
            await client.close()
    except (PolymarketError, httpx.HTTPError, TimeoutError) as error:
        raise CredentialsError(
            f"expected API credentials from {hosts.clob} for wallet {wallet}, found {type(error).__name__}: "
            f"{str(error)[:200]}; check the key, the wallet and the network, then start again"
        ) from error
    obtained = client.credentials
    return ApiCredentials(key=obtained.key, secret=obtained.secret, passphrase=obtained.passphrase)


@contextlib.contextmanager
def proxies_ignored() -> Iterator[None]:
    """Keep the client's HTTP library from the proxies of the environment: it reads them and has no switch."""
    before = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}
    os.environ.update(dict.fromkeys(before, "*"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
