from dataclasses import replace

import pytest

from engine.core.feed.feeds import Feeds, FeedStatus
from engine.domain.book import NotLive
from engine.domain.ids import TokenId
from engine.domain.units import Ms, Price
from engine.domain.views import Severity
from engine.venue.wire import decode_market
from tests.support.feed_bench import LINE, FeedBench
from tests.support.market_stream import NO, START_MS, YES, ReferenceVenue, seeded_venue


def two_markets() -> tuple[FeedBench, ReferenceVenue]:
    """A bench that follows a second, still silent market beside its own."""
    bench = FeedBench()
    other = seeded_venue(condition="0x" + "33" * 32, yes="3" * 76, no="4" * 76)
    bench.feeds.track([*bench.venue.tokens("No change"), *other.tokens()], bench.at)
    return bench, other


def test_tracking_the_same_again_keeps_the_books():
    bench = FeedBench()
    before = bench.assert_equals_venue()

    assert bench.feeds.track(bench.venue.tokens("No change"), bench.at) == ()

    assert bench.assert_equals_venue().bids is before.bids


def test_token_no_longer_given_is_dropped():
    bench = FeedBench()
    yes, _ = bench.venue.tokens()

    bench.feeds.track([yes], bench.at)

    assert bench.live(NO) is NotLive.UNTRACKED
    bench.send(bench.change("BUY", 4500, "1"))
    bench.assert_equals_venue(YES)
    assert bench.counted("feed_frames_total", "foreign") == 1


def test_dropped_market_leaves_nothing_behind():
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4400, "5"))
    bench.live(YES)
    bench.take_fetches()

    bench.effects = list(bench.feeds.track([], bench.at))
    bench.check()

    assert bench.take_fetches() == []
    assert bench.feeds.status(bench.at) == FeedStatus(live=0, total=0, problems=(), resyncs=1)


def test_new_token_on_a_running_connection_waits_for_its_snapshot():
    bench, other = two_markets()

    assert bench.feeds.live(TokenId(other.yes), bench.at) is NotLive.WAITING
    bench.assert_equals_venue(YES)
    bench.send(other.dump())

    assert bench.feeds.status(bench.at).live == 2


def test_status_counts_markets_and_names_what_is_wrong():
    bench, _ = two_markets()

    status = bench.feeds.status(bench.at)

    assert (status.live, status.total, status.resyncs) == (1, 2, 0)
    assert status.problems == ("0x33333333…: no snapshot yet",)


def test_status_names_the_resync():
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4400, "5"))
    bench.check()

    status = bench.feeds.status(bench.at)

    assert status == FeedStatus(0, 1, ("No change: resync in progress",), 2)


def test_status_of_nothing_tracked_has_no_problem():
    assert Feeds().status(Ms(START_MS)) == FeedStatus(0, 0, (), 0)


def test_tick_change_voids_both_books_and_the_rest_book_brings_the_new_grid():
    bench = FeedBench()
    bench.venue.now_ms += 10
    bench.send(bench.venue.change_tick(10))

    (fetch,) = bench.take_fetches()
    assert (set(fetch.tokens), fetch.reason) == ({YES, NO}, "tick_change")
    assert bench.live(YES) is NotLive.RESYNCING
    (alert,) = bench.take_alerts()
    assert alert.severity is Severity.INFO
    assert "expected tick 0.010, found 0.001" in alert.text
    bench.answer_truly()
    bench.send(bench.change("BUY", 4910, "1"))

    assert bench.assert_equals_venue(YES).tick == 10
    assert bench.assert_equals_venue(NO).asks[0].price == 5090


def test_tick_change_told_twice_costs_one_resync():
    bench = FeedBench()
    bench.venue.now_ms += 10
    raw = bench.venue.change_tick(10)
    bench.send(raw)
    bench.answer_truly()

    bench.send(raw.replace(YES.encode(), NO.encode()))

    bench.assert_equals_venue(YES)
    assert bench.resyncs == 2


def test_rest_book_from_before_the_tick_change_is_refused():
    bench = FeedBench()
    bench.venue.now_ms += 10
    bench.change("BUY", 4400, "3")
    old = bench.venue.rest(YES, NO)
    bench.venue.now_ms += 10
    bench.send(bench.venue.change_tick(10))

    bench.answer(*old)

    assert bench.live(YES) is NotLive.RESYNCING
    bench.answer_truly()
    assert bench.assert_equals_venue(YES).tick == 10


def test_lost_tick_change_is_noticed_and_learnt_from_rest():
    bench = FeedBench()
    bench.venue.tick = 10
    bench.send(bench.change("BUY", 4910, "3"))
    assert bench.counted("feed_resync_total", "off_grid") == 2

    bench.answer_truly()

    assert bench.assert_equals_venue(NO).tick == 10


def test_subscribe_book_brings_its_own_tick():
    bench = FeedBench(dump=False)
    bench.venue.tick = 10
    bench.venue.bids[4910] = "3"

    bench.send(bench.venue.dump())

    assert bench.assert_equals_venue(YES).tick == 10


@pytest.mark.parametrize("late", [False, True])
def test_catalogues_new_tick_voids_the_book_unless_the_stream_told_it_first(late: bool):
    bench = FeedBench()
    bench.venue.now_ms += 10
    raw = bench.venue.change_tick(10)
    if late:
        bench.send(raw)
        bench.answer_truly()
        bench.take_fetches()

    bench.effects += bench.feeds.track(bench.venue.tokens("No change"), bench.at)

    assert bool(bench.take_fetches()) is not late
    bench.answer_truly()
    assert bench.assert_equals_venue(YES).tick == 10


def test_old_catalogue_does_not_take_a_new_tick_back():
    bench = FeedBench()
    old = bench.venue.tokens("No change")
    bench.venue.now_ms += 10
    bench.send(bench.venue.change_tick(10))
    bench.answer_truly()

    assert bench.feeds.track(old, bench.at) == ()

    assert bench.assert_equals_venue(YES).tick == 10


def test_catalogues_new_minimum_enters_the_checksum():
    bench = FeedBench()
    tokens = [replace(token, min_order_size_text="15") for token in bench.venue.tokens()]
    bench.feeds.track(tokens, bench.at)

    bench.send(bench.change("BUY", 4500, "1"))

    assert bench.live() is NotLive.RESYNCING, "the reference venue still says 5"


def test_tracking_with_an_impossible_tick_asserts_nothing_until_a_snapshot_and_then_resyncs():
    venue = seeded_venue()
    feeds = Feeds()
    feeds.track([replace(token, tick=Price(30)) for token in venue.tokens()], Ms(START_MS))
    feeds.link(LINE, up=True, at_ms=Ms(START_MS))
    venue.now_ms += 1
    yes, no, _ = venue.trade(5000)

    for raw in (yes, no):
        for frame in decode_market(raw):
            feeds.apply(LINE, frame, Ms(venue.now_ms))

    assert feeds.live(TokenId(YES), Ms(venue.now_ms)) is NotLive.RESYNCING


def test_drain_gives_counts_once():
    bench = FeedBench()

    first, second = bench.feeds.drain(), bench.feeds.drain()

    assert first
    assert second == ()
