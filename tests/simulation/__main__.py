"""Run seeds of the simulation and print what they hit: `make simulate SEEDS=2000 FROM=1`.

A seed that breaks a promise prints the one line that replays it. A fault that never struck is told as well: a
campaign that did not hit it has said nothing about it.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.weather import Fault
from tests.simulation.world import Report, run_seed

SEEDS_FOR_ALL_FAULTS = 200
"""From so many seeds on a fault that never struck is an error of the campaign itself."""


def main(arguments: Sequence[str]) -> int:
    """Run the seeds asked for; 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first one (default 1)")
    parser.add_argument("--seed", type=int, help="this one alone, step by step: time, event, effects")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once (default 1)")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    total = Total()
    if options.seed is not None:
        total.add(run_seed(options.seed, tell=print))
        print(total.table(time.perf_counter() - began))  # noqa: T201 - a command
        return 1 if total.broken else 0
    for report in _reports(range(options.first, options.first + options.seeds), options.jobs):
        total.add(report)
    print(total.table(time.perf_counter() - began))  # noqa: T201 - a command
    unhit = total.never() if options.seeds >= SEEDS_FOR_ALL_FAULTS else []
    for name in unhit:
        print(f"error: no seed was hit by {name!r}: these seeds say nothing about it")  # noqa: T201
    return 1 if total.broken or unhit else 0


def _reports(seeds: range, jobs: int) -> Iterator[Report]:
    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        yield from pool.map(run_seed, seeds, chunksize=4)


class Total:
    """The sum of all seeds."""

    def __init__(self) -> None:
        self.seeds = self.broken = self.events = 0
        self.virtual_s = 0.0
        self.struck: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    def add(self, report: Report) -> None:
        """Take a seed in; tell at once if it broke a promise."""
        self.seeds += 1
        self.events += report.events
        self.virtual_s += report.virtual_s
        self.struck += report.struck
        self.counts += report.counts
        if report.violations:
            self.broken += 1
            print(f"seed {report.seed}: python -m tests.simulation --seed {report.seed}", flush=True)  # noqa: T201
            for violation in report.violations:
                print(f"  {violation}", flush=True)  # noqa: T201

    def never(self) -> list[str]:
        """Return the faults that no seed hit."""
        return [fault.value for fault in Fault if not self.struck[fault.value]]

    def table(self, elapsed_s: float) -> str:
        """Return the figures as text."""
        lines = [
            f"{self.seeds} seeds, {self.broken} with violations, {self.seeds / elapsed_s:.2f} seeds/s",
            f"{self.events} events, {self.virtual_s / 3600:.1f} virtual hours in {elapsed_s:.0f} s",
            "",
            *(f"{count:>10}  {name}" for name, count in sorted(self.counts.items())),
            "",
            "faults by how often they struck:",
            *(f"{self.struck[fault.value]:>10}  {fault.value}" for fault in Fault),
        ]
        return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
