"""A data folder whose desk is killed again and again: driven as a person would, judged after every restart.

Exchange and stand-in outlive every desk, so the venue's ledger is the truth over all restarts. Every desk
that starts is the recovery of the one before; what it must have come to is judged before the next one is
killed.
"""

import asyncio
import io
import json
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp

from bot.local.chat_client import ChatClient
from bot.local.people import ANA
from bot.local.session import ChatSession
from bot.local.terminal import Terminal
from bot.local.tour import Expect, Press, Say, Tour, TourFailed, contains
from tests.checker.evidence import Evidence, Given, read_anchor, read_views
from tests.checker.verdict import violations
from tests.recovery.crash_points import ARMED, CrashPoint, Stimulus

EVENT = "harbour-cup-winner"
CHANGES = {
    "horizon_s = 60": "horizon_s = 2",
    "reconcile_s = 10": "reconcile_s = 1",
    "dry_ttl_s = 600": "dry_ttl_s = 5",
    "armed_ttl_s = 45": "armed_ttl_s = 5",
    'min_profit_usdc = "0.50"': 'min_profit_usdc = "0.01"',
    'day_usdc = "1000.00"': 'day_usdc = "100000.00"',
}
"""A short horizon and short cards, so that a campaign of hundreds ends; a day cap that it does not reach."""
SETTLED_WITHIN_S = 40.0
TRIES = 3
"""How often a point is tried to be reached: an answer may come too late for its card on a busy machine."""
RESTING = {
    "event": "harbour3",
    "outcome": "Northgate",
    "side": "BUY",
    "price": "0.02",
    "size": "60",
    "rest": True,
}


def write_config(folder: Path) -> Path:
    """Write the shipped configuration with short times; fails when its lines are not there any more."""
    text = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
    for line, changed in CHANGES.items():
        assert line in text, f"the example no longer holds {line!r}"
        text = text.replace(line, changed)
    path = folder / "service.toml"
    path.write_text(text, encoding="utf-8")
    return path


class Forks:
    """The process that forks desks, and what became of each."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._ended: dict[int, asyncio.Future[int]] = {}

    async def listen(self) -> None:
        """Take what the process tells, for ever."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            word, *numbers = line.decode().split()
            if word == "started":
                self._ended[int(numbers[0])] = asyncio.get_running_loop().create_future()
                self._started.put_nowait(int(numbers[0]))
            elif word == "ended":
                self._ended[int(numbers[0])].set_result(int(numbers[1]))

    async def start(self, config: Path, data: Path, point: int = 0) -> int:
        """Start a desk and return its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{config} {data} {point}\n".encode())
        await self._process.stdin.drain()
        return await self._started.get()

    async def ended(self, pid: int, within_s: float) -> int:
        """Wait for a desk's end and return its status, negative for a signal."""
        return await asyncio.wait_for(asyncio.shield(self._ended[pid]), within_s)

    def is_running(self, pid: int) -> bool:
        return not self._ended[pid].done()


@asynccontextmanager
async def forking() -> AsyncIterator[Forks]:
    """Give the process that forks desks; whatever still runs is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.recovery.crashing_desk",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    forks = Forks(process)
    listening = asyncio.create_task(forks.listen())
    try:
        yield forks
    finally:
        listening.cancel()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@dataclass
class Findings:
    """What a campaign has seen."""

    kills: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    """Points that did not come: counted, and an error of the campaign's own."""
    wrong: list[str] = field(default_factory=list)
    tickets: Counter[str] = field(default_factory=Counter)
    rearmed: int = 0
    """How often a desk came up halted because it was started too often, and was re-armed."""
    notes: list[str] = field(default_factory=list)
    """What kept a purchase from coming to its end while its desk still ran."""


class CrashCampaign:
    """Kills the desks of one folder."""

    def __init__(self, folder: Path, forks: Forks, seed: int) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.config = write_config(folder)
        self.forks = forks
        self.rng = random.Random(seed)
        self.findings = Findings()
        self._last: dict[str, str] = {}

    @property
    def armed(self) -> Path:
        """The file whose presence lets a point strike."""
        return self.data / ARMED

    async def strike(self, point: CrashPoint) -> None:
        """Start a desk, look at what it came to, bring it to its point: again where that came too late."""
        name = f"{point.number} {point.name}"
        for _ in range(TRIES):
            pid = await self._recovered(point.number)
            self.armed.touch()
            await self._bring_about(point.stimulus, pid)
            if await self._died(pid, name):
                return
        self.findings.missed[name] += 1

    async def kill_at_random(self) -> None:
        """Start a desk and kill it at any moment of a purchase, or of its own start."""
        if self.rng.random() < 0.2:
            pid = await self.forks.start(self.config, self.data)
            await asyncio.sleep(self.rng.uniform(0.0, 1.5))
        else:
            pid = await self._recovered(0)
            work = asyncio.create_task(self._bring_about(Stimulus.TICKET, pid))
            await asyncio.sleep(self.rng.uniform(0.0, 2.5))
            work.cancel()
            await asyncio.wait({work})
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await self._died(pid, "at random")

    async def finish(self) -> None:
        """Start one more desk, look at what it came to, stop it, and end what it left behind."""
        pid = await self._recovered(0)
        os.kill(pid, signal.SIGTERM)
        status = await self.forks.ended(pid, 30)
        if status != 0:
            self.findings.wrong.append(f"the last desk ended with {status}")
        for name in ("exchange.json", "standin.json"):
            with suppress(OSError, ValueError):
                address = json.loads((self.data / name).read_text(encoding="utf-8"))
                os.kill(address["pid"], signal.SIGTERM)

    async def _recovered(self, point: int) -> int:
        self.armed.unlink(missing_ok=True)
        pid = await self.forks.start(self.config, self.data, point)
        await until(self._listens, f"a desk listens (point {point})")
        await self._rearm()
        await until(self._settled, "every order final, every fill settled", SETTLED_WITHIN_S)
        await self._judge()
        return pid

    async def _rearm(self) -> None:
        """Lift the halt of a desk that was started too often lately: here that is what is tried."""
        standing = await self.admin("/status", {})
        if standing["gate"] in ("HALTED", "REDUCING"):
            if "crash loop" not in standing["gate_reason"]:
                self.findings.notes.append(f"{standing['gate']}: {standing['gate_reason']}"[:300])
            self.findings.rearmed += 1
            await until(self._lifts, "the halt is lifted")
        await until(self._runs, "the gate is open")

    async def _lifts(self) -> bool:
        """Tell whether a re-arming was taken; while three dry cards of before are open it is not."""
        status, _ = await self.say_to_desk("/rearm", {"confirm": True, "operator": ANA.name})
        return status == 200

    async def _runs(self) -> bool:
        return bool((await self.admin("/status", {}))["gate"] == "RUN")

    async def _died(self, pid: int, name: str) -> bool:
        """Wait for the desk's end; False if it had to be brought about from here."""
        try:
            status = await self.forks.ended(pid, 15)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            await self.forks.ended(pid, 5)
            return False
        if status == -signal.SIGKILL:
            self.findings.kills[name] += 1
        else:
            self.findings.wrong.append(f"{name}: the desk ended with {status}, see desk.log")
        return True

    async def _bring_about(self, stimulus: Stimulus, pid: int) -> None:
        match stimulus:
            case Stimulus.WAIT:
                return
            case Stimulus.REST:
                with suppress(aiohttp.ClientError, OSError, TimeoutError):  # the desk dies under it
                    await self.admin("/place", {"operator": ANA.name, "order": RESTING})
                return
            case Stimulus.LOST:
                await self.control("/_local/faults", {"kind": "lost_request"})
            case Stimulus.STOP:
                await self.control("/_local/faults", {"kind": "delay_answer", "delay_ms": 3_000})
            case _:
                pass
        try:
            await self._buy()
        except (TourFailed, aiohttp.ClientError, OSError, TimeoutError) as error:
            if self.forks.is_running(pid):
                self.findings.notes.append(f"{type(error).__name__}: {error}"[:300])
        if stimulus is Stimulus.STOP:
            await asyncio.sleep(0.3)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    async def _buy(self) -> None:
        """Buy a few sets by the chat, as a person would, until the desk dies."""
        await self.control("/_local/window", {"event_slug": EVENT, "hold_ms": 8_000})
        address = json.loads((self.data / "standin.json").read_text(encoding="utf-8"))
        async with ChatClient(address["url"], address["chat_key"]) as client:
            session = ChatSession(client, Terminal(io.StringIO()), ANA)
            async with session.following(), asyncio.timeout(8):
                await Tour(session).run(
                    (
                        Say("/dutch harbour3 8"),
                        Expect(contains("dry", "harbour3"), "a dry card"),
                        Press("Confirm"),
                        Expect(contains("confirm", "harbour3"), "a confirm card"),
                        Press("Send", pause_s=1),
                        Expect(contains("settled"), "a settled card"),
                    )
                )

    async def _judge(self) -> None:
        """Compare ledger and exchange: nothing lost, nothing doubled, the file sound."""
        venue = await self.ledger()
        wrong = self.findings.wrong
        found = self.query("PRAGMA quick_check(1)")
        if found != [("ok",)]:
            wrong.append(f"quick_check: {found}")
        with closing(sqlite3.connect(f"file:{self.data / 'ledger.db'}?mode=ro", uri=True)) as connection:
            views = read_views(connection)
        evidence = Evidence(views, venue, Given(at_rest=True), read_anchor(self.data))
        wrong.extend(violations(evidence))
        self._judge_tickets()

    def _judge_tickets(self) -> None:
        """A ticket that had ended has not moved since, and none that ended takes another way."""
        now = dict(self.query("SELECT ticket_id, state FROM tickets"))
        for ticket, state in self._last.items():
            if now.get(ticket) != state:
                self.findings.wrong.append(f"ticket {ticket} was {state} and is {now.get(ticket)}")
        self._last = {ticket: state for ticket, state in now.items() if state in ("done", "missed", "broken")}
        self.findings.tickets = Counter(now.values())

    async def _listens(self) -> bool:
        """Tell whether the stand-in knows a webhook that answers: a desk sets it once it has reconciled."""
        file = self.data / "standin.json"
        if not file.exists():
            return False
        try:
            url = json.loads(file.read_text(encoding="utf-8"))["url"]
            async with aiohttp.ClientSession() as http, http.get(f"{url}/bot1:LOCAL/getWebhookInfo") as reply:
                webhook = (await reply.json())["result"]["url"]
            async with aiohttp.ClientSession() as http, http.get(webhook) as reply:
                return reply.status == 404
        except (aiohttp.ClientError, OSError, ValueError):
            return False

    async def _settled(self) -> bool:
        """Tell whether nothing is under way any more."""
        waiting = self.query(
            "SELECT 1 FROM tickets WHERE state = 'sending' "
            "UNION ALL SELECT 1 FROM orders WHERE is_final = 0 "
            "UNION ALL SELECT 1 FROM fills WHERE settlement NOT IN ('confirmed', 'failed')"
        )
        return not waiting

    async def control(self, path: str, body: dict[str, object]) -> None:
        """Call a control of the exchange."""
        url = self._exchange_url() + path
        async with aiohttp.ClientSession() as http, http.post(url, json=body) as reply:
            assert reply.status == 200, await reply.text()

    async def ledger(self) -> dict[str, Any]:
        """Return the exchange's own truth."""
        url = self._exchange_url() + "/_local/ledger"
        async with aiohttp.ClientSession() as http, http.get(url) as reply:
            found: dict[str, Any] = await reply.json()
            return found

    async def admin(self, path: str, fields: dict[str, object]) -> dict[str, Any]:
        """Call the admin port of the desk that runs; fails if it does not do it."""
        status, found = await self.say_to_desk(path, fields)
        assert status == 200, f"{path}: {found}"
        return found

    async def say_to_desk(self, path: str, fields: dict[str, object]) -> tuple[int, dict[str, Any]]:
        """Call the admin port of the desk that runs; return the status and what it says."""
        told = json.loads((self.data / "admin.json").read_text(encoding="utf-8"))
        headers = {"Authorization": f"Bearer {told['token']}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(told["url"] + path, json=fields) as reply,
        ):
            return reply.status, await reply.json()

    def _exchange_url(self) -> str:
        return str(json.loads((self.data / "exchange.json").read_text(encoding="utf-8"))["url"])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the ledger's file."""
        connection = sqlite3.connect(f"file:{self.data / 'ledger.db'}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()


async def until(holds: Callable[[], Awaitable[bool]], what: str, within_s: float = 30) -> None:
    """Poll a condition that another process brings about; fails naming it."""
    try:
        async with asyncio.timeout(within_s):
            while not await holds():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"expected within {within_s} s: {what}") from None
