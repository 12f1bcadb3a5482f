"""The stand-in as one object: world, delivery and both doors behind a server on 127.0.0.1."""

import asyncio
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.local.standin.bell import Bell
from bot.local.standin.bot_door import BotDoor
from bot.local.standin.chat_door import ChatDoor
from bot.local.standin.delivery import Delivery, Sleep
from bot.local.standin.world import World
from engine.clock import Clock

BODY_BYTES_MAX = 1 << 20
STOP_WITHIN_S = 1.0


class Standin:
    """A Bot API on loopback. `url` is a PTB base URL without "/bot"; `chat_key` opens the people's side."""

    def __init__(self, *, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self.world = World(clock)
        self.chat_key = secrets.token_urlsafe(24)
        self.url = ""
        self._clock = clock
        self._bell = Bell()
        self._delivery = Delivery(self.world, sleep)
        self._runner: web.AppRunner | None = None
        self.in_progress = 0
        """How many calls are being handled now, held ones included."""
        self._last_call_ms = clock.now_ms()

    async def start(self, port: int = 0) -> None:
        """Listen on `port` of 127.0.0.1, 0 for any free one; raises OSError when it is taken."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._note])
        doors = (
            BotDoor(self.world, self._bell, self.changed),
            ChatDoor(self.world, self._bell, self.changed, self.chat_key),
        )
        for door in doors:
            app.add_routes(door.routes())
        await self._delivery.start()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_WITHIN_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError:
            await self.stop()
            raise
        bound = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{bound}"

    async def stop(self) -> None:
        """Close everything; nothing is kept, and held calls are answered as they stand."""
        self._bell.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._delivery.stop()

    def changed(self) -> None:
        """Wake everybody who waits. To be called after acting on `world` directly."""
        self._bell.ring()
        self._delivery.kick()

    def idle_ms(self) -> int:
        """Return for how long no call has come; 0 while one is in progress."""
        return 0 if self.in_progress else self._clock.now_ms() - self._last_call_ms

    @web.middleware
    async def _note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle a request and remember when the last one was there."""
        self.in_progress += 1
        try:
            return await handler(request)
        finally:
            self.in_progress -= 1
            self._last_call_ms = self._clock.now_ms()
