"""The third door of kill: a file named KILL in the data folder (reliability E7). It needs no chat.

Whatever the desk's state, a file that appears is one kill. While it is there the desk stays halted: a resume
is followed by another kill within a quarter of a second.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

KILL_FILE = "KILL"
POLL_S = 0.25


async def watch_kill_file(folder: Path, *, halted: Callable[[], bool], kill: Callable[[], None]) -> None:
    """Look for the file until cancelled; kill when it appears, and again if the desk is not halted by it."""
    path = folder / KILL_FILE
    killed = False
    while True:
        there = path.exists()
        if there and not (killed and halted()):
            kill()
        killed = there
        await asyncio.sleep(POLL_S)
