"""Lanes on virtual time: control waits for nobody, alerts are paced, a 429 holds only what met it."""

import asyncio

import pytest
from telegram import Update
from telegram.error import RetryAfter

from bot.telegram_lanes import PACES, TRIES, Bucket, Lane, Lanes, OperatorLanes
from engine.domain.units import Ms
from engine.metrics import Metrics
from tests.unit.bot.builders import NOW
from tests.unit.bot.fakes import VirtualTime, settle

CHAT = 1001


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def lanes(time: VirtualTime) -> Lanes:
    return Lanes(time.clock, time.sleep, Metrics())


class Api:
    """Counts when calls really leave; the first `refusals` of them meet a 429."""

    def __init__(self, time: VirtualTime, *, refusals: int = 0, retry_after: int = 5) -> None:
        self.at_ms: list[int] = []
        self._time = time
        self._refusals = refusals
        self._retry_after = retry_after

    async def __call__(self) -> bool:
        self.at_ms.append(self._time.clock.now_ms() - NOW)
        if self._refusals:
            self._refusals -= 1
            raise RetryAfter(self._retry_after)
        return True


def call(lanes: Lanes, api: Api, lane: Lane | None, chat: int = CHAT) -> asyncio.Task[object]:
    return asyncio.create_task(
        lanes.process_request(api, (), {}, "sendMessage", {"chat_id": chat}, lane), name="call"
    )


async def test_alerts_go_three_at_once_then_one_a_second(lanes: Lanes, time: VirtualTime) -> None:
    api = Api(time)
    tasks = [call(lanes, api, Lane.ALERT) for _ in range(6)]
    await time.advance(10_000)

    assert api.at_ms == [0, 0, 0, 1_000, 2_000, 3_000]
    await asyncio.gather(*tasks)


async def test_alerts_are_at_most_twenty_in_any_minute(lanes: Lanes, time: VirtualTime) -> None:
    api = Api(time)
    tasks = [call(lanes, api, Lane.ALERT) for _ in range(50)]
    await time.advance(180_000)

    assert len(api.at_ms) == 50
    assert all(
        sum(start <= at < start + 60_000 for at in api.at_ms) <= PACES[Lane.ALERT].per_minute
        for start in range(0, 180_000, 500)
    )
    await asyncio.gather(*tasks)


async def test_kill_reply_is_not_behind_a_hundred_and_twenty_alerts(lanes: Lanes, time: VirtualTime) -> None:
    alerts, control = Api(time), Api(time)
    waiting = [call(lanes, alerts, Lane.ALERT) for _ in range(120)]
    await settle()

    reply = call(lanes, control, None)
    await settle()

    assert control.at_ms == [0]
    assert reply.done()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_kill_reply_is_not_behind_a_429_of_an_alert(lanes: Lanes, time: VirtualTime) -> None:
    alerts, control = Api(time, refusals=1, retry_after=30), Api(time)
    alert = call(lanes, alerts, Lane.ALERT)
    await settle()

    reply = call(lanes, control, Lane.CONTROL)
    await settle()
    await time.advance(30_000)

    assert control.at_ms == [0]
    assert alerts.at_ms == [0, 30_000]
    await asyncio.gather(alert, reply)


async def test_429_of_one_chat_leaves_the_other_chat_alone(lanes: Lanes, time: VirtualTime) -> None:
    busy, other = Api(time, refusals=1, retry_after=9), Api(time)
    tasks = [call(lanes, busy, Lane.CONTROL), call(lanes, other, Lane.CONTROL, chat=1002)]
    await time.advance(9_000)

    assert other.at_ms == [0]
    assert busy.at_ms == [0, 9_000]
    await asyncio.gather(*tasks)


async def test_429_again_and_again_is_given_back_in_the_end(lanes: Lanes, time: VirtualTime) -> None:
    api = Api(time, refusals=99, retry_after=2)
    task = call(lanes, api, Lane.CONTROL)
    await time.advance(60_000)

    with pytest.raises(RetryAfter):
        await task
    assert api.at_ms == [0, 2_000, 4_000]
    assert len(api.at_ms) == TRIES


async def test_wait_ms_tells_what_an_alert_would_wait(lanes: Lanes, time: VirtualTime) -> None:
    api = Api(time)
    assert lanes.wait_ms(Lane.ALERT, CHAT) == 0
    await asyncio.gather(*(call(lanes, api, Lane.ALERT) for _ in range(3)))

    assert lanes.wait_ms(Lane.ALERT, CHAT) == 1_000
    assert lanes.wait_ms(Lane.CONTROL, CHAT) == 0
    assert lanes.wait_ms(Lane.ALERT, 1002) == 0


def test_bucket_credit_never_exceeds_the_burst() -> None:
    bucket = Bucket(PACES[Lane.ALERT], 0, NOW)

    for _ in range(3):
        assert bucket.wait_ms(Ms(NOW + 3_600_000)) == 0
        bucket.take(Ms(NOW + 3_600_000))

    assert bucket.wait_ms(Ms(NOW + 3_600_000)) == 1_000


class Updates:
    """Drives an update processor; odd update ids are safe, the operator is the id's hundreds."""

    def __init__(self) -> None:
        self.finished: list[int] = []
        self.begun: list[int] = []
        self.gates: dict[int, asyncio.Event] = {}
        self.processor = OperatorLanes(lane_of=self._lane_of, finished=self._finish)

    def _lane_of(self, update: Update) -> int | None:
        return None if update.update_id % 2 else update.update_id // 100

    async def _finish(self, update_id: int) -> None:
        self.finished.append(update_id)

    async def _handle(self, update_id: int) -> None:
        self.begun.append(update_id)
        await self.gates.setdefault(update_id, asyncio.Event()).wait()

    def start(self, update_id: int) -> asyncio.Task[None]:
        work = self.processor.process_update(Update(update_id), self._handle(update_id))
        return asyncio.create_task(work, name=str(update_id))

    def let(self, update_id: int) -> None:
        self.gates.setdefault(update_id, asyncio.Event()).set()


async def test_operator_updates_are_handled_in_order_and_others_at_once() -> None:
    updates = Updates()
    tasks = [updates.start(n) for n in (100, 102, 200)]
    await settle()
    assert updates.begun == [100, 200]

    updates.let(100)
    await settle()

    assert updates.begun == [100, 200, 102]
    updates.let(200)
    updates.let(102)
    await asyncio.gather(*tasks)
    assert sorted(updates.finished) == [100, 102, 200]


async def test_safe_update_passes_everything_the_operator_has_waiting() -> None:
    updates = Updates()
    tasks = [updates.start(100 + 2 * n) for n in range(50)]
    await settle()

    kill = updates.start(101)
    await settle()

    assert updates.begun == [100, 101]
    for update_id in [100 + 2 * n for n in range(50)]:
        updates.let(update_id)
    updates.let(101)
    await asyncio.gather(kill, *tasks)


async def test_cancelled_update_in_the_queue_is_reported_as_finished() -> None:
    updates = Updates()
    first, second = updates.start(100), updates.start(102)
    await settle()

    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    updates.let(100)
    await first

    assert updates.begun == [100]
    assert updates.finished == [102, 100]
