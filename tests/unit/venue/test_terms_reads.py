"""Terms of thousands of markets: what was answered before a failure counts for the next try, while young."""

import json

import pytest

from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId
from engine.venue.catalogue_calls import untold
from engine.venue.http_client import HttpClient
from engine.venue.market_terms import ClobTerms
from engine.venue.terms_reads import KEPT_US, TermsReads
from tests.support.scripted_venue import says, scripted_venue
from tests.support.venue_catalogue import condition, market_row, terms_row

CONDITIONS = [ConditionId(condition(number)) for number in range(1, 31)]


class Now:
    """A monotonic reading that moves when told to."""

    def __init__(self) -> None:
        self.us = 0

    def __call__(self) -> int:
        return self.us


@pytest.fixture
def now():
    return Now()


@pytest.fixture
async def venue():
    async with scripted_venue() as scripted:
        for number in range(1, 31):
            row = json.dumps(terms_row(market_row(number)))
            answers = [says(row)] if number != 20 else [says("", 503), says(row)]
            scripted.answers("GET", f"/clob-markets/{condition(number)}", *answers)
        yield scripted


@pytest.fixture
async def terms(venue, now):
    http = HttpClient(timeout_s=2)
    yield TermsReads(http, venue.url, now)
    await http.close()


async def test_next_read_goes_on_where_the_last_one_failed(terms, venue):
    assert isinstance(await terms.read(CONDITIONS, untold), VenueFailure)
    before = len(venue.asked)
    assert 20 <= before < 30, "it stops at the failure"

    found = await terms.read(CONDITIONS, untold)

    assert isinstance(found, dict)
    assert set(found) == set(CONDITIONS)
    assert all(isinstance(answer, ClobTerms) for answer in found.values())
    assert len(venue.asked) == 31, "every market once, the failed one twice"
    assert (terms.kept, terms.asked) == (before - 1, 31 - before)


async def test_what_was_kept_too_long_is_asked_again(terms, venue, now):
    await terms.read(CONDITIONS, untold)
    before = len(venue.asked)
    now.us = KEPT_US + 1

    await terms.read(CONDITIONS, untold)

    assert len(venue.asked) == before + 30


async def test_read_that_succeeded_leaves_nothing_for_the_next(terms, venue):
    await terms.read(CONDITIONS[:5], untold)
    await terms.read(CONDITIONS[:5], untold)

    assert len(venue.asked) == 10
