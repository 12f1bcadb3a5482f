"""The local exchange as a process: it writes where it listens and ends when nobody needs it."""

import asyncio
import json
import os
import signal
from pathlib import Path

from engine.clock import SystemClock
from engine.simulator.server import LocalExchange

ADDRESS_FILE = "exchange.json"
"""Written into the data folder: `{"url", "ws_url", "pid"}`."""
_CHECK_S = 0.2


async def run_exchange(
    *, data_dir: Path, port: int, seed: int, wide: int = 0, orphan_after_s: int = 600
) -> None:
    """Serve until SIGTERM, SIGINT, or `orphan_after_s` seconds without a request or an open socket.

    The address file is complete whenever it can be seen, and it is removed at the end unless another process
    has replaced it.
    """
    exchange = LocalExchange(seed=seed, wide=wide, clock=SystemClock())
    ended = asyncio.Event()
    _end_on_signals(ended)
    await exchange.start(port=port)
    path = data_dir / ADDRESS_FILE
    text = json.dumps({"url": exchange.url, "ws_url": exchange.ws_url, "pid": os.getpid()})
    try:
        _write_whole(path, text)
        while not ended.is_set() and exchange.idle_ms < orphan_after_s * 1000:
            await _wait(ended, _CHECK_S)
    finally:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            path.unlink()
        await exchange.stop()


def _end_on_signals(ended: asyncio.Event) -> None:
    """Set the event on SIGTERM and SIGINT; a loop without signal handlers raises on Ctrl-C instead."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, ended.set)
        except NotImplementedError:
            return


def _write_whole(path: Path, text: str) -> None:
    """Write beside and rename, so that nobody ever reads half a file."""
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


async def _wait(ended: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(ended.wait(), seconds)
    except TimeoutError:
        return
