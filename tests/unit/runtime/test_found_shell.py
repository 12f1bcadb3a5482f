"""Found: where the shell says, loses or touches what it should not."""

import asyncio
import threading
from datetime import timedelta

from engine.clock import ManualClock
from engine.domain.effects import CancelEverything, Reply, SaveHalt, SaveTicket
from engine.domain.events import BatchRefused, CatalogueRead, HistoryRefused, Job, StoreFailed
from engine.domain.views import KillView, RefusalView
from engine.metrics import Metrics
from engine.runtime.jobs import jobs_table, start_jobs
from engine.runtime.perform import perform
from engine.runtime.supervise import TaskSet
from tests.support.batches import batch
from tests.support.builders import ANA, NOW, event, ticket
from tests.support.fake_ports import named, settled

KILLED = KillView(by=ANA, at_ms=NOW, asked=3, open_now=None, still_held=())


async def test_a_job_posts_on_the_loops_own_thread():
    """The mailbox and its asyncio.Event belong to the loop; a plain function is run in a worker thread."""
    threads: list[int] = []
    scheduler = start_jobs(
        jobs_table(reconcile_s=10, positions_s=30, scan_s=2, catalogue_s=60, snapshots_s=30, spread_s=1),
        ManualClock(),
        lambda _due: threads.append(threading.get_ident()),
    )
    try:
        scan = scheduler.get_job(Job.DUTCH_SCAN.value)
        scan.modify(next_run_time=scan.next_run_time - timedelta(seconds=2))
        await settled(lambda: bool(threads), turns=200_000)
    finally:
        scheduler.shutdown(wait=False)

    assert threads[0] == threading.get_ident()


async def test_a_kill_with_a_full_disk_is_not_answered_with_nothing_was_done(shell):
    """The gate is closed and cancel-all is out: the operator must not be told the opposite."""
    shell.store.fail = {"all"}

    await perform(shell.hands, [CancelEverything(), SaveHalt("killed by ana"), Reply(1, KILLED)])

    view = shell.answered[1]
    said = view.refusal.text if isinstance(view, RefusalView) else ""
    assert "nothing was done" not in said


async def test_a_catalogue_that_cannot_be_stored_is_told(shell):
    """Else no person hears of it; and the desk must not stay on old events for a full market file."""
    shell.market.catalogue = (event(),)
    shell.store.fail = {"save_catalogue"}

    shell.reads.read_catalogue()
    await shell.tasks.drain(1)

    assert [type(event) for event in shell.mail] == [HistoryRefused, CatalogueRead]
    assert "the catalogue was read, but not stored: disk full" in shell.told(HistoryRefused)[0].reason


async def test_an_attempt_row_that_cannot_be_finished_is_a_store_failure(shell):
    """E6: any disk fault halts; the answer was told, but the attempt's outcome is not durable."""
    from tests.support.batches import batch, rests

    shell.relayer.answers = rests
    shell.store.fail = {"finish_attempts"}

    await perform(shell.hands, [batch()])
    await shell.tasks.drain(1)

    assert len(shell.told(StoreFailed)) == 1


async def test_draining_leaves_no_task_that_was_started_meanwhile():
    """A read that ends during the drain starts the one that waited for it."""
    tasks = TaskSet(Metrics())
    ended: list[str] = []

    async def second() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("second")

    async def first() -> None:
        await asyncio.sleep(0)
        tasks.spawn("second", second())

    tasks.spawn("first", first())
    await tasks.drain(0.05)
    await asyncio.sleep(0)

    left = [task for task in asyncio.all_tasks() if task.get_name() == "second"]
    for task in left:
        task.cancel()
    assert left == []


async def test_a_send_behind_a_failed_commit_of_its_step_is_told_as_refused(shell):
    """One answer let two Sends go on; the second would have waited, and kept its reserve, for ever."""
    shell.store.fail = {"save_ticket"}

    await perform(shell.hands, [SaveTicket(ticket(), None), batch()])

    assert named(shell.log) == ["save_ticket failed"]
    assert [type(event) for event in shell.mail] == [StoreFailed, BatchRefused]
