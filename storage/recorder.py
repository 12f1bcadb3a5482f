"""Writes a recording: inputs of a feed core to zstd files of JSON lines, on a thread of its own.

`write` costs the socket's loop an append to a bounded queue. A disk that refuses or cannot keep up ends the
recording, never the feed: what is missing is counted, and the file's last line says so where it still can.
"""

import logging
import os
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import zstandard

from engine.core.feed.inlet import BooksAnswered, FeedInput, Heard, Linked, Tracked
from engine.core.feed.tracked import TrackedToken
from engine.domain.ids import ConnectionId
from engine.domain.units import Ms
from storage.recording_lines import EndLine, HeadLine, encode, encode_input, token_line

SUFFIX: Final = ".jsonl.zst"
LEVEL: Final = 3
"""Smaller by a seventh to a tenth than the plain text at no cost to replay (performance 7, 8)."""
POLL_S: Final = 0.05
"""How often the thread looks for work: being woken for every message would cost the loop more."""
POLLS_PER_FLUSH: Final = 10
"""A kill loses at most what came since the last flush: half a second."""
ROTATED, STOPPED = "rotated", "stopped"
_LOG = logging.getLogger(__name__)


class RecordingError(Exception):
    """A recording could not be begun or read; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a file is full, and how much may wait for the disk."""

    file_bytes: int = 64 << 20
    """Compressed; half a million messages of real streams."""
    file_ms: int = 3_600_000
    """By the inputs' own times."""
    waiting_bytes: int = 64 << 20
    """Some minutes of a busy stream."""


class Recorder:
    """Implements `engine.ports.FeedJournal` in a folder."""

    def __init__(self, folder: Path, head: HeadLine, limits: Limits | None = None) -> None:
        """Open the first file, numbered after those that are there; raises RecordingError if it cannot be."""
        self._folder = folder
        self._limits = limits or Limits()
        self._queue: deque[FeedInput] = deque()
        self._put_bytes = 0
        self._taken_bytes = 0
        self._closing = threading.Event()
        self.failed: str | None = None
        """Why the recording ended before its time; None while all is well."""
        self.lost = 0
        """Inputs that came after that, or that were still waiting."""
        self.files: list[Path] = []
        self._done_bytes = 0
        self._output = _Output(folder, head)
        self.files.append(self._output.path)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def bytes_written(self) -> int:
        """Return the size of all files of this run so far."""
        return self._done_bytes + self._output.size

    def write(self, entry: FeedInput) -> None:
        """Take an input over; after a failure it is only counted as lost."""
        if self.failed is not None:
            self.lost += 1
            return
        size = _weight(entry)
        if self._put_bytes + size - self._taken_bytes > self._limits.waiting_bytes:
            self.lost += 1
            self._fail(f"the disk is too slow: {self._limits.waiting_bytes} bytes were waiting for it")
            return
        self._put_bytes += size
        self._queue.append(entry)

    def close(self) -> None:
        """Write what waits, end the file in order and wait for it; a second call does nothing."""
        self._closing.set()
        self._thread.join()

    def _fail(self, why: str) -> None:
        self.failed = why
        _LOG.error("the recording ends here: %s", why, extra={"fields": {"file": self._output.path.name}})

    def _run(self) -> None:
        """Write until told to stop, or until the disk refuses."""
        try:
            self._write_until_closed()
            self._output.end(self.failed or STOPPED, self.lost)
        # boundary: whatever ends a recording is told, in its last line, in the log and by `failed`
        except Exception as error:  # noqa: BLE001 - it is logged by `_fail`
            # The input in hand and those that wait; what the compressor still held is not known.
            self.lost += 1 + len(self._queue)
            self._fail(f"the disk refused: {error}")
            self._output.abandon(str(self.failed), self.lost)

    def _write_until_closed(self) -> None:
        polls = 0
        while True:
            # Asked before the queue is emptied, so that what was put before `close` is written.
            last = self._closing.wait(POLL_S) or self.failed is not None
            self._write_waiting()
            polls += 1
            if polls == POLLS_PER_FLUSH:
                polls = 0
                self._output.flush()
            if last:
                return

    def _write_waiting(self) -> None:
        while self._queue:
            entry = self._queue.popleft()
            self._taken_bytes += _weight(entry)
            if self._output.is_full(entry, self._limits):
                self._rotate(entry.at_ms)
            self._output.put(entry)

    def _rotate(self, at_ms: Ms) -> None:
        full = self._output
        full.end(ROTATED, 0)
        self._done_bytes += full.size
        self._output = _Output(self._folder, full.continued(at_ms))
        self.files.append(self._output.path)


def _weight(entry: FeedInput) -> int:
    """Return about how much memory an input holds while it waits."""
    match entry:
        case Heard(raw=raw):
            return 128 + len(raw)
        case BooksAnswered(bodies=bodies):
            return 128 + sum(map(len, bodies))
        case Tracked(tokens=tokens):
            return 512 * len(tokens)
        case _:
            return 128


class _Output:
    """One file being written. Raises OSError for what the disk does."""

    def __init__(self, folder: Path, head: HeadLine) -> None:
        self.path, self._file = _create(folder)
        self._stream = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_writer(
            self._file, closefd=False
        )
        self._head = head
        self._tracked: tuple[TrackedToken, ...] | None = None
        self._up = {ConnectionId(number) for number in head.up}
        self._last_ms = head.began_ms
        self._stream.write(encode(head))
        self.flush()

    @property
    def size(self) -> int:
        """Bytes handed to the disk."""
        return self._stream.tell()

    def put(self, entry: FeedInput) -> None:
        self._last_ms = entry.at_ms
        match entry:
            case Tracked(tokens=tokens):
                self._tracked = tokens
            case Linked(connection=connection, up=up):
                (self._up.add if up else self._up.discard)(connection)
            case _:
                pass
        self._stream.write(encode_input(entry))

    def is_full(self, entry: FeedInput, limits: Limits) -> bool:
        return self.size >= limits.file_bytes or entry.at_ms - self._head.began_ms >= limits.file_ms

    def continued(self, at_ms: Ms) -> HeadLine:
        """Return the head of the file that begins now: what is watched, and which connections are up."""
        tracked = self._head.tracked if self._tracked is None else [token_line(x) for x in self._tracked]
        return msgspec.structs.replace(
            self._head,
            file=self._head.file + 1,
            began_ms=at_ms,
            tracked=tracked,
            up=sorted(self._up),
        )

    def flush(self) -> None:
        self._stream.flush(zstandard.FLUSH_BLOCK)
        self._file.flush()

    def end(self, why: str, lost: int) -> None:
        """Write the last line and close the file for good, on the disk."""
        self._stream.write(encode(EndLine(self._last_ms, why, lost)))
        self._stream.flush(zstandard.FLUSH_FRAME)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self, why: str, lost: int) -> None:
        """Say why the file ends here if the disk takes that much, and close it if it is still open."""
        if not self._file.closed:
            with suppress(OSError):
                self.end(why, lost)
            with suppress(OSError):
                self._file.close()


def _create(folder: Path) -> tuple[Path, BinaryIO]:
    """Create the next file of a folder; an existing one is never opened."""
    taken = [int(path.name.removesuffix(SUFFIX)) for path in recording_files(folder)]
    path = folder / f"{max(taken, default=0) + 1:06}{SUFFIX}"
    return path, path.open("xb")


def recording_files(folder: Path) -> list[Path]:
    """Return the files of a recording in their order; others of the folder are left alone."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.name.removesuffix(SUFFIX).isdecimal())
