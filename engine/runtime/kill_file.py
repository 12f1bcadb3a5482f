"""The third door of kill: a file named KILL in the data folder (reliability E7). It needs no chat.

While the file is there the desk stays halted: a resume is followed by another kill within a quarter of a
second.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

KILL_FILE = "KILL"
POLL_S = 0.25


async def watch_kill_file(folder: Path, *, halted: Callable[[], bool], kill: Callable[[], None]) -> None:
    """Look for the file until cancelled; kill whenever it is there and the desk is not halted."""
    path = folder / KILL_FILE
    while True:
        if path.exists() and not halted():
            kill()
        await asyncio.sleep(POLL_S)
