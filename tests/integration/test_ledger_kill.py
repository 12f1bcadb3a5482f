"""kill -9 of a process that commits: what was acknowledged is there, the rest is whole or absent."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.clock import ManualClock
from storage.files import open_storage
from storage.lock import hold_folder
from tests.unit.storage.builders import NOW
from tests.unit.storage.rows import read

ROOT = Path(__file__).parents[2]
KILLS = 12
ACKS_WANTED = 200


def run_and_kill(folder: Path, run: int, acks: int) -> list[tuple[str, str]]:
    """Let a writer work until `acks` lines have come, kill it, and return every line it managed to write."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.ledger_writer", str(folder), str(run)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        lines = []
        for line in writer.stdout:
            lines.append(line)
            if len(lines) >= acks:
                break
        assert len(lines) >= acks, f"the writer died by itself: {writer.stderr.read()}"
        writer.kill()
        lines += [line for line in writer.stdout if line.endswith("\n")]
    return [(word, name) for word, name in (line.split() for line in lines)]


PARTS = """
SELECT t.ticket_id, t.state,
    (SELECT count(*) FROM v_confirm AS c WHERE c.ticket_id = t.ticket_id) AS confirms,
    (SELECT count(*) FROM v_intent AS i WHERE i.ticket_id = t.ticket_id) AS intents,
    count(o.order_id) AS orders,
    count(s.order_id) AS bodies,
    (SELECT count(*) FROM v_attempt JOIN v_order AS x USING (order_id)
        WHERE x.ticket_id = t.ticket_id) AS sends,
    (SELECT count(*) FROM v_fill JOIN v_order AS x USING (order_id) WHERE x.ticket_id = t.ticket_id) AS fills
FROM tickets AS t LEFT JOIN v_order AS o USING (ticket_id) LEFT JOIN signed AS s USING (order_id)
GROUP BY t.ticket_id
"""


def rows_by_ticket(path: Path) -> dict[str, dict[str, Any]]:
    return {row["ticket_id"]: row for row in read(path, PARTS)}


@pytest.mark.slow
async def test_killed_writer_loses_no_acknowledged_commit_and_leaves_no_half_one(tmp_path):
    seed = 20_261_122
    rng = random.Random(seed)
    folder = tmp_path / "desk"
    acked: list[tuple[str, str]] = []
    for run in range(1, KILLS + 1):
        acked += run_and_kill(folder, run, rng.randint(10, 60))

        with hold_folder(folder) as lock:
            async with open_storage(lock, ManualClock(NOW)) as storage:
                restored = await storage.store.load(NOW)
        assert {name for _, name in acked} <= {ticket.ticket_id for ticket in restored.tickets}, (
            f"seed {seed}"
        )

    found = rows_by_ticket(folder / "ledger.db")
    assert len(acked) >= ACKS_WANTED, f"seed {seed}"
    for word, name in acked:
        assert found[name]["orders"] == 3, f"{name}, seed {seed}"
        if word == "filled":
            assert found[name]["fills"] == 3, f"{name}, seed {seed}"
    for name, row in found.items():
        parts = (row["confirms"], row["intents"], row["orders"], row["bodies"], row["sends"])
        assert parts == ((1, 3, 3, 3, 3) if row["state"] == "sending" else (0, 0, 0, 0, 0)), (
            f"{name}, seed {seed}"
        )
        assert row["fills"] in (0, 3), f"{name}, seed {seed}"
    inbox = read(folder / "ledger.db", "SELECT count(*) AS n FROM inbox")[0]["n"]
    assert inbox >= len({name for word, name in acked if word == "sent"})
