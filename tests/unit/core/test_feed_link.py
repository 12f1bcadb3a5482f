import pytest

from engine.core.feed.feeds import SILENCE_MS, SNAPSHOT_PATIENCE_MS, Feeds
from engine.domain.book import LiveBook, NotLive
from engine.domain.views import Severity
from tests.support.feed_bench import LINE, FeedBench
from tests.support.market_stream import NO, YES, seeded_venue


def reconnected() -> FeedBench:
    """A live bench that lost its connection and has a new one."""
    bench = FeedBench()
    bench.link(up=False)
    bench.link(up=True)
    return bench


def test_book_is_down_with_its_connection():
    bench = FeedBench()

    bench.link(up=False)

    assert bench.live() is NotLive.DOWN
    assert bench.feeds.status(bench.at).problems == (NotLive.DOWN.value,)


def test_reconnect_makes_books_unproven_without_a_read():
    bench = reconnected()

    assert bench.live(YES) is NotLive.UNPROVEN
    bench.check()
    assert bench.take_fetches() == []
    assert bench.resyncs == 0


def test_subscribe_book_restores_after_a_reconnect_without_rest_or_resync():
    bench = FeedBench()
    bench.link(up=False)
    for step in range(5):
        bench.change("BUY", 4400, f"{step + 1}")
    bench.link(up=True)

    bench.send(bench.venue.dump())

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.take_fetches() == []
    assert bench.take_alerts() == []
    assert bench.resyncs == 0


def test_matching_checksum_restores_after_a_reconnect_without_the_book():
    bench = reconnected()

    bench.send(bench.change("BUY", 4400, "5"))

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.resyncs == 0


def test_many_reconnects_with_right_checksums_never_resync():
    bench = FeedBench()
    for step in range(50):
        for _ in range(3):
            bench.send(bench.change("BUY", 4400, f"{step + 1}"))
        bench.link(up=False)
        bench.link(up=True)
        bench.send(bench.venue.dump() if step % 2 else bench.change("SELL", 5600, f"{step + 1}"))

    bench.assert_equals_venue(YES)
    assert bench.resyncs == 0
    assert bench.counted("feed_resync_total", "hash") == 0


def test_mismatch_across_a_reconnect_causes_one_limited_resync():
    bench = FeedBench()
    bench.link(up=False)
    bench.change("BUY", 4500, "77")
    bench.link(up=True)

    for step in range(20):
        bench.send(bench.change("BUY", 4400, f"{step + 1}"))

    assert bench.live() is NotLive.RESYNCING
    assert bench.resyncs == 2
    assert len(bench.take_alerts()) == 1
    assert sum(len(fetch.tokens) for fetch in bench.take_fetches()) == 2
    bench.answer_truly()
    bench.assert_equals_venue()


def test_subscribe_book_older_than_what_was_seen_before_is_not_taken():
    bench = FeedBench()
    lagging = bench.venue.dump()
    bench.send(bench.change("BUY", 4500, "1"))
    bench.link(up=False)
    bench.link(up=True)

    bench.send(lagging)

    assert bench.live() is NotLive.RESYNCING
    bench.answer_truly()
    bench.assert_equals_venue()


def test_disconnect_in_a_resync_waits_for_the_subscribe_book():
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4400, "5"))
    bench.check()
    bench.take_alerts()
    bench.link(up=False)
    bench.answer_truly()
    assert bench.live() is NotLive.DOWN, "a REST book proves nothing while no stream continues it"

    bench.link(up=True)
    assert bench.live() is NotLive.WAITING
    bench.send(bench.venue.dump())

    bench.assert_equals_venue()
    assert [alert.severity for alert in bench.take_alerts()] == [Severity.INFO]


def test_second_link_up_counts_as_a_reconnect():
    bench = FeedBench()

    bench.link(up=True)

    assert bench.live() is NotLive.UNPROVEN


def test_silent_connection_makes_books_stale_at_twenty_seconds():
    bench = FeedBench()

    bench.wait(SILENCE_MS - 1)
    assert isinstance(bench.live(), LiveBook)
    bench.wait(1)

    assert bench.live() is NotLive.STALE, "even before the check of the second"
    bench.check()
    assert bench.live() is NotLive.STALE
    assert bench.feeds.status(bench.at).problems == (NotLive.STALE.value,)
    assert bench.take_alerts() == []


def test_message_about_the_market_revives_a_stale_book():
    bench = FeedBench()
    bench.wait(SILENCE_MS)
    bench.check()

    bench.send(bench.venue.trade_words(5000))

    bench.assert_equals_venue()
    assert bench.resyncs == 0


@pytest.mark.parametrize("sign", [b"PONG", b'{"channel":"news"}', b"\xff\xfe"])
def test_what_says_nothing_of_the_market_confirms_no_book(sign: bytes):
    bench = FeedBench()
    bench.wait(SILENCE_MS)
    bench.check()

    bench.send(sign)

    assert bench.live() is NotLive.STALE


def test_message_of_a_lost_connection_is_late_and_changes_nothing():
    bench = FeedBench()
    bench.link(up=False)

    bench.send(bench.change("BUY", 4400, "5"))

    assert bench.live() is NotLive.DOWN
    assert bench.counted("feed_frames_total", "late") == 1


def test_subscribed_token_without_a_book_is_asked_for_after_some_patience():
    bench = FeedBench(dump=False)
    bench.wait(SNAPSHOT_PATIENCE_MS - 1)
    bench.check()
    assert bench.take_fetches() == []
    assert bench.live() is NotLive.WAITING

    bench.wait(1)
    bench.check()

    (fetch,) = bench.take_fetches()
    assert (set(fetch.tokens), fetch.reason) == ({YES, NO}, "no_snapshot")
    bench.answer_truly()
    bench.assert_equals_venue()


def test_unproven_book_of_a_quiet_market_is_asked_for_after_some_patience():
    bench = reconnected()
    bench.wait(SNAPSHOT_PATIENCE_MS)
    bench.check()

    bench.answer_truly()

    bench.assert_equals_venue(YES)
    assert bench.counted("feed_resync_total", "no_snapshot") == 2


def test_venue_wide_loss_raises_one_alert_for_the_venue():
    feeds = Feeds()
    venues = [
        seeded_venue(condition=f"0x{n:064x}", yes=str(10**76 + n), no=str(2 * 10**76 + n))
        for n in range(1, 13)
    ]
    bench = FeedBench(venues[0])
    bench.feeds = feeds
    feeds.track([token for venue in venues for token in venue.tokens()], bench.at)
    feeds.link(LINE, up=True, at_ms=bench.at)
    for venue in venues:
        bench.send(venue.dump())
        venue.now_ms += 10
        venue.put("BUY", 4500, "9")
        bench.send(venue.set_level("BUY", 4400, "9"))

    bench.check()

    alerts = bench.take_alerts()
    assert [alert.key.split(":")[1][:5] for alert in alerts] == ["0x000", "0x000", "0x000", "venue"]
    (fetch,) = bench.take_fetches()
    assert len(fetch.tokens) == 24, "one batched read"
    snapshots = [snapshot for venue in venues for snapshot in venue.rest(venue.yes, venue.no)]
    bench.effects += feeds.books_read(fetch.tokens, reversed(snapshots), bench.at)
    assert feeds.status(bench.at).live == 12
    assert [alert.key.split(":")[1][:5] for alert in bench.take_alerts()] == ["0x000"] * 3 + ["venue"]


def test_link_state_is_kept_for_tokens_tracked_later():
    bench = FeedBench(up=False)
    assert bench.live(NO) is NotLive.DOWN

    bench.link(up=True)

    assert bench.live(NO) is NotLive.WAITING
