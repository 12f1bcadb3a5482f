"""Delivery to a webhook: order, retries, duplicates, expiry. Time is a manual clock that sleeping moves."""

import asyncio
import contextlib

import pytest
from aiohttp import web

from bot.local.people import ANA, BEN
from bot.local.standin.pending import KEPT_MS
from engine.clock import ManualClock
from tests.support.standin import bot_call, running_standin, until

SECRET = "S" * 32


class Bot:
    """A webhook that answers what it was told, in turn, then 200; it keeps what came."""

    def __init__(self):
        self.updates = []
        self.headers = []
        self.answers = []
        self.url = ""
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = 0
        self.most_under_way = 0
        self._came = asyncio.Event()

    async def handle(self, request):
        self.updates.append(await request.json())
        self.headers.append(request.headers)
        self._came.set()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.gate.wait()
        self.under_way -= 1
        answer = self.answers.pop(0) if self.answers else 200
        if answer == "hang up":
            request.transport.close()
            answer = 200
        return web.Response(status=answer)

    async def received(self, count):
        """Wait until `count` updates have come, and return them."""
        async with asyncio.timeout(10):
            while len(self.updates) < count:
                self._came.clear()
                await self._came.wait()
        return self.updates

    def texts(self):
        return [update["message"]["text"] for update in self.updates if "message" in update]


@contextlib.asynccontextmanager
async def running_bot():
    bot = Bot()
    app = web.Application()
    app.router.add_post("/tg", bot.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bot.url = f"http://127.0.0.1:{runner.addresses[0][1]}/tg"
    try:
        yield bot
    finally:
        bot.gate.set()
        await runner.cleanup()


class Sleeps:
    """A sleep that moves the clock instead of waiting, and keeps what it was asked for."""

    def __init__(self, clock):
        self.clock = clock
        self.asked = []

    async def __call__(self, seconds):
        self.asked.append(seconds)
        self.clock.advance(round(seconds * 1_000))
        await asyncio.sleep(0)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def sleeps(clock):
    return Sleeps(clock)


@pytest.fixture
async def bot():
    async with running_bot() as bot:
        yield bot


@pytest.fixture
async def standin(clock, sleeps):
    async with running_standin(clock=clock, sleep=sleeps) as standin:
        yield standin


async def set_webhook(standin, bot, **params):
    answer = await bot_call(standin, "setWebhook", url=bot.url, secret_token=SECRET, **params)
    assert answer["ok"], answer


async def say(standin, person, text):
    standin.world.say(person, text)
    standin.changed()


async def test_delivery_carries_the_secret_and_json(standin, bot):
    await set_webhook(standin, bot)

    await say(standin, ANA, "/start")
    (update,) = await bot.received(1)

    assert update["message"]["text"] == "/start"
    assert bot.headers[0]["X-Telegram-Bot-Api-Secret-Token"] == SECRET
    assert bot.headers[0]["Content-Type"] == "application/json"


async def test_delivery_without_secret_sends_no_header(standin, bot):
    await bot_call(standin, "setWebhook", url=bot.url)

    await say(standin, ANA, "/start")
    await bot.received(1)

    assert "X-Telegram-Bot-Api-Secret-Token" not in bot.headers[0]


async def test_delivery_of_what_waited_before_the_webhook_was_set(standin, bot):
    await say(standin, ANA, "/kill")

    await set_webhook(standin, bot)
    await bot.received(1)

    assert bot.texts() == ["/kill"]


async def test_delivery_taken_update_is_not_repeated(standin, bot):
    await set_webhook(standin, bot)
    await say(standin, ANA, "one")
    await say(standin, ANA, "two")
    await bot.received(2)
    await until(lambda: standin.world.pending.count() == 0)

    assert bot.texts() == ["one", "two"]


async def test_delivery_in_one_chat_waits_for_the_answer(standin, bot):
    await set_webhook(standin, bot, max_connections=40)
    bot.gate.clear()
    for number in range(5):
        await say(standin, ANA, str(number))
    await bot.received(1)
    bot.gate.set()
    await bot.received(5)

    assert bot.texts() == ["0", "1", "2", "3", "4"]
    assert bot.most_under_way == 1


async def test_delivery_to_two_chats_goes_on_side_by_side(standin, bot):
    await set_webhook(standin, bot)
    bot.gate.clear()

    await say(standin, ANA, "from ana")
    await say(standin, BEN, "from ben")
    await bot.received(2)

    assert sorted(bot.texts()) == ["from ana", "from ben"]


async def test_delivery_keeps_to_the_connections_allowed(standin, bot):
    await set_webhook(standin, bot, max_connections=1)
    bot.gate.clear()

    await say(standin, ANA, "from ana")
    await say(standin, BEN, "from ben")
    await bot.received(1)
    bot.gate.set()
    await bot.received(2)

    assert bot.most_under_way == 1


@pytest.mark.parametrize("status", [201, 204, 299])
async def test_delivery_any_2xx_takes_the_update(standin, bot, sleeps, status):
    bot.answers = [status]
    await set_webhook(standin, bot)

    await say(standin, ANA, "x")
    await until(lambda: bot.updates and standin.world.pending.count() == 0)

    assert (len(bot.updates), sleeps.asked) == (1, [])


@pytest.mark.parametrize("status", [301, 400, 403, 404, 429, 500, 503])
async def test_delivery_anything_else_is_repeated_with_back_off(standin, bot, sleeps, status):
    bot.answers = [status] * 3
    await set_webhook(standin, bot)

    await say(standin, ANA, "x")
    updates = await bot.received(4)
    await until(lambda: standin.world.pending.count() == 0)

    assert len({update["update_id"] for update in updates}) == 1
    assert sleeps.asked == [1.0, 2.0, 4.0]


async def test_delivery_failure_is_reported_with_its_time(standin, bot, clock):
    bot.answers = [503]
    await set_webhook(standin, bot)
    failed_at_s = clock.now_ms() // 1_000

    await say(standin, ANA, "x")
    await bot.received(2)
    shown = (await bot_call(standin, "getWebhookInfo"))["result"]

    assert shown["last_error_message"] == "Wrong response from the webhook: 503 Service Unavailable"
    assert shown["last_error_date"] == failed_at_s


async def test_delivery_hung_up_connection_is_repeated(standin, bot):
    bot.answers = ["hang up"]
    await set_webhook(standin, bot)

    await say(standin, ANA, "x")
    await bot.received(2)
    shown = (await bot_call(standin, "getWebhookInfo"))["result"]

    assert shown["last_error_message"] == "Connection reset by peer"


async def test_delivery_to_nobody_is_reported_as_refused(clock):
    async with running_bot() as gone:
        url = gone.url
    parked = asyncio.Event()

    async def park(_seconds):
        parked.set()
        await asyncio.Event().wait()

    async with running_standin(clock=clock, sleep=park) as standin:
        await bot_call(standin, "setWebhook", url=url)
        await say(standin, ANA, "x")
        async with asyncio.timeout(10):
            await parked.wait()
        shown = (await bot_call(standin, "getWebhookInfo"))["result"]

    assert (shown["last_error_message"], shown["pending_update_count"]) == ("Connection refused", 1)


async def test_delivery_failing_update_holds_back_its_chat_only(standin, bot):
    bot.answers = [500, 200, 200, 200]
    await set_webhook(standin, bot)

    await say(standin, ANA, "first")
    await say(standin, ANA, "second")
    await bot.received(3)

    assert bot.texts() == ["first", "first", "second"]


async def test_delivery_lost_answer_brings_the_update_twice(standin, bot):
    standin.world.faults.switch({"lose_answers": 1})
    await set_webhook(standin, bot)

    await say(standin, ANA, "/dutch fed4 200")
    await say(standin, ANA, "next")
    updates = await bot.received(3)

    assert bot.texts() == ["/dutch fed4 200", "/dutch fed4 200", "next"]
    assert updates[0]["update_id"] == updates[1]["update_id"]


async def test_delivery_stops_during_an_outage_and_goes_on_after_it(standin, bot):
    await set_webhook(standin, bot)
    standin.world.faults.switch({"outage": True})

    await say(standin, ANA, "while away")
    await asyncio.sleep(0)
    during = list(bot.updates)
    standin.world.faults.switch({"outage": False})
    standin.changed()
    await bot.received(1)

    assert during == []
    assert bot.texts() == ["while away"]


async def test_delivery_gives_up_after_a_day(bot, clock):
    bot.answers = [500] * 5
    attempts = []

    async def sleep_long(seconds):
        attempts.append(seconds)
        clock.advance(KEPT_MS // 2 + 1)
        await asyncio.sleep(0)

    async with running_standin(clock=clock, sleep=sleep_long) as standin:
        await set_webhook(standin, bot)
        await say(standin, ANA, "too old")
        await until(lambda: standin.world.pending.count() == 0)

    assert len(bot.updates) == 2


async def test_delivery_leaves_out_kinds_that_are_not_wanted(standin, bot):
    await set_webhook(standin, bot, allowed_updates=["message"])

    standin.world.block(ANA, blocked=True)
    await say(standin, ANA, "x")
    (update,) = await bot.received(1)

    assert "message" in update


async def test_delivery_after_set_webhook_does_not_wait_out_an_old_back_off(bot, clock):
    """A desk that was away for minutes is served at once when it comes back."""
    parked = asyncio.Event()

    async def park(_seconds):
        parked.set()
        await asyncio.Event().wait()

    bot.answers = [500]
    async with running_standin(clock=clock, sleep=park) as standin:
        await set_webhook(standin, bot)
        await say(standin, ANA, "x")
        async with asyncio.timeout(10):
            await parked.wait()

        await set_webhook(standin, bot)
        await bot.received(2)
        await until(lambda: standin.world.pending.count() == 0)

    assert bot.texts() == ["x", "x"]


async def test_delivery_stopped_while_an_update_is_under_way_ends_cleanly(bot, clock):
    bot.gate.clear()
    async with running_standin(clock=clock) as standin:
        await set_webhook(standin, bot)
        await say(standin, ANA, "x")
        await bot.received(1)

    assert standin.world.pending.count() == 1
