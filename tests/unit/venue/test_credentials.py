"""Credentials through the unmodified official client, and the guard on its private factory."""

import dataclasses
import os
from importlib.metadata import version

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from polymarket._internal.environment import PRODUCTION_CONFIG, get_environment_config
from polymarket._internal.l1_auth import build_api_key_auth_typed_data
from polymarket._internal.wallet import derive_beacon_deposit_wallet_address

from engine.venue.auth import ApiCredentials, attestation_signature
from engine.venue.credentials import CredentialsError, obtain_credentials, sdk_environment
from engine.venue.endpoints import PRODUCTION, VenueHosts
from engine.venue.keys import SigningKey
from tests.support.scripted_venue import ScriptedVenue, says, scripted_venue
from tests.support.venue_orders import ADDRESS, PRIVATE_KEY

ISSUED = '{"apiKey":"k-1","secret":"a2tr","passphrase":"p-1"}'
DEPOSIT_WALLET = derive_beacon_deposit_wallet_address(ADDRESS, PRODUCTION_CONFIG.wallet_derivation)


@pytest.fixture
async def venue():
    async with scripted_venue() as scripted:
        yield scripted


def hosts_of(venue: ScriptedVenue) -> VenueHosts:
    return VenueHosts.loopback(venue.url, "ws://127.0.0.1:1")


async def obtain(venue: ScriptedVenue, wallet: str = ADDRESS) -> ApiCredentials:
    return await obtain_credentials(private_key=PRIVATE_KEY, wallet=wallet, hosts=hosts_of(venue))


def test_private_factory_is_that_of_the_pinned_version():
    """On an upgrade look at the client's environment again before this line is changed."""
    assert version("polymarket-client") == "0.14.0"


def test_no_address_of_the_client_is_left_as_it_was():
    config = get_environment_config(
        sdk_environment(VenueHosts.loopback("http://127.0.0.1:9", "ws://127.0.0.1:9"))
    )
    urls = {f.name: getattr(config, f.name) for f in dataclasses.fields(config) if f.name.endswith("_url")}

    assert len(urls) >= 15
    assert all("//127.0.0.1:" in url for url in urls.values()), urls
    assert "polymarket.com" not in str(dataclasses.asdict(config))


def test_contracts_and_chain_of_the_client_are_left_alone():
    config = get_environment_config(
        sdk_environment(VenueHosts.loopback("http://127.0.0.1:9", "ws://127.0.0.1:9"))
    )
    same = [f.name for f in dataclasses.fields(config) if not f.name.endswith("_url")]

    assert all(getattr(config, name) == getattr(PRODUCTION_CONFIG, name) for name in same)


def test_what_the_desk_does_not_use_leads_nowhere_even_in_production():
    config = get_environment_config(sdk_environment(PRODUCTION))

    assert config.clob_url == PRODUCTION.clob
    assert config.perps_url.startswith("http://127.0.0.1")
    assert config.sports_ws_url.startswith("ws://127.0.0.1")


async def test_credentials_are_created_against_an_attestation_that_recovers(venue):
    venue.answers("POST", "/auth/api-key", says(ISSUED))

    assert await obtain(venue) == ApiCredentials("k-1", "a2tr", "p-1")

    (asked,) = venue.asked
    stamp = int(asked.headers["POLY_TIMESTAMP"])
    typed = build_api_key_auth_typed_data(address=ADDRESS, chain_id=137, timestamp=stamp)
    signature = asked.headers["POLY_SIGNATURE"]
    assert Account.recover_message(encode_typed_data(full_message=typed), signature=signature) == ADDRESS
    assert signature == attestation_signature(SigningKey(PRIVATE_KEY), stamp, 0)


async def test_credentials_are_derived_when_they_exist(venue):
    venue.answers("POST", "/auth/api-key", says('{"error":"Could not create api key"}', 400))
    venue.answers("GET", "/auth/derive-api-key", says(ISSUED))

    assert (await obtain(venue)).key == "k-1"


async def test_deposit_wallet_must_be_deployed(venue):
    venue.answers("POST", "/auth/api-key", says(ISSUED))
    venue.answers("GET", "/deployed", says('{"deployed":true}'))

    assert (await obtain(venue, DEPOSIT_WALLET)).key == "k-1"

    venue.answers("GET", "/deployed", says('{"deployed":false}'))
    with pytest.raises(CredentialsError):
        await obtain(venue, DEPOSIT_WALLET)
    assert venue.requests("POST", "/submit") == [], "the desk never deploys a wallet"


@pytest.mark.parametrize(
    "answer",
    [
        says('{"error":"Invalid L1 Request headers"}', 401),
        says("<html>", 403, "text/html"),
        says("{}"),
        says('{"apiKey":1,"secret":"a2tr","passphrase":"p"}'),
        says("", 500),
    ],
)
async def test_refused_credentials_are_one_clear_error(venue, answer):
    venue.answers("POST", "/auth/api-key", answer)

    with pytest.raises(CredentialsError, match=r"expected API credentials .* check the key") as caught:
        await obtain(venue)

    assert "11" * 16 not in str(caught.value)


async def test_unreachable_venue_is_the_same_error():
    hosts = VenueHosts.loopback("http://127.0.0.1:1", "ws://127.0.0.1:1")

    with pytest.raises(CredentialsError, match=r"127\.0\.0\.1:1"):
        await obtain_credentials(private_key=PRIVATE_KEY, wallet=ADDRESS, hosts=hosts)


async def test_malformed_key_is_the_same_error(venue):
    with pytest.raises(CredentialsError):
        await obtain_credentials(private_key="0x12", wallet=ADDRESS, hosts=hosts_of(venue))


async def test_proxies_of_the_environment_are_not_followed_and_left_as_they_were(venue, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "example.org")
    monkeypatch.delenv("no_proxy", raising=False)
    venue.answers("POST", "/auth/api-key", says(ISSUED))

    assert (await obtain(venue)).key == "k-1"
    assert os.environ["NO_PROXY"] == "example.org"
    assert "no_proxy" not in os.environ
