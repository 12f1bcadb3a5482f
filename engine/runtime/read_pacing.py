"""Pauses before reads, so that the venue's limits per address are never met (protocol 2.2).

The venue counts requests per 10 s in sliding windows and throttles before it refuses; the desk keeps to
half of each, because a call may be several pages and other programs may share the address.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from engine.clock import Clock
from engine.domain.units import Ms

WINDOW_MS = 10_000


@dataclass(frozen=True, slots=True)
class ReadLimit:
    """Requests that the venue allows in 10 s, and how many one call makes at least."""

    allowed: int
    requests: int


class ReadGroup(Enum):
    """Which window a read counts in."""

    BOOKS = ReadLimit(500, 1)
    """POST /books."""
    LEDGER = ReadLimit(500, 2)
    """Open orders and trades: /data/orders and /data/trades, 900 together, 500 each."""
    ACCOUNT = ReadLimit(200, 1)
    """GET /balance-allowance: one for collateral and one for each token asked about."""


class ReadPacing:
    """One sliding window for each group."""

    def __init__(self, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._left: dict[ReadGroup, deque[Ms]] = {group: deque() for group in ReadGroup}

    async def turn(self, group: ReadGroup, calls: int = 1) -> None:
        """Wait until the window has room for so many calls, and count them; at most a window at once."""
        most = group.value.allowed // 2
        cost = min(most, calls * group.value.requests)
        left = self._left[group]
        while (wait_ms := self._wait_ms(left, most - cost)) > 0:
            await self._sleep(wait_ms / 1_000)
        left.extend([self._clock.now_ms()] * cost)

    def _wait_ms(self, left: deque[Ms], room_for: int) -> int:
        """Return how long until at most `room_for` requests are in the window."""
        now = self._clock.now_ms()
        while left and left[0] <= now - WINDOW_MS:
            left.popleft()
        over = len(left) - room_for
        return 0 if over <= 0 else left[over - 1] + WINDOW_MS - now
