import json

import pytest
from msgspec.structs import replace

from engine.core.feed.token import CHECK_EVERY
from engine.domain.book import LiveBook, NotLive
from engine.domain.frames import BookSnapshot, Ignored, Malformed
from engine.domain.ids import TokenId
from engine.domain.units import Ms
from engine.venue.wire import decode_market
from tests.support.feed_bench import LINE, FeedBench
from tests.support.market_stream import FOREIGN, NO, YES, ReferenceVenue, seeded_venue


def edited(raw: bytes, **changed: object) -> bytes:
    """Change message fields of a frame."""
    return json.dumps(json.loads(raw) | changed).encode()


def edited_entry(raw: bytes, index: int, **changed: object) -> bytes:
    """Change fields of one entry of a `price_change`."""
    frame = json.loads(raw)
    frame["price_changes"][index] |= changed
    return json.dumps(frame).encode()


def test_dump_makes_both_books_live_and_equal():
    bench = FeedBench()

    assert bench.assert_equals_venue(YES).bids[0].price == 4900
    assert bench.assert_equals_venue(NO).bids[0].price == 4900
    assert bench.take_fetches() == []
    assert bench.resyncs == 0


def test_live_book_names_its_proof():
    bench = FeedBench()

    book = bench.assert_equals_venue()

    assert book.hash == bench.venue.book(YES)["hash"]
    assert (book.token_id, book.condition_id, book.tick) == (YES, bench.venue.condition, 100)
    assert (book.epoch, book.confirmed_ms) == (1, bench.at)


@pytest.mark.parametrize("mirror_first", [False, True])
def test_delta_changes_both_books_whatever_the_order_of_tokens(mirror_first: bool):
    bench = FeedBench()
    bench.venue.now_ms += 5

    bench.send(bench.venue.set_level("SELL", 5000, "12.34", mirror_first=mirror_first))

    assert bench.assert_equals_venue(YES).asks[0].price == 5000
    assert bench.assert_equals_venue(NO).bids[0].price == 5000


def test_several_messages_of_one_millisecond_are_all_applied():
    bench = FeedBench()

    for size in ("1", "2", "3", "0", "4.5"):
        bench.send(bench.change("BUY", 4900, size, after_ms=0))

    bench.assert_equals_venue()
    assert bench.resyncs == 0


def test_long_right_stream_causes_no_resync_and_few_checks():
    bench = FeedBench()
    for step in range(3000):
        price = 4000 + 100 * (step % 9)
        bench.send(
            bench.change("BUY", price, "0" if step % 4 == 3 and price in bench.venue.bids else f"{step + 1}")
        )

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.resyncs == 0
    assert bench.take_fetches() == []
    assert bench.counted("feed_hash_checks_total", "match") <= 2 * (3000 // CHECK_EVERY) + 4


def test_lost_delta_is_noticed_when_the_next_book_is_asked_for():
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4400, "5"))

    assert bench.live() is NotLive.RESYNCING
    assert [(f.tokens, f.reason) for f in bench.take_fetches()] == [((YES,), "hash")]


def test_lost_delta_is_noticed_by_the_check_of_the_second_for_both_tokens_at_once():
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4400, "5"))

    bench.check()

    (fetch,) = bench.take_fetches()
    assert set(fetch.tokens) == {YES, NO}
    assert bench.counted("feed_resync_total", "hash") == 2


def test_lost_delta_is_noticed_within_a_hundred_changes_without_any_clock():
    bench = FeedBench()
    bench.change("BUY", 4500, "77")

    for step in range(CHECK_EVERY + 1):
        bench.send(bench.change("BUY", 4400, f"{step + 1}"))

    assert bench.resyncs == 2


def test_lost_delta_at_the_touch_is_noticed_at_once():
    bench = FeedBench()
    bench.change("BUY", 5000, "1")
    bench.send(bench.change("BUY", 4400, "5"))

    assert bench.resyncs == 2
    assert bench.counted("feed_resync_total", "touch") == 2


def test_lost_delta_of_a_level_removed_later_is_noticed_at_once():
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4300, "1"))
    bench.change("BUY", 4400, "1")

    bench.send(bench.change("BUY", 4500, "0"))

    assert bench.counted("feed_resync_total", "unknown_level") == 2


def test_lost_delta_tells_operators_once_in_words():
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4400, "5"))
    bench.check()
    bench.check()

    (alert,) = bench.take_alerts()

    assert alert.key == f"resync:{bench.venue.condition}"
    assert alert.subject == "resync No change"
    assert bench.venue.book(YES)["hash"][:12] in alert.text
    assert "quotes and plans on this market wait" in alert.next_step


def test_duplicate_of_the_newest_message_changes_nothing():
    bench = FeedBench()
    raw = bench.change("SELL", 5100, "8")

    bench.send(raw, raw)

    bench.assert_equals_venue()
    assert bench.resyncs == 0


def test_message_older_than_the_newest_is_refused_and_resynced():
    bench = FeedBench()
    old = bench.change("SELL", 5100, "8")
    bench.send(old)
    bench.send(bench.change("SELL", 5100, "9"))

    bench.send(old)

    assert bench.live() is NotLive.RESYNCING
    assert bench.counted("feed_resync_total", "backwards") == 2


def test_asset_twice_in_one_message_is_judged_by_its_last_entry():
    bench = FeedBench()
    bench.venue.now_ms += 10
    levels = (("BUY", 4600, "1"), ("BUY", 4800, "0"))
    for level in levels:
        bench.venue.put(*level)
    frame = bench.venue.change(levels)
    for entry in frame["price_changes"][:2]:
        entry |= {"hash": "0" * 40, "best_bid": "0.2"}

    bench.send(json.dumps(frame).encode())

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.resyncs == 0


def test_crossed_book_that_the_checksum_confirms_is_live_but_not_planned_on():
    bench = FeedBench()

    bench.send(bench.change("BUY", 5100, "3"))

    assert bench.live() is NotLive.CROSSED
    assert bench.resyncs == 0
    bench.send(bench.change("SELL", 5100, "0"))
    bench.assert_equals_venue()


def test_crossed_book_without_a_matching_checksum_is_resynced():
    bench = FeedBench()
    raw = bench.change("BUY", 5100, "3")

    bench.send(edited_entry(edited_entry(raw, 0, hash="1" * 40), 1, hash="2" * 40))

    assert bench.live() is NotLive.RESYNCING
    assert bench.counted("feed_resync_total", "crossed") == 2


def test_touch_that_the_checksum_contradicts_is_the_messages_fault_and_costs_nothing():
    bench = FeedBench()

    bench.send(edited_entry(bench.change("BUY", 4800, "3"), 0, best_bid="0.2"))

    bench.assert_equals_venue()
    assert bench.resyncs == 0


def test_empty_side_is_told_and_is_not_a_fault():
    venue = ReferenceVenue(bids={}, asks={5100: "5"})
    bench = FeedBench(venue)

    assert bench.live(YES) is NotLive.EMPTY
    assert bench.live(NO) is NotLive.EMPTY
    bench.send(bench.change("BUY", 4000, "1"))
    bench.assert_equals_venue(YES)
    bench.send(bench.change("BUY", 4000, "0"))
    assert bench.live(YES) is NotLive.EMPTY
    assert bench.resyncs == 0


def test_fine_and_coarse_price_texts_live_in_one_book():
    venue = ReferenceVenue(tick=10, bids={9900: "5", 9890: "1"}, asks={9910: "2.5", 9990: "31045290"})
    bench = FeedBench(venue)

    bench.send(bench.change("BUY", 9900, "7"), bench.change("SELL", 9920, "3"))

    assert [level.price for level in bench.assert_equals_venue().asks] == [9910, 9920, 9990]


def test_off_grid_price_applies_nothing_of_the_message():
    bench = FeedBench()
    fine = edited_entry(bench.change("BUY", 4600, "3"), 1, price="0.5401")

    bench.send(fine)

    assert bench.live(YES) is NotLive.RESYNCING
    assert bench.live(NO) is NotLive.RESYNCING
    assert bench.counted("feed_resync_total", "off_grid") == 2


def test_message_that_names_our_token_under_another_market_is_refused():
    bench = FeedBench()

    bench.send(edited(bench.change("BUY", 4600, "3"), market="0x" + "11" * 32))

    assert bench.live(YES) is NotLive.RESYNCING
    assert bench.counted("feed_resync_total", "wrong_market") == 2


def test_time_far_ahead_is_refused_and_does_not_make_later_snapshots_look_old():
    bench = FeedBench()
    bench.send(edited(bench.change("BUY", 4600, "3"), timestamp="999999999999999"))
    assert bench.counted("feed_resync_total", "time_ahead") == 2

    bench.answer_truly()

    bench.assert_equals_venue()


def test_foreign_token_is_counted_and_costs_nothing():
    bench = FeedBench()
    before = bench.feeds.sequence
    other = seeded_venue(condition="0x" + "22" * 32, yes=FOREIGN, no=FOREIGN[::-1])
    other.now_ms += 10

    bench.send(
        other.dump(), other.set_level("BUY", 4500, "1"), other.trade_words(5100), other.change_tick(10)
    )

    assert bench.feeds.sequence == before
    assert bench.counted("feed_frames_total", "foreign") == 6
    bench.assert_equals_venue()


def test_sequence_counts_frames_that_concerned_a_book():
    bench = FeedBench()
    before = bench.feeds.sequence

    bench.send(bench.change("BUY", 4500, "1"), b"PONG", bench.change("BUY", 4500, "2"), b"{}")

    assert bench.feeds.sequence == before + 2


def test_frames_without_a_book_are_counted_by_kind_and_reason():
    bench = FeedBench()

    for frame in (Ignored("pong"), Ignored("new_market"), Malformed("price", "x"), Malformed("price", "y")):
        bench.effects += bench.feeds.apply(LINE, frame, bench.at)

    assert bench.counted("feed_frames_total", "pong") == 1
    assert bench.counted("feed_frames_total", "new_market") == 1
    assert bench.counted("feed_malformed_total", "price") == 2
    bench.assert_equals_venue()


def test_frames_of_a_link_that_is_down_are_not_believed():
    bench = FeedBench(up=False)

    bench.send(bench.venue.dump())

    assert bench.live() is NotLive.DOWN
    assert bench.counted("feed_frames_total", "late") == 2


def test_trade_books_are_proven_before_the_trade_itself_is_told():
    bench = FeedBench()
    bench.venue.now_ms += 10
    bench.venue.put("SELL", 5100, "55.123456")

    yes, no, trade = bench.venue.trade(5100)
    bench.send(yes, no)

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.counted("feed_hash_checks_total", "adopted") == 1, (
        "the market's second book knows it already"
    )
    bench.send(trade)
    bench.send(bench.change("BUY", 4500, "9"))
    bench.assert_equals_venue(NO)
    assert bench.resyncs == 0


@pytest.mark.parametrize("announced", [5100, 4900, 1230])
def test_last_trade_is_found_as_p_or_its_complement_or_by_search(announced: int):
    bench = FeedBench()
    bench.send(bench.venue.trade_words(announced))
    bench.venue.last_trade = "0.510"

    bench.send(bench.change("BUY", 4500, "9"))

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.resyncs == 0


def test_new_last_trade_between_two_tokens_checks_both_are_found():
    bench = FeedBench()
    for number in range(1, 9):
        bench.venue.last_trade = f"0.51{number}"
        bench.send(bench.change("BUY", 4500, f"{number}"))
        bench.assert_equals_venue(YES if number % 2 else NO)

    assert bench.resyncs == 0


def test_stream_snapshot_replaces_the_whole_book_and_begins_an_epoch():
    bench = FeedBench()
    bench.venue.now_ms += 10
    bench.venue.bids, bench.venue.asks = {1000: "1"}, {9000: "2"}

    bench.send(bench.venue.dump())

    assert bench.assert_equals_venue().epoch == 2


def test_stream_snapshot_with_a_wrong_checksum_is_not_planned_on():
    bench = FeedBench()
    bench.venue.now_ms += 10
    snapshot = decode_market(bench.venue.dump())[0]
    assert isinstance(snapshot, BookSnapshot)

    bench.effects += bench.feeds.apply(LINE, replace(snapshot, bids=snapshot.bids[1:]), bench.at)

    assert bench.live() is NotLive.RESYNCING


@pytest.mark.parametrize(
    "levels",
    [[{"price": "0.5", "size": "1"}, {"price": "0.50", "size": "2"}], [{"price": "0.505", "size": "1"}]],
)
def test_stream_snapshot_that_contradicts_itself_is_resynced(levels: list[dict[str, str]]):
    bench = FeedBench()
    bench.venue.now_ms += 10
    books = json.loads(bench.venue.dump())
    books[0]["bids"] = levels

    bench.send(json.dumps(books).encode())

    assert bench.live(YES) is NotLive.RESYNCING
    assert isinstance(bench.live(NO), LiveBook)
    assert bench.counted("feed_resync_total", "bad_snapshot") == 1


def test_stream_snapshot_older_than_the_newest_change_is_refused():
    bench = FeedBench()
    old = bench.venue.dump()
    bench.send(bench.change("BUY", 4500, "1"))

    bench.send(old)

    assert bench.counted("feed_resync_total", "backwards") == 2


def test_levels_are_the_same_object_while_the_book_stands():
    bench = FeedBench()
    first, second = bench.live(), bench.live()

    assert isinstance(first, LiveBook)
    assert isinstance(second, LiveBook)
    assert first.bids is second.bids
    bench.send(bench.change("BUY", 4500, "1"))
    assert bench.assert_equals_venue().bids is not first.bids


def test_unknown_token_is_untracked():
    bench = FeedBench()

    assert bench.feeds.live(TokenId(FOREIGN), Ms(bench.at)) is NotLive.UNTRACKED
