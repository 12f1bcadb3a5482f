"""The Bot API methods of this flow: METHODS maps a lower-case name to a function over the world.

A function returns the call's result or raises Refusal. getUpdates is not here: it waits, so the HTTP shell
has it. Whatever is not in the table is recorded and answered 404, so a new call is noticed. No I/O.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.local.chat_event import EventKind
from bot.local.people import bot_json
from bot.local.standin.keyboard import read_keyboard
from bot.local.standin.refusal import Params, bad_request
from bot.local.standin.text import read_text
from bot.local.standin.world import World
from bot.wire import Json

CHAT_ACTIONS = frozenset(
    {
        "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice",
        "upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer; `remark` is the rare description beside a result."""

    result: Json
    remark: str = ""


Method = Callable[[World, Params], Answer]


def _chat_id(params: Params) -> int:
    if not params.text("chat_id"):
        raise bad_request("chat_id is empty")
    return params.integer("chat_id", 0)


def _message_id(params: Params) -> int:
    message_id = params.integer("message_id", 0)
    if message_id <= 0:
        raise bad_request("message identifier is not specified")
    return message_id


def get_me(_world: World, _params: Params) -> Answer:
    """Return the bot itself."""
    return Answer(
        {
            **bot_json(),
            "can_join_groups": False,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }
    )


def set_webhook(world: World, params: Params) -> Answer:
    """Set, replace or (empty url) delete the webhook."""
    return Answer(result=True, remark=world.webhook.set(params))


def delete_webhook(world: World, params: Params) -> Answer:
    """Delete the webhook."""
    return Answer(result=True, remark=world.webhook.delete(params))


def get_webhook_info(world: World, _params: Params) -> Answer:
    """Return the webhook's state."""
    return Answer(world.webhook.to_json())


def send_message(world: World, params: Params) -> Answer:
    """Send a text to a private chat."""
    chat_id = _chat_id(params)
    content = read_text(params)
    keyboard = read_keyboard(params, inline_only=False)
    chat = world.chats.writable(chat_id)
    replied = None
    reply = params.nested("reply_parameters", "reply parameters")
    if isinstance(reply, dict):
        target = Params(reply)
        replied = world.chats.find(chat_id, target.integer("message_id", 0))
        if replied is None and not target.flag("allow_sending_without_reply"):
            raise bad_request("message to be replied not found")
    loud = not params.flag("disable_notification")
    message = world.chats.add(chat, None, content, keyboard=keyboard, reply_to=replied, loud=loud)
    world.transcript.message(message)
    return Answer(message.to_json())


def edit_message_text(world: World, params: Params) -> Answer:
    """Replace text and keyboard of one of the bot's messages; no keyboard in the call removes it."""
    chat_id, message_id = _chat_id(params), _message_id(params)
    keyboard = read_keyboard(params, inline_only=True)
    message = world.chats.edit(chat_id, message_id, read_text(params), keyboard)
    world.transcript.message(message, EventKind.EDIT)
    return Answer(message.to_json())


def edit_message_reply_markup(world: World, params: Params) -> Answer:
    """Replace or remove the keyboard of one of the bot's messages."""
    chat_id, message_id = _chat_id(params), _message_id(params)
    message = world.chats.edit(chat_id, message_id, None, read_keyboard(params, inline_only=True))
    world.transcript.message(message, EventKind.EDIT)
    return Answer(message.to_json())


def answer_callback_query(world: World, params: Params) -> Answer:
    """End the spinner of a pressed button, with a toast when there is a text."""
    text = params.text("text")
    press = world.presses.answer(params.text("callback_query_id"), text)
    if text:
        world.transcript.toast(press.chat_id, press.message_id, text, dialog=params.flag("show_alert"))
    return Answer(result=True)


def delete_message(world: World, params: Params) -> Answer:
    """Delete a message of either side."""
    chat_id, message_id = _chat_id(params), _message_id(params)
    world.chats.delete(chat_id, message_id)
    world.transcript.deleted(chat_id, message_id)
    return Answer(result=True)


def set_my_commands(world: World, params: Params) -> Answer:
    """Set the menu of one scope."""
    world.commands.set(params)
    return Answer(result=True)


def get_my_commands(world: World, params: Params) -> Answer:
    """Return the menu of one scope."""
    return Answer([*world.commands.get(params)])


def delete_my_commands(world: World, params: Params) -> Answer:
    """Delete the menu of one scope."""
    world.commands.delete(params)
    return Answer(result=True)


def send_chat_action(world: World, params: Params) -> Answer:
    """Show "typing…" and the like; people here see nothing of it."""
    world.chats.writable(_chat_id(params))
    if params.text("action") not in CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    return Answer(result=True)


def get_chat(world: World, params: Params) -> Answer:
    """Return a private chat."""
    chat = world.chats.known(_chat_id(params)).chat_json()
    return Answer({**chat, "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": _GIFTS})


_GIFTS: Json = {
    "unlimited_gifts": False,
    "limited_gifts": False,
    "unique_gifts": False,
    "premium_subscription": False,
    "gifts_from_channels": False,
}

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "getme": get_me,
        "setwebhook": set_webhook,
        "deletewebhook": delete_webhook,
        "getwebhookinfo": get_webhook_info,
        "sendmessage": send_message,
        "editmessagetext": edit_message_text,
        "editmessagereplymarkup": edit_message_reply_markup,
        "answercallbackquery": answer_callback_query,
        "deletemessage": delete_message,
        "setmycommands": set_my_commands,
        "getmycommands": get_my_commands,
        "deletemycommands": delete_my_commands,
        "sendchataction": send_chat_action,
        "getchat": get_chat,
    }
)
