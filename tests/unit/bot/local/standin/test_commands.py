import json

import pytest

from bot.local.people import ANA
from bot.local.standin.chats import Chats
from bot.local.standin.commands import CommandMenus
from bot.local.standin.html import Formatted
from bot.local.standin.refusal import Params, Refusal
from bot.wire import JsonObject
from engine.clock import ManualClock

KILL: JsonObject = {"command": "kill", "description": "Stop everything"}
STATUS: JsonObject = {"command": "status", "description": "How it stands"}
ANAS_CHAT: JsonObject = {"type": "chat", "chat_id": ANA.user_id}


@pytest.fixture
def menus():
    chats = Chats(ManualClock())
    chats.add(ANA, ANA, Formatted("/start"))
    return CommandMenus(chats)


def test_commands_are_kept_per_scope(menus):
    menus.set(Params({"commands": [KILL]}))
    menus.set(Params({"commands": [KILL, STATUS], "scope": ANAS_CHAT}))

    assert menus.get(Params({})) == [KILL]
    assert menus.get(Params({"scope": {"type": "default"}})) == [KILL]
    assert menus.get(Params({"scope": ANAS_CHAT})) == [KILL, STATUS]
    assert menus.get(Params({"scope": {"type": "all_private_chats"}})) == []


def test_commands_are_kept_per_language(menus):
    menus.set(Params({"commands": [KILL], "language_code": "zh"}))

    assert menus.get(Params({"language_code": "zh"})) == [KILL]
    assert menus.get(Params({})) == []


def test_commands_are_read_from_form_fields(menus):
    menus.set(Params({"commands": json.dumps([KILL]), "scope": json.dumps(ANAS_CHAT)}))

    assert menus.get(Params({"scope": ANAS_CHAT})) == [KILL]


def test_commands_deleted_are_gone_in_that_scope_only(menus):
    menus.set(Params({"commands": [KILL]}))
    menus.set(Params({"commands": [STATUS], "scope": ANAS_CHAT}))

    menus.delete(Params({}))
    menus.delete(Params({}))

    assert menus.get(Params({})) == []
    assert menus.get(Params({"scope": ANAS_CHAT})) == [STATUS]


def test_commands_lose_a_leading_slash(menus):
    menus.set(Params({"commands": [{"command": "/kill", "description": "x"}]}))

    assert menus.get(Params({}))[0]["command"] == "kill"


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({}, "can't parse commands: expected an Array of BotCommand"),
        ({"commands": "nonsense"}, "can't parse commands JSON object"),
        ({"commands": [KILL] * 101}, "BOT_COMMANDS_TOO_MUCH"),
        ({"commands": ["kill"]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"description": "x"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "Kill", "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "k" * 33, "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "kill me", "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "kill"}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": [{"command": "kill", "description": ""}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": [{"command": "kill", "description": "x" * 257}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        (
            {"commands": [KILL], "scope": {"type": "moon"}},
            "can't parse BotCommandScope: unsupported type specified",
        ),
        ({"commands": [KILL], "scope": {}}, "can't parse BotCommandScope: unsupported type specified"),
        ({"commands": [KILL], "scope": {"type": "chat", "chat_id": 1002}}, "chat not found"),
        ({"commands": [KILL], "scope": {"type": "chat"}}, "chat not found"),
    ],
)
def test_commands_bad_ones_are_refused_and_the_old_menu_stays(menus, params, reason):
    menus.set(Params({"commands": [STATUS]}))

    with pytest.raises(Refusal) as refused:
        menus.set(Params(params))

    assert refused.value.description == f"Bad Request: {reason}"
    assert menus.get(Params({})) == [STATUS]
