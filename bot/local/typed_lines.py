"""Lines typed on standard input, without blocking the loop and without threads where the loop can watch it.

A terminal or a pipe is watched by the loop; a regular file, which is always ready, is read directly. Where
the loop cannot watch standard input (Windows) one daemon thread reads it and ends with the process.
"""

import asyncio
import os
import threading
from typing import Protocol

READ_BYTES = 65_536
LINES_WAITING_MAX = 1_000


class Lines(Protocol):
    """A source of typed lines."""

    async def next_line(self) -> str | None:
        """Return the next line without its end, None when there is no more."""
        ...

    def close(self) -> None:
        """Stop reading; what was typed and not read stays in the terminal."""
        ...


class WatchedLines:
    """Lines of a file descriptor that the loop watches."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._left = b""
        self._ended = False
        self._watched = False

    async def next_line(self) -> str | None:
        """Return the next line, None after the last. A last line without line end counts."""
        while b"\n" not in self._left and not self._ended:
            chunk = await self._read()
            self._ended = not chunk
            self._left += chunk
        if not self._left:
            return None
        line, _, self._left = self._left.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def close(self) -> None:
        """Stop watching; the descriptor stays open, it is not ours."""
        if self._watched:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._watched = False

    async def _read(self) -> bytes:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        try:
            loop.add_reader(self._descriptor, readable.set)
        except PermissionError:  # a regular file cannot be watched and never blocks
            return os.read(self._descriptor, READ_BYTES)
        self._watched = True
        try:
            await readable.wait()
        finally:
            self.close()
        return os.read(self._descriptor, READ_BYTES)


class ThreadLines:
    """Lines read by a daemon thread, for loops that cannot watch a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(LINES_WAITING_MAX)
        self._room = threading.Semaphore(LINES_WAITING_MAX)
        own = os.dup(
            descriptor
        )  # the thread may outlive the caller's descriptor and must not read a later one
        threading.Thread(target=self._read, args=(own,), name="typed-lines", daemon=True).start()

    async def next_line(self) -> str | None:
        """Return the next line, None after the last."""
        line = await self._lines.get()
        self._room.release()
        return line

    def close(self) -> None:
        """Leave the thread to itself: it waits for a line and ends with the loop or the process."""

    def _read(self, descriptor: int) -> None:
        with open(descriptor, encoding="utf-8", errors="replace") as typed:
            for line in typed:
                if not self._hand_over(line.rstrip("\r\n")):
                    return
        self._hand_over(None)

    def _hand_over(self, line: str | None) -> bool:
        """Give a line to the loop, waiting while too many wait; False when the loop is closed."""
        self._room.acquire()
        try:
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
        except RuntimeError:
            return False
        return True


def open_lines(descriptor: int) -> Lines:
    """Return the lines of this descriptor, watched by the loop where it can."""
    loop = asyncio.get_running_loop()
    watches = type(loop).__name__ != "ProactorEventLoop"
    return WatchedLines(descriptor) if watches else ThreadLines(descriptor)
