"""What commands that read recordings share: a terminal's progress bar, and the words about a file's end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from storage.recorder import ROTATED, STOPPED
from storage.recording import Closed, Damaged, Opened, Piece, read_recording


@dataclass(slots=True)
class Course:
    """What reading the files told, beside what the feed core did."""

    runs: list[str] = field(default_factory=list)
    files: int = 0
    notes: list[str] = field(default_factory=list)
    """Gaps, torn tails, beginnings in the middle: told, and no reason to fail."""
    damage: str | None = None

    def note(self, piece: Opened | Closed | Damaged) -> None:
        """Take down how a file begins or ends."""
        match piece:
            case Opened():
                self._note_opened(piece)
            case Closed():
                words = _ending(piece)
                if words is not None:
                    self.notes.append(words)
            case Damaged():
                self.damage = f"{piece.path.name} from line {piece.line}: {piece.what}"

    def _note_opened(self, piece: Opened) -> None:
        self.files += 1
        if piece.fresh:
            self.runs.append(piece.head.run)
            if piece.head.file > 1:
                self.notes.append(f"{piece.path.name} continues a file that was not given: books come later")


def shown_pieces(files: Sequence[Path], label: str) -> Iterator[Piece]:
    """Read files, with a progress bar where there is a terminal for it."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=sum(file.stat().st_size for file in files))
        yield from read_recording(files, lambda done: bar.update(task, completed=done))


def _ending(end: Closed) -> str | None:
    """Return what a person should know about how a file ends, None if it ended in order."""
    if end.why is None:
        half = f", and {end.dropped_bytes} bytes of an unfinished line" if end.dropped_bytes else ""
        return f"{end.path.name} is torn: what came after its last flush is missing{half}"
    if end.why not in (ROTATED, STOPPED):
        return f"{end.path.name} ends early, at least {end.lost} inputs are missing: {end.why}"
    return None
