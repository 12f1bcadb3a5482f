"""Books on their way into the market file: handed over at once, batched, conflated, written at the stop."""

import asyncio

import pytest

from engine.domain.effects import KeepSnapshots, PruneHistory
from engine.domain.events import HistoryPruned, HistoryRefused, SnapshotsKept, SnapshotsLost
from engine.domain.history import Pruned
from engine.runtime import history
from engine.runtime.perform import perform
from tests.support.builders import NOW
from tests.support.fake_ports import FakeStore, settled
from tests.unit.storage.builders import snapshot, token


class SlowStore(FakeStore):
    """A disk that takes its time."""

    def __init__(self, log) -> None:
        super().__init__(log)
        self.let_write = asyncio.Event()

    async def save_snapshots(self, snapshots) -> None:
        self._begin("save_snapshots", tuple(snapshots))
        await self.let_write.wait()


@pytest.fixture
async def slow(shell):
    shell.history._store = shell.store = SlowStore(shell.log)
    yield shell
    shell.store.let_write.set()
    await shell.tasks.drain(1)


def written(shell) -> list[list[str]]:
    """The tokens of every batch."""
    return [[s.token_id for s in about] for what, about in shell.log if what == "save_snapshots"]


async def test_books_of_an_effect_are_written_in_one_batch(shell):
    books = tuple(snapshot(seed) for seed in range(5))

    await perform(shell.hands, [KeepSnapshots(books)])
    await shell.tasks.drain(1)

    assert shell.log == [("save_snapshots", books)]
    assert shell.mail == [SnapshotsKept(NOW, 5, 0)]


async def test_no_batch_is_larger_than_a_thousand(shell):
    shell.history.keep(snapshot(seed) for seed in range(2_500))
    await shell.tasks.drain(1)

    assert [len(batch) for batch in written(shell)] == [1_000, 1_000, 500]
    assert sum(event.kept for event in shell.told(SnapshotsKept)) == 2_500


async def test_handing_over_waits_for_nothing_and_one_batch_is_under_way_at_a_time(slow):
    slow.history.keep([snapshot("a")])
    await settled(lambda: bool(slow.log))

    for seed in range(10):
        slow.history.keep([snapshot(seed)])
    await asyncio.sleep(0)

    assert len(written(slow)) == 1
    slow.store.let_write.set()
    await slow.tasks.drain(1)
    assert [len(batch) for batch in written(slow)] == [1, 10]


async def test_newest_book_of_a_token_wins_while_it_waits_and_the_others_are_counted(slow):
    slow.history.keep([snapshot("busy")])
    await settled(lambda: bool(slow.log))

    for later in (1, 2, 3):
        slow.history.keep([snapshot("a", received_ms=NOW + later), snapshot("b", received_ms=NOW + later)])
    slow.store.let_write.set()
    await slow.tasks.drain(1)

    (_, last) = (about for what, about in slow.log if what == "save_snapshots")
    assert last == (snapshot("a", received_ms=NOW + 3), snapshot("b", received_ms=NOW + 3))
    assert [(event.kept, event.conflated) for event in slow.told(SnapshotsKept)] == [(1, 0), (2, 4)]


async def test_what_waits_is_bounded_and_what_has_no_room_is_told(slow, monkeypatch):
    monkeypatch.setattr(history, "WAITING_MAX", 3)
    slow.history.keep([snapshot("busy")])
    await settled(lambda: bool(slow.log))

    slow.history.keep(snapshot(seed) for seed in range(5))
    slow.history.keep([snapshot(2, shift=9)])
    slow.store.let_write.set()
    await slow.tasks.drain(1)

    (lost,) = slow.told(SnapshotsLost)
    assert lost.lost == 2
    assert "expected at most 3 books to wait" in lost.reason
    assert written(slow)[1] == [token(0), token(1), token(2)], "a token that waits already keeps its place"


async def test_a_refused_batch_is_told_and_the_next_one_is_written(shell, monkeypatch):
    monkeypatch.setattr(history, "BATCH_MAX", 2)
    shell.store.fail = {"save_snapshots"}
    shell.history.keep(snapshot(seed) for seed in range(3))
    await settled(lambda: len(shell.mail) == 2)
    shell.store.fail = set()
    shell.history.keep([snapshot(9)])
    await shell.tasks.drain(1)

    assert shell.mail == [
        SnapshotsLost(NOW, 2, "disk full"),
        SnapshotsLost(NOW, 1, "disk full"),
        SnapshotsKept(NOW, 1, 0),
    ]


async def test_what_waits_at_a_stop_is_written(slow):
    slow.history.keep([snapshot("busy")])
    await settled(lambda: bool(slow.log))
    slow.history.keep([snapshot("waiting")])

    ending = asyncio.create_task(slow.tasks.drain(5))
    slow.store.let_write.set()
    assert await ending == 0

    assert written(slow)[-1] == [token("waiting")]


async def test_pruning_is_answered_with_what_went(shell):
    await perform(shell.hands, [PruneHistory()])
    await shell.tasks.drain(1)

    assert shell.log == [("prune_history", NOW)] * 3
    assert shell.mail == [HistoryPruned(NOW, Pruned(snapshots=7, catalogue_reads=2))]


async def test_a_stop_waits_for_one_commit_of_a_pruning(shell):
    """What rests is cancelled after the tasks have settled: a long pruning must not be waited for."""
    shell.stopping = True

    shell.history.prune()
    await shell.tasks.drain(1)

    assert len(shell.log) == 1
    assert shell.mail == [HistoryPruned(NOW, Pruned(catalogue_reads=2))]


async def test_a_pruning_the_disk_refuses_is_told(shell):
    shell.store.fail = {"prune_history"}

    shell.history.prune()
    await shell.tasks.drain(1)

    reason = "old history could not be taken out, or not all of it: disk full"
    assert shell.mail == [HistoryRefused(NOW, reason), HistoryPruned(NOW, Pruned())]
