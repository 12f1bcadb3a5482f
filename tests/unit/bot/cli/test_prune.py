"""`dutchdesk prune`: tells what it takes, takes nothing on a dry run, else needs the folder for itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bot.cli.main import cli
from engine.clock import ManualClock, SystemClock
from engine.domain.history import DAY_MS, HOUR_MS
from storage.files import open_storage
from storage.lock import FolderLockedError, hold_folder
from tests.unit.storage.builders import snapshot
from tests.unit.storage.rows import read

Pruning = Callable[..., dict[str, Any]]


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Three books of one hour, four days ago, and one of now."""
    now = SystemClock().now_ms()
    hour = now - 4 * DAY_MS - now % HOUR_MS
    with hold_folder(tmp_path) as lock:
        async with open_storage(lock, ManualClock(now)) as storage:
            times = (hour, hour + 1, hour + 2, now)
            await storage.store.save_snapshots([snapshot(received_ms=time) for time in times])
    return tmp_path


def pruned(folder: Path, *options: str) -> dict[str, Any]:
    result = CliRunner().invoke(cli, ["prune", "--data", str(folder), "--json", *options])
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def books(folder: Path) -> int:
    count: int = read(folder / "market.db", "SELECT count(*) AS n FROM book_snapshots")[0]["n"]
    return count


def test_dry_run_tells_what_would_go_and_leaves_it(folder: Path) -> None:
    told = pruned(folder, "--dry-run")

    assert (told["snapshots"], told["catalogue_reads"], told["dry_run"]) == (2, 0, True)
    assert books(folder) == 4


def test_what_the_dry_run_told_is_taken_out_once(folder: Path) -> None:
    told = pruned(folder)

    assert (told["snapshots"], told["dry_run"]) == (2, False)
    assert books(folder) == 2
    assert pruned(folder)["snapshots"] == 0


def test_a_person_reads_what_went_and_that_the_file_keeps_its_size(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["prune", "--data", str(folder)])

    assert "took out 2 books and 0 catalogue reads" in result.output
    assert "does not shrink" in result.output


def test_beside_a_desk_only_the_dry_run_works(folder: Path) -> None:
    with hold_folder(folder):
        assert pruned(folder, "--dry-run")["snapshots"] == 2

        refused = CliRunner().invoke(cli, ["prune", "--data", str(folder)])

    assert isinstance(refused.exception, FolderLockedError), "main makes it status 75"
    assert books(folder) == 4


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_folder_no_desk_has_used_is_refused_and_not_made(tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(cli, ["prune", "--data", str(tmp_path / "new"), *options])

    assert "no desk has run there" in str(result.exception)
    assert not (tmp_path / "new").exists()
