"""A desk that does nothing but commit: run as a process, told the data folder, killed by the test.

Each line on standard output names a ticket whose commit had returned before the line was written.
"""

import asyncio
import sys
from pathlib import Path

from engine.clock import SystemClock
from storage.files import open_storage
from storage.lock import hold_folder
from tests.unit.storage import builders
from tests.unit.storage.store_contract import report, send


async def commit_for_ever(folder: Path, run: str) -> None:
    """Send one ticket of three legs after the other: claim, batch, answer, fills, inbox."""
    with hold_folder(folder) as lock:
        async with open_storage(lock, SystemClock()) as storage:
            for number in range(1_000_000):
                name = f"T-{run}-{number}"
                assert await storage.inbox.take(update_id(run, number), name.encode(), builders.NOW)
                _, pairs = await send(storage.store, name)
                acknowledge("sent", name)
                records = [record for record, _ in pairs]
                await storage.store.finish_attempts(report(*records), builders.NOW)
                fills = [builders.fill(record, f"{name}-{record.intent.leg}") for record in records]
                await storage.store.save_progress(records, fills)
                acknowledge("filled", name)


def acknowledge(word: str, name: str) -> None:
    """Tell the test at once; a line cut off by the kill does not count."""
    sys.stdout.write(f"{word} {name}\n")
    sys.stdout.flush()


def update_id(run: str, number: int) -> int:
    """Return an update id that no other run uses."""
    return int(run) * 1_000_000 + number


if __name__ == "__main__":
    asyncio.run(commit_for_ever(Path(sys.argv[1]), sys.argv[2]))
