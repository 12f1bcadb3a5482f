"""A feed core without a desk: inputs are journalled before they act, feed effects are performed."""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import (
    BooksAnswered,
    BooksRefused,
    Checked,
    FeedInlet,
    FeedInput,
    Heard,
    Linked,
    Tracked,
)
from engine.domain.book import LiveBook
from engine.domain.failure import VenueFailure
from engine.domain.frames import BookDelta, Malformed
from engine.domain.history import KeptSnapshot
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.units import Ms
from engine.metrics import Metrics
from engine.runtime.book_keeper import BookKeeper
from engine.runtime.feed_runner import FeedRunner
from engine.venue.wire import decode_books, decode_market
from tests.support.market_stream import NO, YES, ReferenceVenue, seeded_venue

LINE = ConnectionId(0)


class Feed:
    """The port, remembering what it was told."""

    def __init__(self) -> None:
        self.subscribed: list[Any] = []
        self.reconnected: list[ConnectionId] = []
        self.running = asyncio.Event()

    async def run(self, on_frames: Any, on_link: Any, on_given_up: Any) -> None:
        on_link(LINE, True)
        self.running.set()
        try:
            await asyncio.Event().wait()
        finally:
            on_link(LINE, False)

    def subscribe(self, connections: Any) -> None:
        self.subscribed.append(connections)

    def reconnect(self, connection: ConnectionId) -> None:
        self.reconnected.append(connection)


class Books:
    def __init__(self, venue: ReferenceVenue) -> None:
        self.venue = venue
        self.fails = False
        self.asked: list[Sequence[TokenId]] = []

    async def read_book_bodies(self, tokens: Sequence[TokenId]) -> tuple[bytes, ...] | VenueFailure:
        self.asked.append(tokens)
        if self.fails:
            return VenueFailure("POST /books: timeout")
        return (json.dumps([self.venue.book(token) for token in tokens]).encode(),)


class Journal:
    def __init__(self) -> None:
        self.entries: list[FeedInput] = []

    def write(self, entry: FeedInput) -> None:
        self.entries.append(entry)


class Stage:
    def __init__(self) -> None:
        self.venue = seeded_venue()
        self.clock = ManualClock(self.venue.now_ms + 100)
        self.feed, self.books, self.journal = Feed(), Books(self.venue), Journal()
        self.feeds, self.metrics = Feeds(), Metrics()
        self.checked: list[Ms] = []
        self.runner = FeedRunner(
            FeedInlet(self.feeds, decode_market, decode_books),
            clock=self.clock,
            books=self.books,
            metrics=self.metrics,
            journal=self.journal,
            after_check=self.checked.append,
        )

    def begin(self) -> None:
        self.runner.begin(self.feed, self.venue.tokens("fed5 No change"))
        self.runner.link(LINE, True)
        self.runner.hear(LINE, self.venue.dump())

    def lose_a_change(self) -> None:
        self.venue.now_ms += 10
        self.venue.set_level("BUY", 4500, "7")
        self.venue.now_ms += 10
        self.clock.advance(20)
        self.runner.hear(LINE, self.venue.set_level("BUY", 4400, "8"))
        self.runner.check()

    def kinds(self) -> list[type]:
        return [type(entry) for entry in self.journal.entries]

    def live(self) -> LiveBook:
        book = self.feeds.live(TokenId(YES), self.clock.now_ms())
        assert isinstance(book, LiveBook), book
        return book


async def test_inputs_are_journalled_in_order_with_the_time_they_act_at():
    stage = Stage()
    stage.begin()
    stage.clock.advance(1_000)
    stage.runner.check()

    began = stage.venue.now_ms + 100
    assert stage.kinds() == [Tracked, Linked, Heard, Checked]
    assert [entry.at_ms for entry in stage.journal.entries] == [began, began, began, began + 1_000]
    assert stage.feed.subscribed == [((LINE, (TokenId(YES), TokenId(NO))),)]
    assert stage.checked == [began + 1_000]
    assert stage.live().hash == stage.venue.book(YES)["hash"]
    assert stage.runner.tally.total == 4


async def test_message_is_applied_and_its_frames_are_returned_for_the_sockets_log():
    stage = Stage()
    stage.begin()
    stage.venue.now_ms += 10

    (delta,) = stage.runner.hear(LINE, stage.venue.set_level("BUY", 4300, "9"))
    (bad,) = stage.runner.hear(LINE, b"{")

    assert isinstance(delta, BookDelta)
    assert isinstance(bad, Malformed)
    stage.runner.check()
    assert stage.metrics.value("feed_malformed_total", bad.reason) == 1
    assert stage.live().hash == stage.venue.book(YES)["hash"]


async def test_lost_change_is_fetched_journalled_with_its_bytes_and_repaired(caplog):
    stage = Stage()
    stage.begin()

    with caplog.at_level(logging.WARNING):
        stage.lose_a_change()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert len(stage.books.asked) > 0
    answer = stage.journal.entries[-1]
    assert isinstance(answer, BooksAnswered)
    assert YES in answer.bodies[0].decode()
    assert stage.live().hash == stage.venue.book(YES)["hash"]
    assert "resync fed5 No change" in caplog.text
    assert stage.metrics.total("alerts_total") == stage.runner.tally.alerts > 0


async def test_failed_read_is_journalled_as_refused_and_asked_again():
    stage = Stage()
    stage.begin()
    stage.books.fails = True
    stage.lose_a_change()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    refused = stage.journal.entries[-1]
    assert isinstance(refused, BooksRefused)
    assert refused.reason == "POST /books: timeout"
    asked = len(stage.books.asked)
    stage.clock.advance(6_000)
    stage.runner.check()
    await asyncio.sleep(0)
    assert len(stage.books.asked) > asked


async def test_what_ending_the_connections_brings_is_no_part_of_the_run():
    stage = Stage()
    running = asyncio.create_task(stage.runner.run(stage.feed, stage.venue.tokens()))
    await stage.feed.running.wait()
    stage.runner.hear(LINE, stage.venue.dump())

    stage.runner.stop()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert stage.kinds() == [Tracked, Linked, Heard]
    assert stage.feeds.status(stage.clock.now_ms()).live == 1


class LostFeed(Feed):
    """Every connection is given up at once."""

    async def run(self, on_frames: Any, on_link: Any, on_given_up: Any) -> None:
        on_given_up(LINE, "3 attempts failed")


async def test_run_ends_when_every_connection_is_given_up(caplog):
    stage = Stage()

    with caplog.at_level(logging.ERROR):
        async with asyncio.timeout(10):
            await stage.runner.run(LostFeed(), stage.venue.tokens())

    assert "market connection 0 is given up, its markets stay down: 3 attempts failed" in caplog.text


class BrokenFeed(Feed):
    """A fault of ours in the sockets."""

    async def run(self, on_frames: Any, on_link: Any, on_given_up: Any) -> None:
        raise AssertionError("a broken invariant")


async def test_fault_of_ours_is_raised_and_not_swallowed():
    stage = Stage()

    with pytest.raises(ExceptionGroup) as raised:
        await stage.runner.run(BrokenFeed(), stage.venue.tokens())

    assert raised.group_contains(AssertionError, match="a broken invariant")


async def test_books_are_kept_once_per_period_and_only_while_live():
    stage = Stage()
    kept: list[KeptSnapshot] = []
    keeper = BookKeeper(kept.extend, every_ms=2_000)
    tokens = (TokenId(YES), TokenId(NO), TokenId("1"))
    keeper.after_check(stage.feeds, tokens, stage.clock.now_ms())
    assert kept == []
    stage.begin()
    began = stage.clock.now_ms()
    for _ in range(3):
        stage.runner.check()
        keeper.after_check(stage.feeds, tokens, stage.clock.now_ms())
        stage.clock.advance(1_000)

    assert [(book.token_id, book.received_ms) for book in kept] == [
        (t, at) for at in (began, began + 2_000) for t in (YES, NO)
    ]
    assert {book.hash for book in kept} == {stage.venue.book(t)["hash"] for t in (YES, NO)}
    assert keeper.kept == 4


async def test_looking_after_a_check_changes_no_effect():
    hashes = set()
    for looks in (False, True):
        stage = Stage()
        stage.begin()
        stage.lose_a_change()
        stage.venue.now_ms += 1_000
        stage.clock.advance(1_000)
        stage.runner.check()
        if looks:
            BookKeeper(lambda _books: None, 1).after_check(stage.feeds, (TokenId(YES),), stage.clock.now_ms())
        stage.clock.advance(1_000)
        stage.runner.check()
        hashes.add(stage.runner.tally.digest())

    assert len(hashes) == 1
