"""The desk's child processes in local mode: the exchange and the stand-in, started or adopted, ended with it.

Each child writes its address and pid into the data folder. A desk started again on that folder adopts those
that answer, so a killed desk leaves the venue's ledger standing. Children get a session of their own: Ctrl-C
reaches the desk first, and the desk ends them.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

LOG = logging.getLogger(__name__)
ANSWER_WITHIN_S = 20.0
POLL_S = 0.05
COMPANY_S = 60.0
"""Children end themselves after ten minutes without a call; a quiet desk makes none of its own."""
END_WITHIN_S = 5.0


class ChildError(Exception):
    """A child process did not come up; the text names it and its log."""


@dataclass(frozen=True, slots=True)
class Child:
    """One running child: what it wrote about itself, and the health URL that proves it."""

    name: str
    address: dict[str, Any]
    file: Path
    """Where it has written that."""
    health: str
    """Path that answers 200."""
    process: subprocess.Popen[bytes] | None
    """None for a child that an earlier desk started."""

    @property
    def url(self) -> str:
        """Base URL of the child."""
        return str(self.address["url"])

    @property
    def pid(self) -> int:
        """Process id as the child wrote it."""
        return int(self.address["pid"])


async def start_or_adopt(name: str, data_dir: Path, *, health: str, options: Sequence[str] = ()) -> Child:
    """Return the child `name` of this data folder, running; `health` is the path that answers 200.

    Raises ChildError if it does not answer in time.
    """
    file = data_dir / f"{name}.json"
    running = await _answering(file, health)
    if running is not None:
        return Child(name, running, file, health, None)
    file.unlink(missing_ok=True)
    log = data_dir / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own interpreter and module; it returns at once
            [sys.executable, "-m", "bot", name, "--data", str(data_dir), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        address = await _first_answer(name, process, file, health)
    except BaseException:  # boundary: a child that is not taken over is ended, whatever went wrong
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):  # then it is an orphan and ends itself
            process.wait(END_WITHIN_S)
        raise
    return Child(name, address, file, health, process)


async def _first_answer(
    name: str, process: subprocess.Popen[bytes], file: Path, health: str
) -> dict[str, Any]:
    log = file.with_suffix(".log")
    deadline = asyncio.get_running_loop().time() + ANSWER_WITHIN_S
    while asyncio.get_running_loop().time() < deadline:
        found = await _answering(file, health)
        if found is not None:
            return found
        if process.poll() is not None:
            raise ChildError(f"the {name} ended with status {process.returncode}; see {log}")
        await asyncio.sleep(POLL_S)
    raise ChildError(f"the {name} did not answer within {ANSWER_WITHIN_S:.0f} s; see {log}")


async def keep_company(children: Sequence[Child], every_s: float = COMPANY_S) -> None:
    """Call on the children for ever, so that they know of a desk; one that does not answer is told once."""
    gone: set[str] = set()
    while True:
        await asyncio.sleep(every_s)
        for child in children:
            answers = await _answering(child.file, child.health) is not None
            if not answers and child.name not in gone:
                LOG.error("the %s does not answer any more: stop the desk and start it again", child.name)
            gone = gone - {child.name} if answers else gone | {child.name}


async def _answering(file: Path, health: str) -> dict[str, Any] | None:
    try:
        address: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        timeout = aiohttp.ClientTimeout(total=2)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(f"{address['url']}{health}") as answer,
        ):
            return address if answer.status == 200 else None
    except (OSError, ValueError, KeyError, TypeError, TimeoutError, aiohttp.ClientError):
        return None  # not written yet, half written, or nobody there: the caller starts one or asks again


async def end(children: Sequence[Child]) -> None:
    """Ask the children to end and wait a moment for it; what does not end is an orphan and ends itself."""
    for child in children:
        _signal(child.pid)
    deadline = asyncio.get_running_loop().time() + END_WITHIN_S
    while any(_alive(child) for child in children):
        if asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(POLL_S)


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return  # it has ended by itself


def _alive(child: Child) -> bool:
    """Tell whether the child still runs."""
    if child.process is not None:
        return child.process.poll() is None
    if sys.platform == "win32":
        return child.file.exists()  # a signal of 0 would interrupt it there; it takes its file along
    try:
        os.kill(child.pid, 0)
    except ProcessLookupError:
        return False
    return True
