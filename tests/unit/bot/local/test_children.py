"""Children of a local desk: started, adopted, kept company, ended."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bot.local.children import Child, ChildError, end, keep_company, start_or_adopt


@asynccontextmanager
async def somebody(file: Path, calls: list[str]) -> AsyncIterator[None]:
    """Serve a health path on loopback and write the address, as a child does."""

    async def health(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    file.write_text(json.dumps({"url": f"http://127.0.0.1:{port}", "pid": os.getpid()}), encoding="utf-8")
    try:
        yield
    finally:
        await runner.cleanup()


async def test_child_that_answers_is_adopted_and_not_started_again(tmp_path: Path) -> None:
    async with somebody(tmp_path / "exchange.json", []):
        child = await start_or_adopt("exchange", tmp_path, health="/health")

    assert child.process is None
    assert child.pid == os.getpid()
    assert not (tmp_path / "exchange.log").exists(), "nothing was started"


async def test_child_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match=r"the exchange ended with status 2; see .*exchange\.log"):
        await start_or_adopt("exchange", tmp_path, health="/health", options=("--no-such-option",))


@pytest.mark.parametrize("left", ["", "{", '{"url": "http://127.0.0.1:1", "pid": 1}', "[]"])
async def test_address_left_by_a_dead_child_is_not_believed(tmp_path: Path, left: str) -> None:
    (tmp_path / "exchange.json").write_text(left, encoding="utf-8")

    with pytest.raises(ChildError):
        await start_or_adopt("exchange", tmp_path, health="/health", options=("--no-such-option",))


async def test_quiet_desk_still_calls_on_its_children(tmp_path: Path) -> None:
    calls: list[str] = []
    file = tmp_path / "standin.json"
    async with somebody(file, calls):
        child = Child("standin", json.loads(file.read_text(encoding="utf-8")), file, "/health", None)
        company = asyncio.create_task(keep_company([child], every_s=0))
        async with asyncio.timeout(5):
            while len(calls) < 3:  # noqa: ASYNC110 - a server on the same loop counts them
                await asyncio.sleep(0)
        company.cancel()
        await asyncio.wait({company})

    assert set(calls) == {"/health"}


async def test_child_that_is_gone_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    child = Child("standin", {}, tmp_path / "standin.json", "/health", None)
    rounds = 0

    async def enough() -> None:
        nonlocal rounds
        while rounds < 200:
            rounds += 1
            await asyncio.sleep(0)

    with caplog.at_level(logging.ERROR):
        company = asyncio.create_task(keep_company([child], every_s=0))
        await enough()
        company.cancel()
        await asyncio.wait({company})

    assert [record.getMessage() for record in caplog.records] == [
        "the standin does not answer any more: stop the desk and start it again"
    ]


async def test_ending_nobody_is_at_once(tmp_path: Path) -> None:
    await end([])


async def test_adopted_child_that_has_ended_by_itself_is_no_fault(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    child = Child("exchange", {"pid": process.pid}, tmp_path / "exchange.json", "/health", None)

    await end([child])
