"""`dutchdesk dutch-run-replay` as a person runs it: known windows found, bad input told with a next step."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.cli.chart_file import ChartFileError
from bot.cli.main import cli, main
from bot.cli.recorded_events import BacktestError, EventReading
from engine.core.backtest.run import Backtest, BacktestTerms
from engine.domain.market import EventGroup, canonical_json, text_hash
from engine.domain.units import Ms
from storage.recorder import RecordingError
from tests.support import tree
from tests.support.planner import WORKED_ASKS, group, market, params, usdc
from tests.support.recorded_event import RecordedEvent, desk_folder, with_other
from tests.support.recordings import head, record

KNOBS = """
fee_bps = 0
slippage_ticks = 0
fixed_cost_usdc = "0.02"
stress_levels = 0
max_residual_usdc = "10000"
"""
CODE = "rate3"


def world(
    tmp_path: Path, event: EventGroup | None = None, *, reviewed: bool = True, long: bool = False
) -> Path:
    """A recording with one window of 4 s, a data folder that knows its event, a configuration.

    A plan has 141 sets: beyond, the loss of a plan that breaks outweighs what fills of 80 % would earn.
    """
    recording = RecordedEvent(
        (*WORKED_ASKS[:2], (("0.30", "200"),)), event, bids_under=("0.45", "0.30", "0.20")
    )
    recording.wait(2_500)
    recording.level(2, "0.20", "200")
    recording.wait(4_000)
    recording.level(2, "0.20", "0")
    recording.wait(1_000)
    for number in range(2_000 if long else 0):
        recording.level(0, "0.60", f"{1 + number * 7919 % 1000}")
    record(tmp_path / "rec", recording.inputs)
    desk_folder(tmp_path / "data", recording.event, reviewed=reviewed)
    text = (tree.ROOT / "config" / "service.example.toml").read_text(encoding="utf-8")
    start, end = text.index("[dutch]"), text.index("# Events whose rules")
    (tmp_path / "service.toml").write_text(text[:start] + "[dutch]" + KNOBS + text[end:], encoding="utf-8")
    return tmp_path


def run(folder: Path, *options: str, data: str = "data", recording: str = "rec") -> Result:
    paths = ("--config", str(folder / "service.toml"), "--data", str(folder / data))
    return CliRunner().invoke(cli, ["dutch-run-replay", str(folder / recording), *paths, *options])


def told(folder: Path, *options: str) -> dict[str, Any]:
    done = run(folder, "--json", *options)
    assert done.exit_code == 0, (done.output, done.exception)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def fault(done: Result) -> str:
    """The sentence of a command that ended with a known fault."""
    assert isinstance(done.exception, BacktestError | ChartFileError | RecordingError), (
        done.output,
        done.exception,
    )
    return str(done.exception)


def file_of(folder: Path) -> Path:
    (file,) = (folder / "rec").glob("*.zst")
    return file


def test_artefact_holds_the_window_its_edge_and_what_was_captured(tmp_path):
    found = told(world(tmp_path))

    (episode,) = found["episodes"]
    assert (episode["event"], episode["kind"]) == (CODE, "buy_set")
    assert episode["duration_ms"] == 4_000
    assert episode["sets"] == 180_000_000
    assert episode["edge"] == {
        "gross": 7_400_000,
        "fee": 4_463_760,
        "slippage": 0,
        "buffer": 0,
        "safety": 360_000,
        "carry": 0,
        "fixed": 20_000,
        "net": 2_556_240,
    }
    assert episode["per_set"] == {
        "gross": 50_000,
        "fee": 24_700,
        "slippage": 0,
        "buffer": 0,
        "safety": 2_000,
        "net": 23_300,
    }
    assert episode["ended"]["kind"] == "no_edge"
    assert (episode["available"], episode["captured"]) == (2_916_240, 2_916_240)
    (attempt,) = episode["attempts"]
    assert attempt["arrived_ms"] - attempt["fired_ms"] == 250
    assert [leg["failed"] for leg in attempt["legs"]] == [False] * 3


def test_artefact_has_the_same_hash_every_time_and_it_is_that_of_its_content(tmp_path):
    world(tmp_path)

    first, second = told(tmp_path), told(tmp_path)

    assert first == second
    digest = first.pop("sha256")
    assert digest == text_hash(canonical_json(first))
    assert told(tmp_path, "--latency-ms", "300")["sha256"] != digest


def test_artefact_has_a_fixed_shape(tmp_path):
    found = told(world(tmp_path))

    assert found["format"] == "dutch-backtest/1"
    assert found.keys() == {
        "format",
        "recording",
        "terms",
        "events",
        "episodes",
        "totals",
        "equity",
        "unknown_tokens",
        "sha256",
    }
    assert found["totals"]["net"] == sum(episode["edge"]["net"] for episode in found["episodes"])
    assert found["equity"][-1][1] == found["totals"]["captured"]
    assert not [value for value in _leaves(found) if isinstance(value, float)]


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    return [leaf for part in value for leaf in _leaves(part)] if isinstance(value, list) else [value]


def test_verbose_prints_the_split_per_set_and_in_all(tmp_path):
    world(tmp_path)

    quiet, verbose = run(tmp_path), run(tmp_path, "--verbose")

    assert quiet.exit_code == verbose.exit_code == 0
    assert "per set" not in quiet.output
    rows = {
        line.split("│")[1].strip(): line.split("│")[2:4]
        for line in verbose.output.splitlines()
        if "│" in line
    }
    assert [cell.strip() for cell in rows["net"]] == ["0.0233", "2.55624"]
    assert [cell.strip() for cell in rows["fee"]] == ["-0.0247", "-4.46376"]
    assert "180 of 180 sets, complete" in verbose.output
    costs = "fee -4.46376, slippage 0.00, buffer 0.00, safety -0.36, carry 0.00, fixed -0.02"
    assert f"in all      gross 7.40, {costs}, net 2.55624 USDC" in verbose.output
    assert "in all" not in quiet.output


def test_table_of_windows_fits_eighty_columns_with_every_number_whole(tmp_path):
    shown = run(world(tmp_path)).output

    for words in (
        "rate3",
        "buy_set",
        "2026-09-21 14:13:22",
        "4.0 s, until no_edge",
        "7.40",
        "2.93",
        "of 2.91",
    ):
        assert words in shown
    assert "…" not in shown


def test_chart_is_a_picture_of_its_size(tmp_path):
    from PIL import Image

    world(tmp_path)

    assert run(tmp_path, "--png", str(tmp_path / "chart.png")).exit_code == 0

    with Image.open(tmp_path / "chart.png") as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (1080, 640))
    text = fault(run(tmp_path, "--png", str(tmp_path / "absent" / "chart.png")))
    assert "expected to write the chart" in text


def test_other_is_a_leg_only_when_allowed(tmp_path):
    world(tmp_path, with_other(group()))

    barred = told(tmp_path)
    allowed = told(tmp_path, "--allow-other")

    assert (barred["episodes"], barred["events"][0]["barred"]["buy_set"]["kind"]) == ([], "other_outcome")
    assert len(allowed["episodes"]) == 1
    assert allowed["terms"]["allow_other"] is True


def test_augmented_event_stays_shut_whatever_is_allowed(tmp_path):
    world(tmp_path, replace(with_other(group()), augmented=True))

    found = told(tmp_path, "--allow-other")

    assert (found["episodes"], found["events"][0]["barred"]["buy_set"]["kind"]) == ([], "augmented")


def test_unreviewed_event_says_how_to_review_it(tmp_path):
    found = told(world(tmp_path, reviewed=False))

    barred = found["events"][0]["barred"]["buy_set"]
    assert barred["kind"] == "not_reviewed"
    assert f"/review {CODE}" in barred["text"]


def test_folder_without_a_catalogue_is_told_with_the_command_that_makes_one(tmp_path):
    world(tmp_path)

    text = fault(run(tmp_path, data="nothing"))

    assert "market.db" in text
    assert f"dutchdesk markets-sync --data {tmp_path / 'nothing'}" in text


def test_catalogue_of_other_events_is_told_with_the_unknown_tokens(tmp_path):
    folder = world(tmp_path)
    elsewhere = group(market("Rain"), market("Sun"), event_id="902", code="sky2")
    desk_folder(tmp_path / "elsewhere", elsewhere)

    text = fault(run(folder, data="elsewhere"))

    assert "found none of 6 tokens" in text
    assert group().markets[0].yes in text
    assert "markets-sync" in text


def test_markets_of_unknown_events_are_left_out_and_named(tmp_path):
    known = group()
    lacking = replace(known, markets=known.markets[:2])
    world(tmp_path)
    desk_folder(tmp_path / "partly", lacking)

    done = run(tmp_path, "--json", data="partly")

    assert done.exit_code == 0
    assert json.loads(done.stdout)["unknown_tokens"] == [known.markets[2].yes, known.markets[2].no]
    assert "left out" in done.stderr
    assert f"markets-resolve TOKEN --data {tmp_path / 'partly'}" in done.stderr


def test_token_of_a_known_event_watched_later_is_known(tmp_path):
    event = group()
    desk_folder(tmp_path / "data", event)
    terms = BacktestTerms(
        params=params(), ticket=usdc("1000"), day=usdc("1000"), reviewed={}, latency_ms=Ms(250)
    )
    reading = EventReading(tmp_path / "data", None, Backtest(terms))
    tokens = [token for market in event.markets for token in (market.yes, market.no)]

    reading._look_up(tokens[:2])
    reading._look_up(tokens)

    assert reading.unknown == ()


def test_event_that_is_not_stored_or_not_recorded_is_told_with_those_that_are(tmp_path):
    world(tmp_path)
    desk_folder(tmp_path / "data", group(market("Rain"), market("Sun"), event_id="902", code="sky2"))

    assert "found 'nope'" in fault(run(tmp_path, "--event", "nope"))
    assert f"in the recording, found: {CODE}" in fault(run(tmp_path, "--event", "sky2"))
    assert len(told(tmp_path, "--event", CODE)["episodes"]) == 1


def test_torn_recording_is_tested_up_to_its_tear(tmp_path):
    world(tmp_path, long=True)
    file = file_of(tmp_path)
    whole = told(tmp_path)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    found = told(tmp_path)

    assert "is torn" in found["recording"]["notes"][0]
    assert 0 < found["recording"]["inputs"] < whole["recording"]["inputs"]
    assert found["episodes"] == whole["episodes"]


def test_damaged_recording_ends_with_status_1_and_its_damage(tmp_path):
    world(tmp_path, long=True)
    file = file_of(tmp_path)
    file.write_bytes(file.read_bytes() + b"not zstd at all")

    done = run(tmp_path, "--json")

    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert file.name in found["recording"]["damage"]
    assert len(found["episodes"]) == 1
    file.write_bytes(b"not zstd at all")
    assert f"found {file.name} from line 1: " in fault(run(tmp_path))


def test_recording_of_nothing_is_refused(tmp_path):
    world(tmp_path)
    (tmp_path / "void").mkdir()
    record(tmp_path / "bare", [])
    (tmp_path / "bytes").mkdir()
    (tmp_path / "bytes" / "000001.jsonl.zst").write_bytes(b"")

    assert "expected a recording at" in fault(run(tmp_path, recording="void"))
    assert "found no inputs" in fault(run(tmp_path, recording="bare"))
    assert "found an empty file" in fault(run(tmp_path, recording="bytes"))


def test_two_runs_are_added_up_and_a_window_never_spans_both(tmp_path):
    world(tmp_path)
    once = told(tmp_path)
    file_of(tmp_path).rename(tmp_path / "one.jsonl.zst")
    again = RecordedEvent(WORKED_ASKS)
    again.wait(1_000)
    record(tmp_path / "rec", again.inputs, run="other")

    paths = ("--config", str(tmp_path / "service.toml"), "--data", str(tmp_path / "data"), "--json")
    files = (str(tmp_path / "one.jsonl.zst"), str(tmp_path / "rec"))
    done = CliRunner().invoke(cli, ["dutch-run-replay", *files, *paths])

    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads(done.stdout)
    assert found["recording"]["runs"] == [head().run, "other"]
    assert found["episodes"][0] == once["episodes"][0]
    assert [episode["ended"] is None for episode in found["episodes"]] == [False, True]


def test_known_faults_end_the_program_with_their_sentence(tmp_path, monkeypatch, capsys):
    world(tmp_path)
    line = ["dutchdesk", "dutch-run-replay", str(tmp_path / "rec"), "--data", str(tmp_path / "nothing")]
    monkeypatch.setattr("sys.argv", [*line, "--config", str(tmp_path / "service.toml")])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert "markets-sync" in capsys.readouterr().err
