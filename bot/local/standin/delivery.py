"""Delivers updates to the webhook: one at a time per chat, retried with back-off until taken or a day old.

The shell around `PendingUpdates`: HTTP and waiting only. A 2xx takes the update; anything else, a closed
connection or no answer within the time limit is a failure that getWebhookInfo reports.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

import aiohttp

from bot.local.standin.pending import Pending
from bot.local.standin.webhook import Target
from bot.local.standin.world import World

ANSWER_WITHIN_S = 60
"""Telegram repeats an update that is not answered for a minute (spec/telegram.md (b))."""
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header

Sleep = Callable[[float], Awaitable[None]]


class Delivery:
    """Owns one task per chat that has updates waiting. Call `kick` whenever the world may have changed."""

    def __init__(self, world: World, sleep: Sleep) -> None:
        self._world = world
        self._sleep = sleep
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._backing_off: set[int] = set()
        self._stopped = False
        self._session: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(1)
        self._placed_for: Target | None = None

    async def start(self) -> None:
        """Open the HTTP client."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)

    async def stop(self) -> None:
        """End all deliveries under way; what was not taken stays pending."""
        self._stopped = True
        tasks = list(self._lanes.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def kick(self) -> None:
        """Start a task for every chat that waits and has none. Does nothing during an outage.

        After any setWebhook nobody waits out an old back-off: a desk started again is served at once.
        """
        target = self._open_target()
        if target is None or self._stopped:
            return
        if target is not self._placed_for:
            self._places, self._placed_for = asyncio.Semaphore(target.connections_max), target
            for lane in self._backing_off:
                self._lanes[lane].cancel()
        for lane in self._world.pending.lanes() - self._lanes.keys():
            task = asyncio.create_task(self._drain(lane), name=f"deliver-{lane}")
            self._lanes[lane] = task
            task.add_done_callback(lambda ended, lane=lane: self._ended(lane, ended))  # type: ignore[misc]

    def _open_target(self) -> Target | None:
        return None if self._world.faults.outage else self._world.webhook.target

    def _ended(self, lane: int, task: "asyncio.Task[None]") -> None:
        """Clear a chat's task away: report what broke it, or go on with what arrived at the last moment."""
        del self._lanes[lane]
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            raise failure  # the loop's exception handler reports it
        self.kick()

    async def _drain(self, lane: int) -> None:
        while (target := self._open_target()) is not None:
            pending = self._world.pending.head(lane)
            if pending is None:
                return
            async with self._places:
                failure = await self._post(target, pending)
            if failure is None and self._world.faults.lose_answer():
                failure = "Read timeout expired"
            if failure is None:
                self._world.pending.done(pending.update_id)
                continue
            self._world.webhook.failed(failure)
            self._backing_off.add(lane)
            try:
                await self._sleep(self._world.pending.failed(pending) / 1_000)
            finally:
                self._backing_off.discard(lane)

    async def _post(self, target: Target, pending: Pending) -> str | None:
        """Send one update; returns Telegram's words for what went wrong, or None."""
        assert self._session is not None, "start() opens the session"
        headers = {"Content-Type": "application/json"}
        if target.secret:
            headers[SECRET_HEADER] = target.secret
        body = json.dumps(pending.to_json()).encode()
        try:
            async with self._session.post(
                target.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                if 200 <= response.status < 300:
                    return None
                return f"Wrong response from the webhook: {response.status} {response.reason}"
        except TimeoutError:
            return "Read timeout expired"
        except aiohttp.ClientConnectorError:
            return "Connection refused"
        except aiohttp.ClientError:
            return "Connection reset by peer"
