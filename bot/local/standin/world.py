"""Everything the stand-in knows, and what people can do to it: write, press, block, inject.

Pure state on one clock; the HTTP shell calls it and then wakes those who wait. This is the people's side;
the bot's side is `methods`.
"""

from bot.local.people import Person
from bot.local.standin.chats import Chats, Message
from bot.local.standin.commands import CommandMenus
from bot.local.standin.faults import Faults
from bot.local.standin.keyboard import Button, SendsData
from bot.local.standin.odd_updates import OddKind, odd_update
from bot.local.standin.pending import Pending, PendingUpdates
from bot.local.standin.presses import Presses
from bot.local.standin.text import typed_by_person
from bot.local.standin.transcript import Calls, Transcript
from bot.local.standin.updates import Update, membership_update, message_update, press_update, raw_update
from bot.local.standin.webhook import Webhook
from bot.wire import JsonObject
from engine.clock import Clock


class ButtonError(ValueError):
    """There is no such button on that message, or it sends nothing."""


class World:
    """The aggregate state of the stand-in."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.chats = Chats(clock)
        self.presses = Presses(clock)
        self.pending = PendingUpdates(clock)
        self.webhook = Webhook(clock, self.pending)
        self.transcript = Transcript(clock)
        self.calls = Calls(clock)
        self.faults = Faults(clock)
        self.commands = CommandMenus(self.chats)

    def say(self, person: Person, text: str, *, reply_to: int | None = None) -> Message:
        """Let the person write in the private chat; raises Refusal when there is nothing to send."""
        content = typed_by_person(text)
        replied = None if reply_to is None else self.chats.find(person.user_id, reply_to)
        message = self.chats.add(person, person, content, reply_to=replied)
        self.transcript.message(message)
        self.pending.put(message_update(message))
        return message

    def press(self, person: Person, message: Message, button: str | int) -> str:
        """Let the person press a button, by its label or its number from 1; returns the press id.

        Raises ButtonError when the message has no such button or the button sends nothing.
        """
        act = _find_button(message, button).act
        if not isinstance(act, SendsData):
            raise ButtonError(
                f"expected a button that sends something, {button!r} opens a link or copies a text"
            )
        return self.press_payload(person, message, act.payload)

    def press_payload(self, person: Person, message: Message, payload: str) -> str:
        """Press with any payload, as a changed client can; returns the press id."""
        press = self.presses.add(person, message.chat.user_id, message.message_id)
        self.pending.put(press_update(press.press_id, person, message, payload))
        return press.press_id

    def block(self, person: Person, *, blocked: bool) -> None:
        """Let the person block or unblock the bot."""
        self.chats.block(person, blocked=blocked)
        at_s = self.clock.now_ms() // 1_000
        self.pending.put(membership_update(person, at_s=at_s, blocked=blocked))

    def inject_odd(self, kind: OddKind, person: Person, text: str) -> Pending:
        """Queue an update that must not be obeyed, whatever kinds the bot asked for."""
        at_s = self.clock.now_ms() // 1_000
        return self._forced(odd_update(kind, person, text, at_s=at_s, message_id=self.chats.take_id()))

    def inject_raw(self, fields: JsonObject) -> Pending:
        """Queue any update, whatever kinds the bot asked for; its id is the queue's."""
        return self._forced(raw_update(fields))

    def _forced(self, update: Update) -> Pending:
        pending = self.pending.put(update, forced=True)
        assert pending is not None, "a forced update is always queued"
        return pending


def _find_button(message: Message, wanted: str | int) -> Button:
    buttons = [button for row in message.keyboard for button in row]
    if isinstance(wanted, int):
        found = buttons[wanted - 1] if 0 < wanted <= len(buttons) else None
    else:
        found = next((button for button in buttons if button.label == wanted), None)
    if found is None:
        labels = ", ".join(repr(button.label) for button in buttons) or "none"
        raise ButtonError(f"message {message.message_id} has no button {wanted!r}; its buttons: {labels}")
    return found
