import asyncio
import io

import aiohttp
import pytest

from bot.local.standin.server import BODY_BYTES_MAX, Standin
from engine.clock import ManualClock
from tests.support.standin import bot_call, running_standin, until


async def test_standin_listens_on_loopback_at_a_free_port():
    async with running_standin() as one, running_standin() as two:
        assert one.url.startswith("http://127.0.0.1:")
        assert one.url != two.url
        assert (await bot_call(one, "getMe"))["ok"]


async def test_standin_taken_port_is_an_error_and_leaves_nothing_open():
    async with running_standin() as standin:
        port = int(standin.url.rpartition(":")[2])
        second = Standin(clock=ManualClock())

        with pytest.raises(OSError, match="address already in use"):
            await second.start(port)

        assert (await bot_call(standin, "getMe"))["ok"]


async def test_standin_stopped_does_not_answer():
    async with running_standin() as standin:
        url = standin.url

    with pytest.raises(aiohttp.ClientConnectorError):
        async with aiohttp.ClientSession() as session:
            await session.get(url)


async def test_standin_stopped_twice_is_fine():
    standin = Standin(clock=ManualClock())
    await standin.start()
    await standin.stop()
    await standin.stop()


async def test_standin_idle_time_counts_from_the_last_call():
    clock = ManualClock()
    async with running_standin(clock=clock) as standin:
        clock.advance(5_000)
        before = standin.idle_ms()
        await bot_call(standin, "getMe")
        after = standin.idle_ms()
        clock.advance(700)

        assert (before, after, standin.idle_ms()) == (5_000, 0, 700)


@pytest.mark.parametrize("path", ["/", "/nothing", "/bot", "/bot1:LOCAL", "/_chat/nothing"])
async def test_standin_other_paths_are_not_found(path):
    async with (
        running_standin() as standin,
        aiohttp.ClientSession() as session,
        session.get(standin.url + path) as response,
    ):
        assert response.status == 404


async def test_standin_body_over_the_limit_is_refused():
    async with running_standin() as standin, aiohttp.ClientSession() as session:
        url = f"{standin.url}/bot1:LOCAL/sendMessage"
        headers = {"Content-Type": "application/json"}
        async with session.post(
            url, data=io.BytesIO(b"x" * (BODY_BYTES_MAX + 1)), headers=headers
        ) as response:
            assert response.status == 413

        assert (await bot_call(standin, "getMe"))["ok"]


async def test_standin_stopped_answers_held_calls_as_they_stand():
    async with running_standin() as standin:
        poll = asyncio.create_task(bot_call(standin, "getUpdates", timeout=30))
        await until(lambda: standin.in_progress)

        await standin.stop()

        assert await poll == {"ok": True, "result": []}
