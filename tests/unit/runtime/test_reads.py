"""Reads start with an effect, end with an event, and do not pile up."""

import asyncio

from engine.domain.catalogue import SkippedEvent, SkipReason
from engine.domain.effects import FetchBooks, LookUpOrder, ReadAccount
from engine.domain.events import (
    AccountRead,
    AccountReadFailed,
    BooksRead,
    BooksReadFailed,
    CatalogueFailed,
    CatalogueRead,
    LookUpFailed,
    OrderLookedUp,
)
from engine.domain.failure import VenueFailure
from engine.domain.units import Ms
from engine.ports import FoundOrder
from tests.support.builders import (
    NOW,
    account,
    event,
    order,
    order_id,
    rest_book,
    resting,
    token,
    trade,
    usdc,
)
from tests.support.fake_ports import named, settled

CONDITION = order().intent.condition_id


async def test_an_account_read_carries_when_it_began_and_when_it_ended(shell):
    shell.relayer.let_read.clear()
    shell.relayer.account = account(balance=usdc(7))
    shell.reads.read_account(ReadAccount(Ms(5), "job"))
    await settled(lambda: "read_account" in named(shell.log))
    shell.clock.advance(300)
    shell.relayer.let_read.set()
    await settled(lambda: bool(shell.mail))

    (read,) = shell.told(AccountRead)
    assert (read.asked_ms, read.at_ms) == (NOW, NOW + 300)
    assert read.account.balance == usdc(7)


async def test_a_failed_account_read_is_told_as_such(shell):
    shell.relayer.account = VenueFailure("page 2 timed out")
    shell.reads.read_account(ReadAccount(Ms(5), "job"))
    await settled(lambda: bool(shell.mail))

    (failed,) = shell.told(AccountReadFailed)
    assert failed.reason == "page 2 timed out"


async def test_account_reads_asked_for_meanwhile_become_one_that_reaches_furthest_back(shell):
    shell.relayer.let_read.clear()
    for since in (100, 70, 90, 80):
        shell.reads.read_account(ReadAccount(Ms(since), "job"))
    shell.relayer.let_read.set()
    await settled(lambda: len(shell.told(AccountRead)) == 2)
    await shell.tasks.drain(1)

    assert [since for what, since in shell.log if what == "read_account"] == [100, 70]
    assert len(shell.told(AccountRead)) == 2


async def test_a_read_asked_for_during_another_begins_after_it(shell):
    """What is asked now must not be answered by a read that began before."""
    shell.relayer.let_read.clear()
    shell.reads.read_account(ReadAccount(Ms(100), "job"))
    await settled(lambda: "read_account" in named(shell.log))
    shell.clock.advance(50)
    shell.reads.read_account(ReadAccount(Ms(100), "kill"))
    shell.relayer.let_read.set()
    await settled(lambda: len(shell.told(AccountRead)) == 2)

    assert [read.asked_ms for read in shell.told(AccountRead)] == [NOW, NOW + 50]


async def test_after_a_failed_read_the_next_one_runs(shell):
    shell.relayer.account = VenueFailure("502")
    shell.reads.read_account(ReadAccount(Ms(1), "job"))
    await settled(lambda: bool(shell.mail))
    shell.relayer.account = account()
    shell.reads.read_account(ReadAccount(Ms(1), "job"))
    await settled(lambda: len(shell.mail) == 2)

    assert [type(told) for told in shell.mail] == [AccountReadFailed, AccountRead]


async def test_a_look_up_tells_what_was_found_and_when_it_was_asked(shell):
    found = order()
    shell.relayer.found = FoundOrder(resting(found), (trade(found),))
    shell.relayer.let_look_up.clear()
    shell.reads.look_up(LookUpOrder(found.order_id, CONDITION, Ms(5)))
    await settled(lambda: "look_up" in named(shell.log))
    shell.clock.advance(40)
    shell.relayer.let_look_up.set()
    await settled(lambda: bool(shell.mail))

    (told,) = shell.told(OrderLookedUp)
    assert (told.asked_ms, told.at_ms, told.order_id) == (NOW, NOW + 40, found.order_id)
    assert told.open_order == resting(found)
    assert told.trades == (trade(found),)


async def test_a_failed_look_up_names_its_order(shell):
    shell.relayer.found = VenueFailure("reset")
    shell.reads.look_up(LookUpOrder(order_id(3), CONDITION, Ms(5)))
    await settled(lambda: bool(shell.mail))

    assert shell.told(LookUpFailed) == [LookUpFailed(NOW, order_id(3), "reset")]


async def test_a_burst_of_look_ups_is_throttled_and_all_are_answered(shell):
    shell.relayer.let_look_up.clear()
    for n in range(40):
        shell.reads.look_up(LookUpOrder(order_id(n), CONDITION, Ms(5)))
    await settled(lambda: shell.relayer.look_ups_at_once >= 8)
    shell.relayer.let_look_up.set()
    await settled(lambda: len(shell.told(OrderLookedUp)) == 40)

    assert shell.relayer.look_ups_most <= 8
    assert {told.order_id for told in shell.told(OrderLookedUp)} == {order_id(n) for n in range(40)}


async def test_a_look_up_that_waits_for_its_turn_began_when_its_turn_came(shell):
    shell.relayer.let_look_up.clear()
    for n in range(9):
        shell.reads.look_up(LookUpOrder(order_id(n), CONDITION, Ms(5)))
    await settled(lambda: shell.relayer.look_ups_at_once == 8)
    shell.clock.advance(500)
    shell.relayer.let_look_up.set()
    await settled(lambda: len(shell.mail) == 9)

    assert max(told.asked_ms for told in shell.told(OrderLookedUp)) == NOW + 500


async def test_books_come_back_with_what_was_asked(shell):
    shell.reads.fetch_books(FetchBooks((token(1), token(2)), "gap"))
    await settled(lambda: bool(shell.mail))
    shell.market.books = VenueFailure("502")
    shell.reads.fetch_books(FetchBooks((token(1),), "gap"))
    await settled(lambda: len(shell.mail) == 2)

    assert shell.mail == [
        BooksRead(NOW, NOW, (token(1), token(2)), (rest_book(token(1)), rest_book(token(2)))),
        BooksReadFailed(NOW, (token(1),), "502"),
    ]


async def test_the_catalogue_is_stored_before_it_is_told(shell):
    shell.market.catalogue = (event(),)
    shell.reads.read_catalogue()
    await settled(lambda: bool(shell.mail))

    assert named(shell.log) == ["save_catalogue"]
    assert shell.told(CatalogueRead)[0].events == (event(),)


async def test_what_a_catalogue_read_left_out_is_counted_by_reason(shell):
    shell.market.catalogue = (event(),)
    shell.market.skipped = (
        SkippedEvent("1", "one", SkipReason.SOURCES_DISAGREE, "tokens"),
        SkippedEvent("2", "two", SkipReason.SOURCES_DISAGREE, "tokens"),
        SkippedEvent("3", "three", SkipReason.TICKS_DISAGREE, "tick"),
    )
    shell.reads.read_catalogue()
    await settled(lambda: bool(shell.mail))

    assert shell.metrics.value("catalogue_skipped_total", "sources_disagree") == 2
    assert shell.metrics.value("catalogue_skipped_total", "ticks_disagree") == 1


async def test_the_venues_clock_is_measured_to_half_a_second_and_given_to_the_relayer(shell):
    shell.market.time_ms = Ms(NOW + 10_000)
    shell.reads.read_catalogue()
    await settled(lambda: bool(shell.mail))

    offset = shell.told(CatalogueRead)[0].venue_offset_ms
    assert offset == 10_500
    assert shell.relayer.offset_ms == offset


async def test_catalogues_asked_for_meanwhile_are_read_once_after_the_one_under_way(shell):
    shell.market.let_read = asyncio.Event()
    for _ in range(5):
        shell.reads.read_catalogue()
    await settled(lambda: "catalogue" in shell.market.asked)
    assert shell.market.asked.count("catalogue") == 1
    shell.clock.advance(50)
    shell.market.let_read.set()
    await settled(lambda: len(shell.mail) == 2)
    await shell.tasks.drain(1)

    assert shell.market.asked.count("catalogue") == 2
    assert [told.asked_ms - NOW for told in shell.told(CatalogueRead)] == [0, 50]


async def test_a_catalogue_without_the_venues_clock_is_a_failed_read(shell):
    shell.market.time_ms = VenueFailure("no clock")
    shell.reads.read_catalogue()
    await settled(lambda: bool(shell.mail))

    assert shell.told(CatalogueFailed)[0].reason == "no clock"
    assert named(shell.log) == []


async def test_after_a_failed_catalogue_the_next_one_is_read(shell):
    shell.market.catalogue = VenueFailure("502")
    shell.reads.read_catalogue()
    await settled(lambda: bool(shell.mail))
    shell.market.catalogue = ()
    shell.reads.read_catalogue()
    await settled(lambda: len(shell.mail) == 2)

    assert [type(told) for told in shell.mail] == [CatalogueFailed, CatalogueRead]
