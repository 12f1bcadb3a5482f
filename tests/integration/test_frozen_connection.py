"""One of three connections freezes while it answers PING and the venue's books move (peers d 5, B28).

The whole way over loopback: local exchange, sockets, feed core, probes over HTTP, the desk's loop. Desk and
exchange share a clock that the test moves, a second at a time; whatever is under way then ends first.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from engine.clock import ManualClock
from engine.core.feed.feeds import Feeds
from engine.core.state import Desk
from engine.domain.book import LiveBook, NotLive
from engine.domain.events import TimerDue
from engine.domain.ids import ConnectionId, TokenId
from engine.metrics import Metrics
from engine.runtime.service import Service
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.server import LocalExchange
from engine.simulator.sockets import Socket
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.market_sockets import MarketSockets
from engine.venue.market_ws import SocketRules
from tests.support.builders import event
from tests.support.desk_run import settings
from tests.support.fake_ports import FakeChat, FakeRelayer, FakeStore
from tests.support.local_exchange import running_exchange, until

FROZEN, BUSY, QUIET = ConnectionId(0), ConnectionId(1), ConnectionId(2)
TOKENS_EACH = 12
"""18 markets trade at the local exchange: three connections of six."""


class SeenSockets(MarketSockets):
    """The real sockets; remembers which tokens stand on which connection, and tells of a replacement."""

    wanted: dict[ConnectionId, tuple[TokenId, ...]]
    on_reconnect: Callable[[ConnectionId], None]

    def subscribe(self, connections: Sequence[tuple[ConnectionId, Sequence[TokenId]]]) -> None:
        self.wanted = {number: tuple(tokens) for number, tokens in connections}
        super().subscribe(connections)

    def reconnect(self, connection: ConnectionId) -> None:
        self.on_reconnect(connection)
        super().reconnect(connection)


@dataclass
class Drill:
    """A desk, its exchange, and the time they share."""

    clock: ManualClock
    exchange: LocalExchange
    service: Service
    sockets: SeenSockets
    metrics: Metrics
    chat: FakeChat
    reads: list[int] = field(default_factory=list)
    """Desk time of every read of books, to the second."""
    replaced: list[tuple[ConnectionId, int, list[int]]] = field(default_factory=list)
    """Each replacement: which, when, and how many books could then be planned on, by connection."""

    def note_replacement(self, connection: ConnectionId) -> None:
        live = [self.live_books(number) for number in (FROZEN, BUSY, QUIET)]
        self.replaced.append((connection, self.clock.now_ms(), live))

    def live_books(self, connection: ConnectionId) -> int:
        books = [self.feeds.live(token, self.clock.now_ms()) for token in self.sockets.wanted[connection]]
        return sum(isinstance(book, LiveBook) for book in books)

    @property
    def feeds(self) -> Feeds:
        return self.service.desk.feeds

    def messages(self, connection: ConnectionId) -> int:
        heard = self.metrics.reading("feed_connection_messages_total", str(connection))
        assert heard is not None
        return heard

    def stirred(self, connection: ConnectionId) -> str:
        """The token whose market the test keeps moving on a connection; its other markets are quiet."""
        return self.sockets.wanted[connection][0]

    def not_live(self, connection: ConnectionId) -> set[NotLive]:
        """Return what keeps books of a connection from being planned on; an empty side does not count."""
        found = {self.feeds.live(token, self.clock.now_ms()) for token in self.sockets.wanted[connection]}
        return {state for state in found if isinstance(state, NotLive) and state is not NotLive.EMPTY}

    def equals_the_venue(self, connection: ConnectionId) -> bool:
        """Tell whether every live book of a connection is the exchange's, by checksum."""
        for token in self.sockets.wanted[connection]:
            book, found = self.feeds.live(token, self.clock.now_ms()), self.exchange.venue.find_book(token)
            assert found is not None
            if isinstance(book, LiveBook) and book.hash != found[0].hash(found[1]):
                return False
        return True

    def at_the_venue(self, connection: ConnectionId) -> Socket:
        """Return the exchange's newest side of a connection."""
        token = self.sockets.wanted[connection][0]
        return [socket for socket in self.exchange.connections.open.values() if token in socket.tokens][-1]

    async def second(self, *moving: ConnectionId) -> None:
        """Let a second pass in which one market of each of these connections changes."""
        before = self.exchange.calls["POST /books"]
        self.clock.advance(1_000)
        for connection in moving:
            self.exchange.flow.hurry(self.stirred(connection), 3)
        self.exchange.venue.advance()
        self.service.post(TimerDue(self.clock.now_ms(), "feed"))
        healthy = [connection for connection in moving if connection != FROZEN]
        await until(lambda: all(self.equals_the_venue(connection) for connection in healthy))
        await until(lambda: not self.service._mailbox)
        await self.service._tasks.settle(5)
        self.reads += [self.clock.now_ms()] * (self.exchange.calls["POST /books"] - before)


@asynccontextmanager
async def drilling() -> AsyncIterator[Drill]:
    """Run a desk on three connections, every book of them proven."""
    clock, metrics, chat = ManualClock(), Metrics(), FakeChat()
    http = HttpClient(timeout_s=5)
    # PING goes by the desk's time, which the test moves: it is due whenever the keeper looks.
    rules = SocketRules(ping_ms=20, backoff_ms=60_000, backoff_max_ms=60_000)
    async with running_exchange(seed=1, clock=clock) as exchange:
        hosts = VenueHosts.loopback(exchange.url, exchange.ws_url)
        sockets = SeenSockets(hosts.market_ws, clock, lambda: 0.5, metrics, rules)
        service = Service(
            Desk(settings(event()), Feeds(tokens_per_connection=TOKENS_EACH)),
            clock=clock,
            metrics=metrics,
            store=FakeStore(),
            relayer=FakeRelayer(),
            market=VenueReads(http, hosts, {}),
            feed=sockets,
            connect_chat=lambda _service: chat,
        )
        drill = Drill(clock, exchange, service, sockets, metrics, chat)
        sockets.on_reconnect = drill.note_replacement
        task = asyncio.create_task(service.run(), name="desk")
        try:
            await until(lambda: drill.feeds.status(clock.now_ms()).live == 18)
            assert sorted(sockets.wanted) == [FROZEN, BUSY, QUIET]
            yield drill
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await http.close()


async def test_frozen_connection_is_found_replaced_and_proven_again_and_nothing_else_is_touched(
    capsys: pytest.CaptureFixture[str],
):
    async with drilling() as drill:
        for _ in range(10):
            await drill.second(FROZEN, BUSY)
        all_live = [drill.live_books(number) for number in (FROZEN, BUSY, QUIET)]
        old = drill.at_the_venue(FROZEN)
        drill.exchange.faults.arm(Fault(FaultKind.FREEZE, connection=old.number))
        drill.exchange.venue.advance()
        froze_ms, at_first = drill.clock.now_ms(), drill.messages(FROZEN)
        at_last = at_first
        drill.reads.clear()

        while not drill.replaced:
            at_last = drill.messages(FROZEN)
            assert drill.clock.now_ms() - froze_ms < 20_000, "a frozen connection is found within 20 s"
            await drill.second(FROZEN, BUSY)
            assert not drill.not_live(BUSY)
            assert not drill.not_live(QUIET)
        number, found_ms, live = drill.replaced[0]
        assert number == FROZEN
        assert live == [0, *all_live[1:]], "its markets stop being live, and no others"
        assert old.withheld > 0, "the venue's books moved all the while"

        # The next connection brings the books: no wait, no read, no resync.
        await until(lambda: not drill.not_live(FROZEN) and drill.equals_the_venue(FROZEN))
        assert drill.at_the_venue(FROZEN) is not old
        for _ in range(40):
            await drill.second(FROZEN, BUSY)
            for connection in (FROZEN, BUSY, QUIET):
                assert not drill.not_live(connection), "quiet markets are not halted"
        await until(lambda: all(drill.equals_the_venue(number) for number in (FROZEN, BUSY, QUIET)))

        status = drill.feeds.status(drill.clock.now_ms())
        with capsys.disabled():
            print(  # noqa: T201 - the figures are the point
                f"\nfound after {found_ms - froze_ms} ms, {len(drill.reads)} probes in "
                f"{(drill.clock.now_ms() - froze_ms) // 1000} s, {status.resyncs} resyncs"
            )
        assert at_last > at_first, "PONG went on"
        assert (status.live, status.total, status.resyncs) == (18, 18, 0)
        assert len(drill.reads) == len(set(drill.reads)), "at most one probe a second"
        assert [drill.metrics.reading("feed_connection_reconnects_total", n) for n in "012"] == [1, 0, 0]
        assert drill.metrics.value("feed_losses_total", "replaced") == 1
        assert drill.metrics.value("feed_connections_total", "frozen") == len(drill.replaced) == 1
        assert [a.subject for a in drill.chat.alerts] == ["market connection 0 frozen"]


@pytest.mark.slow
async def test_half_an_hour_without_a_single_change_halts_nothing():
    async with drilling() as drill:
        all_live = [drill.live_books(number) for number in (FROZEN, BUSY, QUIET)]
        for _ in range(1_800):
            await drill.second()
            assert [drill.live_books(number) for number in (FROZEN, BUSY, QUIET)] == all_live

        assert len(drill.reads) == len(set(drill.reads)) <= 1_800, "at most one probe a second"
        assert drill.feeds.status(drill.clock.now_ms()).resyncs == 0
        assert [drill.metrics.reading("feed_connection_reconnects_total", n) for n in "012"] == [0, 0, 0]
        assert drill.chat.alerts == []
