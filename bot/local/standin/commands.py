"""The command menus a bot has set, per scope and language. Pure state; texts and limits are Telegram's."""

import json
import re

from bot.local.standin.chats import Chats
from bot.local.standin.refusal import Params, bad_request
from bot.wire import Json, JsonObject

COMMANDS_MAX = 100
DESCRIPTION_MAX = 256
_COMMAND = re.compile(r"/?[a-z0-9_]{1,32}")
_PLAIN_SCOPES = frozenset(
    {"default", "all_private_chats", "all_group_chats", "all_chat_administrators"},
)
_CHAT_SCOPES = frozenset({"chat", "chat_administrators", "chat_member"})


class CommandMenus:
    """Menus by scope and language."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats
        self._menus: dict[tuple[str, str], list[JsonObject]] = {}

    def set(self, params: Params) -> None:
        """Take setMyCommands; raises Refusal."""
        listed = params.nested("commands", "commands")
        if not isinstance(listed, list):
            raise bad_request("can't parse commands: expected an Array of BotCommand")
        if len(listed) > COMMANDS_MAX:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        menu = [_read_command(command) for command in listed]
        self._menus[self._key(params)] = menu

    def get(self, params: Params) -> list[JsonObject]:
        """Return the menu of exactly this scope and language, empty when none is set."""
        return self._menus.get(self._key(params), [])

    def delete(self, params: Params) -> None:
        """Take deleteMyCommands."""
        self._menus.pop(self._key(params), None)

    def _key(self, params: Params) -> tuple[str, str]:
        scope = params.nested("scope", "BotCommandScope")
        if scope is None:
            scope = {"type": "default"}
        kind = scope.get("type") if isinstance(scope, dict) else None
        if not isinstance(scope, dict) or kind not in _PLAIN_SCOPES | _CHAT_SCOPES:
            raise bad_request("can't parse BotCommandScope: unsupported type specified")
        if kind in _CHAT_SCOPES:
            self._chats.known(Params(scope).integer("chat_id", 0))
        return json.dumps(scope, sort_keys=True), params.text("language_code")


def _read_command(value: Json) -> JsonObject:
    fields = value if isinstance(value, dict) else {}
    command, description = fields.get("command"), fields.get("description")
    if not isinstance(command, str) or not _COMMAND.fullmatch(command):
        raise bad_request("BOT_COMMAND_INVALID")
    if not isinstance(description, str) or not 0 < len(description) <= DESCRIPTION_MAX:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": command.removeprefix("/"), "description": description}
