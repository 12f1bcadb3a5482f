"""A running stand-in for tests, and short ways to be a bot or a person on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

from bot.local.chat_client import ChatClient
from bot.local.people import LOCAL_TOKEN
from bot.local.standin.delivery import Sleep
from bot.local.standin.server import Standin
from engine.clock import Clock, SystemClock


@contextlib.asynccontextmanager
async def running_standin(
    *, clock: Clock | None = None, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[Standin]:
    """A stand-in on a free port, stopped at the end."""
    standin = Standin(clock=clock or SystemClock(), sleep=sleep)
    await standin.start()
    try:
        yield standin
    finally:
        await standin.stop()


@contextlib.asynccontextmanager
async def running_person(standin: Standin) -> AsyncIterator[ChatClient]:
    """A client of the people's side."""
    async with ChatClient(standin.url, standin.chat_key) as client:
        yield client


async def bot_call(standin: Standin, method: str, *, token: str = LOCAL_TOKEN, **params: object) -> Any:
    """Call the Bot API with a JSON body and return the whole answer."""
    url = f"{standin.url}/bot{token}/{method}"
    async with aiohttp.ClientSession() as session, session.post(url, json=params) as response:
        return await response.json()


async def until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Return once the condition holds; raises TimeoutError when it does not come to that."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.002)
