"""`mock-ws`: a recording served as a market channel on loopback, for whoever speaks the venue's protocol."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
from aiohttp import web

from bot.cli.run import PORT, run_until_stopped
from engine.clock import SystemClock
from engine.core.feed.inlet import BooksAnswered, FeedInput, Heard, Tracked
from engine.runtime.replay import Pace
from engine.simulator.recorded_stream import RecordedStream
from storage.recorder import RecordingError
from storage.recording import Closed, Damaged, Opened, read_recording, recording_paths

WAIT_S = 0.05


@click.command("mock-ws")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@PORT
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="So many times real time.",
)
@click.option("--loop", is_flag=True, help="Begin again at the end; every connection is cut then.")
def mock_ws(*, path: Path, port: int, speed: float, loop: bool) -> None:
    """Serve a recording as a market channel on 127.0.0.1 until Ctrl-C.

    Playing begins with the first subscription. Who subscribes later gets the newest books of that moment.
    At the end the books stand still and `/books` goes on answering.
    """
    files = recording_paths([path])
    run_until_stopped(_serve(files, port=port, speed=speed, loop=loop))


async def _serve(files: tuple[Path, ...], *, port: int, speed: float, loop: bool) -> None:
    stream = RecordedStream()
    async with served(stream, port) as url:
        click.echo(f"market channel {url.replace('http', 'ws', 1)}/ws/market · books {url}/books")
        while True:
            await play(stream, files, speed)
            click.echo(f"the recording is over: {stream.frames_sent} frames sent")
            if not loop:
                break
            stream.begin_again()
        await asyncio.Event().wait()


@asynccontextmanager
async def served(stream: RecordedStream, port: int) -> AsyncIterator[str]:
    """Serve a stream on loopback; gives its HTTP address."""
    runner = web.AppRunner(stream.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def play(stream: RecordedStream, files: tuple[Path, ...], speed: float) -> None:
    """Play a recording once, so many times as fast as it was; raises RecordingError on damage."""
    pace = Pace(SystemClock(), speed)
    for piece in read_recording(files):
        match piece:
            case Opened():
                for entry in piece.opening():
                    _tell(stream, entry)
            case Closed():
                pass
            case Damaged():
                raise RecordingError(f"{piece.path.name} is damaged from line {piece.line}: {piece.what}")
            case _:
                for entry in piece:
                    if isinstance(entry, Heard):
                        while not stream.subscribed:  # noqa: ASYNC110 - set by a socket, seldom and once
                            await asyncio.sleep(WAIT_S)
                        await asyncio.sleep(pace.due_in_s(entry.at_ms))
                    _tell(stream, entry)


def _tell(stream: RecordedStream, entry: FeedInput) -> None:
    match entry:
        case Heard():
            stream.heard(entry.raw)
        case Tracked():
            stream.tracked(entry.tokens)
        case BooksAnswered():
            stream.answered(entry.bodies)
        case _:
            pass  # links and checks were the recorder's own
