"""status-summary and status-top: words, keys that dashboards read, and what stands first."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli import status_reads
from bot.cli.main import cli
from engine.clock import SystemClock
from storage.execution_counts import ExecutionCounts
from storage.files import open_storage
from storage.lock import hold_folder

QUIET = ExecutionCounts("0xaa", 9, 0, 0, 0, 0, 12.5, 0)
LIMITED = ExecutionCounts("0xbb", 9, 0, 0, 4, 0, None, 3)
UNANSWERED = ExecutionCounts("0xcc", 9, 0, 2, 0, 2, 12.5, 0)
REJECTED = ExecutionCounts("0xdd", 9, 1, 0, 0, 0, 12.5, 0)
DAY = ExecutionCounts("", 36, 1, 2, 4, 3, 12.5, 3)
SEED_KEYS = {
    "relayer_rate_limited_events",
    "relayer_timeouts_events",
    "ack_avg_ms",
    "cancel_rate_limited",
    "quotes_rate_limited",
    "quotes_cancel_rate_limited",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder of a desk that has run."""

    async def make() -> None:
        with hold_folder(tmp_path) as lock:
            async with open_storage(lock, SystemClock()):
                pass

    asyncio.run(make())
    return tmp_path


@pytest.fixture
def busy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    markets = (QUIET, LIMITED, UNANSWERED, REJECTED)
    monkeypatch.setattr(status_reads, "read_execution_counts", lambda *_: (DAY, markets))
    return folder


def said(*line: str | Path) -> str:
    result = CliRunner().invoke(cli, [str(part) for part in line])
    assert result.exit_code == 0, result.output
    return result.output


def test_top_lists_rejects_then_place_errors_then_limited_cancels(busy: Path) -> None:
    found = json.loads(said("status-top", "--json", "--data", busy))

    assert [row["condition_id"] for row in found["markets"]] == ["0xdd", "0xcc", "0xbb", "0xaa"]
    assert found["all"]["relayer_timeouts_events"] == 3


def test_top_shows_whole_headers_the_day_and_no_more_than_asked(busy: Path) -> None:
    shown = said("status-top", "-n", "2", "--data", busy)

    assert all(name in shown for name in (*status_reads.COLUMNS, "0xdd", "0xcc", "all"))
    assert "0xbb" not in shown
    assert "no desk answers: its resyncs are not known" in shown


def test_summary_has_the_keys_of_dashboards(busy: Path) -> None:
    found = json.loads(said("status-summary", "--json", "--data", busy))

    assert found.keys() >= SEED_KEYS
    assert (found["relayer_rate_limited_events"], found["cancel_rate_limited"]) == (4, 3)
    assert found["desk"] is None


def test_summary_of_a_fresh_ledger_is_told_without_a_desk(folder: Path) -> None:
    shown = said("status-summary", "--data", folder)

    assert "no desk answers · open 0, unknown 0" in shown
    assert "0 orders, 0 fills, 0.00 USDC spent" in shown
    assert "ack_avg_ms -" in shown
