"""A thousand disconnects of five connections leave nothing behind: no task, no socket, no file, no memory."""

import asyncio
import gc
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.domain.ids import ConnectionId, TokenId
from engine.metrics import Metrics
from engine.venue.market_sockets import MarketSockets
from engine.venue.market_ws import SocketRules
from tests.support.market_channel import until
from tests.support.raw_venue import TEXT, RawConnection, frame, raw_venue

DISCONNECTS = 1_000
CLOSE = 8
FILES, MEMORY = Path("/proc/self/fd"), Path("/proc/self/statm")
PAGE_KIB = 4
NUMBERS = [ConnectionId(number) for number in range(5)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FILES.is_dir(), reason="counts files where Linux lists them"),
]


@dataclass(frozen=True, slots=True)
class Counts:
    tasks: int
    files: int
    sockets: int
    resident_kib: int


def counts() -> Counts:
    gc.collect()
    names = []
    for entry in FILES.iterdir():
        with suppress(FileNotFoundError):  # the listing's own descriptor
            names.append(str(entry.readlink()))
    return Counts(
        tasks=len(asyncio.all_tasks()),
        files=len(names),
        sockets=sum(name.startswith("socket:") for name in names),
        resident_kib=int(MEMORY.read_text().split()[1]) * PAGE_KIB,
    )


class Cutter:
    """The scripts of the venue's connections, each with another moment at which it cuts."""

    def __init__(self) -> None:
        self.held: list[asyncio.Event] = []

    async def at_once(self, connection: RawConnection) -> None:
        connection.writer.transport.abort()

    async def in_the_handshake(self, connection: RawConnection) -> None:
        await connection.reader.read(20)
        await connection.write(b"HTTP/1.1 101 Swit")
        connection.writer.transport.abort()

    async def while_subscribing(self, connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.reader.read(10)
        connection.writer.transport.abort()

    async def amid_a_message(self, connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.write(frame(b"PONG", TEXT) + frame(bytes(50_000), TEXT)[:20_000])
        connection.writer.transport.abort()

    async def amid_the_goodbye(self, connection: RawConnection) -> None:
        await connection.upgrade()
        await connection.send(b"\x03\xe8", CLOSE)
        connection.writer.transport.abort()

    async def together(self, connection: RawConnection) -> None:
        """Several at the same moment: all that are held when the test lets go."""
        await connection.upgrade()
        let_go = asyncio.Event()
        self.held.append(let_go)
        await let_go.wait()
        connection.writer.transport.abort()

    def cut_together(self) -> None:
        for let_go in self.held:
            let_go.set()
        self.held.clear()


async def test_a_thousand_disconnects_leave_nothing_behind(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    caplog.set_level("ERROR")
    before = counts()
    cutter, metrics = Cutter(), Metrics()
    scripts = [
        cutter.at_once,
        cutter.in_the_handshake,
        cutter.while_subscribing,
        cutter.amid_a_message,
        cutter.amid_the_goodbye,
        cutter.together,
        cutter.together,
        cutter.together,
    ] * DISCONNECTS
    links: list[bool] = []
    rules = SocketRules(backoff_ms=1, backoff_max_ms=2)
    async with raw_venue(*scripts) as venue:
        sockets = MarketSockets(venue.url, SystemClock(), lambda: 0.5, metrics, rules)
        wanted = [(number, [TokenId(f"{number}{step:02}" * 25) for step in range(60)]) for number in NUMBERS]
        sockets.subscribe(wanted)
        run = sockets.run(lambda _n, _f: None, lambda _n, up: links.append(up), lambda _n, _w: None)
        task = asyncio.create_task(run)
        rounds = 0

        def is_done() -> bool:
            nonlocal rounds
            rounds += 1
            if len(cutter.held) >= 3:
                cutter.cut_together()
            # One of them is closed by us, and wanted again, while others are being cut.
            sockets.subscribe([row for row in wanted if rounds % 7 or row[0] != NUMBERS[rounds % 5]])
            return metrics.total("feed_losses_total") >= DISCONNECTS

        await until(is_done)
        during = counts()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    # What was closed last is let go by the kernel a moment later.
    await until(lambda: counts().sockets == before.sockets)
    after = counts()

    with capsys.disabled():
        lost = {
            cause: metrics.value("feed_losses_total", cause)
            for cause in ("unreachable", "handshake", "closed")
        }
        print(  # noqa: T201 - the counts are the point
            f"\nbefore {before}\nduring {during}\nafter  {after}\n{venue.accepted} connections, lost {lost}"
        )
    assert links.count(True) == links.count(False) > DISCONNECTS / 2
    assert (after.tasks, after.files, after.sockets) == (before.tasks, before.files, before.sockets)
    assert after.resident_kib - before.resident_kib < 64 * 1024
