"""Lanes: who waits for whom on the way to Telegram and from it. The stop path waits for nobody.

Outgoing calls name a lane: control is never paced, alerts and bulk are, and a 429 holds only the lane and
chat that met it. Incoming updates are handled one at a time per operator; what lowers risk passes them.
Figures: spec of the chat (b), (d), (f); the library's own limiter stops every call on one 429.
"""

import asyncio
import math
import os
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from telegram import Update
from telegram.error import RetryAfter
from telegram.ext import BaseRateLimiter, BaseUpdateProcessor

from engine.clock import Clock
from engine.domain.units import Ms
from engine.metrics import Metrics

# The library's opt-in to its own next release: without it every 429 raises a deprecation warning.
os.environ.setdefault("PTB_TIMEDELTA", "true")

Sleep = Callable[[float], Awaitable[None]]
"""Sleeps for seconds; injected, so that tests run on virtual time."""
Answer = bool | dict[str, Any] | list[dict[str, Any]]
"""What the Bot API answers (the library's own type)."""

TRIES = 3
"""Calls made for one request before a 429 is given back to the caller."""
UPDATES_AT_ONCE = 1_024
"""Above the webhook's own bound, so that a /kill never waits for a free place behind other updates."""


class Lane(Enum):
    """Importance of an outgoing call."""

    CONTROL = "control"
    ALERT = "alert"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Pace:
    """A token each `each_ms`, at most `burst` saved up, at most `per_minute` in any minute."""

    each_ms: int
    burst: int
    per_minute: int


PACES: dict[Lane, Pace] = {
    Lane.ALERT: Pace(each_ms=1_000, burst=3, per_minute=20),
    # Menus and the like, which name no chat: below the 30 a second that Telegram allows a bot in all.
    Lane.BULK: Pace(each_ms=50, burst=10, per_minute=600),
}
"""Per chat, or for all calls that name no chat. Control has no row: it is never paced."""


@dataclass(slots=True)
class Bucket:
    """Tokens of one lane and chat. Credit is kept in milliseconds: whole numbers only."""

    pace: Pace
    credit_ms: int
    at_ms: Ms
    sent: deque[Ms] = field(default_factory=deque)

    def wait_ms(self, now_ms: Ms) -> int:
        """Return how long until a call may be made, 0 for now."""
        full = self.pace.each_ms * self.pace.burst
        self.credit_ms = min(full, self.credit_ms + now_ms - self.at_ms)
        self.at_ms = now_ms
        while self.sent and now_ms - self.sent[0] >= 60_000:
            self.sent.popleft()
        minute = self.sent[0] + 60_000 - now_ms if len(self.sent) >= self.pace.per_minute else 0
        return max(0, self.pace.each_ms - self.credit_ms, minute)

    def take(self, now_ms: Ms) -> None:
        """Make the call that `wait_ms` allowed."""
        self.credit_ms -= self.pace.each_ms
        self.sent.append(now_ms)


class Lanes(BaseRateLimiter[Lane]):
    """The application's rate limiter; calls that name no lane are control."""

    def __init__(self, clock: Clock, sleep: Sleep, metrics: Metrics) -> None:
        self._clock = clock
        self._sleep = sleep
        self._metrics = metrics
        self._buckets: dict[tuple[Lane, int], Bucket] = {}
        self._held_until: dict[tuple[Lane, int], int] = {}

    async def initialize(self) -> None:
        """Do nothing: there is nothing to open."""

    async def shutdown(self) -> None:
        """Do nothing: there is nothing to close."""

    def wait_ms(self, lane: Lane, chat_id: int) -> int:
        """Return how long a call of this lane to this chat would wait now."""
        now_ms = self._clock.now_ms()
        held = self._held_until.get((lane, chat_id), 0) - now_ms
        bucket = self._bucket(lane, chat_id)
        return max(0, held, 0 if bucket is None else bucket.wait_ms(now_ms))

    def _bucket(self, lane: Lane, chat_id: int) -> Bucket | None:
        pace = PACES.get(lane)
        if pace is None:
            return None
        fresh = Bucket(pace, pace.each_ms * pace.burst, self._clock.now_ms())
        return self._buckets.setdefault((lane, chat_id), fresh)

    async def _turn(self, lane: Lane, chat_id: int) -> None:
        """Wait for this lane's turn in this chat and take it."""
        while (wait := self.wait_ms(lane, chat_id)) > 0:
            await self._sleep(wait / 1_000)
        bucket = self._bucket(lane, chat_id)
        if bucket is not None:
            bucket.take(self._clock.now_ms())

    async def process_request(  # noqa: PLR0917 - the library's signature
        self,
        callback: Callable[..., Coroutine[Any, Any, Answer]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,  # noqa: ARG002 - the library passes it by name
        data: dict[str, Any],
        rate_limit_args: Lane | None,
    ) -> Answer:
        """Make the call in its lane; a 429 is obeyed and the call repeated, at most `TRIES` times in all."""
        lane = rate_limit_args or Lane.CONTROL
        chat_id = data.get("chat_id")
        key = chat_id if isinstance(chat_id, int) else 0
        for attempt in range(1, TRIES + 1):
            await self._turn(lane, key)
            try:
                return await callback(*args, **kwargs)
            except RetryAfter as late:
                self._metrics.count("bot_sends_total", "too_many_requests")
                self._held_until[lane, key] = self._clock.now_ms() + _seconds(late) * 1_000
                if attempt == TRIES:
                    raise
        raise AssertionError("expected the last attempt to return or raise")


def _seconds(late: RetryAfter) -> int:
    """Return the waiting time in whole seconds, rounded up."""
    value = late.retry_after
    return value if isinstance(value, int) else math.ceil(value.total_seconds())


class OperatorLanes(BaseUpdateProcessor):
    """Handles one update at a time per operator, so that taps keep their order; safe ones pass the queue."""

    def __init__(
        self,
        *,
        lane_of: Callable[[Update], int | None],
        finished: Callable[[int], Awaitable[None]],
    ) -> None:
        """Take `lane_of`, which names the operator to wait for or None for nobody, and the end's callback."""
        super().__init__(UPDATES_AT_ONCE)
        self._lane_of = lane_of
        self._finished = finished
        self._locks: dict[int, asyncio.Lock] = {}

    async def initialize(self) -> None:
        """Do nothing: there is nothing to open."""

    async def shutdown(self) -> None:
        """Do nothing: there is nothing to close."""

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        """Run the handlers of one update in its operator's lane, then report the update as finished."""
        assert isinstance(update, Update), f"expected an update, was {type(update).__name__}"
        try:
            lane = self._lane_of(update)
            if lane is None:
                await coroutine
            else:
                async with self._locks.setdefault(lane, asyncio.Lock()):
                    await coroutine
        finally:
            if isinstance(coroutine, Coroutine):
                coroutine.close()  # a no-op when it has run; cancelled in the queue, it never will
            await self._finished(update.update_id)
