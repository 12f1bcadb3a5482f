"""The JOBS table and the scheduler that runs it. A job posts an event and does nothing else.

Whatever must not trust the wall clock (deadlines, checksums, TTLs) runs from `engine.runtime.timers`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.clock import Clock
from engine.domain.events import Job, JobDue


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job: how often, and how much its start is spread, both in seconds."""

    job: Job
    every_s: int
    jitter_s: int


def jobs_table(*, reconcile_s: int, scan_s: int, catalogue_s: int) -> tuple[JobRow, ...]:
    """Return the JOBS table with the periods of the settings."""
    return (
        JobRow(Job.RECONCILE, reconcile_s, 1),
        JobRow(Job.DUTCH_SCAN, scan_s, 0),
        JobRow(Job.CATALOGUE_REFRESH, catalogue_s, 5),
    )


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
    return scheduler
