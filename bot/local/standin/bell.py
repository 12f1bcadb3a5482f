"""A bell that wakes everybody who waits for "something happened". Nothing is carried, nobody is counted."""

import asyncio


class Bell:
    """Waiters see every ring after they began to wait; the state that changed is read from its owner."""

    def __init__(self) -> None:
        self._next_ring = asyncio.Event()
        self.closed = False
        """Set when nobody may wait any more: whoever holds a call then answers it at once."""

    def close(self) -> None:
        """Wake all for the last time; later waits return at once."""
        self.closed = True
        self.ring()

    def ring(self) -> None:
        """Wake all who wait now."""
        self._next_ring.set()
        self._next_ring = asyncio.Event()

    async def wait(self, timeout_s: float) -> None:
        """Return at the next ring or after `timeout_s`, whichever is first."""
        if self.closed:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._next_ring.wait()
        except TimeoutError:
            return
