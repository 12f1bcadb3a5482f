"""Defects of the feed core that the campaigns and random streams found, each in its smallest form."""

import json
from dataclasses import replace

import pytest

from engine.core.feed.feeds import Feeds
from engine.domain.book import LiveBook, NotLive
from engine.domain.effects import FetchBooks
from engine.domain.frames import BookSnapshot, Malformed
from engine.domain.ids import ConditionId, ConnectionId, TokenId
from engine.domain.units import Ms
from engine.venue.wire import decode_market
from tests.support.feed_bench import LINE, FeedBench
from tests.support.market_stream import NO, YES, ReferenceVenue, seeded_venue

OTHER_LINE = ConnectionId(1)


def on_two_connections() -> FeedBench:
    """The bench's market on its line, another market on a second one."""
    bench = FeedBench(dump=False)
    other = seeded_venue(condition="0x" + "2b" * 32, yes=str(10**76 + 1), no=str(10**76 + 2))
    bench.feeds = Feeds(tokens_per_connection=2)
    bench.feeds.track([*bench.venue.tokens(), *other.tokens()], bench.at)
    for line in (LINE, OTHER_LINE):
        bench.feeds.link(line, up=True, at_ms=bench.at)
    bench.send(bench.venue.dump())
    bench.assert_equals_venue()
    return bench


def deliver(bench: FeedBench, line: ConnectionId, raw: bytes) -> None:
    for frame in decode_market(raw):
        bench.effects += bench.feeds.apply(line, frame, bench.at)


@pytest.mark.parametrize("kind", ["book", "change"])
@pytest.mark.parametrize("silent", [True, False])
def test_message_that_comes_on_another_connection_than_its_markets_does_not_raise(silent: bool, kind: str):
    """A connection that does not carry the market has no word on it."""
    bench = on_two_connections()
    bench.send(bench.change("BUY", 4400, "5"))
    if silent:
        bench.wait(25_000)
        bench.check()
        assert bench.live() is NotLive.STALE
    else:
        bench.link(up=False)

    told = bench.venue.dump(YES) if kind == "book" else bench.change("BUY", 4400, "6", after_ms=0)
    deliver(bench, OTHER_LINE, told)

    assert bench.live() is (NotLive.STALE if silent else NotLive.DOWN)


def test_stream_book_from_before_a_change_of_tick_is_not_taken_after_it():
    bench = FeedBench()
    bench.venue.now_ms += 10
    lagging = bench.venue.dump()
    bench.venue.now_ms += 10
    bench.send(bench.venue.change_tick(10))

    bench.send(lagging)

    assert not isinstance(bench.live(YES), LiveBook)
    assert not isinstance(bench.live(NO), LiveBook)


def probe_for(bench: FeedBench, seconds: int, *, other: ReferenceVenue | None = None) -> None:
    """Let quiet seconds pass in which probes are answered; another market may go on meanwhile."""
    for _ in range(seconds):
        bench.wait(1_000)
        if other is not None:
            other.now_ms = bench.at
            bench.send(other.set_level("BUY", 4400, str(other.now_ms % 10**6 + 1)))
        bench.check()
        for fetch in bench.take_fetches():
            answer = [
                snapshot for venue in (bench.venue, other) if venue for snapshot in books(venue, fetch.tokens)
            ]
            bench.answer(*answer, asked=fetch.tokens)


def books(venue: ReferenceVenue, asked: tuple[TokenId, ...]) -> tuple[BookSnapshot, ...]:
    own = [token for token in asked if token in (venue.yes, venue.no)]
    return venue.rest(*own) if own else ()


def test_lost_second_change_of_one_millisecond_is_not_live_for_a_minute_while_others_speak():
    bench = FeedBench()
    other = seeded_venue(condition="0x" + "2b" * 32, yes=str(10**76 + 1), no=str(10**76 + 2))
    bench.feeds.track([*bench.venue.tokens(), *other.tokens()], bench.at)
    bench.send(other.dump(), bench.change("BUY", 4500, "77"))
    bench.change("BUY", 4600, "88", after_ms=0)

    probe_for(bench, 60, other=other)

    book = bench.live()
    assert not isinstance(book, LiveBook) or book.hash == bench.venue.book(YES)["hash"]


def test_lost_second_change_of_one_millisecond_ends_equal_to_the_venue_in_a_quiet_market():
    bench = FeedBench()
    bench.send(bench.change("BUY", 4500, "77"))
    bench.change("BUY", 4600, "88", after_ms=0)

    probe_for(bench, 120)

    bench.assert_equals_venue()


def test_resync_ends_when_the_last_change_of_a_millisecond_was_lost_and_the_market_falls_quiet():
    """The stream's newest checksum lies between two changes that were lost: no held change leads to it."""
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4600, "88", after_ms=0))
    bench.change("BUY", 4700, "99", after_ms=0)
    assert bench.live() is NotLive.RESYNCING

    probe_for(bench, 120)

    bench.assert_equals_venue()


def test_connection_lost_while_a_probe_waits_for_the_stream_does_not_raise():
    bench = FeedBench()
    bench.wait(4_000)
    bench.check()
    (probe,) = bench.take_fetches()
    bench.venue.now_ms += 3_000
    bench.extra_ms = 0
    bench.venue.set_level("BUY", 4600, "88")
    bench.answer(*bench.venue.rest(*probe.tokens), asked=probe.tokens)
    bench.link(up=False)

    bench.wait(10_000)
    bench.check()

    assert bench.live() is NotLive.DOWN


def test_book_after_a_trade_that_is_lost_for_one_token_is_found_within_a_minute():
    """A trade takes some of the best offer: both prices stay, and only YES tells the new size."""
    bench = FeedBench()
    bench.venue.now_ms += 10
    bench.venue.put("SELL", 5100, "40")
    yes, _, told = bench.venue.trade(5100)
    bench.send(yes, told)

    probe_for(bench, 60)

    book = bench.live(NO)
    assert not isinstance(book, LiveBook) or book.hash == bench.venue.book(NO)["hash"]


def test_change_of_tick_voids_the_book_although_an_earlier_one_back_was_lost():
    """0.01 to 0.001 is lost, 0.001 to 0.01 arrives: the book is from before both."""
    bench = FeedBench()
    bench.venue.now_ms += 10
    bench.venue.change_tick(10)
    bench.change("BUY", 4550, "5")
    bench.venue.now_ms += 10

    bench.send(bench.venue.change_tick(100))

    assert not isinstance(bench.live(), LiveBook)


def test_one_message_from_the_future_does_not_block_its_market_for_minutes():
    bench = FeedBench()
    now_ms = bench.venue.now_ms
    bench.venue.now_ms += 500_000
    ahead = bench.venue.set_level("BUY", 4600, "88")
    bench.venue.now_ms = now_ms
    bench.send(ahead.replace(b'"88"', b'"89"'))

    for second in range(60):
        bench.send(bench.change("BUY", 4400, str(second + 1), after_ms=1_000))
        bench.check()
        for fetch in bench.take_fetches():
            bench.answer(*bench.venue.rest(*fetch.tokens), asked=fetch.tokens)

    bench.assert_equals_venue()


def test_older_change_of_tick_does_not_make_an_older_rest_book_live():
    """0.01 is told late or twice, after the 0.001 that followed it; the book that REST gives is as old."""
    bench = FeedBench()
    bench.venue.now_ms += 10
    older, rest = bench.venue.change_tick(100), bench.venue.rest(YES, NO)
    bench.venue.now_ms += 10
    bench.send(bench.venue.change_tick(10), older)

    bench.answer(*rest)

    assert not isinstance(bench.live(), LiveBook)


def test_change_of_tick_from_the_far_future_does_not_block_its_market_for_good():
    """Wrong in tick and time: every REST book is older than it and on another tick, for decades."""
    bench = FeedBench()
    now_ms, bench.venue.now_ms = bench.venue.now_ms, 2_790_000_000_000
    ahead = bench.venue.change_tick(10)
    bench.venue.change_tick(100)
    bench.venue.now_ms = now_ms
    bench.send(ahead)

    for second in range(60):
        bench.send(bench.change("BUY", 4400, str(second + 1), after_ms=1_000))
        bench.check()
        for fetch in bench.take_fetches():
            bench.answer(*bench.venue.rest(*fetch.tokens), asked=fetch.tokens)

    bench.assert_equals_venue()


def test_old_change_after_a_rest_book_does_not_make_an_older_book_live():
    """YES was just fetched, NO still waits for its book: an old message is refused for NO's sake alone."""
    bench = FeedBench()
    old_change = bench.change("BUY", 4400, "1")
    bench.send(old_change)
    bench.venue.now_ms += 10
    old_book = bench.venue.dump(YES)
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4600, "2"))
    bench.check()
    bench.venue.now_ms += 10
    bench.venue.put("BUY", 4300, "7")
    bench.answer(*bench.venue.rest(YES), asked=(YES,))
    newest = bench.assert_equals_venue(YES)

    bench.send(old_change, old_book)

    book = bench.live(YES)
    assert not isinstance(book, LiveBook) or book.hash == newest.hash


def test_second_change_of_tick_in_one_millisecond_is_not_taken_for_a_repetition():
    """A damaged one that changes nothing comes first; the true one of the same instant must still count."""
    bench = FeedBench()
    lagging = bench.venue.rest(YES, NO)
    bench.venue.now_ms += 10
    bench.send(bench.venue.change_tick(100))
    true = bench.venue.change_tick(10)

    bench.send(true)
    bench.answer(*lagging)

    assert not isinstance(bench.live(YES), LiveBook)
    bench.wait(5_000)
    bench.check()
    bench.answer_truly()
    assert bench.assert_equals_venue(YES).tick == 10


def test_read_that_was_on_its_way_when_the_tick_went_there_and_back_is_left_out():
    """The answer has the right tick again, but it is a book from before both changes."""
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    bench.send(bench.change("BUY", 4400, "5"))
    bench.check()
    bench.take_fetches()
    lagging = bench.venue.rest(YES, NO)
    for tick in (10, 100):
        bench.venue.now_ms += 10
        bench.send(bench.venue.change_tick(tick))

    bench.answer(*lagging)

    assert not isinstance(bench.live(YES), LiveBook)
    bench.wait(5_000)
    bench.check()
    bench.answer_truly()
    bench.assert_equals_venue(YES)


def test_answer_of_a_probe_does_not_end_a_resync_that_began_after_it_was_asked():
    bench = FeedBench()
    bench.wait(4_000)
    bench.check()
    (probe,) = bench.take_fetches()
    lagging = bench.venue.rest(*probe.tokens)
    bench.venue.now_ms += bench.extra_ms
    bench.extra_ms = 0
    for tick in (10, 100):
        bench.venue.now_ms += 10
        bench.send(bench.venue.change_tick(tick))

    bench.answer(*lagging, asked=probe.tokens)

    assert bench.live() is NotLive.RESYNCING
    bench.wait(15_000)
    bench.check()
    bench.answer_truly()
    bench.assert_equals_venue()


def test_size_with_a_comma_for_its_point_does_not_pass_as_two_sizes():
    """One bit away from a good size; what a planner would have been unable to read was in the book."""
    bench = FeedBench()
    good = bench.assert_equals_venue()
    dump = bench.venue.dump(YES)
    size = f'"size": "{bench.venue.bids[good.bids[0].price]}"'.replace(" ", "")
    (frame,) = decode_market(dump.replace(size.encode(), b'"size":"5,5"', 1))

    assert isinstance(frame, Malformed)
    assert frame.reason == "size"


def frozen_before_an_answer(bench: FeedBench) -> None:
    """Freeze the line by one market's lost change, while both tokens of the bench's wait for a probe."""
    bench.wait(4_000)
    bench.check()
    bench.take_fetches()
    bench.feeds.books_read_failed((TokenId(YES), TokenId(NO)), bench.at)
    other = seeded_venue(condition="0x" + "2b" * 32, yes=str(10**76 + 1), no=str(10**76 + 2))
    other.now_ms = bench.at
    other.set_level("BUY", 4400, "5")
    bench.answer(*other.rest(other.yes), asked=(other.yes,))
    bench.wait(2_000)
    bench.check()
    bench.wait(1_000)
    bench.check()


@pytest.mark.parametrize("before", ["live", "resyncing"])
def test_answer_that_was_on_its_way_does_not_make_a_book_of_a_frozen_connection_live(before: str):
    """What the stream brings is not believed any more, so the book would miss every change from here on."""
    bench = FeedBench()
    other = seeded_venue(condition="0x" + "2b" * 32, yes=str(10**76 + 1), no=str(10**76 + 2))
    bench.feeds.track([*bench.venue.tokens(), *other.tokens()], bench.at)
    bench.send(other.dump())
    if before == "resyncing":
        bench.change("BUY", 4500, "77")
        bench.send(bench.change("BUY", 4600, "88"))
        assert bench.live() is NotLive.RESYNCING
    frozen_before_an_answer(bench)
    assert bench.feeds.status(bench.at).problems == (NotLive.FROZEN.value,)

    bench.answer_truly()

    assert not isinstance(bench.live(), LiveBook)


def test_book_known_to_be_behind_is_not_live_while_its_connection_may_not_be_replaced_again():
    """The new connection freezes at once, too, and is left in place for half a minute."""
    bench = FeedBench()
    for lived in range(2):
        bench.wait(4_000)
        bench.check()
        bench.venue.now_ms += bench.extra_ms
        bench.extra_ms = 0
        bench.change("BUY", 4400, str(lived + 5))
        (probe,) = bench.take_fetches()
        bench.answer(*bench.venue.rest(*probe.tokens), asked=probe.tokens)
        bench.wait(3_000)
        bench.check()
        assert not isinstance(bench.live(), LiveBook)
        if lived == 0:
            bench.link(up=False)
            bench.link(up=True)
            bench.send(bench.venue.dump())
            bench.assert_equals_venue()


def test_incident_ends_when_the_other_token_is_confirmed_by_being_heard():
    """YES was fetched again while NO was stale: the market is live only when its connection speaks."""
    bench = FeedBench()
    bench.change("BUY", 4500, "77")
    raw = bench.change("BUY", 4600, "88")
    only_yes = raw.replace(NO.encode(), str(10**76).encode())
    bench.send(only_yes)
    bench.check()
    assert bench.live() is NotLive.RESYNCING
    began = [alert.key for alert in bench.take_alerts()]
    bench.wait(25_000)
    bench.check()
    bench.answer(*bench.venue.rest(YES), asked=(YES,))
    assert bench.live(NO) is NotLive.STALE

    bench.send(bench.venue.dump())

    assert began == [f"resync:{bench.venue.condition}"]
    assert [alert.key for alert in bench.take_alerts()] == [f"live:{bench.venue.condition}"]


def test_token_that_the_catalogue_moves_to_another_market_is_watched_anew():
    bench = FeedBench()
    moved = [replace(token, condition_id=ConditionId("0x" + "2b" * 32)) for token in bench.venue.tokens()]

    bench.feeds.track(moved, bench.at)
    bench.check()
    assert bench.live() is NotLive.WAITING
    bench.feeds.track([], bench.at)
    assert bench.live() is NotLive.UNTRACKED


@pytest.mark.parametrize("kind", ["new_market", "market_resolved"])
def test_frozen_socket_that_still_tells_of_other_markets_is_caught_within_twenty_seconds(kind: str):
    """A listing comes on every connection: it says nothing of the books that this one carries."""
    bench = FeedBench()
    listing = {"event_type": kind, "market": "0x" + "2b" * 32, "question": "Another one?"}
    for second in range(20):
        bench.venue.now_ms += 1_000
        bench.change("BUY", 4400, str(second + 10), after_ms=0)
        bench.send(json.dumps(listing).encode())
        bench.check()
        for fetch in bench.take_fetches():
            bench.answer(*bench.venue.rest(*fetch.tokens), asked=fetch.tokens)

    assert bench.counted("feed_connections_total", "frozen") == 1
    assert not isinstance(bench.live(), LiveBook)


def test_second_change_of_a_millisecond_that_only_the_venue_shows_is_owed():
    """A Send that looks at the venue's book here must not go on with ours: which is later, time will tell."""
    bench = FeedBench()
    bench.send(bench.change("BUY", 4500, "77"))
    lost = bench.change("BUY", 4600, "88", after_ms=0)
    bench.answer_truly()
    assert bench.feeds.owes(TokenId(YES))

    bench.send(lost)

    assert not bench.feeds.owes(TokenId(YES))


def test_book_that_the_venue_shows_late_within_a_millisecond_is_not_owed_for_ever():
    bench = FeedBench()
    bench.send(bench.change("BUY", 4500, "77"))
    late = bench.venue.rest(YES, NO)
    bench.send(bench.change("BUY", 4600, "88", after_ms=0))
    bench.answer(*late)
    assert bench.feeds.owes(TokenId(YES))

    bench.answer_truly()

    assert not bench.feeds.owes(TokenId(YES))
    assert bench.resyncs == 0


def test_markets_of_a_busy_connection_are_looked_at_while_a_full_one_is_quiet():
    """Every market of the quiet one is due every two seconds: it alone could have every probe."""
    venues = [
        seeded_venue(condition=f"0x{n:064x}", yes=str(10**70 + n), no=str(10**71 + n)) for n in range(101)
    ]
    now_ms, busy = Ms(venues[0].now_ms + 220), venues[100]
    feeds = Feeds()
    feeds.track([token for venue in venues for token in venue.tokens()], now_ms)
    for line in (LINE, OTHER_LINE):
        feeds.link(line, up=True, at_ms=now_ms)
    for venue in venues:
        for frame in decode_market(venue.dump()):
            feeds.apply(OTHER_LINE if venue is busy else LINE, frame, now_ms)
    looked_at = 0
    for second in range(60):
        now_ms = Ms(now_ms + 1_000)
        busy.now_ms = now_ms - 220
        for frame in decode_market(busy.set_level("BUY", 4400, str(second + 1))):
            feeds.apply(OTHER_LINE, frame, now_ms)
        for fetch in [effect for effect in feeds.check(now_ms) if isinstance(effect, FetchBooks)]:
            looked_at += TokenId(busy.yes) in fetch.tokens
            books_now = [book for venue in venues for book in books(venue, fetch.tokens)]
            feeds.books_read(fetch.tokens, books_now, now_ms)

    assert looked_at >= 2
