"""Look-ups and reads of the account against a scripted venue: complete, or a failure."""

import json

import pytest
from aiohttp import web

from engine.domain.account import AccountState
from engine.domain.failure import VenueFailure
from engine.domain.units import Ms
from engine.ports import FoundOrder
from tests.support.scripted_venue import hangs_up, says
from tests.support.venue_account import (
    ORDER,
    ORDER_ROW,
    OTHER,
    TRADE_ROW,
    order_rows,
    page,
    proved,
    trade_rows,
)
from tests.support.venue_orders import CONDITION, CREDENTIALS


async def test_look_up_finds_an_open_order_and_only_its_own_trades(relayer, venue):
    foreign = TRADE_ROW | {"id": "t9", "taker_order_id": OTHER, "maker_orders": TRADE_ROW["maker_orders"]}
    venue.answers("GET", f"/data/order/{ORDER}", says(json.dumps(ORDER_ROW)))
    venue.answers("GET", "/data/trades", says(page(TRADE_ROW, foreign)))

    found = await relayer.look_up(ORDER, CONDITION, Ms(1_790_000_000_000))

    assert isinstance(found, FoundOrder)
    assert found.open_order is not None
    assert found.open_order.matched_size == 4_250_000
    assert [trade.trade_id for trade in found.trades] == [TRADE_ROW["id"]]
    assert [asked.path for asked in venue.asked] == [f"/data/order/{ORDER}", "/data/trades"]
    assert venue.asked[1].query == {"market": CONDITION, "after": "1789999999"}
    assert all(proved(asked) for asked in venue.asked)


async def test_look_up_finds_the_order_as_maker(relayer, venue):
    venue.answers("GET", f"/data/order/{OTHER}", says("null"))
    venue.answers("GET", "/data/trades", says(page(TRADE_ROW)))

    found = await relayer.look_up(OTHER, CONDITION, Ms(0))

    assert isinstance(found, FoundOrder)
    assert (found.open_order, len(found.trades)) == (None, 1)


@pytest.mark.parametrize("answer", [says(""), says("null"), says('{"error":"order not found"}', 404)])
async def test_look_up_of_an_order_that_does_not_rest(relayer, venue, answer):
    venue.answers("GET", f"/data/order/{ORDER}", answer)

    assert await relayer.look_up(ORDER, CONDITION, Ms(0)) == FoundOrder(None, ())


@pytest.mark.parametrize(
    "answer",
    [
        says("<html>not found</html>", 404, "text/html"),
        says('{"error":"no such route"}', 404),
        says("", 500),
        says(json.dumps(ORDER_ROW | {"id": OTHER})),
        says(json.dumps(ORDER_ROW | {"price": "7"})),
        hangs_up(),
    ],
)
async def test_look_up_without_a_usable_answer_proves_nothing(relayer, venue, answer):
    venue.answers("GET", f"/data/order/{ORDER}", answer)

    assert isinstance(await relayer.look_up(ORDER, CONDITION, Ms(0)), VenueFailure)


async def test_look_up_fails_when_the_trades_cannot_be_read(relayer, venue):
    venue.answers("GET", f"/data/order/{ORDER}", says("null"))
    venue.answers("GET", "/data/trades", says(page(TRADE_ROW, cursor="x")), says("", 502))

    assert isinstance(await relayer.look_up(ORDER, CONDITION, Ms(0)), VenueFailure)


async def test_account_is_read_whole_in_the_order_that_loses_no_fill(relayer, venue):
    venue.answers("GET", "/data/orders", says(page(ORDER_ROW)))
    venue.answers("GET", "/data/trades", says(page(*trade_rows(1_790_000_005, 1_790_000_001))))

    account = await relayer.read_account(Ms(1_790_000_000_999))

    assert isinstance(account, AccountState)
    assert [order.order_id for order in account.open_orders] == [ORDER]
    assert [trade.trade_id for trade in account.trades] == ["t1790000001", "t1790000005"]
    assert account.balance == 250_000_000
    assert [asked.path for asked in venue.asked] == ["/data/orders", "/data/trades", "/balance-allowance"]
    assert venue.asked[1].query == {"after": "1789999999"}
    assert venue.asked[2].query == {"asset_type": "COLLATERAL", "signature_type": "0"}
    assert all(proved(asked) for asked in venue.asked)


async def test_trades_of_several_pages_are_joined_and_a_repeated_one_counts_once(relayer, venue):
    later = TRADE_ROW | {"id": "t5", "match_time": "5", "status": "CONFIRMED"}
    first, second = page(*trade_rows(7, 6, 5), cursor="Mw=="), page(later, *trade_rows(4))
    venue.answers("GET", "/data/trades", says(first), says(second))

    account = await relayer.read_account(Ms(0))

    assert isinstance(account, AccountState)
    assert [trade.trade_id for trade in account.trades] == ["t4", "t5", "t6", "t7"]
    assert account.trades[1].settlement.value == "confirmed"
    assert [asked.query.get("next_cursor") for asked in venue.requests("GET", "/data/trades")] == [
        None,
        "Mw==",
    ]


async def test_open_orders_of_several_pages_are_read_twice_to_be_sure(relayer, venue):
    pages = [says(page(*order_rows(100), cursor="MTAw")), says(page(*order_rows(20, 100)))]
    venue.answers("GET", "/data/orders", *pages, *pages)

    account = await relayer.read_account(Ms(0))

    assert isinstance(account, AccountState)
    assert len(account.open_orders) == 120
    asked = [asked.query.get("next_cursor") for asked in venue.requests("GET", "/data/orders")]
    assert asked == [None, "MTAw", None, "MTAw"]


async def test_list_that_changes_while_its_pages_are_read_is_no_read(relayer, venue):
    """The first order ended between the pages: the cursor skipped one that still rests."""
    before = [says(page(*order_rows(100), cursor="MTAw")), says(page(*order_rows(19, 101)))]
    after = [says(page(*order_rows(100, 1), cursor="MTAw")), says(page(*order_rows(19, 101)))]
    venue.answers("GET", "/data/orders", *before, *after)

    account = await relayer.read_account(Ms(0))

    assert isinstance(account, VenueFailure)
    assert "changed" in account.reason


@pytest.mark.parametrize("path", ["/data/orders", "/data/trades"])
@pytest.mark.parametrize(
    "second",
    [
        says(page(cursor="again")),
        says("", 500),
        says("{}"),
        says("<html>", content_type="text/html"),
        hangs_up(),
    ],
)
async def test_partial_read_is_a_failure_never_a_smaller_account(relayer, venue, path, second):
    venue.answers("GET", path, says(page(cursor="again")), second)

    account = await relayer.read_account(Ms(0))

    assert isinstance(account, VenueFailure)
    assert path in account.reason


async def test_cursor_that_comes_again_is_given_up_at_once(relayer, venue):
    venue.answers("GET", "/data/trades", says(page(cursor="again")))

    assert isinstance(await relayer.read_account(Ms(0)), VenueFailure)
    assert len(venue.requests("GET", "/data/trades")) == 2


async def test_endless_list_is_given_up(relayer, venue):
    count = 0

    async def endless(_: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        return web.Response(body=page(cursor=f"c{count}"), content_type="application/json")

    venue.answers("GET", "/data/trades", endless)

    account = await relayer.read_account(Ms(0))

    assert isinstance(account, VenueFailure)
    assert "200 pages" in account.reason


@pytest.mark.parametrize(
    "answer", [says("{}"), says('{"error":"Unauthorized/Invalid api key"}', 401), hangs_up()]
)
async def test_account_without_its_balance_is_a_failure(relayer, venue, answer):
    venue.answers("GET", "/balance-allowance", answer)

    assert isinstance(await relayer.read_account(Ms(0)), VenueFailure)


async def test_failure_shows_neither_secret_nor_signature(relayer, venue):
    venue.answers("GET", "/data/orders", says('{"error":"Unauthorized/Invalid api key"}', 401))

    failure = await relayer.read_account(Ms(0))

    assert isinstance(failure, VenueFailure)
    for hidden in (CREDENTIALS.secret, CREDENTIALS.passphrase, CREDENTIALS.key):
        assert hidden not in failure.reason
