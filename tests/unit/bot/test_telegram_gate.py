"""Updates of every shape, as Telegram sends them, become what the gate judges (threats 6 and 7)."""

from typing import Any

import pytest
from telegram import Update

from bot.auth import Allowed, Allowlist, Reason, Shape, TooLate, TurnedAway, decide
from bot.telegram_gate import is_safe_update, to_incoming
from tests.unit.bot.builders import ANA, NOW

LIST = Allowlist((ANA,))
SENT_S = NOW // 1_000
USER = {"id": 1001, "is_bot": False, "first_name": "Ana"}
CHAT = {"id": 1001, "type": "private", "first_name": "Ana"}
GROUP = {"id": -1001, "type": "supergroup", "title": "Desk talk"}
CHANNEL = {"id": -1002, "type": "channel", "title": "News"}


def message(**changes: Any) -> dict[str, Any]:
    fields = {"message_id": 5, "from": USER, "chat": CHAT, "date": SENT_S, "text": "/status"}
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not None}


def press(data: Any = "1.go.T-7K2F.1.x", **changes: Any) -> dict[str, Any]:
    sent = message(**{"from": {"id": 1, "is_bot": True, "first_name": "Desk"}, "text": "card"})
    fields = {"id": "9", "from": USER, "chat_instance": "1", "message": sent, "data": data}
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not None}


def update(**parts: Any) -> Update:
    return Update.de_json({"update_id": 7, **parts}, None)


FORWARD = {"type": "user", "sender_user": USER, "date": SENT_S - 60}
OTHER_BOT = {"id": 4242, "is_bot": True, "first_name": "Other"}
ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group"}


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"edited_message": message(edit_date=SENT_S)}, Reason.OTHER_SHAPE),
        ({"message": message(edit_date=SENT_S)}, Reason.OTHER_SHAPE),
        ({"message": message(forward_origin=FORWARD)}, Reason.FORWARDED),
        ({"message": message(is_automatic_forward=True)}, Reason.FORWARDED),
        ({"message": message(via_bot=OTHER_BOT)}, Reason.VIA_BOT),
        ({"message": message(chat=GROUP)}, Reason.GROUP),
        ({"message": message(chat=GROUP, sender_chat=GROUP)}, Reason.ON_BEHALF),
        ({"message": message(chat=GROUP, sender_chat=GROUP, **{"from": ANONYMOUS})}, Reason.BOT),
        ({"message": message(**{"from": None})}, Reason.NO_USER),
        ({"message": message(**{"from": OTHER_BOT})}, Reason.BOT),
        ({"message": message(text=None)}, Reason.NO_TEXT),
        ({"message": message(business_connection_id="b")}, Reason.OTHER_SHAPE),
        ({"channel_post": message(chat=CHANNEL, sender_chat=CHANNEL, **{"from": None})}, Reason.NO_USER),
        ({"edited_channel_post": message(chat=CHANNEL, **{"from": None})}, Reason.NO_USER),
        ({"business_message": message(business_connection_id="b")}, Reason.OTHER_SHAPE),
        ({"inline_query": {"id": "1", "from": USER, "query": "/kill", "offset": ""}}, Reason.OTHER_SHAPE),
        ({"callback_query": press(message=None, inline_message_id="i")}, Reason.GROUP),
        ({"callback_query": press(data=None, game_short_name="g")}, Reason.NO_TEXT),
        ({"callback_query": press(message=message(chat=GROUP))}, Reason.GROUP),
        ({"callback_query": press(**{"from": OTHER_BOT})}, Reason.BOT),
        ({}, Reason.NO_USER),
    ],
)
def test_odd_update_of_an_operator_is_turned_away(parts: dict[str, Any], reason: Reason) -> None:
    incoming = to_incoming(update(**parts), NOW)

    assert decide(incoming, LIST, safe=True) == TurnedAway(reason)


@pytest.mark.parametrize(
    "parts", [{"message": message()}, {"callback_query": press()}, {"callback_query": press("c./status")}]
)
def test_plain_message_or_press_is_allowed(parts: dict[str, Any]) -> None:
    assert decide(to_incoming(update(**parts), NOW), LIST, safe=False) == Allowed(ANA)


def test_press_on_a_message_too_old_to_be_delivered_is_still_a_press() -> None:
    inaccessible = {"chat": CHAT, "message_id": 5, "date": 0}
    incoming = to_incoming(update(callback_query=press(message=inaccessible)), NOW)

    assert incoming.shape is Shape.PRESS
    assert incoming.private


def test_age_counts_from_the_messages_date_and_is_never_negative() -> None:
    old = to_incoming(update(message=message(date=SENT_S - 61)), NOW)
    ahead = to_incoming(update(message=message(date=SENT_S + 30)), NOW)

    assert old.age_ms == 61_000
    assert ahead.age_ms == 0
    assert decide(old, LIST, safe=False) == TooLate(ANA, old.age_ms)


@pytest.mark.parametrize(
    ("parts", "safe"),
    [
        ({"message": message(text="/kill")}, True),
        ({"message": message(text="/k now")}, True),
        ({"callback_query": press("c./kill")}, True),
        ({"callback_query": press("r./kill")}, True),
        ({"callback_query": press("/kill")}, False),
        ({"callback_query": press("1.go.T-7K2F.1.x")}, False),
        ({"message": message(text="/status")}, False),
        ({"message": message(text=None)}, False),
        ({}, False),
    ],
)
def test_safe_update_is_kill_typed_or_on_a_button(parts: dict[str, Any], safe: bool) -> None:
    assert is_safe_update(to_incoming(update(**parts), NOW)) is safe
