"""A desk that kills itself at a named moment of *Send*; run as a child process by the recovery tests.

Usage: python -m tests.recovery.crashing_desk CONFIG DATA MOMENT
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from bot.app import RunningDesk, run_desk
from bot.local.world import local_world
from config.settings import load
from storage.lock import hold_folder
from storage.store import LedgerStore


def die() -> NoReturn:
    """End this process as a power cut would: no handler, no flush, no goodbye."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nothing runs after SIGKILL")


def arm(moment: str) -> None:
    """Let the ledger of this process die at `moment`; "after_post" is killed from outside."""
    commit = LedgerStore.commit_batch

    async def commit_and_die(self: LedgerStore, *args: Any) -> bool:
        if moment == "before_commit":
            die()
        await commit(self, *args)
        die()

    async def finish_and_die(_self: LedgerStore, *_args: Any) -> None:
        die()

    if moment in ("before_commit", "after_commit"):
        LedgerStore.commit_batch = commit_and_die  # type: ignore[assignment]
    if moment == "after_answer":
        LedgerStore.finish_attempts = finish_and_die  # type: ignore[assignment]


async def main(config: Path, data: Path) -> None:
    """Run the desk as the service does, until it is killed."""
    settings = load(config)
    with hold_folder(data) as lock:
        async with local_world(settings, data) as world:
            await run_desk(settings, lock, world.outside, use=forever)


async def forever(_desk: RunningDesk) -> None:
    """Wait to be killed."""
    await asyncio.Event().wait()


if __name__ == "__main__":
    arm(sys.argv[3])
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
