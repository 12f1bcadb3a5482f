"""The table of the benchmarks names what exists, judges by its goals, and prints every row measured."""

import importlib.util
import json

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.benchmarks import __main__ as command
from tests.benchmarks.goals import BENCHES, ROWS, Better, Figure, Row, Verdict, measure_of
from tests.benchmarks.rounds import Spread, spread
from tests.benchmarks.table import as_json, as_table

FIGURE = Figure(Spread(1.0, 0.5, 2.0), "3 msgs")
GOALS = {"G1", "G2", "G8", "G9", "G10", "G13", "G14", "G15", "signing-ms"} | {
    *(f"safety-commit-{legs}" for legs in (1, 5, 15)),
    *(f"detector-{outcomes}" for outcomes in (2, 10, 40, 128)),
    *("plan-p95-128", "none-us-128"),
    *("restart", "kill-gate", "kill-cancel"),
}


def test_rows_have_one_key_each_and_hold_every_goal():
    keys = [row.key for row in ROWS]

    assert len(keys) == len(set(keys))
    assert {row.key for row in ROWS if row.must is not None} == GOALS


@pytest.mark.parametrize("bench", BENCHES)
def test_rows_name_functions_that_exist(bench):
    if importlib.util.find_spec(f"tests.benchmarks.bench_{bench}") is None:
        assert measure_of(bench) is None
    else:
        assert callable(measure_of(bench))


def test_rows_of_what_is_not_built_yet_are_storage_and_replay_alone():
    assert {bench for bench in BENCHES if measure_of(bench) is None} <= {"storage", "replay"}


@pytest.mark.parametrize(
    ("better", "must", "stretch", "median", "verdict"),
    [
        (Better.HIGHER, 0.3, 0.5, 0.5, Verdict.STRETCH),
        (Better.HIGHER, 0.3, 0.5, 0.49, Verdict.MET),
        (Better.HIGHER, 0.3, 0.5, 0.3, Verdict.MET),
        (Better.HIGHER, 0.3, 0.5, 0.29, Verdict.MISSED),
        (Better.LOWER, 1.6, 1.3, 1.3, Verdict.STRETCH),
        (Better.LOWER, 1.6, 1.3, 1.31, Verdict.MET),
        (Better.LOWER, 1.6, 1.3, 1.61, Verdict.MISSED),
        (Better.LOWER, None, None, 9.0, Verdict.SHOWN),
    ],
)
def test_verdict_is_that_of_the_median(better, must, stretch, median, verdict):
    row = Row("k", "book", "what", "x", better, must, stretch)

    assert row.verdict(Figure(Spread(median, 0.0, 99.0), "")) is verdict


def test_spread_is_median_and_both_ends():
    assert spread([5.0, 1.0, 2.0]) == Spread(2.0, 1.0, 5.0)


def test_table_prints_each_measured_row_with_goal_spread_verdict_and_seed():
    console = Console(width=200)
    with console.capture() as captured:
        console.print(as_table({"G1": FIGURE, "book-none": FIGURE}, title="Benchmarks, seed 77"))
    text = captured.get()
    assert all(word in text for word in ("G1", ">= 0.30", ">= 0.50", "0.50 .. 2.00", "met, stretch too"))
    assert all(word in text for word in ("seed 77", "median", "3 msgs", "shared and noisy"))
    assert "G2" not in text


def test_json_holds_what_the_table_says():
    told = as_json({"G8": FIGURE}, seed=77, quick=False)

    assert json.loads(json.dumps(told)) == told
    assert (told["seed"], told["quick"], len(told["rows"])) == (77, False, 1)
    assert told["rows"][0] | {"key": "G8", "measured": 1.0, "verdict": "met, stretch too"} == told["rows"][0]


def test_command_without_the_module_of_a_bench_says_so_and_writes_the_rest(monkeypatch, tmp_path):
    found = {"book": lambda run: {"G1": FIGURE}, "storage": None}
    monkeypatch.setattr(command, "measure_of", found.get)
    file = tmp_path / "figures.json"

    done = CliRunner().invoke(
        command.main, ["--quick", "--only", "book", "--only", "storage", "--json", str(file)]
    )

    assert done.exit_code == 0, done.output
    assert "storage: skipped" in done.output
    assert [row["key"] for row in json.loads(file.read_text(encoding="utf-8"))["rows"]] == ["G1"]
