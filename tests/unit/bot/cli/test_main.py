"""The command line: help a newcomer understands, exit codes, one sentence for what can be expected."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli.main import cli
from engine.clock import ManualClock
from engine.domain.ids import EventId
from storage.files import open_storage
from storage.lock import hold_folder

COMMANDS = (
    "local",
    "run-service",
    "kill",
    "rearm",
    "reconcile",
    "status",
    "health",
    "orders",
    "cancel",
    "relayer-dry-run",
    "relayer-live-order",
    "audit-tail",
    "review",
    "check-config",
    "migrate",
    "snapshot",
    "prune",
    "exchange",
    "standin",
)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_lists_every_command_and_the_first_steps() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output

    assert all(command in shown for command in COMMANDS)
    assert "First steps" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_its_options(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])

    assert result.exit_code == 0
    lines = [line for line in result.output.splitlines() if line.strip().startswith("--")]
    assert lines, "every command has an option"
    assert all(len(line.split(maxsplit=2)) > 1 for line in lines)


def test_unknown_command_is_answered_with_the_nearest() -> None:
    result = run("stauts")

    assert result.returncode == 2
    assert "status" in result.stderr


def test_configuration_that_cannot_be_used_ends_with_78_and_no_trace(tmp_path: Path) -> None:
    (tmp_path / "service.toml").write_text('mode = "local"\n', encoding="utf-8")

    result = run("run-service", "--config", tmp_path / "service.toml", "--data", tmp_path / "data")

    assert result.returncode == 78
    assert "caps: expected a value" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "data").exists(), "a refused start must leave nothing behind"


def test_live_mode_that_is_not_ready_is_refused_before_anything_starts(tmp_path: Path) -> None:
    text = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
    (tmp_path / "service.toml").write_text(text.replace('mode = "local"', 'mode = "live"'), encoding="utf-8")

    result = run("run-service", "--config", tmp_path / "service.toml", "--data", tmp_path / "data")

    assert result.returncode == 78
    assert "relayer.private_key: expected a key" in result.stderr
    assert not (tmp_path / "data").exists()


def test_second_desk_on_a_folder_ends_with_75_and_names_the_first(tmp_path: Path) -> None:
    with hold_folder(tmp_path / "data"):
        result = run("local", "--data", tmp_path / "data")

    assert result.returncode == 75
    assert "only one desk may use it" in result.stderr


def test_status_of_a_folder_without_a_desk_is_one_sentence(tmp_path: Path) -> None:
    result = run("status", "--data", tmp_path)

    assert result.returncode == 1
    assert result.stderr.strip().endswith("no desk has run there; name the folder of one that has")


async def test_status_prints_the_ledger_as_json(tmp_path: Path) -> None:
    with hold_folder(tmp_path) as lock:
        async with open_storage(lock, ManualClock()) as storage:
            await storage.store.save_halt("killed by Ana")

    result = CliRunner().invoke(cli, ["status", "--data", str(tmp_path), "--json"])

    found = json.loads(result.output)
    assert found["halted"] == "killed by Ana"
    assert found["orders"] == []
    assert found["spent_today"] == 0


async def test_status_in_words_says_halted_first(tmp_path: Path) -> None:
    with hold_folder(tmp_path) as lock:
        async with open_storage(lock, ManualClock()) as storage:
            await storage.store.save_halt("killed by Ana")
            await storage.store.save_freeze(EventId("175664"), "T-AAAAAA was filled only in part")

    shown = CliRunner().invoke(cli, ["status", "--data", str(tmp_path)]).output

    assert shown.startswith("HALTED: killed by Ana")
    assert "frozen event: 175664" in shown


def test_migrate_makes_the_schemas_and_says_so_once(tmp_path: Path) -> None:
    first = json.loads(CliRunner().invoke(cli, ["migrate", "--data", str(tmp_path), "--json"]).output)
    second = json.loads(CliRunner().invoke(cli, ["migrate", "--data", str(tmp_path), "--json"]).output)

    assert first["applied"] == [
        "ledger/0001_init",
        "ledger/0002_reviews",
        "ledger/0003_execution",
        "ledger/0004_evidence",
        "ledger/0005_standing_grants",
        "ledger/0006_chain_acts",
        "ledger/0007_repairs",
        "ledger/0008_quotes",
        "market/0001_init",
        "market/0002_history",
    ]
    assert second["applied"] == []
    assert all(schema["current"] == schema["newest"] for schema in second["schemas"])


def test_check_config_of_the_shipped_example_is_fine() -> None:
    path = files("config").joinpath("service.example.toml")

    result = CliRunner().invoke(cli, ["check-config", "--config", str(path)])

    assert result.exit_code == 0
    assert "Ana (admin)" in result.output


def test_check_config_as_json_tells_whether_it_starts(tmp_path: Path) -> None:
    text = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
    (tmp_path / "service.toml").write_text(text.replace('mode = "local"', 'mode = "live"'), encoding="utf-8")

    result = CliRunner().invoke(cli, ["check-config", "--config", str(tmp_path / "service.toml"), "--json"])

    assert result.exit_code == 1
    assert json.loads(result.output)["starts"] is False
