"""An operator's alerts on virtual time: pacing folds them, CRIT passes, a fault of one leaves the others."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot import alert_lane
from bot.alert_lane import AlertLane
from bot.alerts import EDIT_EVERY_MS
from bot.card import Card, Look
from config.settings import Mode
from engine.domain.views import Severity
from engine.metrics import Metrics
from tests.unit.bot.fakes import VirtualTime, settle
from tests.unit.bot.html_subset import first_line
from tests.unit.bot.test_alerts import CRIT, WARN


class Surface:
    """A chat that remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.busy_ms = 0
        self.broken = False
        self.lost_edits = 0
        self.answering: asyncio.Event | None = None

    async def post(self, card: Card, *, urgent: bool, silent: bool) -> int | None:
        if self.broken:
            self.broken = False
            raise RuntimeError("a fault of ours")
        if self.answering is not None:
            await self.answering.wait()
        self.seen.append(("post", first_line(card)))
        return len(self.seen)

    async def edit(self, message_id: int, card: Card, *, urgent: bool) -> int | None:
        if self.lost_edits:
            self.lost_edits -= 1
            return None
        self.seen.append((f"edit {message_id}", first_line(card)))
        return message_id

    def wait_ms(self) -> int:
        return self.busy_ms


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def surface() -> Surface:
    return Surface()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def lane(time: VirtualTime, surface: Surface, metrics: Metrics) -> AsyncIterator[AlertLane]:
    lane = AlertLane(
        name="Ana",
        surface=surface,
        look=lambda: Look(Mode.LOCAL, time.clock.now_ms()),
        sleep=time.sleep,
        metrics=metrics,
    )
    lane.start()
    yield lane
    await lane.stop()


async def test_alert_is_shown_at_once_and_its_repeats_in_one_edit(
    lane: AlertLane, time: VirtualTime, surface: Surface
) -> None:
    lane.add(WARN)
    await settle()
    for _ in range(40):
        lane.add(WARN)
    await time.advance(EDIT_EVERY_MS)
    await time.advance(EDIT_EVERY_MS)

    assert [way for way, _ in surface.seen] == ["post", "edit 1"]
    assert "41x" in surface.seen[1][1]


async def test_alerts_while_the_lane_is_busy_fold_into_one_card(
    lane: AlertLane, time: VirtualTime, surface: Surface
) -> None:
    surface.busy_ms = 3_000
    for n in range(120):
        lane.add(replace(WARN, key=f"k{n}"))
    await time.advance(2_999)
    assert surface.seen == []

    surface.busy_ms = 0
    await time.advance(1)

    assert len(surface.seen) == 1
    assert "120 incidents at once" in surface.seen[0][1]


async def test_crit_is_shown_while_ordinary_alerts_wait(
    lane: AlertLane, time: VirtualTime, surface: Surface
) -> None:
    surface.busy_ms = 60_000
    lane.add(WARN)
    await settle()
    lane.add(CRIT)
    await settle()

    assert ["CRIT" in line for _, line in surface.seen] == [True]


async def test_fault_while_showing_is_counted_and_the_next_alert_is_shown(
    lane: AlertLane, surface: Surface, metrics: Metrics
) -> None:
    surface.broken = True
    lane.add(WARN)
    await settle()
    lane.add(replace(WARN, key="other", severity=Severity.INFO))
    await settle()

    assert metrics.value("engine_errors", "alert_lane") == 1
    assert len(surface.seen) == 1


async def test_stop_ends_both_workers(time: VirtualTime, surface: Surface, metrics: Metrics) -> None:
    lane = AlertLane(
        name="Ben",
        surface=surface,
        look=lambda: Look(Mode.LOCAL, time.clock.now_ms()),
        sleep=time.sleep,
        metrics=metrics,
    )
    lane.start()
    await settle()

    await lane.stop()
    lane.add(WARN)
    await settle()

    assert surface.seen == []


async def test_stop_delivers_every_crit_alert_that_is_due_and_no_ordinary_one(
    lane: AlertLane, surface: Surface
) -> None:
    await settle()
    surface.busy_ms = 60_000
    lane.add(WARN)
    for n in range(3):
        lane.add(replace(CRIT, key=f"stop {n}"))

    await lane.stop()

    assert ["CRIT" in line for _, line in surface.seen] == [True] * 3


async def test_stop_waits_for_the_crit_alert_under_way(lane: AlertLane, surface: Surface) -> None:
    surface.answering = asyncio.Event()
    lane.add(CRIT)
    await settle()
    stopping = asyncio.create_task(lane.stop(), name="stop")
    await settle()
    assert not stopping.done()

    surface.answering.set()
    await stopping

    assert len(surface.seen) == 1


async def test_stop_in_a_chat_that_never_answers_ends_in_time_and_says_so(
    lane: AlertLane, surface: Surface, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert alert_lane.DRAIN_S == 5.0
    monkeypatch.setattr(alert_lane, "DRAIN_S", 0.02)
    surface.answering = asyncio.Event()
    lane.add(CRIT)
    await settle()

    with caplog.at_level(logging.WARNING):
        await asyncio.wait_for(lane.stop(), 2.0)

    assert "may not have reached the chat" in caplog.text
    assert surface.seen == []
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("alerts")]


async def test_count_whose_edit_was_lost_goes_on_in_the_same_message(
    lane: AlertLane, time: VirtualTime, surface: Surface
) -> None:
    lane.add(WARN)
    await settle()
    surface.lost_edits = 1
    for _ in range(2):
        lane.add(WARN)
        await time.advance(EDIT_EVERY_MS)

    assert [way for way, _ in surface.seen] == ["post", "edit 1"]
    assert "3x" in surface.seen[1][1]
