"""After the desk is ready in local mode: the tour, then the prompt, in one terminal."""

import asyncio
import sys

from bot.local.chat_client import ChatClient
from bot.local.people import ANA
from bot.local.prompt import run_prompt
from bot.local.script import ExchangeDirector, tour_steps
from bot.local.session import ChatSession
from bot.local.terminal import Terminal
from bot.local.tour import Tour
from bot.local.typed_lines import open_lines
from bot.local.world import World
from engine.clock import perf_us


async def play(world: World, *, tour: bool, interactive: bool) -> None:
    """Play the tour if asked for, then take what is typed if there is a terminal; raises TourFailed."""
    if not world.chat_url:
        await asyncio.Event().wait()  # the chat is Telegram itself: run until stopped
    terminal = Terminal()
    async with ChatClient(world.chat_url, world.chat_key) as client:
        session = ChatSession(client, terminal, ANA)
        async with session.following():
            if tour:
                began = perf_us()
                result = await Tour(session).run(tour_steps(ExchangeDirector(world.exchange_url, session)))
                took_s = (perf_us() - began) // 1_000_000
                terminal.note(
                    f"The tour is complete: {len(result.steps)} of {result.planned} steps in {took_s} s."
                )
            if interactive:
                await run_prompt(session, open_lines(sys.stdin.fileno()), typed_is_visible=True)
