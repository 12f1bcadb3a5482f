"""A scripted venue with an empty account, and the relayer that trades there."""

import pytest

from engine.clock import ManualClock
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.relayer import ClobRelayer
from tests.support.scripted_venue import says, scripted_venue
from tests.support.venue_account import NOW_MS, page
from tests.support.venue_orders import ACCOUNT, CREDENTIALS, INSTALL_SECRET

BALANCE = '{"balance":"250000000","allowances":{}}'


@pytest.fixture
async def venue():
    async with scripted_venue() as scripted:
        scripted.answers("GET", "/data/orders", says(page()))
        scripted.answers("GET", "/data/trades", says(page()))
        scripted.answers("GET", "/balance-allowance", says(BALANCE))
        yield scripted


@pytest.fixture
async def relayer(venue):
    http = HttpClient(timeout_s=2)
    yield ClobRelayer(
        http=http,
        hosts=VenueHosts.loopback(venue.url, "ws://127.0.0.1:1"),
        account=ACCOUNT,
        credentials=CREDENTIALS,
        install_secret=INSTALL_SECRET,
        clock=ManualClock(NOW_MS),
    )
    await http.close()
