"""The official clients, unmodified, pointed at a server on loopback.

The unified client has no public host parameter; its one private factory is pinned with the version and
guarded here: every URL field of its configuration is replaced, so no test can reach production.
"""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from eth_account import Account
from polymarket import AsyncSecureClient
from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment
from polymarket.environments import Environment
from polymarket.rate_limit import RateLimitUpdateListener
from py_clob_client_v2.client import ClobClient

CHAIN_ID = 137


def loopback_environment(url: str, ws_url: str) -> Environment:
    """Return an environment whose every URL lies on the given server."""
    replaced: dict[str, Any] = {
        field.name: f"{ws_url}/{_ws_path(field.name)}" if field.name.endswith("_ws_url") else url
        for field in dataclasses.fields(PRODUCTION_CONFIG)
        if field.name.endswith("_url")
    }
    config = dataclasses.replace(PRODUCTION_CONFIG, **replaced)
    left = [
        name for name, value in dataclasses.asdict(config).items() if "polymarket.com" in str(value).lower()
    ]
    assert not left, f"expected no production address, found {left}"
    return create_environment(name="loopback", config=config)


@asynccontextmanager
async def secure_client(
    url: str, ws_url: str, private_key: str, on_rate_limit: RateLimitUpdateListener | None = None
) -> AsyncIterator[AsyncSecureClient]:
    """Open the unified client for a plain address; it creates or derives its own API key."""
    client = await AsyncSecureClient.create(
        private_key=private_key,
        wallet=Account.from_key(private_key).address,
        environment=loopback_environment(url, ws_url),
        on_rate_limit_update=on_rate_limit,
    )
    try:
        yield client
    finally:
        await client.close()


def clob_client(url: str, private_key: str) -> ClobClient:
    """Return the order-service client with fresh credentials; it blocks, so run it in a thread."""
    client = ClobClient(url, CHAIN_ID, key=private_key)
    client.set_api_creds(client.create_or_derive_api_key())
    return client


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep both clients from looking for a proxy on the way to loopback."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


def _ws_path(field_name: str) -> str:
    known = {"clob_market_ws_url": "ws/market", "clob_user_ws_url": "ws/user"}
    return known.get(field_name, f"unused/{field_name}")
