"""Reads a recording back: the inputs in their order, and the truth about how every file ends.

A file that a kill cut off is read up to the tear. Whatever else is not as it was written ends the reading,
because what follows could not be replayed exactly: the damage is returned as a value, never skipped.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import zstandard

from engine.core.feed.inlet import FeedInput, Linked, Tracked
from engine.domain.ids import ConnectionId
from engine.domain.units import Ms
from storage.recorder import ROTATED, RecordingError, recording_files
from storage.recording_lines import DECODER, FORMAT, EndLine, HeadLine, Line, input_of, tracked_token

CHUNK: Final = 1 << 12
"""Compressed bytes read at once, some thirty messages: more would not stay in the processor's cache."""
_AFTER_END: Final = "expected nothing after the last line, found another line"
LINE_BYTES_MAX: Final = 64 << 20
"""A dump of a thousand deep books is some 10 MB; more is not a line of ours."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file begins."""

    path: Path
    head: HeadLine
    fresh: bool
    """Its inputs do not go on where the file before ended: they need a new feed core."""

    def opening(self) -> tuple[FeedInput, ...]:
        """Return what a fresh core has to be told first when the run's earlier files are not at hand."""
        if not self.fresh or self.head.file == 1:
            return ()
        at_ms = Ms(self.head.began_ms)
        tracked = Tracked(at_ms, tuple(tracked_token(line) for line in self.head.tracked))
        return (tracked, *(Linked(at_ms, ConnectionId(number), up=True) for number in self.head.up))


@dataclass(frozen=True, slots=True)
class Closed:
    """A file ends where writing it ended."""

    path: Path
    why: str | None
    """What its last line says; None when it was torn, by a kill or a full disk."""
    lost: int
    """Inputs that its last line says are missing after it."""
    dropped_bytes: int
    """Plain bytes of an unfinished last line."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file is not as it was written; nothing is read after this."""

    path: Path
    line: int
    """Number of the first line that is not known to be right; lines are counted from 1."""
    what: str


Piece = Opened | Sequence[FeedInput] | Closed | Damaged


def recording_paths(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files that are meant, those of a folder in their order; raises RecordingError if none is."""
    files: list[Path] = []
    for path in paths:
        found = recording_files(path) if path.is_dir() else [path]
        if not found or not found[0].is_file():
            raise RecordingError(
                f"expected a recording at {path}, found none; make one with `dutchdesk record`"
            )
        files += found
    return tuple(files)


def read_recording(files: Sequence[Path], on_bytes: Callable[[int], None] | None = None) -> Iterator[Piece]:
    """Read files in the order given; `on_bytes` is told how many compressed bytes have been read in all."""
    before: HeadLine | None = None
    ended: Closed | None = None
    done = 0
    for path in files:
        reader = _Reader(path)
        with path.open("rb") as file:
            for piece in reader.pieces(file):
                if isinstance(piece, HeadLine):
                    fault = _misplaced(piece, before, ended)
                    if fault is not None:
                        yield Damaged(path, 1, fault)
                        return
                    fresh = before is None or piece.run != before.run
                    before = piece
                    yield Opened(path, piece, fresh)
                    continue
                yield piece
                if isinstance(piece, Damaged):
                    return
                if isinstance(piece, Closed):
                    ended = piece
                if on_bytes is not None:
                    on_bytes(done + file.tell())
        done += path.stat().st_size


def _misplaced(head: HeadLine, before: HeadLine | None, ended: Closed | None) -> str | None:
    """Return why a file cannot follow the one before it, None if it can."""
    if head.format != FORMAT:
        return f"expected format {FORMAT}, found {head.format}: it needs another version of this program"
    if before is None or (head.run != before.run and head.file == 1):
        return None
    if head.run != before.run or head.file != before.file + 1:
        return (
            f"expected file {before.file + 1} of run {before.run} or the first of another, "
            f"found file {head.file} of run {head.run}: a file is missing"
        )
    if ended is None or ended.why != ROTATED:
        return "the file before it ends too early, so inputs between the two are missing"
    return None


class _Reader:
    """One file's lines as pieces; its head comes as the line that it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line = 0
        self._end: EndLine | None = None

    def pieces(self, file: BinaryIO) -> Iterator[HeadLine | Sequence[FeedInput] | Closed | Damaged]:
        # Not the library's stream reader: at the end of a torn file that keeps what it has decoded to itself.
        decompressor = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
        rest = b""
        while chunk := file.read(CHUNK):
            try:
                text = rest + decompressor.decompress(chunk)
            except zstandard.ZstdError as error:
                yield self._damaged(str(error))
                return
            cut = text.rfind(b"\n") + 1
            rest = text[cut:]
            if len(rest) > LINE_BYTES_MAX:
                yield self._damaged(f"expected a line of at most {LINE_BYTES_MAX} bytes, found more")
                return
            for piece in self._decoded(text[:cut]):
                yield piece
                if isinstance(piece, Damaged):
                    return
        yield self._closed(len(rest))

    def _closed(self, dropped: int) -> Closed:
        end = self._end
        if end is None:
            return Closed(self._path, None, 0, dropped)
        return Closed(self._path, end.why, end.lost, dropped)

    def _damaged(self, what: str) -> Damaged:
        return Damaged(self._path, self._line + 1, what)

    def _decoded(self, text: bytes) -> Iterator[HeadLine | Sequence[FeedInput] | Damaged]:
        lines, fault = _lines_of(text)
        if lines and self._line == 0:
            head = lines.pop(0)
            if not isinstance(head, HeadLine):
                yield self._damaged("expected the head of a recording, found another line")
                return
            self._line = 1
            yield head
        inputs = [input_of(line) for line in lines]
        if self._end is not None and lines:
            yield self._damaged(_AFTER_END)
            return
        if None in inputs:  # the file's last line, or a line that has no place here
            place = inputs.index(None)
            last = lines[place]
            del inputs[place:]
            if not isinstance(last, EndLine):
                fault = "expected a head in the first line only, found another"
            elif place + 1 < len(lines):
                fault = _AFTER_END
            else:
                self._end = last
        self._line += len(inputs)
        if inputs:
            yield [entry for entry in inputs if entry is not None]
        if fault is not None:
            yield self._damaged(fault)
        elif self._end is not None:
            self._line += 1


def _lines_of(text: bytes) -> tuple[list[Line], str | None]:
    """Return the lines up to the first that cannot be read, and what is wrong with that one."""
    try:
        return DECODER.decode_lines(text), None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        lines: list[Line] = []
        for raw in text.removesuffix(b"\n").split(b"\n"):
            try:
                lines.append(DECODER.decode(raw))
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                return lines, str(error)
        return lines, None
