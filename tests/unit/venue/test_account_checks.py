"""What a start-up asks about the account: values as told, and a failure for everything that is none."""

import pytest

from engine.clock import ManualClock
from engine.domain.failure import VenueFailure
from engine.domain.units import Usdc
from engine.venue.account_checks import (
    SDK_VERSION,
    AccountChecks,
    Collateral,
    Geoblock,
    SdkVersion,
    sdk_version,
)
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from tests.support.scripted_venue import hangs_up, says
from tests.support.venue_account import NOW_MS, proved
from tests.support.venue_orders import ACCOUNT, CREDENTIALS

SPENDER = "0xE111180000d2663C0091e4f400237545B87B996B"
UNLIMITED = 2**256 - 1


@pytest.fixture
async def checks(venue):
    http = HttpClient(timeout_s=2)
    hosts = VenueHosts.loopback(venue.url, "ws://127.0.0.1:1")
    yield AccountChecks(
        http=http, hosts=hosts, account=ACCOUNT, credentials=CREDENTIALS, clock=ManualClock(NOW_MS)
    )
    await http.close()


async def test_geoblock_is_asked_without_credentials(checks, venue):
    venue.answers(
        "GET", "/api/geoblock", says('{"blocked":true,"ip":"127.0.0.1","country":"SY","region":"DI"}')
    )

    assert await checks.geoblock() == Geoblock(blocked=True, country="SY", region="DI")
    assert "POLY_SIGNATURE" not in venue.asked[0].headers


async def test_closed_only_and_listed_key_are_asked_with_them(checks, venue):
    venue.answers("GET", "/auth/ban-status/closed-only", says('{"closed_only":true}'))
    venue.answers(
        "GET", "/auth/api-keys", says(f'{{"apiKeys":["x","{CREDENTIALS.key}"]}}'), says('{"apiKeys":[]}')
    )

    assert await checks.closed_only() is True
    assert (await checks.key_listed(), await checks.key_listed()) == (True, False)
    assert all(proved(asked) for asked in venue.asked)


@pytest.mark.parametrize(("told", "offset_ms"), [(1_790_000_000, -900), (1_790_000_010, 9_100)])
async def test_clock_is_compared_with_the_venues(checks, venue, told, offset_ms):
    venue.answers("GET", "/time", says(str(told)))

    assert await checks.clock_offset_ms() == offset_ms


async def test_collateral_and_allowances_are_told_in_base_units(checks, venue):
    told = f'{{"balance":"250000000","allowances":{{"{SPENDER.lower()}":"{UNLIMITED}"}}}}'
    venue.answers("GET", "/balance-allowance", says(told))

    assert await checks.collateral() == Collateral(Usdc(250_000_000), ((SPENDER, UNLIMITED),))
    assert venue.asked[0].query == {"asset_type": "COLLATERAL", "signature_type": "0"}


@pytest.mark.parametrize(
    "answer",
    [
        says("{}"),
        says("[]"),
        says("<html>", content_type="text/html"),
        says('{"error":"Unauthorized/Invalid api key"}', 401),
        says('{"blocked":"no","closed_only":1,"apiKeys":[5],"balance":"1","allowances":{"0x1":"-1"}}'),
        hangs_up(),
    ],
)
async def test_anything_else_is_a_failure_with_words(checks, venue, answer):
    asked = ("/api/geoblock", "/auth/ban-status/closed-only", "/auth/api-keys", "/time", "/balance-allowance")
    for path in asked:
        venue.answers("GET", path, answer)

    told = [
        await checks.geoblock(),
        await checks.closed_only(),
        await checks.key_listed(),
        await checks.clock_offset_ms(),
        await checks.collateral(),
    ]

    assert all(isinstance(one, VenueFailure) and "GET /" in one.reason for one in told), told


def test_official_client_is_the_one_that_was_tested():
    assert sdk_version() == SdkVersion(SDK_VERSION, SDK_VERSION)
    assert sdk_version().fits
    assert not SdkVersion("0.15.0", SDK_VERSION).fits
