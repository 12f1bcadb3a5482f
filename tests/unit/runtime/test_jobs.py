"""The JOBS table: every job once, none at the same time twice, each only posts."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.clock import ManualClock
from engine.domain.events import Job, JobDue
from engine.runtime.jobs import JobRow, jobs_table, start_jobs
from tests.support.builders import NOW
from tests.support.fake_ports import settled

TABLE = jobs_table(reconcile_s=10, positions_s=30, scan_s=2, catalogue_s=60, snapshots_s=30, spread_s=1)


@pytest.fixture
async def running():
    mail: list[JobDue] = []
    scheduler = start_jobs(TABLE, ManualClock(), mail.append)
    yield scheduler, mail
    scheduler.shutdown(wait=False)


def test_every_job_has_one_row():
    assert [row.job for row in TABLE] == list(Job)


def test_periods_are_those_of_the_settings():
    assert {row.job: row.every_s for row in TABLE} == {
        Job.RECONCILE: 10,
        Job.DUTCH_SCAN: 2,
        Job.CATALOGUE_REFRESH: 60,
        Job.SNAPSHOTS: 30,
        Job.POSITIONS: 30,
        Job.RETENTION: 86_400,
        Job.SPREAD_REFRESH: 1,
    }


def test_period_of_zero_turns_snapshots_off_and_nothing_else():
    table = jobs_table(reconcile_s=10, positions_s=30, scan_s=2, catalogue_s=60, snapshots_s=0, spread_s=1)

    assert {row.job for row in table} == set(Job) - {Job.SNAPSHOTS}


async def test_retention_runs_soon_after_a_start_though_its_period_is_a_day(running):
    """A desk that is restarted every day would never prune otherwise."""
    scheduler, _ = running

    now = datetime.now(UTC)
    row = next(row for row in TABLE if row.job is Job.RETENTION)
    due = scheduler.get_job(row.job.value).next_run_time
    assert timedelta(0) < due - now < timedelta(seconds=600 + row.jitter_s + 1)
    following = scheduler.get_job(row.job.value).trigger.get_next_fire_time(due, due)
    assert timedelta(hours=24) <= following - due <= timedelta(hours=24, seconds=row.jitter_s)


def test_no_start_is_spread_wider_than_its_period():
    assert all(0 <= row.jitter_s < row.every_s for row in TABLE)


async def test_scheduled_jobs_are_the_table(running):
    scheduler, _ = running

    scheduled = {job.id: job for job in scheduler.get_jobs()}
    assert set(scheduled) == {job.value for job in Job}
    assert all(job.max_instances == 1 for job in scheduled.values())
    assert all(job.coalesce for job in scheduled.values())
    assert all(job.misfire_grace_time is None for job in scheduled.values()), "late is better than never"


@pytest.mark.parametrize("row", TABLE)
async def test_a_job_posts_its_own_event_and_nothing_else(running, row: JobRow):
    scheduler, mail = running

    job = scheduler.get_job(row.job.value)
    await job.func(*job.args)

    assert mail == [JobDue(NOW, row.job)]


async def test_a_job_fires_from_the_scheduler():
    mail: list[JobDue] = []
    scheduler = start_jobs(TABLE, ManualClock(), mail.append)
    try:
        scan = scheduler.get_job(Job.DUTCH_SCAN.value)
        scan.modify(next_run_time=scan.next_run_time - timedelta(seconds=2))
        await settled(lambda: bool(mail), turns=200_000)
    finally:
        scheduler.shutdown(wait=False)

    assert mail[0].job is Job.DUTCH_SCAN
