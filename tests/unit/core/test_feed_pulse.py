"""A quiet market is told from a dead socket by books read beside the stream, at most one request a second."""

import pytest
from msgspec import structs

from engine.core.feed.feeds import SILENCE_MS
from engine.core.feed.probe import AGAIN_MS, AGAIN_QUIET_MS, OVERDUE_MS, PROBE_EVERY_MS, PROBE_MARKETS
from engine.core.feed.pulse import Pulse
from engine.domain.book import LiveBook, NotLive
from engine.domain.effects import FetchBooks, Reconnect
from engine.domain.ids import ConnectionId, TokenId
from tests.support.feed_bench import LINE, FeedBench
from tests.support.market_stream import NO, YES, seeded_venue

HALF_AN_HOUR_S = 1_800


def second(bench: FeedBench, *, rest: bool = True) -> int:
    """Let a second pass; the venue answers what is asked beside the stream. Returns the probes asked."""
    bench.wait(1_000)
    bench.check()
    fetches = bench.take_fetches()
    for fetch in fetches:
        if rest:
            bench.answer(*bench.venue.rest(*fetch.tokens), asked=fetch.tokens)
        else:
            bench.effects += bench.feeds.books_read_failed(fetch.tokens, bench.at)
    return sum(1 for fetch in fetches if fetch.reason == "probe")


def reconnects(bench: FeedBench) -> list[Reconnect]:
    return [effect for effect in bench.effects if isinstance(effect, Reconnect)]


def freeze_and_move(bench: FeedBench, seconds: int) -> int:
    """Let the venue's book change every second on a socket that delivers PONG alone; count the probes."""
    probes = 0
    for step in range(seconds):
        bench.venue.now_ms += bench.extra_ms
        bench.extra_ms = 0
        bench.change("BUY", 4400, f"{step + 10}")
        bench.send(b"PONG")
        probes += second(bench)
        if reconnects(bench):
            return probes
    return probes


def test_market_that_is_quiet_for_half_an_hour_is_never_halted():
    bench = FeedBench()

    probes = 0
    for _ in range(HALF_AN_HOUR_S):
        probes += second(bench)
        book = bench.live()
        assert isinstance(book, LiveBook)
        assert bench.at - book.confirmed_ms <= AGAIN_QUIET_MS + 2 * PROBE_EVERY_MS

    assert 0 < probes <= HALF_AN_HOUR_S
    assert bench.resyncs == 0
    assert bench.take_alerts() == []
    assert reconnects(bench) == []


def test_frozen_socket_that_answers_ping_is_caught_within_twenty_seconds():
    bench = FeedBench()
    start = bench.at

    probes = freeze_and_move(bench, 20)

    assert reconnects(bench) == [Reconnect(LINE)]
    assert bench.at - start <= 20_000
    assert probes <= (bench.at - start) // 1_000
    assert bench.live() is NotLive.STALE
    assert bench.feeds.status(bench.at).problems == (NotLive.FROZEN.value,)
    (alert,) = bench.take_alerts()
    assert alert.key == "frozen:0"
    assert "still answers" in alert.text


def test_replaced_connection_restores_every_book_without_a_resync():
    bench = FeedBench()
    freeze_and_move(bench, 20)

    bench.link(up=False)
    bench.link(up=True)
    bench.send(bench.venue.dump())

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.resyncs == 0


def test_frozen_connection_that_thaws_is_not_believed_any_more():
    bench = FeedBench()
    freeze_and_move(bench, 20)

    bench.send(bench.change("BUY", 4500, "3"))

    assert bench.live() is NotLive.STALE
    assert bench.counted("feed_frames_total", "late") == 1


def test_connection_that_freezes_again_at_once_is_not_replaced_in_a_loop():
    bench = FeedBench()
    freeze_and_move(bench, 20)
    bench.link(up=False)
    bench.link(up=True)
    bench.send(bench.venue.dump())
    bench.effects.clear()

    freeze_and_move(bench, 10)

    assert reconnects(bench) == []


def test_probe_that_is_ahead_of_a_stream_that_catches_up_changes_nothing():
    bench = FeedBench()
    bench.wait(4_000)
    late = bench.change("BUY", 4400, "5")
    second(bench)
    assert bench.feeds.owes(TokenId(YES))

    bench.send(late)

    assert not bench.feeds.owes(TokenId(YES))
    bench.assert_equals_venue()
    for _ in range(10):
        second(bench)
    assert bench.resyncs == 0
    assert reconnects(bench) == []


def two_markets() -> FeedBench:
    bench = FeedBench()
    other = seeded_venue(condition="0x" + "33" * 32, yes="111", no="222")
    bench.feeds.track([*bench.venue.tokens("No change"), *other.tokens()], bench.at)
    bench.send(other.dump())
    bench.effects.clear()
    return bench


def busy_second(bench: FeedBench) -> None:
    """Another market of the connection speaks while a second passes."""
    bench.send(bench.venue.trade_words(5000))
    second(bench)


def test_last_change_lost_before_a_quiet_time_is_found_on_a_busy_connection():
    bench = FeedBench()
    bench.change("BUY", 4500, "77")

    for _ in range((AGAIN_MS + OVERDUE_MS) // 1_000 + 2):
        busy_second(bench)

    bench.assert_equals_venue(YES)
    bench.assert_equals_venue(NO)
    assert bench.counted("feed_resync_total", "missed") == 2, "both tokens of the market, once"
    assert reconnects(bench) == []
    assert [alert.key.split(":")[0] for alert in bench.take_alerts()] == ["resync", "live"]


def test_market_that_a_live_connection_leaves_out_twice_costs_it_its_life():
    bench = FeedBench()

    for step in range(3 * AGAIN_MS // 1_000):
        if step % 10 == 0:
            bench.venue.now_ms += bench.extra_ms
            bench.extra_ms = 0
            bench.change("BUY", 4500, f"{step + 7}")
        busy_second(bench)
        if reconnects(bench):
            break

    assert reconnects(bench) == [Reconnect(LINE)]


@pytest.mark.parametrize("behind_ms", [1, 60_000])
def test_probe_that_is_older_than_the_stream_proves_nothing(behind_ms: int):
    bench = FeedBench()
    bench.wait(4_000)
    bench.check()
    (fetch,) = bench.take_fetches()

    old = [
        structs.replace(s, timestamp_text=str(s.venue_ms - behind_ms), hash="0" * 40)
        for s in bench.venue.rest(*fetch.tokens)
    ]
    bench.answer(*old, asked=fetch.tokens)

    assert bench.counted("feed_hash_checks_total", "probe_behind") == 2
    book = bench.live()
    assert isinstance(book, LiveBook)
    assert bench.at - book.confirmed_ms == 4_000


def test_other_book_of_the_same_millisecond_is_no_evidence():
    bench = FeedBench()
    bench.wait(4_000)
    bench.check()
    (fetch,) = bench.take_fetches()

    bench.answer(*(structs.replace(s, hash="0" * 40) for s in bench.venue.rest(*fetch.tokens)))

    assert bench.counted("feed_hash_checks_total", "probe_unclear") == 2
    assert isinstance(bench.live(), LiveBook)
    assert bench.resyncs == 0
    assert bench.feeds.owes(TokenId(YES)), "a Send waits all the same"


def test_silence_that_no_probe_can_explain_makes_books_stale():
    bench = FeedBench()

    for _ in range(SILENCE_MS // 1_000):
        second(bench, rest=False)

    assert bench.live() is NotLive.STALE
    assert bench.resyncs == 0


def test_probe_that_confirms_a_stale_book_makes_it_live_again():
    bench = FeedBench()
    for _ in range(SILENCE_MS // 1_000):
        second(bench, rest=False)

    second(bench)
    second(bench)

    bench.assert_equals_venue()


def test_unanswered_probe_is_waited_for_before_the_next_one():
    bench = FeedBench()
    asked = 0
    for _ in range(8):
        bench.wait(1_000)
        bench.check()
        asked += len(bench.take_fetches())

    assert asked == 1


def test_every_market_of_many_quiet_connections_gets_its_turn():
    venues = [
        seeded_venue(condition=f"0x{n:064x}", yes=str(10**76 + n), no=str(2 * 10**76 + n))
        for n in range(1, 401)
    ]
    bench = FeedBench(venues[0])
    by_token = {token: venue for venue in venues for token in (venue.yes, venue.no)}
    bench.feeds.track([token for venue in venues for token in venue.tokens()], bench.at)
    connections = {number for number, _ in bench.feeds._subscription().connections}
    assert len(connections) == 4
    for number in connections:
        bench.feeds.link(number, up=True, at_ms=bench.at)
    for venue in venues:
        number = ConnectionId((int(venue.yes) - 10**76 - 1) // 100)
        for frame in bench.decode(venue.dump()):
            bench.effects += bench.feeds.apply(number, frame, bench.at)
    bench.effects.clear()

    probed: list[str] = []
    for _ in range(3 + 400 // PROBE_MARKETS):
        bench.wait(1_000)
        bench.check()
        fetches = [effect for effect in bench.effects if isinstance(effect, FetchBooks)]
        bench.effects.clear()
        assert len(fetches) <= 1
        for fetch in fetches:
            assert len(fetch.tokens) <= 2 * PROBE_MARKETS
            probed += fetch.tokens
            snapshots = [book for token in fetch.tokens for book in by_token[token].rest(token)]
            bench.effects += bench.feeds.books_read(fetch.tokens, snapshots, bench.at)

    assert set(by_token) <= set(probed)
    assert bench.feeds.status(bench.at).live == 400


def test_pulses_tell_fresh_quiet_suspect_and_frozen_apart():
    bench = FeedBench()
    seen = [bench.feeds.pulses(bench.at)]
    bench.wait(4_000)
    seen.append(bench.feeds.pulses(bench.at))
    bench.change("BUY", 4400, "5")
    second(bench)
    seen.append(bench.feeds.pulses(bench.at))
    freeze_and_move(bench, 20)
    seen.append(bench.feeds.pulses(bench.at))

    assert [next(iter(connections)) for connections, _ in seen] == [
        Pulse.FRESH,
        Pulse.QUIET,
        Pulse.SUSPECT,
        Pulse.FROZEN,
    ]
    assert [next(iter(markets)) for _, markets in seen] == [
        Pulse.FRESH,
        Pulse.QUIET,
        Pulse.SUSPECT,
        Pulse.FROZEN,
    ]


def test_books_that_are_no_mirror_of_each_other_twice_are_doubted():
    bench = FeedBench()
    other = seeded_venue()
    other.now_ms = bench.venue.now_ms
    other.bids[5000] = "9"
    bench.send(other.dump(NO))

    bench.check()
    bench.take_fetches()
    assert isinstance(bench.live(), LiveBook), "once may be between two messages"
    bench.check()

    assert bench.live(YES) is NotLive.RESYNCING
    assert bench.live(NO) is NotLive.RESYNCING
    assert bench.counted("feed_resync_total", "mirror") == 2

    for _ in range(5):
        bench.answer(*bench.venue.rest(YES), *other.rest(NO))
        bench.wait(5_000)
        bench.check()
    assert bench.counted("feed_resync_total", "mirror") == 2, "the venue stands by both: once is enough"
