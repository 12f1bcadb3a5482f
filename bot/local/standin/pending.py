"""Updates that the bot has not taken yet: order per chat, retries with back-off, 24 hours, allowed kinds.

Pure state on a clock. The webhook delivery and getUpdates both take from here. Facts: spec/telegram.md (b).
"""

from dataclasses import dataclass

from bot.local.standin.updates import KINDS_ON_REQUEST, Update
from bot.wire import JsonObject
from engine.clock import Clock

KEPT_MS = 24 * 3600 * 1_000
"""Undelivered updates are dropped after a day."""
BACK_OFF_FIRST_MS = 1_000
BACK_OFF_MAX_MS = 60_000
UPDATES_PER_POLL_MAX = 100


@dataclass(slots=True)
class Pending:
    """One update that waits; `failures` counts the attempts that were not answered with a 2xx."""

    update_id: int
    update: Update
    at_ms: int
    failures: int = 0

    def to_json(self) -> JsonObject:
        """Return the Bot API's Update object."""
        return self.update.to_json(self.update_id)


class PendingUpdates:
    """The queue. Ids start at a number taken from the clock, so they go on rising after a restart."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pending: dict[int, Pending] = {}
        self._next_id = clock.now_ms() // 100 % 2_000_000_000  # ten a second at most, and within 31 bits
        self._allowed: frozenset[str] | None = None

    def allow(self, kinds: frozenset[str] | None) -> None:
        """Set which kinds are kept from now on; None or empty means all but those on request."""
        self._allowed = kinds or None

    def put(self, update: Update, *, forced: bool = False) -> Pending | None:
        """Queue the update and return it; None when its kind is not allowed. `forced` ignores the list."""
        wanted = (
            update.kind not in KINDS_ON_REQUEST if self._allowed is None else update.kind in self._allowed
        )
        if not (wanted or forced):
            return None
        pending = Pending(self._next_id, update, self._clock.now_ms())
        self._pending[pending.update_id] = pending
        self._next_id += 1
        return pending

    def count(self) -> int:
        """Return how many updates wait."""
        self._expire()
        return len(self._pending)

    def lanes(self) -> frozenset[int]:
        """Return the lanes in which something waits."""
        self._expire()
        return frozenset(pending.update.lane for pending in self._pending.values())

    def head(self, lane: int) -> Pending | None:
        """Return the oldest update of the lane: the only one of it that may be under way."""
        self._expire()
        return next((pending for pending in self._pending.values() if pending.update.lane == lane), None)

    def done(self, update_id: int) -> None:
        """Forget an update that was taken."""
        self._pending.pop(update_id, None)

    def failed(self, pending: Pending) -> int:
        """Count a failed attempt; return the milliseconds until the next: 1 s doubling to 60 s."""
        pending.failures += 1
        return min(BACK_OFF_FIRST_MS << min(pending.failures - 1, 10), BACK_OFF_MAX_MS)

    def poll(self, offset: int, limit: int) -> list[Pending]:
        """Return what getUpdates gives: everything from `offset` on; older ones are confirmed by that.

        A negative offset keeps only that many of the newest. The limit is brought into 1 to 100.
        """
        self._expire()
        if offset < 0:
            offset = min(list(self._pending)[offset:], default=0)
        for update_id in [known for known in self._pending if known < offset]:
            del self._pending[update_id]
        if not 1 <= limit <= UPDATES_PER_POLL_MAX:
            limit = UPDATES_PER_POLL_MAX
        return list(self._pending.values())[:limit]

    def drop_all(self) -> None:
        """Forget everything (`drop_pending_updates`)."""
        self._pending.clear()

    def _expire(self) -> None:
        now = self._clock.now_ms()
        for update_id in [known for known, one in self._pending.items() if now - one.at_ms > KEPT_MS]:
            del self._pending[update_id]
