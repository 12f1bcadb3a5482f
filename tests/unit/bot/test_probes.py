"""The machine's own port."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from bot.probes import probes_app

WRONG: dict[str, str | None] = {}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    WRONG.clear()
    app = probes_app(
        exposition=lambda: b"alerts_total 1\n",
        health=lambda: WRONG.get("health"),
        ready=lambda: WRONG.get("ready"),
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def get(url: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text(), response.headers["Content-Type"]


async def test_metrics_are_the_exposition(url: str) -> None:
    status, text, content_type = await get(f"{url}/metrics")

    assert (status, text) == (200, "alerts_total 1\n")
    assert content_type.startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize("probe", ["health", "ready"])
async def test_probe_says_ok_or_what_is_wrong(url: str, probe: str) -> None:
    well = await get(f"{url}/{probe}")
    WRONG[probe] = "draining"
    ill = await get(f"{url}/{probe}")

    assert well[:2] == (200, "ok\n")
    assert ill[:2] == (503, "draining\n")


async def test_probe_port_knows_no_webhook(url: str) -> None:
    assert (await get(f"{url}/tg"))[0] == 404
