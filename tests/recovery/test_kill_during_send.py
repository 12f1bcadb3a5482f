"""The desk is killed -9 at four moments of *Send* and started again: nothing is lost, nothing is doubled."""

import asyncio
import io
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.local.chat_client import ChatClient
from bot.local.people import ANA
from bot.local.session import ChatSession
from bot.local.terminal import Terminal
from bot.local.tour import Expect, Press, Say, Tour, contains

pytestmark = pytest.mark.slow

LEGS = 5
HORIZON_S = 2
"""H is short here, so that a never-sent order is proven dead within the test's patience."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The shipped configuration with a short horizon."""
    text = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
    text = text.replace("horizon_s = 60", f"horizon_s = {HORIZON_S}").replace(
        "reconcile_s = 10", "reconcile_s = 1"
    )
    assert f"horizon_s = {HORIZON_S}" in text, "the example no longer holds the line this test changes"
    path = tmp_path / "service.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("moment", "reaches_venue", "ends_as"),
    [
        ("before_commit", False, "dry"),
        ("after_commit", False, "missed"),
        ("after_post", True, "done"),
        ("after_answer", True, "done"),
    ],
)
async def test_desk_killed_during_send_restarts_to_the_venues_truth(
    tmp_path: Path, config: Path, moment: str, reaches_venue: bool, ends_as: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    async with desk("-m", "tests.recovery.crashing_desk", config, data, moment) as crashing:
        await send_a_ticket(data, slow_answer=moment == "after_post")
        if moment == "after_post":
            await until(lambda: has_orders(data), "the exchange takes the batch")
            crashing.kill()
        assert await asyncio.wait_for(crashing.wait(), 30) == -signal.SIGKILL

    async with desk("-m", "bot", "run-service", "--config", config, "--data", data) as second:
        await until(lambda: answers(data), "the second desk listens")
        await until(lambda: ticket_is(data, ends_as), f"the ticket ends as {ends_as}", 60)
        await until(lambda: settled(data), "every fill is confirmed", 30)
        venue, ours = await ledger(data), our_fills(data)
        second.terminate()
        assert await asyncio.wait_for(second.wait(), 30) == 0

    print(f"\n{moment}: venue {summary(venue)} · ours {ours}")  # noqa: T201 - shown with -s
    posts = [
        leg["order"]
        for request in venue["requests"]
        if request["method"] == "POST"
        for leg in request["legs"]
    ]
    assert len(posts) == len(set(posts)), "an order was sent twice"
    assert len(venue["orders"]) == (LEGS if reaches_venue else 0)
    assert ours == summary(venue)


@asynccontextmanager
async def desk(*arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a desk process; whatever is left of it and its children is ended afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *map(str, arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture(autouse=True)
def no_orphans(tmp_path: Path) -> Any:
    """End exchange and stand-in after the test: they outlive a killed desk on purpose."""
    yield
    for name in ("exchange.json", "standin.json"):
        file = tmp_path / "data" / name
        if file.exists():
            os.kill(json.loads(file.read_text(encoding="utf-8"))["pid"], signal.SIGTERM)


async def send_a_ticket(data: Path, *, slow_answer: bool) -> None:
    """Buy 100 sets by the chat, as a person would."""
    await until(lambda: answers(data), "the desk listens")
    await control(data, "/_local/window", {"event_slug": "fed-decision-in-december", "hold_ms": 60_000})
    if slow_answer:
        await control(data, "/_local/faults", {"kind": "delay_answer", "delay_ms": 20_000})
    address = json.loads((data / "standin.json").read_text(encoding="utf-8"))
    async with ChatClient(address["url"], address["chat_key"]) as client:
        session = ChatSession(client, Terminal(io.StringIO()), ANA)
        async with session.following():
            await Tour(session).run(
                (
                    Say("/dutch fed5 100"),
                    Expect(contains("dry", "fed5"), "a dry card"),
                    Press("Confirm"),
                    Expect(contains("confirm", "fed5"), "a confirm card"),
                    Press("Send", pause_s=1),
                )
            )


async def answers(data: Path) -> bool:
    """Tell whether the stand-in knows a webhook, which the desk sets once it has reconciled."""
    file = data / "standin.json"
    if not file.exists():
        return False
    url = json.loads(file.read_text(encoding="utf-8"))["url"]
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{url}/bot1:LOCAL/getWebhookInfo") as reply:
            webhook = (await reply.json())["result"]["url"]
        async with aiohttp.ClientSession() as http, http.get(webhook) as reply:
            return reply.status == 404
    except (aiohttp.ClientError, OSError):
        return False


async def control(data: Path, path: str, body: dict[str, object]) -> None:
    async with aiohttp.ClientSession() as http, http.post(exchange_url(data) + path, json=body) as reply:
        assert reply.status == 200, await reply.text()


async def ledger(data: Path) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(exchange_url(data) + "/_local/ledger") as reply:
        found: dict[str, Any] = await reply.json()
        return found


def exchange_url(data: Path) -> str:
    return str(json.loads((data / "exchange.json").read_text(encoding="utf-8"))["url"])


async def has_orders(data: Path) -> bool:
    return len((await ledger(data))["orders"]) == LEGS


async def ticket_is(data: Path, state: str) -> bool:
    found = [row[0] for row in query(data, "SELECT state FROM tickets")]
    return found == [state]


async def settled(data: Path) -> bool:
    return not query(data, "SELECT 1 FROM fills WHERE settlement NOT IN ('confirmed', 'failed')")


def our_fills(data: Path) -> dict[str, int]:
    (row,) = query(
        data,
        "SELECT COUNT(*), COALESCE(SUM(size), 0), COALESCE(SUM(cash), 0), COALESCE(SUM(fee), 0) FROM fills",
    )
    return dict(zip(("fills", "shares", "cash", "fees"), row, strict=True))


def summary(venue: dict[str, Any]) -> dict[str, int]:
    trades = venue["trades"]
    return {
        "fills": len({(row["trade"], row["order"]) for row in trades}),
        "shares": sum(row["size"] for row in trades),
        "cash": sum(row["cash"] for row in trades),
        "fees": sum(row["fee"] for row in trades),
    }


def query(data: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{data / 'ledger.db'}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def until(holds: Callable[[], Awaitable[bool]], what: str, within_s: float = 30) -> None:
    """Poll a condition until it holds; fails naming it."""
    try:
        async with asyncio.timeout(within_s):
            while not await holds():  # noqa: ASYNC110 - another process brings it about
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"expected within {within_s} s: {what}")
