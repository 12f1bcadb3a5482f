"""Desks that die at a crash point, forked from one process that has everything imported.

`python -m tests.recovery.crashing_desk` reads lines `CONFIG DATA POINT` (0: none), starts a desk for each,
and prints `started PID` and, when it has ended, `ended PID STATUS` (negative: by that signal). It ends with
its input.
"""

import asyncio
import os
import selectors
import sys
from pathlib import Path

from bot.app import RunningDesk, run_desk
from bot.cli.run import run_until_stopped
from bot.local.world import local_world
from config.settings import load
from storage.lock import hold_folder
from tests.recovery.crash_points import arm

POLL_S = 0.02


async def main(config: Path, data: Path) -> None:
    """Run the desk as the service does, until it is killed or stopped."""
    settings = load(config)
    with hold_folder(data) as lock:
        async with local_world(settings, data) as world:
            await run_desk(settings, lock, world.outside, use=forever)


async def forever(_desk: RunningDesk) -> None:
    """Wait to be killed."""
    await asyncio.Event().wait()


def start(config: Path, data: Path, point: int) -> int:
    """Fork a desk and return its process id."""
    child = os.fork()
    if child:
        return child
    log = os.open(data / "desk.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    arm(point, data)
    status = 0
    try:
        run_until_stopped(main(config, data))
    except SystemExit as ended:
        status = int(ended.code or 0)
    os._exit(status)


def serve() -> None:
    """Start desks as asked, tell of their ends."""
    children: set[int] = set()
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for _ in selector.select(POLL_S):
            line = sys.stdin.readline()
            if not line:
                return
            config, data, point = line.split()
            child = start(Path(config), Path(data), int(point))
            children.add(child)
            print(f"started {child}", flush=True)  # noqa: T201 - the protocol of this process
        for child in list(children):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                children.discard(child)
                print(f"ended {child} {os.waitstatus_to_exitcode(status)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
