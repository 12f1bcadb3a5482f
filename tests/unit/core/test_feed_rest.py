from dataclasses import replace

import pytest
from msgspec import structs

from engine.core.feed.token import HELD_MAX
from engine.domain.book import NotLive
from engine.domain.ids import ConditionId, TokenId
from engine.domain.views import Severity
from tests.support.feed_bench import FeedBench
from tests.support.market_stream import NO, YES


def resyncing() -> FeedBench:
    """A bench whose two books were just dropped after a lost delta, the read asked for."""
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4400, "5"))
    bench.check()
    assert len(bench.take_fetches()) == 1
    return bench


def test_rest_book_with_the_newest_checksum_proves_itself():
    bench = resyncing()

    bench.answer_truly()

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.assert_equals_venue().epoch == 2


def test_rest_book_ends_the_incident_with_one_info_alert():
    bench = resyncing()
    bench.take_alerts()
    bench.wait(1500)

    bench.answer(*bench.venue.rest(YES), asked=(YES,))
    assert bench.take_alerts() == [], "the other token is not live yet"
    bench.answer(*bench.venue.rest(NO), asked=(NO,))

    (alert,) = bench.take_alerts()
    assert alert.severity is Severity.INFO
    assert alert.subject == "live again No change"
    assert "1.5 s" in alert.text


def test_rest_book_newer_than_the_stream_is_taken_and_older_deltas_are_left_out():
    bench = resyncing()
    late = [bench.change("BUY", 4300 + 100 * step, f"{step + 1}") for step in range(4)]

    bench.answer_truly()
    bench.assert_equals_venue()
    bench.send(*late)

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.resyncs == 2
    assert bench.counted("feed_frames_total", "superseded") == 6, "three of four, for both tokens"


def test_stream_goes_on_from_a_newer_rest_book():
    bench = resyncing()
    late = bench.change("BUY", 4300, "1")
    bench.answer_truly()
    bench.send(late)

    for size in ("2", "3", "0"):
        bench.send(bench.change("BUY", 4300, size))

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.resyncs == 2


def test_rest_book_older_than_the_newest_delta_is_never_taken_alone():
    bench = FeedBench()
    old = bench.venue.rest(YES, NO)
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4400, "5"))
    bench.check()

    bench.answer(*old)

    assert bench.live(YES) is NotLive.RESYNCING
    assert bench.counted("feed_hash_checks_total", "rest_behind") == 2


def test_rest_book_older_than_deltas_held_since_is_completed_by_them():
    bench = resyncing()
    snapshots = bench.venue.rest(YES, NO)
    for step in range(5):
        bench.send(bench.change("SELL", 5400 + 100 * step, f"{step + 1}"))
    assert bench.live() is NotLive.RESYNCING

    bench.answer(*snapshots)

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)


def test_rest_book_of_the_same_millisecond_as_held_deltas_is_placed_by_checksum():
    bench = resyncing()
    bench.send(bench.change("SELL", 5400, "1", after_ms=7))
    snapshots = bench.venue.rest(YES, NO)
    for size in ("2", "3", "4"):
        bench.send(bench.change("SELL", 5400, size, after_ms=0))

    bench.answer(*snapshots)

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)


def test_rest_book_of_the_newest_millisecond_with_another_checksum_is_not_taken():
    bench = resyncing()
    bench.change("SELL", 5400, "2", after_ms=0)

    bench.answer_truly()

    assert bench.live() is NotLive.RESYNCING, "it may be older or newer than the change: nothing tells"
    bench.send(bench.change("SELL", 5400, "3", after_ms=5))
    bench.answer_truly()
    bench.assert_equals_venue()


def test_delta_of_the_rest_books_own_millisecond_makes_it_unproven_until_the_stream_passes_it():
    bench = resyncing()
    first = bench.change("SELL", 5400, "1", after_ms=9)
    second = bench.change("SELL", 5500, "2", after_ms=0)
    bench.answer_truly()
    bench.assert_equals_venue()

    bench.send(first)
    assert bench.live() is NotLive.UNPROVEN
    bench.send(second)

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.resyncs == 2
    assert bench.take_fetches() == []


def test_delta_after_the_rest_book_in_the_same_millisecond_is_proven_by_its_checksum():
    bench = resyncing()
    before = bench.change("SELL", 5400, "1", after_ms=9)
    bench.answer_truly()
    after = bench.change("SELL", 5500, "2", after_ms=0)

    bench.send(before, after)

    bench.assert_equals_venue(YES)
    assert bench.resyncs == 2


def test_lost_delta_behind_an_uncertain_one_leads_to_one_more_resync():
    bench = resyncing()
    first = bench.change("SELL", 5400, "1", after_ms=9)
    bench.change("SELL", 5500, "2", after_ms=0)
    bench.answer_truly()
    bench.send(first)
    bench.change("BUY", 4300, "6")

    bench.send(bench.change("BUY", 4200, "6"))

    assert bench.live() is NotLive.RESYNCING
    bench.answer_truly()
    bench.assert_equals_venue()


def test_next_millisecond_settles_an_uncertain_delta_whose_successor_was_the_rest_book():
    bench = resyncing()
    first = bench.change("SELL", 5400, "1", after_ms=9)
    bench.change("SELL", 5500, "2", after_ms=0)
    bench.answer_truly()

    bench.send(first, bench.change("BUY", 4300, "6"))

    bench.assert_equals_venue(YES)
    assert bench.resyncs == 2


def test_stream_snapshot_ends_a_resync_and_the_late_answer_changes_nothing():
    bench = resyncing()
    late = bench.venue.rest(YES, NO)
    bench.venue.now_ms += 50
    bench.venue.put("BUY", 4900, "1")
    bench.send(*bench.venue.trade(4900))

    bench.assert_equals_venue(YES)
    bench.answer(*late)

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)


def test_stream_snapshot_older_than_a_newer_rest_book_is_left_out():
    bench = resyncing()
    bench.venue.now_ms += 5
    yes, no, _ = bench.venue.trade(4900)
    bench.change("BUY", 4300, "6")
    bench.answer_truly()

    bench.send(yes, no)

    bench.assert_equals_venue(YES)
    assert bench.resyncs == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: structs.replace(s, bids=s.bids[1:]),
        lambda s: structs.replace(s, bids=[*s.bids, s.bids[0]]),
        lambda s: structs.replace(s, condition_id=ConditionId("0x" + "99" * 32)),
        lambda s: structs.replace(s, timestamp_text="9" + "0" * 14),
        lambda s: structs.replace(s, hash="0" * 40),
        lambda s: structs.replace(s, tick_size="0.001"),
        lambda s: structs.replace(s, tick_size="0.003"),
        lambda s: structs.replace(s, tick_size="2"),
        lambda s: structs.replace(s, neg_risk=False),
    ],
)
def test_rest_book_that_does_not_prove_itself_is_refused(damage):
    bench = resyncing()

    bench.answer(*(damage(snapshot) for snapshot in bench.venue.rest(YES, NO)))

    assert bench.live(YES) is NotLive.RESYNCING
    assert bench.counted("feed_hash_checks_total", "rest_refused") == 2
    bench.wait(5_000)
    bench.check()
    bench.answer_truly()
    bench.assert_equals_venue()


def test_rest_book_teaches_minimum_and_tick_that_the_catalogue_had_wrong():
    bench = FeedBench(dump=False)
    tokens = [replace(token, min_order_size_text="15", neg_risk=False) for token in bench.venue.tokens()]
    bench.effects += bench.feeds.track(tokens, bench.at)
    bench.send(bench.venue.dump())
    assert bench.live() is NotLive.RESYNCING

    bench.answer_truly()

    bench.assert_equals_venue(YES)
    for size in ("1", "2"):
        bench.send(bench.change("BUY", 4500, size))
        bench.assert_equals_venue(NO)


def test_first_delta_without_a_snapshot_asks_for_one_and_is_kept():
    bench = FeedBench(dump=False)
    old = bench.venue.rest(YES, NO)

    bench.send(bench.change("BUY", 4500, "1"))

    (fetch,) = bench.take_fetches()
    assert (set(fetch.tokens), fetch.reason) == ({YES, NO}, "first_delta")
    bench.answer(*old)
    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)


def test_token_left_out_of_the_answer_is_asked_for_again():
    bench = resyncing()

    bench.answer(*bench.venue.rest(YES))

    bench.assert_equals_venue(YES)
    (fetch,) = bench.take_fetches()
    assert fetch.tokens == (NO,)


def test_failed_read_is_repeated_within_the_throttle():
    bench = resyncing()
    asked = (TokenId(YES), TokenId(NO))
    bench.effects += bench.feeds.books_read_failed(asked, bench.at)

    reads = 0
    for _ in range(600):
        bench.wait(100)
        bench.check()
        for fetch in bench.take_fetches():
            reads += 1
            assert set(fetch.tokens) == {YES, NO}
            bench.effects += bench.feeds.books_read_failed(asked, bench.at)
        reads += len(bench.take_fetches())

    assert reads == 1 + 12, "one left of the burst, then one every 5 s of the minute"


def test_storm_of_wrong_checksums_costs_one_read_every_five_seconds():
    bench = FeedBench()
    reads = 0
    for step in range(1200):
        bench.wait(40)
        bench.change("BUY", 4500, f"{step + 1}")
        bench.send(bench.change("BUY", 4300, f"{step + 1}"))
        bench.live(YES)
        for fetch in bench.take_fetches():
            reads += YES in fetch.tokens
            bench.answer(*bench.venue.rest(*fetch.tokens), asked=fetch.tokens)

    seconds = 1200 * 60 // 1000
    assert reads <= 2 + seconds // 5
    assert reads >= seconds // 5


def test_read_without_any_answer_is_taken_for_lost():
    bench = resyncing()

    bench.wait(9_999)
    bench.check()
    assert bench.take_fetches() == []
    bench.wait(1)
    bench.check()

    assert len(bench.take_fetches()) == 1


def test_answer_about_live_and_unknown_tokens_changes_nothing():
    bench = FeedBench()
    old = bench.venue.rest(YES, NO)
    bench.send(bench.change("BUY", 4500, "1"))

    bench.answer(*old, asked=(YES, NO, "123"))

    bench.assert_equals_venue(YES)
    assert bench.assert_equals_venue(NO).epoch == 1


def test_held_deltas_are_bounded_and_a_fresh_book_still_restores():
    bench = resyncing()
    snapshots = bench.venue.rest(YES, NO)
    for step in range(HELD_MAX + 50):
        bench.send(bench.change("SELL", 5400 if step < 50 else 5500, f"{step + 1}"))

    bench.answer(*snapshots)
    assert bench.live() is NotLive.RESYNCING
    bench.answer_truly()

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)


def test_rest_book_from_just_before_the_change_that_showed_the_loss_is_completed_by_it():
    bench = FeedBench()
    bench.change("BUY", 5000, "77")
    before = bench.venue.rest(YES, NO)
    bench.send(bench.change("BUY", 4400, "5"))
    assert bench.counted("feed_resync_total", "touch") == 2

    bench.answer(*before)

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)


def test_rest_book_on_a_finer_grid_is_completed_by_the_change_that_was_off_the_old_one():
    bench = FeedBench()
    bench.venue.tick = 10
    bench.venue.now_ms += 10
    before = bench.venue.rest(YES, NO)
    bench.send(bench.change("BUY", 4910, "5"))
    assert bench.counted("feed_resync_total", "off_grid") == 2

    bench.answer(*before)

    assert bench.assert_equals_venue(YES).tick == 10
    bench.assert_equals_venue(NO)


def test_delta_older_than_the_rest_book_is_a_fault_on_a_new_connection():
    bench = resyncing()
    late = bench.change("SELL", 5400, "1")
    bench.change("SELL", 5400, "2")
    bench.answer_truly()
    bench.link(up=False)
    bench.link(up=True)

    bench.send(late)

    assert bench.live() is NotLive.RESYNCING
    assert bench.counted("feed_resync_total", "backwards") == 2
