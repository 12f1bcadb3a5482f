"""A desk that is stopped, replaced and woken up again: its next send is refused by the ledger."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.clock import SystemClock
from storage.files import open_storage
from storage.lock import LOCK_FILE, hold_folder
from tests.support.tree import ROOT
from tests.unit.storage.rows import read

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is not known there")


@pytest.mark.parametrize("sends", range(1, 6))
def test_paused_desk_that_wakes_after_a_take_over_sends_nothing(tmp_path: Path, sends: int) -> None:
    folder = tmp_path / "desk"
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.paused_writer", str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    try:
        for number in range(sends):
            writer.stdin.write(f"{number}\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == f"committed T-{number}\n"
        writer.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, writer.pid, os.WSTOPPED)
        (folder / LOCK_FILE).unlink()  # the lock would still keep the folder: somebody has deleted its file
        asyncio.run(take_over(folder))
        before = attempts(folder)
        writer.send_signal(signal.SIGCONT)
        said, _ = writer.communicate("late\n", timeout=60)
    finally:
        writer.kill()
        writer.communicate()

    assert "another desk took over this ledger: this one sends nothing more" in said
    assert attempts(folder) == before
    assert [row["epoch"] for row in before] == [1] * sends


async def take_over(folder: Path) -> None:
    with hold_folder(folder) as lock:
        async with open_storage(lock, SystemClock()) as storage:
            assert storage.epoch == 2


def attempts(folder: Path) -> list[dict[str, object]]:
    return read(folder / "ledger.db", "SELECT commit_seq, order_id, epoch FROM v_attempt ORDER BY commit_seq")
