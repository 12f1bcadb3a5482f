"""The people's side over HTTP, called raw: its key, its acts, its answers to nonsense."""

import asyncio

import aiohttp
import pytest

from bot.local.people import ANA
from bot.local.standin.chat_door import KEY_HEADER
from bot.local.standin.transcript import EVENTS_MAX
from tests.support.standin import bot_call, running_standin, until

KEYS = {
    "inline_keyboard": [
        [{"text": "Confirm…", "callback_data": "1.ok"}, {"text": "Site", "url": "https://a.b"}]
    ]
}


@pytest.fixture
async def standin():
    async with running_standin() as standin:
        yield standin


@pytest.fixture
async def door(standin):
    async with aiohttp.ClientSession(headers={KEY_HEADER: standin.chat_key}) as session:
        yield Door(session, standin.url)


class Door:
    def __init__(self, session, url):
        self.session = session
        self.url = url

    async def post(self, name, body):
        async with self.session.post(f"{self.url}/_chat/{name}", json=body) as response:
            return response.status, await response.json()

    async def get(self, name, **query):
        async with self.session.get(f"{self.url}/_chat/{name}", params=query) as response:
            return response.status, await response.json()


async def card(standin):
    standin.world.say(ANA, "/start")
    answer = await bot_call(standin, "sendMessage", chat_id=1001, text="dry", reply_markup=KEYS)
    return answer["result"]["message_id"]


@pytest.mark.parametrize("key", [None, "", "wrong", "ключ"])
@pytest.mark.parametrize("name", ["say", "press", "raw", "odd", "block", "faults"])
async def test_door_acts_without_the_key_are_refused(standin, key, name):
    headers = {} if key is None else {KEY_HEADER: key}
    async with aiohttp.ClientSession(headers=headers) as session:
        status, body = await Door(session, standin.url).post(name, {"user": "ana", "text": "/kill"})

    assert (status, body) == (403, {"error": "expected the chat key in X-Chat-Key"})
    assert standin.world.pending.count() == 0


@pytest.mark.parametrize("name", ["events", "messages", "calls"])
async def test_door_looks_without_the_key_are_refused(standin, name):
    async with aiohttp.ClientSession() as session:
        status, _ = await Door(session, standin.url).get(name)

    assert status == 403


async def test_door_keys_are_long_and_differ_between_standins(standin):
    async with running_standin() as other:
        assert len({standin.chat_key, other.chat_key}) == 2
        assert len(other.chat_key) >= 32


async def test_say_becomes_an_update_and_an_event(standin, door):
    status, body = await door.post("say", {"user": "ana", "text": "/start"})

    assert (status, body["seq"]) == (200, 1)
    assert standin.world.chats.find(1001, body["message_id"]).content.text == "/start"
    assert standin.world.pending.count() == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"user": "ana"}, "expected 'text' to be a text, was NoneType"),
        ({"text": "x"}, "expected 'user' to be a text, was NoneType"),
        ({"user": "eve", "text": "x"}, "expected one of ana, ben, stranger, was 'eve'"),
        ({"user": "ana", "text": "  "}, "Bad Request: message text is empty"),
        ({"user": "ana", "text": 5}, "expected 'text' to be a text, was int"),
        ({"user": "ana", "text": "x", "reply_to": "5"}, "expected 'reply_to' to be an integer, was str"),
        ([], "expected the body to be an object, was list"),
    ],
)
async def test_say_nonsense_is_answered_with_what_was_expected(standin, door, body, error):
    assert await door.post("say", body) == (400, {"error": error})
    assert standin.world.pending.count() == 0


async def test_door_broken_json_is_answered_400(standin, door):
    async with door.session.post(f"{door.url}/_chat/say", data=b"{") as response:
        assert response.status == 400


@pytest.mark.parametrize("button", [1, "Confirm…"])
async def test_press_by_number_or_label_becomes_a_callback(standin, door, button):
    message_id = await card(standin)

    status, body = await door.post(
        "press", {"user": "ana", "chat_id": 1001, "message_id": message_id, "button": button}
    )

    update = standin.world.pending.poll(0, 100)[-1].update
    assert (status, update.kind, update.body["id"]) == (200, "callback_query", body["press_id"])
    assert (update.body["data"], body["seq"]) == ("1.ok", 2)


async def test_press_with_a_forged_payload_by_somebody_else(standin, door):
    message_id = await card(standin)

    await door.post("press", {"user": "ben", "chat_id": 1001, "message_id": message_id, "payload": "1.go.x"})

    body = standin.world.pending.poll(0, 100)[-1].update.body
    assert (body["data"], body["from"]["id"]) == ("1.go.x", 1002)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"button": 9}, "has no button 9; its buttons: 'Confirm…', 'Site'"),
        ({"button": "Send"}, "has no button 'Send'; its buttons: 'Confirm…', 'Site'"),
        ({"button": 2}, "expected a button that sends something, 2 opens a link or copies a text"),
        ({"button": None}, "expected 'button' to be an integer, was NoneType"),
        ({"message_id": 1}, "expected a message of chat 1001, found none with id 1"),
        ({"chat_id": 1002}, "expected a message of chat 1002, found none with id"),
        ({"user": "eve"}, "expected one of ana, ben, stranger, was 'eve'"),
    ],
)
async def test_press_nonsense_is_answered_with_what_was_expected(standin, door, change, error):
    message_id = await card(standin)
    waiting = standin.world.pending.count()
    press = {"user": "ana", "chat_id": 1001, "message_id": message_id, "button": 1}

    status, body = await door.post("press", press | change)

    assert status == 400
    assert error in body["error"]
    assert standin.world.pending.count() == waiting


async def test_raw_update_is_queued_as_it_is(standin, door):
    status, body = await door.post("raw", {"message": {"text": 5, "chat": None}})

    (pending,) = standin.world.pending.poll(0, 100)
    assert status == 200
    assert pending.to_json() == {"update_id": body["update_id"], "message": {"text": 5, "chat": None}}


async def test_odd_update_is_queued(standin, door):
    status, _ = await door.post("odd", {"kind": "forwarded", "user": "ana", "text": "/kill"})

    (pending,) = standin.world.pending.poll(0, 100)
    assert (status, pending.update.body["forward_origin"]["type"]) == (200, "user")


async def test_odd_unknown_kind_is_answered_400(door):
    status, body = await door.post("odd", {"kind": "sideways", "user": "ana", "text": "/kill"})

    assert (status, "sideways" in body["error"]) == (400, True)


async def test_block_and_unblock_reach_the_bot(standin, door):
    await door.post("block", {"user": "ana"})
    blocked = await bot_call(standin, "sendMessage", chat_id=1001, text="x")
    await door.post("block", {"user": "ana", "blocked": False})
    unblocked = await bot_call(standin, "sendMessage", chat_id=1001, text="x")

    assert (blocked["error_code"], unblocked["ok"]) == (403, True)
    assert [one.update.kind for one in standin.world.pending.poll(0, 9)] == ["my_chat_member"] * 2


async def test_faults_are_set_and_shown(standin, door):
    status, body = await door.post("faults", {"too_many": {"calls": 2, "retry_after": 9}})

    assert (status, body["too_many"]) == (200, {"calls": 2, "retry_after": 9})
    assert (await bot_call(standin, "getMe"))["parameters"] == {"retry_after": 9}


async def test_faults_unknown_switch_is_answered_400(door):
    status, body = await door.post("faults", {"gremlins": True})

    assert (status, body["error"].startswith("expected switches out of")) == (400, True)


async def test_events_after_a_number_are_those_newer(standin, door):
    await card(standin)

    _, everything = await door.get("events")
    _, newer = await door.get("events", after="1")

    assert [event["sender"] for event in everything["events"]] == ["ana", "bot"]
    assert [event["text"] for event in newer["events"]] == ["dry"]
    assert newer["latest"] == 2


async def test_events_show_labels_and_never_payloads(standin, door):
    await card(standin)

    _, body = await door.get("events", after="1")

    assert body["events"][0]["buttons"] == [
        [{"label": "Confirm…", "style": "", "sends": True}, {"label": "Site", "style": "", "sends": False}]
    ]
    assert "1.ok" not in str(body)


async def test_events_without_any_wait_only_as_long_as_asked(door):
    assert await door.get("events", after="0", wait_s="0.01") == (200, {"events": [], "latest": 0})


async def test_events_wait_for_the_next(standin, door):
    look = asyncio.create_task(door.get("events", after="0", wait_s="30"))
    await until(lambda: standin.in_progress)

    standin.world.say(ANA, "/start")
    standin.changed()

    _, body = await look
    assert [event["text"] for event in body["events"]] == ["/start"]


async def test_events_come_in_bounded_answers(standin, door):
    for number in range(700):
        standin.world.say(ANA, str(number))

    _, first = await door.get("events", after="0")
    _, second = await door.get("events", after=str(first["events"][-1]["seq"]))

    assert (len(first["events"]), len(second["events"])) == (500, 200)
    assert first["latest"] == 700 < EVENTS_MAX


@pytest.mark.parametrize("query", [{"after": "x"}, {"after": "0", "wait_s": "soon"}])
async def test_events_nonsense_is_answered_400(door, query):
    status, _ = await door.get("events", **query)

    assert status == 400


async def test_messages_of_a_chat_are_listed_as_they_are_now(standin, door):
    message_id = await card(standin)
    await bot_call(standin, "editMessageText", chat_id=1001, message_id=message_id, text="armed")

    _, body = await door.get("messages", chat_id="1001")
    _, other = await door.get("messages", chat_id="1002")

    assert [message["text"] for message in body["messages"]] == ["/start", "armed"]
    assert other == {"messages": []}


async def test_calls_are_listed_without_the_token(standin, door):
    await card(standin)

    _, body = await door.get("calls")

    assert [call["method"] for call in body["calls"]] == ["sendMessage"]
    assert "1:LOCAL" not in str(body)
