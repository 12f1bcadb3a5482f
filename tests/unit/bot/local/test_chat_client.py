import asyncio
import contextlib

import pytest
from aiohttp import web

from bot.local.chat_client import ChatClient, ChatLost, ChatRefused
from bot.local.chat_event import EventKind
from bot.local.people import ANA, BEN
from tests.support.standin import bot_call, running_person, running_standin


@pytest.fixture
async def standin():
    async with running_standin() as standin:
        yield standin


@pytest.fixture
async def person(standin):
    async with running_person(standin) as person:
        yield person


async def test_say_returns_the_number_of_its_event(standin, person):
    numbers = [await person.say(ANA, "one"), await person.say(BEN, "two")]

    assert numbers == [1, 2]
    assert standin.world.chats.listing(BEN.user_id)[0].content.text == "two"


async def test_say_as_reply(standin, person):
    await person.say(ANA, "/start")
    card = (await bot_call(standin, "sendMessage", chat_id=1001, text="code?"))["result"]

    await person.say(ANA, "123456", reply_to=card["message_id"])

    assert standin.world.chats.listing(1001)[-1].reply_to.content.text == "code?"


async def test_press_returns_the_number_before_its_answers(standin, person):
    await person.say(ANA, "/start")
    keys = {"inline_keyboard": [[{"text": "Go", "callback_data": "1"}]]}
    card = (await bot_call(standin, "sendMessage", chat_id=1001, text="x", reply_markup=keys))["result"]

    assert await person.press(ANA, 1001, card["message_id"], "Go") == 2


async def test_refused_act_tells_the_reason(person):
    with pytest.raises(ChatRefused, match="expected a message of chat 1001"):
        await person.press(ANA, 1001, 5, 1)


async def test_faults_are_switched(standin, person):
    answer = await person.faults({"lose_answers": 2})

    assert answer["lose_answers"] == 2
    assert standin.world.faults.lose_answer()


async def test_look_gives_events_and_the_newest_number(person):
    await person.say(ANA, "one")
    await person.say(ANA, "two")

    seen = await person.look(1)

    assert ([event.text for event in seen.events], seen.latest) == (["two"], 2)


async def test_events_come_for_ever_without_gap_or_repeat(person):
    await person.say(ANA, "before")
    found = []

    async def read():
        async for event in person.events(0):
            found.append(event.text)
            if len(found) == 3:
                return

    reading = asyncio.create_task(read())
    await person.say(ANA, "second")
    await person.say(ANA, "third")
    async with asyncio.timeout(10):
        await reading

    assert found == ["before", "second", "third"]


async def test_wait_for_finds_what_is_already_there(person):
    await person.say(ANA, "one")
    await person.say(ANA, "two")

    event = await person.wait_for(lambda event: event.text == "two", after=0, timeout_s=5)

    assert (event.seq, event.kind) == (2, EventKind.MESSAGE)


async def test_wait_for_waits_for_what_comes(person):
    waiting = asyncio.create_task(person.wait_for(lambda event: event.text == "late", after=0, timeout_s=10))
    await person.say(ANA, "early")
    await person.say(ANA, "late")

    assert (await waiting).seq == 2


async def test_wait_for_gives_up_in_time(person):
    await person.say(ANA, "something else")

    with pytest.raises(TimeoutError, match=r"no such event within 0\.05 s"):
        await person.wait_for(lambda event: event.text == "never", after=0, timeout_s=0.05)


async def test_wait_for_ignores_what_was_before(person):
    seq = await person.say(ANA, "again")

    with pytest.raises(TimeoutError):
        await person.wait_for(lambda event: event.text == "again", after=seq, timeout_s=0.02)


async def test_standin_that_is_gone_is_chat_lost(standin, person):
    await standin.stop()

    with pytest.raises(ChatLost, match=r"expected the chat's stand-in to answer at http://127\.0\.0\.1"):
        await person.say(ANA, "x")


async def test_wrong_key_is_refused(standin):
    async with ChatClient(standin.url, "wrong") as person:
        with pytest.raises(ChatRefused, match="expected the chat key"):
            await person.look(0)


@contextlib.asynccontextmanager
async def other_server(body, content_type="application/json"):
    async def answer(_request):
        return web.Response(text=body, content_type=content_type)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html>", "text/html"),
        ("[]", "application/json"),
        ("{}", "application/json"),
        ('{"events": [{}], "latest": 1}', "application/json"),
        ('{"events": [], "latest": "x"}', "application/json"),
    ],
)
async def test_some_other_server_at_that_place_is_chat_lost(body, content_type):
    async with other_server(body, content_type) as url, ChatClient(url, "key") as person:
        with pytest.raises(ChatLost, match="expected"):
            await person.look(0)
