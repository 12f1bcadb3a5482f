"""The outside of a desk without real money: exchange and stand-in, as child processes or as the TOML says.

The private key is the first account of a published development mnemonic: everybody knows it, so it can never
hold money.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bot.app import Outside
from bot.live_world import hosts_inside
from bot.local.children import Child, end, keep_company, start_or_adopt
from config.modes import uses_telegram
from config.settings import Mode, Settings
from engine.venue.endpoints import VenueHosts

LOCAL_PRIVATE_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
LOCAL_TOKEN = "1:LOCAL"  # noqa: S105 - the stand-in's constant, which Telegram can never issue
TELEGRAM = "https://api.telegram.org"


@dataclass(frozen=True, slots=True)
class World:
    """A running outside, and the stand-in's chat if there is one."""

    outside: Outside
    exchange_url: str
    """Empty in paper mode."""
    chat_url: str
    """Empty when the chat is Telegram itself or somebody else's stand-in."""
    chat_key: str


@asynccontextmanager
async def local_world(settings: Settings, data_dir: Path) -> AsyncIterator[World]:
    """Start or adopt what local or paper mode needs, and end it with the desk; raises ChildError.

    In paper mode that is the stand-in at most: the market is read where live mode would read it.
    """
    assert settings.mode is not Mode.LIVE, "expected a mode in which no real order is sent, was live"
    children: list[Child] = []
    on_paper = settings.mode is Mode.PAPER
    async with AsyncExitStack() as stack:
        stack.push_async_callback(end, children)
        hosts, exchange_url = await _venue(settings, data_dir, children)
        standin = await _standin(settings, data_dir, children)
        telegram = settings.telegram
        outside = Outside(
            hosts=hosts,
            private_key=""
            if on_paper
            else settings.relayer.private_key.get_secret_value() or LOCAL_PRIVATE_KEY,
            on_paper=on_paper,
            telegram_url=standin.url if standin else telegram.base_url or TELEGRAM,
            telegram_token=telegram.token.get_secret_value() or LOCAL_TOKEN,
            webhook_url=telegram.webhook_url,
            webhook_secret=telegram.webhook_secret.get_secret_value(),
            # The folder's lock proves that no other desk runs here; an old loopback port is ours.
            take_over=standin is not None,
        )
        company = asyncio.create_task(keep_company(children), name="company")
        stack.push_async_callback(_ended, company)
        yield World(
            outside=outside,
            exchange_url=exchange_url,
            chat_url=standin.url if standin else "",
            chat_key=str(standin.address["chat_key"]) if standin else "",
        )


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _venue(settings: Settings, data_dir: Path, children: list[Child]) -> tuple[VenueHosts, str]:
    if settings.mode is Mode.PAPER:
        return hosts_inside(settings), ""
    if settings.relayer.base_url:
        return hosts_named(settings), settings.relayer.base_url
    exchange = await start_or_adopt(
        "exchange", data_dir, health="/_local/health", options=("--seed", str(settings.local.seed))
    )
    children.append(exchange)
    return VenueHosts.loopback(exchange.url, str(exchange.address["ws_url"])), exchange.url


def hosts_named(settings: Settings) -> VenueHosts:
    """Return the loopback addresses of the TOML; what it does not name is where the orders go."""
    named = settings.relayer.base_url
    hosts = VenueHosts.loopback(named, f"ws://{urlsplit(named).netloc}")
    gamma = settings.venue.gamma_url.rstrip("/") or hosts.gamma
    return replace(hosts, gamma=gamma, market_ws=settings.venue.market_ws_url or hosts.market_ws)


async def _standin(settings: Settings, data_dir: Path, children: list[Child]) -> Child | None:
    if uses_telegram(settings) or settings.telegram.base_url:
        return None
    standin = await start_or_adopt("standin", data_dir, health=f"/bot{LOCAL_TOKEN}/getMe")
    children.append(standin)
    return standin
