"""Drills on several connections: frozen, quiet, half-dead, and a venue whose checksums are wrong."""

from dataclasses import replace

import pytest

from engine.domain.book import LiveBook, NotLive
from engine.domain.ids import TokenId
from tests.support.feed_bench import FeedBench
from tests.support.feed_world import RIGHT, FeedWorld, Line
from tests.support.market_stream import ReferenceVenue

FOUND_MS = 20_000
"""Reliability, row 28: a connection that is silent though PONG is fine is detected by then."""
RECONCILED_MS = 60_000
"""Protocol 5.4: every book is compared with the venue's within 20 to 60 s."""


def calm(markets: int = 6) -> FeedWorld:
    """Two markets on each connection, all live."""
    world = FeedWorld(1, RIGHT, markets=markets)
    world.deliver_all()
    world.judge()
    assert world.differing() == []
    return world


def live_on(world: FeedWorld, line: Line) -> list[bool]:
    tokens = [token for venue in line.venues for token in (venue.yes, venue.no)]
    return [isinstance(world.feeds.live(TokenId(token), world.at), LiveBook) for token in tokens]


def second(world: FeedWorld, *moving: Line) -> None:
    """Let a second pass in which every market of these connections moves."""
    for line in moving:
        for venue in line.venues:
            world.change(venue)
    world.deliver_all()
    world.pass_time(1_000)
    world.deliver_all()
    world.judge()


def test_frozen_connection_is_found_within_twenty_seconds_and_the_quiet_one_is_left_alone():
    world = calm()
    busy, quiet, frozen = world.lines
    second(world, *world.lines)
    frozen.frozen, began_ms = True, world.now_ms

    while not world.reconnects:
        second(world, busy, frozen)
        assert world.now_ms - began_ms <= FOUND_MS, "still believed"
        assert all(live_on(world, busy) + live_on(world, quiet)), "a market that is well was halted"

    assert not any(live_on(world, frozen)), "its books may not be planned on from then on"
    assert world.reconnects == [frozen.number]
    assert world.alerts == [f"frozen:{frozen.number}"], "one alert for all of its markets"
    for _ in range(5):
        second(world, busy, frozen)
    assert world.differing() == []
    assert world.limits.resyncs == 0, "its first books restore it"


def test_frozen_connection_is_stale_at_twenty_seconds_when_rest_fails_too():
    world = calm()
    world.faults = replace(RIGHT, read_failed=1.0)
    busy, quiet, frozen = world.lines
    second(world, *world.lines)
    frozen.frozen, began_ms = True, world.now_ms

    while world.now_ms - began_ms < FOUND_MS:
        second(world, busy, frozen)

    assert not any(live_on(world, frozen))
    assert not any(live_on(world, quiet)), "nothing can tell it from a frozen one now"
    assert all(live_on(world, busy))
    world.faults = RIGHT
    for _ in range(15):
        second(world, busy, frozen)
    assert world.differing() == []


def test_frozen_connection_whose_markets_do_not_move_is_no_loss():
    world = calm()
    world.lines[0].frozen = True

    for _ in range(120):
        second(world, world.lines[1])

    assert world.differing() == []
    assert world.reconnects == []


def test_half_an_hour_without_any_message_halts_nothing():
    world = calm()

    for number in range(1_800):
        second(world)
        if number % 10 == 0:
            assert world.differing() == [], f"after {number} s"

    assert world.limits.probes <= 1_801
    assert (world.limits.resyncs, world.reconnects, world.alerts) == (0, [], [])


def test_market_that_its_living_connection_does_not_tell_of_any_more_is_found_by_the_reconcile():
    """The subscription of one market is lost at the venue; the other one on the connection goes on."""
    world = calm(markets=2)
    (line,) = world.lines
    silent, told = line.venues
    emitted = world.emit

    def emit(venue: ReferenceVenue, raw: bytes, versions: dict[str, int], **more: bool) -> None:
        if venue is told:
            emitted(venue, raw, versions, **more)

    world.emit = emit  # type: ignore[method-assign]
    for _ in range(300):
        if world.reconnects:
            break
        second(world, line)

    assert world.reconnects == [line.number], "it never asked for another connection"
    assert world.oldest_ms <= RECONCILED_MS, f"an old book was offered for {world.oldest_ms} ms"
    assert silent.condition != told.condition


@pytest.mark.parametrize("answered", [True, False])
def test_storm_of_wrong_checksums_in_every_market_stays_within_its_reads(answered: bool):
    """Every message's checksum is wrong for a minute, whether or not REST can still be read."""
    world = calm()
    if not answered:
        world.faults = replace(RIGHT, read_failed=1.0)
    emitted = world.emit

    def emit(venue: ReferenceVenue, raw: bytes, versions: dict[str, int], **more: bool) -> None:
        right = venue.book(venue.yes)["hash"].encode(), venue.book(venue.no)["hash"].encode()
        for told in right:
            raw = raw.replace(told, told[::-1])
        emitted(venue, raw, versions, **more)

    world.emit = emit  # type: ignore[method-assign]
    for _ in range(60):
        for _ in range(2):
            for venue in world.venues:
                world.change(venue)
            world.deliver_all()
        second(world)

    tokens = len(world.tokens)
    assert tokens * 6 <= world.limits.resyncs <= tokens * (2 + 61 // 5)
    world.emit = emitted  # type: ignore[method-assign]
    world.faults = RIGHT
    for _ in range(20):
        second(world, *world.lines)
    assert world.differing() == []
    assert not world.incidents


@pytest.mark.parametrize("changes", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_long_batch_of_right_checksums_causes_no_resync(changes: int):
    bench = FeedBench()
    for number in range(changes):
        side, price = (
            ("BUY", 4_000 + 100 * (number % 9)) if number % 2 else ("SELL", 5_100 + 100 * (number % 7))
        )
        bench.send(bench.change(side, price, str(number + 1), after_ms=number % 3))
        if number % 500 == 0:
            bench.check()
            bench.take_fetches()

    bench.assert_equals_venue()
    assert bench.resyncs == 0
    assert bench.take_alerts() == []


def test_book_that_loses_every_level_is_empty_and_comes_back_without_a_resync():
    bench = FeedBench()
    for side, levels in (("BUY", bench.venue.bids), ("SELL", bench.venue.asks)):
        for price in list(levels):
            bench.send(bench.change(side, price, "0"))
    assert bench.live() is NotLive.EMPTY
    bench.send(bench.venue.dump())
    assert bench.live() is NotLive.EMPTY

    bench.send(bench.change("BUY", 4_500, "5"))
    assert bench.live() is NotLive.EMPTY, "one-sided"
    bench.send(bench.change("SELL", 5_500, "5"))

    bench.assert_equals_venue()
    assert bench.resyncs == 0
