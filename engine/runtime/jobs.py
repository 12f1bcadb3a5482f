"""The JOBS table and the scheduler that runs it. A job posts an event and does nothing else.

Whatever must not trust the wall clock (deadlines, checksums, TTLs) runs from `engine.runtime.timers`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.clock import Clock
from engine.domain.events import Job, JobDue


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job: how often, and how much its start is spread, both in seconds."""

    job: Job
    every_s: int
    jitter_s: int
    first_s: int | None = None
    """Seconds from the start to the first run, without the spread; None: one period."""


RETENTION_S = 86_400
RETENTION_JITTER_S = 3_600
"""Desks on one disk must not all delete at midnight."""
RETENTION_FIRST_S = 600
"""A desk restarted every day must prune, too; the start's own reads and cards come first."""


def jobs_table(
    *,
    reconcile_s: int,
    positions_s: int,
    scan_s: int,
    catalogue_s: int,
    snapshots_s: int,
    spread_s: int,
) -> tuple[JobRow, ...]:
    """Return the JOBS table with the periods of the settings; a period of 0 turns a job off."""
    rows = (
        JobRow(Job.RECONCILE, reconcile_s, 1),
        JobRow(Job.DUTCH_SCAN, scan_s, 0),
        JobRow(Job.CATALOGUE_REFRESH, catalogue_s, 5),
        JobRow(Job.SNAPSHOTS, snapshots_s, 0),
        JobRow(Job.POSITIONS, positions_s, 1),
        JobRow(Job.RETENTION, RETENTION_S, RETENTION_JITTER_S, RETENTION_FIRST_S),
        JobRow(Job.SPREAD_REFRESH, spread_s, 0),
    )
    return tuple(row for row in rows if row.every_s)


def start_jobs(table: tuple[JobRow, ...], clock: Clock, post: Callable[[JobDue], None]) -> AsyncIOScheduler:
    """Start the scheduler; a job that is late runs once, never twice at a time."""

    async def fire(job: Job) -> None:
        """Post on the loop's own thread: the scheduler would run a plain function in another one."""
        post(JobDue(clock.now_ms(), job))

    scheduler = AsyncIOScheduler()
    for row in table:
        scheduler.add_job(
            fire,
            "interval",
            args=(row.job,),
            seconds=row.every_s,
            jitter=row.jitter_s or None,
            id=row.job.value,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
    scheduler.start()
    for row in table:
        if row.first_s is not None:
            scheduled = scheduler.get_job(row.job.value)
            sooner = timedelta(seconds=row.every_s - row.first_s)
            scheduled.modify(next_run_time=scheduled.next_run_time - sooner)
    return scheduler
