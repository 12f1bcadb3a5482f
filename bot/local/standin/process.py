"""The stand-in as a process of its own: says where it is, ends on a signal or when nobody wants it any more.

`standin.json` in the data folder holds its URL, the chat key and the pid. The file is readable by its owner
alone, written whole or not at all, and removed at the end.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from bot.local.standin.server import Standin
from engine.clock import SystemClock

ADDRESS_FILE = "standin.json"
IDLE_CHECK_S = 1.0


async def run_standin(*, data_dir: Path, port: int, orphan_after_s: int = 600) -> None:
    """Serve until SIGTERM, Ctrl-C, or `orphan_after_s` seconds without any call.

    Raises OSError when the port is taken or the folder cannot be written.
    """
    standin = Standin(clock=SystemClock())
    await standin.start(port)
    address = data_dir / ADDRESS_FILE
    try:
        _write_address(address, standin)
        with _stop_signals() as stopped:
            while not stopped.is_set() and standin.idle_ms() <= orphan_after_s * 1_000:
                await _wait(stopped, IDLE_CHECK_S)
    finally:
        _remove_own(address)
        await standin.stop()


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):  # the caller looks at both its reasons to end
        async with asyncio.timeout(timeout_s):
            await event.wait()


@contextlib.contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """Give an event that SIGTERM and SIGINT set; where the loop takes no signals, Ctrl-C cancels instead."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    taken: list[signal.Signals] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stopped.set)
            taken.append(number)
    try:
        yield stopped
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


def _write_address(path: Path, standin: Standin) -> None:
    content = {"url": standin.url, "chat_key": standin.chat_key, "pid": os.getpid()}
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    unfinished.replace(path)


def _remove_own(path: Path) -> None:
    """Remove the file, unless a later stand-in has put its own in this place."""
    with contextlib.suppress(FileNotFoundError):
        if json.loads(path.read_text(encoding="utf-8")).get("pid") == os.getpid():
            path.unlink()
