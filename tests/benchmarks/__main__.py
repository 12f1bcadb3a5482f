"""`python -m tests.benchmarks`: measure, and print one table. `make bench` calls it."""

import json
import time
from pathlib import Path

import click
from rich.console import Console

from tests.benchmarks.goals import BENCHES, SEED, Figure, Run, measure_of
from tests.benchmarks.table import WIDTH, as_json, as_table


@click.command()
@click.option("--quick", is_flag=True, help="Short streams: a minute, for a first look.")
@click.option(
    "--only", type=click.Choice(BENCHES), multiple=True, help="Measure this alone; may be repeated."
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of every stream.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures here, too.")
def main(*, quick: bool, only: tuple[str, ...], seed: int, file: Path | None) -> None:
    """Measure ratios against reference lines on this machine; no figure ever fails the command."""
    said = Console(stderr=True)
    run = Run(quick=quick, seed=seed, say=said.print)
    found: dict[str, Figure] = {}
    for bench in only or BENCHES:
        measure = measure_of(bench)
        if measure is None:
            run.say(f"{bench}: skipped, there is no tests/benchmarks/bench_{bench}.py")
            continue
        began = time.monotonic()
        found |= measure(run)
        run.say(f"{bench}: measured in {time.monotonic() - began:.0f} s")
    title = f"Benchmarks{', quick' if quick else ''}, seed {seed}"
    Console(width=WIDTH).print(as_table(found, title=title))
    if file is not None:
        file.write_text(json.dumps(as_json(found, seed=seed, quick=quick), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
