"""Who exists in the local chat: two operators, a stranger, and the bot. The only place with their ids.

The token can never be a real one: Telegram's tokens carry 35 characters after the colon.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.wire import JsonObject

LOCAL_TOKEN = "1:LOCAL"  # noqa: S105 - a constant that is published on purpose
"""The bot token of the stand-in; every other token is unauthorised."""


@dataclass(frozen=True, slots=True)
class Person:
    """A Telegram account that is not a bot. Its private chat with the bot has the same id."""

    name: str
    """The name typed in the terminal, lower case."""
    user_id: int
    first_name: str

    def to_json(self) -> JsonObject:
        """Return the Bot API's User object."""
        return {
            "id": self.user_id,
            "is_bot": False,
            "first_name": self.first_name,
            "username": f"{self.name}_local",
            "language_code": "en",
        }

    def chat_json(self) -> JsonObject:
        """Return the Bot API's Chat object of the private chat with this person."""
        return {
            "id": self.user_id,
            "type": "private",
            "first_name": self.first_name,
            "username": f"{self.name}_local",
        }


ANA = Person("ana", 1001, "Ana")
BEN = Person("ben", 1002, "Ben")
STRANGER = Person("stranger", 6666, "Stranger")

PEOPLE: Mapping[str, Person] = MappingProxyType({person.name: person for person in (ANA, BEN, STRANGER)})
"""Everybody who can type, by name."""

BOT_ID = 1
"""The bot's own user id: the number before the colon of its token, as with Telegram."""


def person_of(user_id: int) -> Person | None:
    """Return who has this user id, or None."""
    return next((person for person in PEOPLE.values() if person.user_id == user_id), None)


def bot_json() -> JsonObject:
    """Return the Bot API's User object of the bot, as a message's sender."""
    return {"id": BOT_ID, "is_bot": True, "first_name": "Dutchdesk", "username": "dutchdesk_local_bot"}
