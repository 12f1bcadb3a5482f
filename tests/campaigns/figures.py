"""What a campaign has seen and how it is told: counts, failures with their first frame, slowest frames."""

import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappush, heappushpop

from tests.campaigns.memory import resident_bytes

SLOWEST = 5
SHOWN_BYTES = 400


@dataclass
class Figures:
    """What a campaign has seen so far."""

    frames: int = 0
    octets: int = 0
    by_mutation: Counter[str] = field(default_factory=Counter)
    by_verdict: Counter[str] = field(default_factory=Counter)
    held: int = 0
    """Live books compared before and after a frame that was judged to say nothing."""
    live: int = 0
    """Live books met by a mutated frame, counted once for each frame and token."""
    slowest: list[tuple[int, str, int]] = field(default_factory=list)
    """Nanoseconds, mutation and bytes of the slowest frames."""
    failures: Counter[str] = field(default_factory=Counter)
    """What went wrong, by its words."""
    examples: dict[str, str] = field(default_factory=dict)
    """The first frame of each failure."""

    def note(self, name: str, raw: bytes) -> None:
        """Count a mutated frame."""
        self.frames += 1
        self.octets += len(raw)
        self.by_mutation[name] += 1

    def timed(self, name: str, raw: bytes, took_ns: int) -> None:
        """Keep the frame if it is one of the slowest."""
        keep = heappush if len(self.slowest) < SLOWEST else heappushpop
        keep(self.slowest, (took_ns, name, len(raw)))

    def fail(self, error: Exception) -> None:
        """Count a failure by its words and keep its first example."""
        words = re.sub(r"0x[0-9a-f]+|[0-9a-f]{40}|\d{3,}", "…", f"{type(error).__name__}: {error}")
        self.failures[words] += 1
        self.examples.setdefault(words, "".join(traceback.format_exception(error)))


def shown(raw: bytes) -> str:
    """Return a frame for a person: whole if short."""
    return repr(raw if len(raw) <= SHOWN_BYTES else raw[:SHOWN_BYTES] + b"...") + f" ({len(raw)} bytes)"


def report(figures: Figures, seconds: float) -> str:
    """Return the figures as text; with no failure in N frames the true rate is below 3/N (95 %)."""
    frames, failed = figures.frames, figures.failures.total()
    bound = f"below {3 / frames:.1e} a frame (3/N, 95 %)" if not failed else "see their examples"
    sent = f"{frames} mutated frames, {figures.octets / 1e6:.0f} MB, in {seconds:.0f} s"
    met = f"live books met by a mutated frame: {figures.live}, held equal after one that says nothing: "
    lines = [
        f"{sent}: {frames / seconds:.0f} frames/s",
        f"failures: {failed} of {len(figures.failures)} kinds, {bound}",
        *(f"  {count:9d}  {words}" for words, count in figures.failures.most_common()),
        *figures.examples.values(),
        f"{met}{figures.held}",
        "by verdict:",
        *(f"  {count:9d}  {name}" for name, count in figures.by_verdict.most_common()),
        "by mutation:",
        *(f"  {count:9d}  {name}" for name, count in figures.by_mutation.most_common()),
        "slowest:",
        *(
            f"  {took / 1e6:9.1f} ms  {name}, {size} bytes"
            for took, name, size in sorted(figures.slowest)[::-1]
        ),
    ]
    return "\n".join(lines)


def tell(run: Callable[[Callable[[int], None]], Figures]) -> Figures:
    """Run a campaign, print its progress and memory at every tenth, and its figures at the end."""
    began = time.monotonic()

    def at_tenth(done: int) -> None:
        megabytes = resident_bytes() / 2**20
        sys.stdout.write(
            f"{done * 10:3d} %  {time.monotonic() - began:6.0f} s  {megabytes:7.1f} MiB resident\n"
        )
        sys.stdout.flush()

    figures = run(at_tenth)
    sys.stdout.write(report(figures, time.monotonic() - began) + "\n")
    return figures
