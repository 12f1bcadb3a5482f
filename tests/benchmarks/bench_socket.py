"""Socket to book over loopback: our market socket and feed core against a bare `websockets` loop.

The sender is another process on another core. Both readers use the same library with the same options on the
same kind of event loop as the desk; CPU is that of this process, from the first message to the last.
"""

import asyncio
import importlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from websockets.asyncio.client import connect

from tests.benchmarks.frame_server import pin
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.ours import OurSocket
from tests.benchmarks.rounds import no_collection, spread
from tests.benchmarks.stream import BUSY, Stream, make_stream

_RATE = 2_000
_PATIENCE_S = 120.0


def measure(run: Run) -> Mapping[str, Figure]:
    """Bursts, and one message at a time."""
    burst, paced = (5_000, 1_000) if run.quick else (50_000, 4_000)
    bursts = _pairs("burst", make_stream(BUSY, burst, run.seed), run.rounds)
    singles = _pairs(f"paced/{_RATE}", make_stream(BUSY, paced, run.seed), run.rounds)
    notes = f"{burst:,} msgs a round", f"{paced:,} msgs a round, {'uvloop' if desk_loop() else 'asyncio'}"
    return {
        "socket-burst": Figure(spread([ours / bare for ours, bare in bursts]), notes[0]),
        "socket-burst-us": Figure(spread([ours for ours, _ in bursts]), notes[0]),
        "socket-paced": Figure(spread([ours / bare for ours, bare in singles]), notes[1]),
        "socket-paced-us": Figure(spread([ours for ours, _ in singles]), notes[1]),
    }


def _pairs(path: str, stream: Stream, rounds: int) -> list[tuple[float, float]]:
    """CPU microseconds a message of ours and of the bare loop by round, the order changing in between."""
    pairs = []
    with _server(len(stream.frames), stream.seed) as url:
        for turn in range(rounds):
            readers = (_ours, _bare) if turn % 2 else (_bare, _ours)
            found = {read: _run(read, f"{url}/{path}", stream) for read in readers}
            pairs.append((found[_ours], found[_bare]))
    return pairs


@contextmanager
def _server(messages: int, seed: int) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.benchmarks.frame_server", str(messages), str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None, "it has a pipe"
        assert process.stdout is not None, "it has a pipe"
        try:
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError(f"expected a port from {' '.join(command[1:])}, it ended")
            yield f"ws://127.0.0.1:{port}"
        finally:
            process.stdin.close()


def _run(read: Callable[[str, Stream], Awaitable[int]], url: str, stream: Stream) -> float:
    async def bounded() -> int:
        async with asyncio.timeout(_PATIENCE_S):
            return await read(url, stream)

    with _pinned(), no_collection(), asyncio.Runner(loop_factory=desk_loop()) as runner:
        return runner.run(bounded()) / len(stream.frames) / 1_000


async def _ours(url: str, stream: Stream) -> int:
    """Market socket, decode, books with the lazy check; the books are verified when the clock has stopped."""
    socket = OurSocket(url, stream)
    reading = asyncio.create_task(socket.run(), name="benchmark-socket")
    done = asyncio.create_task(socket.taken.wait(), name="benchmark-end")
    try:
        await asyncio.wait((reading, done), return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
        socket.engine.verify(stream)
    finally:
        reading.cancel()
        done.cancel()
        await asyncio.gather(reading, done, return_exceptions=True)
    return socket.cpu_ns


async def _bare(url: str, stream: Stream) -> int:
    """Receive and forget."""
    async with connect(
        url, max_size=None, max_queue=64, compression=None, ping_interval=None, proxy=None
    ) as connection:
        await connection.send("{}")
        await connection.recv(decode=False)
        began = time.process_time_ns()
        for _ in range(len(stream.dump) + len(stream.frames) - 1):
            await connection.recv(decode=False)
        return time.process_time_ns() - began


@contextmanager
def _pinned() -> Iterator[None]:
    """Stay off the sender's core for the body of the block."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    pin(0)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def desk_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The desk's choice: uvloop where there is one, None for asyncio's own loop."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return made
