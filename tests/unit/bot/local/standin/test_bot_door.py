"""The Bot API over HTTP: encodings, tokens, unknown methods, faults, long polling, the record of calls."""

import asyncio
import json

import aiohttp
import pytest

from bot.local.people import ANA, LOCAL_TOKEN
from tests.support.standin import bot_call, running_standin, until


@pytest.fixture
async def standin():
    async with running_standin() as standin:
        standin.world.say(ANA, "/start")
        yield standin


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


def path(standin, method, token=LOCAL_TOKEN):
    return f"{standin.url}/bot{token}/{method}"


async def answer_of(response_manager):
    async with response_manager as response:
        return response.status, await response.json()


@pytest.mark.parametrize("method", ["getMe", "getme", "GETME", "GetMe"])
async def test_door_method_names_ignore_case(standin, method):
    assert (await bot_call(standin, method))["result"]["id"] == 1


@pytest.mark.parametrize("token", ["2:OTHER", "1:local", "1:LOCALX", "x", "123456789:" + "A" * 35, "1:LOCÄL"])
async def test_door_wrong_token_is_unauthorised_and_not_recorded(standin, token):
    answer = await bot_call(standin, "getMe", token=token)

    assert answer == {"ok": False, "error_code": 401, "description": "Unauthorized"}
    assert standin.world.calls.listing() == ()


@pytest.mark.parametrize("method", ["sendRichMessage", "sendPhoto", "nonsense", "getMe2"])
async def test_door_unknown_method_is_recorded_and_not_found(standin, method):
    answer = await bot_call(standin, method, chat_id=1001)

    assert answer == {"ok": False, "error_code": 404, "description": "Not Found"}
    (call,) = standin.world.calls.listing()
    assert (call.method, call.code, call.params) == (method, 404, {"chat_id": 1001})


async def test_door_takes_the_query_of_a_get(standin, session):
    status, answer = await answer_of(
        session.get(path(standin, "sendMessage"), params={"chat_id": "1001", "text": "by query"})
    )

    assert (status, answer["result"]["text"]) == (200, "by query")


async def test_door_takes_a_form(standin, session):
    keys = {"inline_keyboard": [[{"text": "Go", "callback_data": "1"}]]}
    form = {"chat_id": "1001", "text": "by form", "reply_markup": json.dumps(keys)}

    status, answer = await answer_of(session.post(path(standin, "sendMessage"), data=form))

    assert (status, answer["result"]["text"], answer["result"]["reply_markup"]) == (200, "by form", keys)


async def test_door_takes_a_multipart_form_and_notes_its_files(standin, session):
    form = aiohttp.FormData()
    form.add_field("chat_id", "1001")
    form.add_field("text", "by parts")
    form.add_field("photo", b"12345", filename="a.png", content_type="image/png")

    status, answer = await answer_of(session.post(path(standin, "sendMessage"), data=form))

    assert (status, answer["result"]["text"]) == (200, "by parts")
    assert standin.world.calls.listing()[0].params["photo"] == "file a.png, 5 bytes"


async def test_door_takes_json_with_nested_values(standin):
    keys = {"inline_keyboard": [[{"text": "Go", "callback_data": "1"}]]}

    answer = await bot_call(standin, "sendMessage", chat_id=1001, text="by json", reply_markup=keys)

    assert answer["result"]["reply_markup"] == keys


async def test_door_takes_a_post_without_body(standin, session):
    status, answer = await answer_of(session.post(path(standin, "getMe")))

    assert (status, answer["ok"]) == (200, True)


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b"\xff"])
async def test_door_broken_json_is_refused(standin, session, body):
    headers = {"Content-Type": "application/json"}

    status, answer = await answer_of(session.post(path(standin, "getMe"), data=body, headers=headers))

    assert (status, answer["error_code"], answer["ok"]) == (400, 400, False)


async def test_door_refusal_has_its_code_as_http_status(standin, session):
    status, answer = await answer_of(
        session.post(path(standin, "sendMessage"), json={"chat_id": 1002, "text": "x"})
    )

    assert (status, answer["error_code"]) == (403, 403)
    assert answer["description"] == "Forbidden: bot can't initiate conversation with a user"


async def test_door_remark_of_a_method_stands_beside_the_result(standin):
    answer = await bot_call(standin, "setWebhook", url="http://127.0.0.1:1/tg")

    assert answer == {"ok": True, "result": True, "description": "Webhook was set"}


async def test_door_records_calls_with_parameters_and_answers(standin):
    await bot_call(standin, "sendMessage", chat_id=1001, text="hello")
    await bot_call(standin, "sendMessage", chat_id=1001, text="")

    calls = standin.world.calls.listing()

    assert [(call.method, call.code) for call in calls] == [("sendMessage", 200), ("sendMessage", 400)]
    assert calls[0].params == {"chat_id": 1001, "text": "hello"}
    assert calls[1].description == "Bad Request: message text is empty"


async def test_door_outage_answers_502_to_everything(standin):
    standin.world.faults.switch({"outage": True})

    answers = [await bot_call(standin, method) for method in ("getMe", "nonsense")]

    assert answers == [{"ok": False, "error_code": 502, "description": "Bad Gateway"}] * 2


async def test_door_too_many_requests_carries_the_waiting_time(standin):
    standin.world.faults.switch({"too_many": {"calls": 1, "retry_after": 4}})

    refused = await bot_call(standin, "sendMessage", chat_id=1001, text="x")
    passed = await bot_call(standin, "sendMessage", chat_id=1001, text="x")

    assert (refused["error_code"], refused["parameters"]) == (429, {"retry_after": 4})
    assert passed["ok"]


async def test_door_flood_model_refuses_the_sixth_message_at_once(standin):
    standin.world.faults.switch({"flood": True})

    codes = [
        (await bot_call(standin, "sendMessage", chat_id=1001, text=str(number))).get("error_code", 200)
        for number in range(6)
    ]

    assert codes == [200] * 5 + [429]


async def test_poll_gives_what_waits_at_once(standin):
    answer = await bot_call(standin, "getUpdates", timeout=30)

    assert [update["message"]["text"] for update in answer["result"]] == ["/start"]


async def test_poll_with_offset_confirms(standin):
    (update,) = (await bot_call(standin, "getUpdates"))["result"]

    answer = await bot_call(standin, "getUpdates", offset=update["update_id"] + 1)

    assert answer["result"] == []
    assert standin.world.pending.count() == 0


async def test_poll_without_updates_answers_empty_after_its_time(standin):
    standin.world.pending.drop_all()

    assert (await bot_call(standin, "getUpdates", timeout=0))["result"] == []


async def test_poll_waits_for_the_next_update(standin):
    standin.world.pending.drop_all()
    poll = asyncio.create_task(bot_call(standin, "getUpdates", timeout=30))
    await until(lambda: standin.in_progress)

    standin.world.say(ANA, "later")
    standin.changed()

    async with asyncio.timeout(10):
        assert [update["message"]["text"] for update in (await poll)["result"]] == ["later"]


async def test_poll_while_a_webhook_is_set_is_a_conflict(standin):
    await bot_call(standin, "setWebhook", url="http://127.0.0.1:1/tg")

    answer = await bot_call(standin, "getUpdates")

    assert answer["error_code"] == 409
    assert answer["description"] == (
        "Conflict: can't use getUpdates method while webhook is active; "
        "use deleteWebhook to delete the webhook first"
    )


async def test_poll_ends_when_a_webhook_is_set_meanwhile(standin):
    standin.world.pending.drop_all()
    poll = asyncio.create_task(bot_call(standin, "getUpdates", timeout=30))
    await until(lambda: standin.in_progress)

    await bot_call(standin, "setWebhook", url="http://127.0.0.1:1/tg")

    async with asyncio.timeout(10):
        assert (await poll)["error_code"] == 409


async def test_poll_second_poller_throws_the_first_out(standin):
    standin.world.pending.drop_all()
    first = asyncio.create_task(bot_call(standin, "getUpdates", timeout=30))
    await until(lambda: standin.in_progress)

    second = await bot_call(standin, "getUpdates", timeout=0)

    async with asyncio.timeout(10):
        thrown_out = await first
    assert second == {"ok": True, "result": []}
    assert thrown_out["description"] == (
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    )


async def test_poll_allowed_updates_are_taken(standin):
    await bot_call(standin, "getUpdates", allowed_updates=["callback_query"])
    standin.world.pending.drop_all()

    standin.world.say(ANA, "not wanted")

    assert standin.world.pending.count() == 0
