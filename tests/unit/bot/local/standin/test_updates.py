from typing import Any

import pytest

from bot.local.people import ANA, BEN, STRANGER
from bot.local.standin.chats import Chats
from bot.local.standin.html import Formatted
from bot.local.standin.keyboard import Button, SendsData
from bot.local.standin.odd_updates import ANONYMOUS_ADMIN_ID, CHANNEL_ID, GROUP_ID, OddKind, odd_update
from bot.local.standin.text import typed_by_person
from bot.local.standin.updates import (
    KINDS,
    KINDS_ON_REQUEST,
    OTHER_LANE,
    membership_update,
    message_update,
    press_update,
    raw_update,
)
from engine.clock import ManualClock

AT_S = 1_790_000_000


def body_of(update) -> Any:
    """An update's object, free of the type of all JSON."""
    return update.body


@pytest.fixture
def chats():
    return Chats(ManualClock())


def test_message_update_holds_the_command_entity(chats):
    message = chats.add(ANA, ANA, typed_by_person("/dutch fed4 200"))

    update = message_update(message)

    assert (update.kind, update.lane) == ("message", ANA.user_id)
    assert body_of(update)["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert body_of(update)["from"]["id"] == ANA.user_id
    assert body_of(update)["from"]["is_bot"] is False


def test_press_update_holds_the_message_as_it_is_now_and_no_time(chats):
    chats.add(ANA, ANA, Formatted("/start"))
    keys = ((Button("Go", SendsData("1.go")),),)
    card = chats.add(ANA, None, Formatted("dry"), keyboard=keys)
    edited = chats.edit(ANA.user_id, card.message_id, Formatted("armed"), keys)

    update = press_update("77", ANA, edited, "1.go")

    assert (update.kind, update.lane) == ("callback_query", ANA.user_id)
    assert body_of(update)["message"]["text"] == "armed"
    assert body_of(update)["message"]["edit_date"] == edited.edited_s
    assert (body_of(update)["id"], body_of(update)["data"]) == ("77", "1.go")
    assert "date" not in body_of(update)


def test_press_update_chat_instance_is_stable_per_chat(chats):
    first = chats.add(ANA, ANA, Formatted("a"))
    second = chats.add(ANA, ANA, Formatted("b"))
    other = chats.add(BEN, BEN, Formatted("c"))

    instances = [body_of(press_update("1", ANA, one, "x"))["chat_instance"] for one in (first, second, other)]

    assert instances[0] == instances[1] != instances[2]
    assert all(isinstance(instance, str) for instance in instances)


@pytest.mark.parametrize(
    ("blocked", "before", "after"), [(True, "member", "kicked"), (False, "kicked", "member")]
)
def test_membership_update_tells_before_and_after(blocked, before, after):
    body = body_of(membership_update(ANA, at_s=AT_S, blocked=blocked))

    assert (body["old_chat_member"]["status"], body["new_chat_member"]["status"]) == (before, after)
    assert body["date"] == AT_S
    assert body["new_chat_member"]["user"]["is_bot"] is True


@pytest.mark.parametrize(
    ("fields", "kind", "lane"),
    [
        ({"message": {"chat": {"id": 5}, "text": "x"}}, "message", 5),
        ({"update_id": 9, "message": {"chat": {"id": 5}}}, "message", 5),
        ({"message": None}, "message", OTHER_LANE),
        ({"message": 7}, "message", OTHER_LANE),
        ({"message": {"chat": "x"}}, "message", OTHER_LANE),
        ({"message": {"chat": {"id": "5"}}}, "message", OTHER_LANE),
        ({"brand_new_kind": {"a": 1}}, "brand_new_kind", OTHER_LANE),
        ({}, "empty", OTHER_LANE),
    ],
)
def test_raw_update_takes_any_shape(fields, kind, lane):
    update = raw_update(fields)

    assert (update.kind, update.lane) == (kind, lane)
    assert update.to_json(3)["update_id"] == 3


def test_kinds_on_request_are_kinds():
    assert KINDS_ON_REQUEST < KINDS


@pytest.mark.parametrize("kind", list(OddKind))
def test_odd_update_carries_the_command_it_must_not_run(kind):
    update = odd_update(kind, ANA, "/kill", at_s=AT_S, message_id=5)

    assert update.kind in KINDS
    assert body_of(update)["text"] == "/kill"
    assert body_of(update)["entities"] == [{"type": "bot_command", "offset": 0, "length": 5}]


def odd_body(kind, person=ANA):
    return body_of(odd_update(kind, person, "/kill", at_s=AT_S, message_id=5))


def test_odd_edited_message_has_an_edit_date_and_its_own_kind():
    update = odd_update(OddKind.EDITED_MESSAGE, ANA, "/kill", at_s=AT_S, message_id=5)

    assert (update.kind, body_of(update)["edit_date"]) == ("edited_message", AT_S)


def test_odd_forwarded_message_names_its_origin():
    assert odd_body(OddKind.FORWARDED)["forward_origin"]["type"] == "user"


def test_odd_via_bot_names_the_other_bot():
    assert odd_body(OddKind.VIA_BOT)["via_bot"]["is_bot"] is True


def test_odd_channel_post_has_no_user():
    update = odd_update(OddKind.CHANNEL_POST, ANA, "/kill", at_s=AT_S, message_id=5)

    assert (update.kind, update.lane) == ("channel_post", CHANNEL_ID)
    assert "from" not in body_of(update)
    assert body_of(update)["chat"]["type"] == "channel"


def test_odd_anonymous_admin_writes_as_the_group():
    body = odd_body(OddKind.ANONYMOUS_ADMIN)

    assert body["from"]["id"] == ANONYMOUS_ADMIN_ID
    assert body["sender_chat"]["id"] == body["chat"]["id"] == GROUP_ID


def test_odd_group_message_is_by_a_real_operator():
    body = odd_body(OddKind.GROUP)

    assert (body["from"]["id"], body["chat"]["type"]) == (ANA.user_id, "supergroup")


def test_odd_message_without_user_has_none():
    assert "from" not in odd_body(OddKind.NO_USER)


def test_odd_old_message_is_a_day_old():
    assert odd_body(OddKind.OLD)["date"] == AT_S - 86_400


def test_odd_update_of_a_stranger_carries_the_strangers_id():
    assert odd_body(OddKind.FORWARDED, STRANGER)["from"]["id"] == 6666
