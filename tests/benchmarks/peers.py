"""`python -m tests.benchmarks.peers`: the same frames through other projects and through ours, side by side.

Optional and slow: it makes throw-away environments in a temporary folder and installs peers there by name.
Nothing is installed beside the project. A peer that cannot be had is one line, never a failure.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click
from rich.console import Console

from tests.benchmarks.goals import SEED, Figure, Row
from tests.benchmarks.rounds import Spread
from tests.benchmarks.table import WIDTH, as_json, as_table
from tests.support.tree import ROOT

_INSTALL_S = 20 * 60
"""The largest peer is a wheel of 200 MB."""
_RACE_S = 10 * 60
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Environment:
    """Peers that are installed together."""

    name: str
    packages: tuple[str, ...]
    """Empty: the project's own environment has them."""
    engines: Mapping[str, str]
    """By row, the engine of `peer_engines.ENGINES`."""


ENVIRONMENTS: tuple[Environment, ...] = (
    Environment("polymarket-client", (), {"G6": "polymarket-parse", "peer-books": "polymarket-books"}),
    Environment(
        "nautilus_trader",
        ("nautilus_trader==1.221.0", "py-clob-client==0.28.0"),
        {"G3": "nautilus-client", "G4": "nautilus-parser"},
    ),
    Environment("cryptofeed", ("cryptofeed==2.4.1",), {"G7": "cryptofeed"}),
)
NOT_PACKAGED: Mapping[str, str] = {"poly-maker": "there is no package of it (G5)"}
PEER_ROWS: tuple[Row, ...] = (
    Row(
        "G3",
        "peers",
        "nautilus_trader 1.221.0, its Polymarket client with deltas (Python-facing path, 1.221)",
        "x",
        must=5.0,
        stretch=8.0,
    ),
    Row(
        "G4",
        "peers",
        "nautilus_trader 1.221.0, parse_to_deltas and OrderBook only (Python-facing path, 1.221)",
        "x",
        must=4.0,
        stretch=6.0,
    ),
    Row(
        "G6",
        "peers",
        "polymarket-client 0.14.0, its stream's parser only, no book",
        "x",
        must=4.5,
        stretch=7.0,
    ),
    Row("peer-books", "peers", "polymarket-client 0.14.0 and plain dictionaries of its Decimals", "x"),
    Row(
        "G7",
        "peers",
        "cryptofeed 2.4.1, its JSON and its compiled book; the glue is ours",
        "x",
        must=2.0,
        stretch=3.0,
    ),
)


class MissingPeerError(Exception):
    """A peer could not be installed or did not run; the text says which and why."""


@click.command()
@click.option("--messages", type=click.IntRange(min=1), default=50_000, show_default=True)
@click.option("--seed", type=int, default=SEED, show_default=True)
@click.option("--only", type=click.Choice([one.name for one in ENVIRONMENTS]), multiple=True)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures here, too.")
def main(*, messages: int, seed: int, only: tuple[str, ...], file: Path | None) -> None:
    """Print the worst ratio of three repeats for each peer that can be installed here."""
    said = Console(stderr=True)
    found: dict[str, Figure] = {}
    for environment in ENVIRONMENTS:
        if only and environment.name not in only:
            continue
        try:
            with tempfile.TemporaryDirectory(prefix="dutchdesk-peers-") as folder:
                python = _python_with(environment.packages, Path(folder))
                found |= _race(python, environment.engines, messages, seed)
        except MissingPeerError as missing:
            said.print(f"{environment.name}: skipped, {missing}", markup=False)
    for name, why in NOT_PACKAGED.items():
        said.print(f"{name}: skipped, {why}")
    title = f"Ours with the lazy check against peers, times as fast, seed {seed}"
    table = as_table(found, title=title, rows=PEER_ROWS, measured=f"worst of {_REPEATS}")
    Console(width=WIDTH).print(table)
    if file is not None:
        told = as_json(found, seed=seed, quick=False, rows=PEER_ROWS)
        file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _python_with(packages: tuple[str, ...], folder: Path) -> str:
    """Return an interpreter that has these packages and what our own engine needs beside them."""
    if not packages:
        return sys.executable
    venv.create(folder, with_pip=True)
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    wanted = (*packages, f"msgspec=={version('msgspec')}")
    quiet = ("--quiet", "--disable-pip-version-check", "--prefer-binary")
    _run([python, "-m", "pip", "install", *quiet, *wanted], _INSTALL_S)
    return python


def _race(python: str, engines: Mapping[str, str], messages: int, seed: int) -> dict[str, Figure]:
    """Race them in their environment; the figure judged is the worst of the repeats."""
    numbers = (str(messages), str(seed), str(_REPEATS))
    told = json.loads(
        _run([python, "-m", "tests.benchmarks.peer_race", *numbers, *engines.values()], _RACE_S)
    )
    return {
        key: Figure(
            Spread(min(one["ratios"]), min(one["ratios"]), max(one["ratios"])),
            f"{messages:,} msgs; {one['us']:.1f} us against ours {one['ours_us']:.1f} us",
        )
        for key, one in ((key, told[name]) for key, name in engines.items())
    }


def _run(command: list[str], limit_s: float) -> str:
    """Return what a command printed; raises MissingPeerError with its last line if it fails."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    what = " ".join(command[1:4])
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        raise MissingPeerError(f"`{what}` took more than {limit_s:.0f} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing said"]
        raise MissingPeerError(f"`{what}` failed: {lines[-1][:200]}")
    return done.stdout


if __name__ == "__main__":
    main()
