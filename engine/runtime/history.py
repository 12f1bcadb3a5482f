"""Books on their way into the market file: handed over at once, written behind in batches.

At most one book per token waits; a newer one takes its place, so a slow disk costs history and nothing else.
What waits at a stop is written while the service lets its tasks end.
"""

from collections.abc import Callable, Iterable
from contextlib import aclosing
from itertools import islice

from engine.clock import Clock
from engine.domain.events import Event, HistoryPruned, HistoryRefused, SnapshotsKept, SnapshotsLost
from engine.domain.history import KeptSnapshot, Pruned
from engine.domain.ids import TokenId
from engine.ports import Store, StoreError
from engine.runtime.supervise import TaskSet

BATCH_MAX = 1_000
"""Rows of one commit: 100 a commit reach 0.4 of this speed, more gain nothing (performance 7)."""
WAITING_MAX = 20_000
"""Books that may wait: four times the tokens that were ever measured at once, some 100 MB."""


class History:
    """Writes one batch at a time; nothing here raises for what the disk did."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        tasks: TaskSet,
        post: Callable[[Event], None],
        stopping: Callable[[], bool],
    ) -> None:
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._post = post
        self._stopping = stopping
        self._waiting: dict[TokenId, KeptSnapshot] = {}
        self._conflated = 0
        self._writing = False

    def keep(self, snapshots: Iterable[KeptSnapshot]) -> None:
        """Take books over; returns at once."""
        dropped = 0
        for snapshot in snapshots:
            if snapshot.token_id in self._waiting:
                self._conflated += 1
            elif len(self._waiting) == WAITING_MAX:
                dropped += 1
                continue
            self._waiting[snapshot.token_id] = snapshot
        if dropped:
            reason = f"the disk is too slow: expected at most {WAITING_MAX} books to wait for it, found more"
            self._post(SnapshotsLost(self._clock.now_ms(), dropped, reason))
        if self._waiting and not self._writing:
            self._writing = True
            self._tasks.spawn("snapshots", self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write_batch()
        finally:
            self._writing = False

    async def _write_batch(self) -> None:
        tokens = list(islice(self._waiting, BATCH_MAX))
        batch = [self._waiting.pop(token) for token in tokens]
        conflated, self._conflated = self._conflated, 0
        try:
            await self._store.save_snapshots(batch)
        except StoreError as error:
            self._post(SnapshotsLost(self._clock.now_ms(), len(batch), str(error)))
        else:
            self._post(SnapshotsKept(self._clock.now_ms(), len(batch), conflated))

    def prune(self) -> None:
        """Start taking out what is too old."""
        self._tasks.spawn("retention", self._prune())

    async def _prune(self) -> None:
        """Prune commit by commit; a stop waits for one, the rest is left to the next time."""
        pruned = Pruned()
        try:
            async with aclosing(self._store.prune_history(self._clock.now_ms())) as parts:
                async for part in parts:
                    pruned += part
                    if self._stopping():
                        break
        except StoreError as error:
            reason = f"old history could not be taken out, or not all of it: {error}"
            self._post(HistoryRefused(self._clock.now_ms(), reason))
        self._post(HistoryPruned(self._clock.now_ms(), pruned))
