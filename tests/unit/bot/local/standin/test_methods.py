"""Every method as a bot calls it: what it gives, and each refusal in Telegram's words."""

import json

import pytest

from bot.local.chat_event import EventKind
from bot.local.people import ANA, BEN
from bot.local.standin.methods import METHODS
from bot.local.standin.refusal import Params, Refusal
from bot.local.standin.world import World
from engine.clock import ManualClock

KEYS = {
    "inline_keyboard": [
        [{"text": "Confirm…", "callback_data": "1.ok"}, {"text": "Drop", "callback_data": "1.no"}]
    ]
}


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def world(clock):
    world = World(clock)
    world.say(ANA, "/start")
    return world


def call(world, method, **params):
    return METHODS[method.lower()](world, Params(params)).result


def refusal(world, method, **params):
    with pytest.raises(Refusal) as refused:
        call(world, method, **params)
    return refused.value.code, refused.value.description


def send(world, text="card", **params):
    return call(world, "sendMessage", chat_id=ANA.user_id, text=text, **params)


NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
    "same as a current content and reply markup of the message"
)


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"text": "x"}, 400, "Bad Request: chat_id is empty"),
        ({"chat_id": "", "text": "x"}, 400, "Bad Request: chat_id is empty"),
        ({"chat_id": 77, "text": "x"}, 400, "Bad Request: chat not found"),
        ({"chat_id": "@channel", "text": "x"}, 400, "Bad Request: chat not found"),
        ({"chat_id": 1002, "text": "x"}, 403, "Forbidden: bot can't initiate conversation with a user"),
        ({"chat_id": 1001}, 400, "Bad Request: message text is empty"),
        ({"chat_id": 1001, "text": " "}, 400, "Bad Request: message text is empty"),
        ({"chat_id": 1001, "text": "x" * 4097}, 400, "Bad Request: message is too long"),
        (
            {"chat_id": 1001, "text": "<b>x", "parse_mode": "HTML"},
            400,
            "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            {"chat_id": 1001, "text": "a < b", "parse_mode": "HTML"},
            400,
            'Bad Request: can\'t parse entities: Unsupported start tag "" at byte offset 2',
        ),
        (
            {
                "chat_id": 1001,
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "y" * 65}]]},
            },
            400,
            "Bad Request: BUTTON_DATA_INVALID",
        ),
        (
            {"chat_id": 1001, "text": "x", "reply_parameters": {"message_id": 5}},
            400,
            "Bad Request: message to be replied not found",
        ),
    ],
)
def test_send_message_bad_call_is_refused_and_nothing_is_shown(world, params, code, text):
    seen = world.transcript.latest

    assert refusal(world, "sendMessage", **params) == (code, text)
    assert world.transcript.latest == seen


def test_send_message_gives_the_message_and_shows_it(world, clock):
    sent = send(world, "<b>dry</b>", parse_mode="HTML", reply_markup=json.dumps(KEYS))

    assert sent["text"] == "dry"
    assert sent["entities"] == [{"type": "bold", "offset": 0, "length": 3}]
    assert sent["reply_markup"] == KEYS
    assert (sent["chat"]["id"], sent["date"]) == (ANA.user_id, clock.now_ms() // 1_000)
    event = world.transcript.after(1)[0]
    assert (event.kind, event.text, event.loud) == (EventKind.MESSAGE, "dry", True)
    assert [face.label for face in event.buttons] == ["Confirm…", "Drop"]


@pytest.mark.parametrize(("value", "loud"), [(True, False), ("true", False), (False, True), (None, True)])
def test_send_message_silent_when_asked(world, value, loud):
    send(world, disable_notification=value)

    assert world.transcript.after(1)[0].loud is loud


def test_send_message_may_reply_to_a_persons_message(world):
    theirs = world.chats.listing(ANA.user_id)[0]

    sent = send(world, reply_parameters={"message_id": theirs.message_id})

    assert sent["reply_to_message"]["text"] == "/start"


def test_send_message_reply_to_nothing_can_be_allowed(world):
    sent = send(world, reply_parameters={"message_id": 5, "allow_sending_without_reply": True})

    assert "reply_to_message" not in sent


def test_send_message_to_a_blocking_person_is_refused(world):
    world.block(ANA, blocked=True)

    assert refusal(world, "sendMessage", chat_id=1001, text="x") == (
        403,
        "Forbidden: bot was blocked by the user",
    )


def test_edit_message_text_changes_the_message_without_sound(world):
    sent = send(world, reply_markup=KEYS)

    edited = call(world, "editMessageText", chat_id="1001", message_id=str(sent["message_id"]), text="done")

    assert (edited["text"], edited["message_id"]) == ("done", sent["message_id"])
    assert "reply_markup" not in edited
    event = world.transcript.after(2)[0]
    assert (event.kind, event.text, event.buttons, event.loud) == (EventKind.EDIT, "done", (), False)


def test_edit_message_text_to_the_same_is_refused(world):
    sent = send(world, "<b>x</b>", parse_mode="HTML", reply_markup=KEYS)
    same = {"chat_id": 1001, "message_id": sent["message_id"], "parse_mode": "HTML", "reply_markup": KEYS}

    assert refusal(world, "editMessageText", text="<b>x</b>", **same) == (400, NOT_MODIFIED)
    assert refusal(world, "editMessageText", text=" <b>x</b> ", **same) == (400, NOT_MODIFIED)
    assert call(world, "editMessageText", text="<i>x</i>", **same)["entities"][0]["type"] == "italic"


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"chat_id": 1001, "text": "x"}, "Bad Request: message identifier is not specified"),
        (
            {"chat_id": 1001, "message_id": "x", "text": "x"},
            "Bad Request: message identifier is not specified",
        ),
        ({"message_id": 5, "text": "x"}, "Bad Request: chat_id is empty"),
        ({"chat_id": 1001, "message_id": 5, "text": "x"}, "Bad Request: message to edit not found"),
        ({"chat_id": 1002, "message_id": 5, "text": "x"}, "Bad Request: chat not found"),
        ({"chat_id": 1001, "message_id": 5, "text": ""}, "Bad Request: message text is empty"),
        ({"chat_id": 1001, "message_id": 5, "text": "x" * 4097}, "Bad Request: message is too long"),
        (
            {"chat_id": 1001, "message_id": 5, "text": "x", "reply_markup": {"force_reply": True}},
            "Bad Request: inline keyboard expected",
        ),
    ],
)
def test_edit_message_text_bad_call_is_refused(world, params, text):
    assert refusal(world, "editMessageText", **params) == (400, text)


def test_edit_message_text_of_a_persons_message_is_refused(world):
    theirs = world.chats.listing(ANA.user_id)[0]

    answer = refusal(world, "editMessageText", chat_id=1001, message_id=theirs.message_id, text="x")

    assert answer == (400, "Bad Request: message can't be edited")


def test_edit_reply_markup_changes_the_buttons_only(world):
    sent = send(world, reply_markup=KEYS)
    one_key = {"inline_keyboard": [[{"text": "Back", "callback_data": "1.back"}]]}

    edited = call(
        world,
        "editMessageReplyMarkup",
        chat_id=1001,
        message_id=sent["message_id"],
        reply_markup=json.dumps(one_key),
    )
    removed = call(world, "editMessageReplyMarkup", chat_id=1001, message_id=sent["message_id"])

    assert (edited["text"], edited["reply_markup"]) == ("card", one_key)
    assert "reply_markup" not in removed
    assert refusal(world, "editMessageReplyMarkup", chat_id=1001, message_id=sent["message_id"]) == (
        400,
        NOT_MODIFIED,
    )


def test_answer_callback_query_shows_a_toast_once(world):
    sent = send(world, reply_markup=KEYS)
    press_id = world.press(ANA, world.chats.find(1001, sent["message_id"]), 1)

    assert call(world, "answerCallbackQuery", callback_query_id=press_id, text="Sending…") is True
    toast = world.transcript.after(2)[0]
    assert (toast.kind, toast.text, toast.message_id) == (EventKind.TOAST, "Sending…", sent["message_id"])
    assert refusal(world, "answerCallbackQuery", callback_query_id=press_id) == (
        400,
        "Bad Request: query is too old and response timeout expired or query ID is invalid",
    )


def test_answer_callback_query_without_text_shows_nothing(world):
    sent = send(world, reply_markup=KEYS)
    press_id = world.press(ANA, world.chats.find(1001, sent["message_id"]), 1)
    seen = world.transcript.latest

    call(world, "answerCallbackQuery", callback_query_id=press_id)

    assert world.transcript.latest == seen


@pytest.mark.parametrize("press_id", ["", "5"])
def test_answer_callback_query_unknown_is_refused(world, press_id):
    assert "query is too old" in refusal(world, "answerCallbackQuery", callback_query_id=press_id)[1]


def test_answer_callback_query_late_is_refused(world, clock):
    sent = send(world, reply_markup=KEYS)
    press_id = world.press(ANA, world.chats.find(1001, sent["message_id"]), 1)
    clock.advance(15_001)

    assert "query is too old" in refusal(world, "answerCallbackQuery", callback_query_id=press_id)[1]


def test_delete_message_takes_away_what_a_person_typed(world):
    code = world.say(ANA, "123456")

    assert call(world, "deleteMessage", chat_id=1001, message_id=code.message_id) is True
    assert world.chats.find(1001, code.message_id) is None
    assert world.transcript.after(2)[0].kind is EventKind.DELETE


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"chat_id": 1001, "message_id": 5}, "Bad Request: message to delete not found"),
        ({"chat_id": 1001}, "Bad Request: message identifier is not specified"),
        ({"chat_id": 77, "message_id": 5}, "Bad Request: chat not found"),
    ],
)
def test_delete_message_bad_call_is_refused(world, params, text):
    assert refusal(world, "deleteMessage", **params) == (400, text)


def test_get_me_is_a_bot_with_the_tokens_id(world):
    me = call(world, "getMe")

    assert (me["id"], me["is_bot"], me["username"]) == (1, True, "dutchdesk_local_bot")


def test_webhook_methods_set_show_and_delete(world):
    url = "http://127.0.0.1:1/tg"
    set_answer = METHODS["setwebhook"](world, Params({"url": url, "secret_token": "s"}))
    shown = call(world, "getWebhookInfo")
    deleted = METHODS["deletewebhook"](world, Params({}))

    assert (set_answer.result, set_answer.remark) == (True, "Webhook was set")
    assert (shown["url"], shown["pending_update_count"]) == (url, 1)
    assert (deleted.result, deleted.remark) == (True, "Webhook was deleted")
    assert call(world, "getWebhookInfo")["url"] == ""


def test_command_methods_set_show_and_delete(world):
    menu = [{"command": "kill", "description": "Stop"}]

    assert call(world, "setMyCommands", commands=json.dumps(menu)) is True
    assert call(world, "getMyCommands") == menu
    assert call(world, "deleteMyCommands") is True
    assert call(world, "getMyCommands") == []


@pytest.mark.parametrize(
    ("params", "answer"),
    [
        ({"chat_id": 1001, "action": "typing"}, None),
        ({"chat_id": 1001, "action": "dancing"}, (400, "Bad Request: wrong parameter action in request")),
        ({"chat_id": 1001}, (400, "Bad Request: wrong parameter action in request")),
        (
            {"chat_id": 1002, "action": "typing"},
            (403, "Forbidden: bot can't initiate conversation with a user"),
        ),
    ],
)
def test_send_chat_action_takes_known_actions_in_open_chats(world, params, answer):
    if answer is None:
        assert call(world, "sendChatAction", **params) is True
    else:
        assert refusal(world, "sendChatAction", **params) == answer


def test_get_chat_gives_an_open_private_chat(world):
    chat = call(world, "getChat", chat_id=1001)

    assert (chat["id"], chat["type"], chat["first_name"]) == (1001, "private", "Ana")
    assert refusal(world, "getChat", chat_id=BEN.user_id) == (400, "Bad Request: chat not found")


def test_method_names_are_lower_case_for_lookup():
    assert all(name == name.lower() for name in METHODS)
