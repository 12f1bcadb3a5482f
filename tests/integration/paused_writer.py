"""A process of its own that sends one ticket for each line it is given, until the ledger refuses."""

import asyncio
import sys
from pathlib import Path

from engine.clock import SystemClock
from engine.ports import StoreError
from storage.files import open_storage
from storage.lock import hold_folder
from tests.unit.storage import builders


async def main(folder: Path) -> None:
    """Tell every commit with a line, and the refusal with the last one."""
    with hold_folder(folder) as lock:
        async with open_storage(lock, SystemClock()) as storage:
            for line in sys.stdin:
                name = f"T-{line.strip()}"
                before, claim, after, plan = builders.armed(name, f"plan-{name}")
                orders = [builders.pair(0, name, plan.plan_id)]
                try:
                    await storage.store.save_ticket(before, None)
                    await storage.store.commit_batch(claim, after, plan, orders)
                except StoreError as error:
                    sys.stdout.write(f"refused: {error}\n")
                    return
                sys.stdout.write(f"committed {name}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
