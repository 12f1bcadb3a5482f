"""Private chats and their messages: what the bot may send where, and what it may change afterwards.

Pure state on an injected clock; the refusals are Telegram's. Message ids are shared by all private chats of
the bot and start at a number taken from the clock, so a stand-in started again never reuses one that the
desk may still hold in a ticket.
"""

from dataclasses import dataclass, replace

from bot.local.people import Person, bot_json, person_of
from bot.local.standin.html import Formatted
from bot.local.standin.keyboard import Keyboard, keyboard_json
from bot.local.standin.refusal import bad_request, forbidden
from bot.wire import JsonObject
from engine.clock import Clock

MESSAGES_PER_CHAT_MAX = 5_000
"""Older messages are forgotten; editing one answers "message to edit not found"."""
DELETE_WINDOW_S = 48 * 3600
"""A bot may delete a message for two days."""
_FIRST_ID_EPOCH_S = 1_735_689_600
"""2025-01-01: message ids count seconds from here at the start and go up by one."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it is now. `sender` None means the bot."""

    message_id: int
    chat: Person
    sender: Person | None
    date_s: int
    content: Formatted
    keyboard: Keyboard = ()
    edited_s: int | None = None
    reply_to: "Message | None" = None
    loud: bool = True

    def to_json(self) -> JsonObject:
        """Return the Bot API's Message object."""
        fields: JsonObject = {
            "message_id": self.message_id,
            "from": self.sender.to_json() if self.sender else bot_json(),
            "chat": self.chat.chat_json(),
            "date": self.date_s,
            "text": self.content.text,
        }
        if self.content.marks:
            fields["entities"] = [mark.to_json() for mark in self.content.marks]
        if self.keyboard:
            fields["reply_markup"] = keyboard_json(self.keyboard)
        if self.edited_s is not None:
            fields["edit_date"] = self.edited_s
        if self.reply_to is not None:
            fields["reply_to_message"] = replace(self.reply_to, reply_to=None).to_json()
        return fields


class Chats:
    """All messages, by chat. A chat exists once its person has written; a person can block the bot."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._messages: dict[int, dict[int, Message]] = {}
        self._blocked: set[int] = set()
        self._next_id = max(clock.now_ms() // 1_000 - _FIRST_ID_EPOCH_S, 1)

    def block(self, person: Person, *, blocked: bool) -> None:
        """Let the person block or unblock the bot."""
        self._messages.setdefault(person.user_id, {})
        (self._blocked.add if blocked else self._blocked.discard)(person.user_id)

    def is_open(self, person: Person) -> bool:
        """Whether the person has ever written to the bot."""
        return person.user_id in self._messages

    def known(self, chat_id: int) -> Person:
        """Return whose chat this is; refuses a chat that the bot cannot know."""
        person = person_of(chat_id)
        if person is None or not self.is_open(person):
            raise bad_request("chat not found")
        return person

    def writable(self, chat_id: int) -> Person:
        """Return whose chat this is; refuses one where the bot may not write now."""
        person = person_of(chat_id)
        if person is None:
            raise bad_request("chat not found")
        if not self.is_open(person):
            raise forbidden("bot can't initiate conversation with a user")
        if chat_id in self._blocked:
            raise forbidden("bot was blocked by the user")
        return person

    def find(self, chat_id: int, message_id: int) -> Message | None:
        """Return the message, or None."""
        return self._messages.get(chat_id, {}).get(message_id)

    def listing(self, chat_id: int) -> tuple[Message, ...]:
        """Return the chat's messages, oldest first."""
        return tuple(self._messages.get(chat_id, {}).values())

    def take_id(self) -> int:
        """Return a message id that nothing else will have."""
        self._next_id += 1
        return self._next_id - 1

    def add(
        self,
        chat: Person,
        sender: Person | None,
        content: Formatted,
        *,
        keyboard: Keyboard = (),
        reply_to: Message | None = None,
        loud: bool = True,
    ) -> Message:
        """Store and return a new message. A person's first one opens the chat."""
        assert sender is None or sender is chat, "only the chat's own person and the bot write in it"
        message_id = self.take_id()
        message = Message(
            message_id, chat, sender, self._now_s(), content, keyboard, reply_to=reply_to, loud=loud
        )
        messages = self._messages.setdefault(chat.user_id, {})
        messages[message.message_id] = message
        if len(messages) > MESSAGES_PER_CHAT_MAX:
            del messages[next(iter(messages))]
        return message

    def edit(self, chat_id: int, message_id: int, content: Formatted | None, keyboard: Keyboard) -> Message:
        """Replace text (None keeps it) and keyboard; refuses as Telegram does."""
        self.known(chat_id)
        message = self.find(chat_id, message_id)
        if message is None:
            raise bad_request("message to edit not found")
        if message.sender is not None:
            raise bad_request("message can't be edited")
        new_content = message.content if content is None else content
        if (new_content, keyboard) == (message.content, message.keyboard):
            raise bad_request(
                "message is not modified: specified new message content and reply markup are exactly the "
                "same as a current content and reply markup of the message"
            )
        edited = replace(message, content=new_content, keyboard=keyboard, edited_s=self._now_s())
        self._messages[chat_id][message_id] = edited
        return edited

    def delete(self, chat_id: int, message_id: int) -> None:
        """Remove a message of either side, as a bot may in a private chat."""
        self.known(chat_id)
        message = self.find(chat_id, message_id)
        if message is None:
            raise bad_request("message to delete not found")
        if self._now_s() - message.date_s > DELETE_WINDOW_S:
            raise bad_request("message can't be deleted for everyone")
        del self._messages[chat_id][message_id]

    def _now_s(self) -> int:
        return self._clock.now_ms() // 1_000
