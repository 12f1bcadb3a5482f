"""Updates as Telegram writes them: messages, presses, membership. Shapes only, no state, no I/O.

An update here is its kind and that kind's object; the queue gives it its id. The lane is what is delivered
in order: the chat.
"""

from dataclasses import dataclass

from bot.local.people import Person, bot_json
from bot.local.standin.chats import Message
from bot.wire import Json, JsonObject

OTHER_LANE = 0
"""Lane of updates that name no chat."""

KINDS = frozenset(
    {
        "message", "edited_message", "channel_post", "edited_channel_post", "business_connection",
        "business_message", "edited_business_message", "deleted_business_messages", "message_reaction",
        "message_reaction_count", "inline_query", "chosen_inline_result", "callback_query", "shipping_query",
        "pre_checkout_query", "purchased_paid_media", "poll", "poll_answer", "my_chat_member", "chat_member",
        "chat_join_request", "chat_boost", "removed_chat_boost",
    }
)  # fmt: skip
KINDS_ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that are delivered only when `allowed_updates` names them."""


@dataclass(frozen=True, slots=True)
class Update:
    """One update without its id."""

    kind: str
    body: Json
    lane: int

    def to_json(self, update_id: int) -> JsonObject:
        """Return the Bot API's Update object."""
        return {"update_id": update_id, self.kind: self.body}


def message_update(message: Message, kind: str = "message") -> Update:
    """Return the update for a person's message, or for its edit under another kind."""
    return Update(kind, message.to_json(), message.chat.user_id)


def press_update(press_id: str, person: Person, message: Message, payload: str) -> Update:
    """Return the update for a pressed button; it carries the message as it is now and no timestamp."""
    body: JsonObject = {
        "id": press_id,
        "from": person.to_json(),
        "message": message.to_json(),
        "chat_instance": str(message.chat.user_id * 1_000_003),  # stable per chat and opaque, as Telegram's
        "data": payload,
    }
    return Update("callback_query", body, message.chat.user_id)


def membership_update(person: Person, *, at_s: int, blocked: bool) -> Update:
    """Return the update for a person who blocked or unblocked the bot."""

    def member(status: str) -> JsonObject:
        fields: JsonObject = {"user": bot_json(), "status": status}
        return {**fields, "until_date": 0} if status == "kicked" else fields

    before, after = ("member", "kicked") if blocked else ("kicked", "member")
    body: JsonObject = {
        "chat": person.chat_json(),
        "from": person.to_json(),
        "date": at_s,
        "old_chat_member": member(before),
        "new_chat_member": member(after),
    }
    return Update("my_chat_member", body, person.user_id)


def raw_update(fields: JsonObject) -> Update:
    """Return an update with any content, for tests of what must be refused.

    The first field other than `update_id` is taken as the kind; without one the update is an empty object.
    """
    kind, body = next(
        ((name, value) for name, value in fields.items() if name != "update_id"), ("empty", None)
    )
    chat = body.get("chat") if isinstance(body, dict) else None
    chat_id = chat.get("id") if isinstance(chat, dict) else None
    return Update(kind, body, chat_id if isinstance(chat_id, int) else OTHER_LANE)
