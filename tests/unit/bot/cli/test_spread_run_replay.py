"""`dutchdesk spread-run-replay` as a person runs it: figures that add up, bad input told with a next step."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bot.cli.chart_file import ChartFileError
from bot.cli.main import cli
from bot.cli.recorded_events import BacktestError
from bot.quote_chart import quote_chart
from config.settings import SettingsError
from engine.domain.market import canonical_json, text_hash
from engine.domain.quoting import QuotingResult
from tests.support import tree
from tests.support.planner import group, market
from tests.support.quoted_recording import one_market, quoted
from tests.support.recorded_event import RecordedEvent, desk_folder
from tests.support.recordings import record

PLAIN = (
    ("min_half_spread_ticks", "1"),
    ("k_vol_pct", "0"),
    ("k_tox_pct", "0"),
    ("tox_ticks", "0"),
    ("micro_weight_pct", "0"),
    ("flow_weight_pct", "0"),
    ("skew_milliticks", "0"),
    ("gamma_pct", "0"),
    ("jump_micro", "0"),
    ("adverse_micro", "0"),
    ("stale_ms", "10000"),
    ("jump_ticks", "50"),
    ("reward_mode", "off"),
)
"""Quotes join the best prices."""
CONFIG = ("--config", str(tree.ROOT / "config" / "service.example.toml"))
TURNED = tuple(word for name, value in PLAIN for word in ("--knob", f"{name}={value}"))


def recorded() -> RecordedEvent:
    """One fill of 100 shares at 0.45 while the fair value was 0.50."""
    recording = one_market()
    recording.wait(5_000)
    recording.trade(0, "0.45", "250", taker="SELL")
    recording.wait(5_000)
    return recording


def world(tmp_path: Path) -> Path:
    recording = recorded()
    record(tmp_path / "rec", recording.inputs)
    desk_folder(tmp_path / "data", recording.event)
    return tmp_path


def run(folder: Path, *options: str, knobs: tuple[str, ...] = TURNED) -> Result:
    words = [
        "spread-run-replay",
        str(folder / "rec"),
        "--data",
        str(folder / "data"),
        *CONFIG,
        *knobs,
        *options,
    ]
    return CliRunner().invoke(cli, words)


def told(folder: Path, *options: str) -> dict[str, Any]:
    done = run(folder, "--json", *options)
    assert done.exit_code == 0, (done.output, done.exception)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def fault(done: Result) -> str:
    assert isinstance(done.exception, BacktestError | ChartFileError | SettingsError), (
        done.output,
        done.exception,
    )
    return str(done.exception)


def test_artefact_tells_the_fill_and_where_the_money_came_from(tmp_path):
    found = told(world(tmp_path))

    (market_told,) = found["markets"]
    run_told = market_told["models"]["conservative"]
    (execution,) = run_told["executions"]
    assert (market_told["event"], market_told["market"]) == ("rain", "Rain")
    assert execution == {
        "at_ms": 1_790_000_005_000,
        "side": "bid",
        "yes": 4_500,
        "size": 100_000_000,
        "fair": 500_000,
        "fee": 0,
    }
    assert (run_told["captured"], run_told["mark"], run_told["net"]) == (5_000_000, -500_000, 4_500_000)
    assert found["totals"]["conservative"]["net"] == 4_500_000
    assert list(found["totals"]) == ["conservative", "probabilistic"]


def test_artefact_has_the_same_hash_every_time_and_it_is_that_of_its_content(tmp_path):
    world(tmp_path)

    first, second = told(tmp_path), told(tmp_path)

    assert first == second
    digest = first.pop("sha256")
    assert digest == text_hash(canonical_json(first))
    assert told(tmp_path, "--latency-ms", "300")["sha256"] != digest


def test_artefact_has_a_fixed_shape(tmp_path):
    found = told(world(tmp_path), "--rewards", "50:0.06:20")

    assert found["format"] == "spread-backtest/1"
    assert found.keys() == {
        "format",
        "recording",
        "terms",
        "markets",
        "totals",
        "left_out",
        "unknown_tokens",
        "sha256",
    }
    assert not [value for value in _leaves(found) if isinstance(value, float)]
    sums = found["totals"]["conservative"]
    assert sums["net"] == sums["captured"] + sums["mark"] - sums["fees"]
    assert sums["rewards_estimated"] > 0
    assert found["terms"]["knobs"]["reward_mode"] == "off"


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    return [leaf for part in value for leaf in _leaves(part)] if isinstance(value, list) else [value]


def test_report_fits_eighty_columns_and_names_the_conservative_column_first(tmp_path):
    done = run(world(tmp_path))

    assert done.exit_code == 0, done.output
    assert "…" not in done.output
    heads = next(line for line in done.output.splitlines() if "upper bound" in line and "USDC" in line)
    assert heads.index("conservative") < heads.index("upper bound")
    rows = {
        line[:26].strip(): line[26:].split() for line in done.output.splitlines() if line.startswith("  ")
    }
    assert rows["spread captured"] == ["5.00", "5.00"]
    assert rows["net"] == ["4.50", "4.50"]
    assert "bid 100 at" not in done.output


def test_verbose_prints_every_fill_and_what_was_held_back(tmp_path):
    shown = run(world(tmp_path), "--verbose").output

    assert "2026-09-21 14:13:25 bid 100 at 0.450, fair 0.500" in shown
    assert "held back: stale_recover" in shown


def test_knob_that_is_turned_changes_the_quotes(tmp_path):
    world(tmp_path)

    half = told(tmp_path, "--knob", "base_size=50")["totals"]["conservative"]

    assert half["captured"] == 2_500_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--knob", "bse_size=5"), "with --knob cannot be used:\n- spread.bse_size"),
        (("--knob", "base_size"), "expected --knob as NAME=VALUE"),
        (("--knob", "base_size=many"), "spread.base_size"),
        (("--knob", "max_layers=1.5"), "spread.max_layers"),
        (("--knob", "reward_mode=on"), "spread.reward_mode"),
        (("--knob", "cancel_reserve=99"), "expected cancel_reserve to be at most cancel_burst"),
        (("--budget", "-1"), "--budget: expected a plain decimal number"),
        (("--rewards", "50:0.03"), "expected --rewards as DAILY:SPREAD:SIZE"),
        (("--rewards", "50:3:20"), "--rewards: expected a price between 0 and 1"),
        (("--event", "nope"), "found 'nope'"),
    ],
)
def test_option_that_makes_no_sense_is_told_with_what_was_expected(tmp_path, options, words):
    assert words in fault(run(world(tmp_path), *options))


def test_recording_of_unknown_markets_is_told_with_the_next_step(tmp_path):
    record(tmp_path / "rec", recorded().inputs)
    desk_folder(tmp_path / "data", group(market("Sun"), event_id="7", code="sun"))

    assert "markets-sync" in fault(run(tmp_path))


def test_chart_is_a_picture_for_a_phone_held_upright(tmp_path):
    world(tmp_path)

    assert run(tmp_path, "--png", str(tmp_path / "chart.png")).exit_code == 0

    with Image.open(tmp_path / "chart.png") as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (1_080, 1_240))
    assert "expected to write the chart" in fault(run(tmp_path, "--png", str(tmp_path / "no" / "chart.png")))


def test_chart_is_the_same_for_the_same_result_and_another_where_a_fill_is_missing():
    result, quiet = quoted(recorded()), quoted(one_market())

    assert quote_chart(result) == quote_chart(result)
    assert quote_chart(result) != quote_chart(quiet)


def test_chart_of_nothing_says_so():
    with Image.open(BytesIO(quote_chart(QuotingResult((), ())))) as image:
        assert image.size == (1_080, 1_240)
