"""How often this folder's desk was started lately without stopping in order (reliability B 39).

One line per start in a small file, emptied by a stop in order. It is no part of the ledger: a desk that
cannot open its ledger must count, too.
"""

from pathlib import Path

from engine.domain.units import Ms

STARTS_FILE = "starts"
WITHIN_MS = 600_000
LOOP_AT = 5
"""So many starts within ten minutes are a crash loop: the desk starts halted."""


def note_start(folder: Path, at_ms: Ms) -> int:
    """Add a start; return how many of the last ten minutes did not stop in order, this one included."""
    path = folder / STARTS_FILE
    lines = path.read_text(encoding="ascii").split() if path.exists() else []
    # A torn last line, or a clock set back, must not keep the desk from starting.
    recent = [int(line) for line in lines if line.isdigit() and at_ms - WITHIN_MS < int(line) <= at_ms]
    path.write_text("".join(f"{start}\n" for start in [*recent, at_ms]), encoding="ascii")
    return len(recent) + 1


def note_clean_stop(folder: Path) -> None:
    """Forget all starts: this one has ended in order."""
    (folder / STARTS_FILE).unlink(missing_ok=True)
