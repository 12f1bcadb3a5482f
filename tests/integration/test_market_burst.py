"""Twenty thousand messages at once through real sockets, the feed core and the desk's loop."""

import asyncio
import gc
from resource import RUSAGE_SELF, getrusage

import pytest

from engine.clock import Clock, SystemClock, perf_us
from engine.core import desk as core
from engine.core.feed.feeds import Feeds
from engine.core.state import Desk
from engine.domain.book import LiveBook
from engine.domain.effects import Effect
from engine.domain.events import BooksTouched, Event
from engine.domain.ids import ConnectionId, TokenId
from engine.metrics import Metrics
from engine.runtime import service as shell
from engine.runtime.service import Service
from engine.venue.market_sockets import MarketSockets
from tests.support.builders import event
from tests.support.desk_run import settings
from tests.support.fake_ports import FakeChat, FakeReads, FakeRelayer, FakeStore
from tests.support.market_channel import until
from tests.support.market_stream import NO, YES, ReferenceVenue, seeded_venue
from tests.support.raw_venue import RawConnection, frame, raw_venue

MESSAGES = 20_000
CHUNK = 256 * 1024
"""Bytes the venue hands to its kernel at once; what waits there is not ours."""


class Wakes:
    """Counts the steps of the desk, and how many of them were woken by books."""

    def __init__(self) -> None:
        self.books = 0

    def step(self, desk: Desk, happened: Event) -> list[Effect]:
        self.books += isinstance(happened, BooksTouched)
        return list(core.step(desk, happened))


def burst_of(source: ReferenceVenue) -> bytes:
    """The frames of as many changes, each with its right checksums."""
    frames = []
    for number in range(MESSAGES):
        source.now_ms += number % 20 == 0
        message = source.set_level("BUY", 3_000 + 100 * (number % 17), f"{number + 1}")
        frames.append(frame(message))
    return b"".join(frames)


def service_on(sockets: MarketSockets, clock: Clock, metrics: Metrics) -> Service:
    """A desk whose catalogue is empty: the test tracks the tokens."""
    return Service(
        Desk(settings(event()), Feeds()),
        clock=clock,
        metrics=metrics,
        store=FakeStore(),
        relayer=FakeRelayer(),
        market=FakeReads(catalogue=()),
        feed=sockets,
        connect_chat=lambda _service: FakeChat(),
    )


async def test_burst_is_applied_whole_with_few_wakes_and_no_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Nothing here concerns an order of ours: those are never on this channel, so none can be lost on it."""
    wakes, clock, metrics = Wakes(), SystemClock(), Metrics()
    monkeypatch.setattr(shell, "step", wakes.step)
    source = seeded_venue(now_ms=clock.now_ms() - 60_000)
    dump, burst = frame(source.dump()), burst_of(source)
    go = asyncio.Event()

    async def bursting(connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.write(dump)
        await go.wait()
        for start in range(0, len(burst), CHUNK):
            await connection.write(burst[start : start + CHUNK])

    async with raw_venue(bursting) as venue:
        sockets = MarketSockets(venue.url, clock, lambda: 0.5, metrics)
        service = service_on(sockets, clock, metrics)
        desk = service.desk
        task = asyncio.create_task(service.run(), name="desk")
        await until(lambda: desk.venue_offset_ms != 0)  # the (empty) catalogue is in
        desk.feeds.track(source.tokens(), clock.now_ms())
        sockets.subscribe([(ConnectionId(0), (TokenId(YES), TokenId(NO)))])
        await until(lambda: desk.feeds.sequence == 2)
        gc.collect()
        before, woken, began_us = getrusage(RUSAGE_SELF).ru_maxrss, wakes.books, perf_us()
        go.set()
        await until(lambda: desk.feeds.sequence >= MESSAGES + 2)
        took_ms = (perf_us() - began_us) // 1_000
        grown_kib = getrusage(RUSAGE_SELF).ru_maxrss - before
        waiting = len(service._mailbox)
        books = [desk.feeds.live(TokenId(token), clock.now_ms()) for token in (YES, NO)]
        resyncs = desk.feeds.status(clock.now_ms()).resyncs
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with capsys.disabled():
        print(  # noqa: T201 - the counts are the point
            f"\n{MESSAGES} messages ({len(burst) >> 10} KiB) in {took_ms} ms, "
            f"{wakes.books - woken} wakes, peak memory +{grown_kib} KiB"
        )
    assert desk.feeds.sequence == MESSAGES + 2
    assert resyncs == 0
    for token, book in zip((YES, NO), books, strict=True):
        assert isinstance(book, LiveBook)
        assert book.hash == source.book(token)["hash"]
    assert metrics.reading("feed_connection_messages_total", "0") == MESSAGES + 1
    assert wakes.books - woken < MESSAGES / 20
    assert waiting <= 1
    assert grown_kib < 8 * 1024
