"""Updates that a bot with money must not obey, in the shapes Telegram really sends. For tests and rehearsals.

Each is one way to move money by accident when handlers are registered carelessly (spec/telegram.md,
bottom line 6 and threat 7). Shapes only.
"""

from enum import Enum
from typing import assert_never

from bot.local.people import Person
from bot.local.standin.text import typed_by_person
from bot.local.standin.updates import Update
from bot.wire import JsonObject

GROUP_ID = -1_001_000_000_001
CHANNEL_ID = -1_001_000_000_002
ANONYMOUS_ADMIN_ID = 1_087_968_824
"""The account under which an anonymous group admin writes (spec/telegram.md (b))."""


class OddKind(Enum):
    """The wrong updates on offer."""

    EDITED_MESSAGE = "edited_message"
    FORWARDED = "forwarded"
    VIA_BOT = "via_bot"
    CHANNEL_POST = "channel_post"
    ANONYMOUS_ADMIN = "anonymous_admin"
    GROUP = "group"
    NO_USER = "no_user"
    OLD = "old"


DAY_S = 24 * 3600


def odd_update(kind: OddKind, person: Person, text: str, *, at_s: int, message_id: int) -> Update:
    """Return `text` by `person` in a shape that must not be obeyed."""
    message = _message(person, text, at_s=at_s, message_id=message_id)
    lane = person.user_id
    match kind:
        case OddKind.EDITED_MESSAGE:
            return Update("edited_message", {**message, "edit_date": at_s}, lane)
        case OddKind.FORWARDED:
            origin: JsonObject = {"type": "user", "sender_user": person.to_json(), "date": at_s - 60}
            return Update("message", {**message, "forward_origin": origin}, lane)
        case OddKind.VIA_BOT:
            via: JsonObject = {"id": 4242, "is_bot": True, "first_name": "Other", "username": "other_bot"}
            return Update("message", {**message, "via_bot": via}, lane)
        case OddKind.CHANNEL_POST:
            channel: JsonObject = {"id": CHANNEL_ID, "type": "channel", "title": "News"}
            post = {**message, "chat": channel, "sender_chat": channel}
            del post["from"]
            return Update("channel_post", post, CHANNEL_ID)
        case OddKind.ANONYMOUS_ADMIN:
            anonymous: JsonObject = {
                "id": ANONYMOUS_ADMIN_ID,
                "is_bot": True,
                "first_name": "Group",
                "username": "GroupAnonymousBot",
            }
            group = _group()
            return Update(
                "message", {**message, "chat": group, "from": anonymous, "sender_chat": group}, GROUP_ID
            )
        case OddKind.GROUP:
            return Update("message", {**message, "chat": _group()}, GROUP_ID)
        case OddKind.NO_USER:
            del message["from"]
            return Update("message", message, lane)
        case OddKind.OLD:
            return Update("message", {**message, "date": at_s - DAY_S}, lane)
        case _:
            assert_never(kind)


def _group() -> JsonObject:
    return {"id": GROUP_ID, "type": "supergroup", "title": "Desk talk"}


def _message(person: Person, text: str, *, at_s: int, message_id: int) -> JsonObject:
    content = typed_by_person(text)
    return {
        "message_id": message_id,
        "from": person.to_json(),
        "chat": person.chat_json(),
        "date": at_s,
        "text": content.text,
        "entities": [mark.to_json() for mark in content.marks],
    }
