"""The backlog of late commands, and tasks that somebody owns."""

import asyncio
import logging

import pytest

from bot.backlog import KEPT_MAX, Backlog
from bot.owned_tasks import OwnedTasks
from engine.domain.units import Ms
from tests.unit.bot.builders import ANA, BEN
from tests.unit.bot.fakes import settle


def test_backlog_first_late_command_begins_a_card_and_others_join_it() -> None:
    backlog = Backlog()

    firsts = [backlog.add(ANA.user_id, text, Ms(70_000)) for text in ("/status", "/dutch fed4")]

    assert firsts == [True, False]
    assert [late.text for late in backlog.take(ANA.user_id)] == ["/status", "/dutch fed4"]
    assert backlog.take(ANA.user_id) == []
    assert backlog.add(ANA.user_id, "/status", Ms(70_000))


def test_backlog_of_two_operators_is_kept_apart() -> None:
    backlog = Backlog()
    backlog.add(ANA.user_id, "/status", Ms(70_000))

    assert backlog.add(BEN.user_id, "/help", Ms(70_000))
    assert len(backlog.take(BEN.user_id)) == 1


def test_backlog_of_a_long_downtime_is_bounded() -> None:
    backlog = Backlog()
    for n in range(1_000):
        backlog.add(ANA.user_id, f"/dutch e{n}", Ms(70_000))

    assert len(backlog.take(ANA.user_id)) == KEPT_MAX


async def test_owned_tasks_close_waits_for_what_ends_by_itself() -> None:
    tasks, ended = OwnedTasks(), asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        ended.set()

    tasks.spawn(work(), "work")
    await tasks.close()

    assert ended.is_set()
    await tasks.close()


async def test_owned_tasks_close_cancels_what_does_not_end() -> None:
    tasks, cancelled = OwnedTasks(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    tasks.spawn(work(), "work")
    await settle()
    await tasks.close(within_s=0.01)

    assert cancelled.is_set()


async def test_owned_tasks_failure_is_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    tasks = OwnedTasks()

    async def work() -> None:
        raise RuntimeError("broken")

    with caplog.at_level(logging.ERROR):
        tasks.spawn(work(), "announce to Ana")
        await settle()

    assert "announce to Ana failed" in caplog.text
