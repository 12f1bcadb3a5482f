"""A refused Bot API call, and the parameters of a call with readers that refuse as Telegram does.

A refusal is raised, not returned: nothing between the check and the HTTP answer could decide anything.
The texts are Telegram's own (spec/telegram.md (b), (e)); a wrong text here would hide a wrong handler there.
"""

import json
from collections.abc import Mapping

from bot.wire import Json, JsonObject


class Refusal(Exception):  # noqa: N818 - a refusal is an answer of the API, not a fault of the program
    """The call is answered with `ok: false`."""

    def __init__(self, code: int, description: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after_s = retry_after_s

    def to_json(self) -> JsonObject:
        """Return the answer's body."""
        body: JsonObject = {"ok": False, "error_code": self.code, "description": self.description}
        if self.retry_after_s is not None:
            body["parameters"] = {"retry_after": self.retry_after_s}
        return body


def bad_request(text: str) -> Refusal:
    """Return a 400 with Telegram's prefix."""
    return Refusal(400, f"Bad Request: {text}")


def forbidden(text: str) -> Refusal:
    """Return a 403 with Telegram's prefix."""
    return Refusal(403, f"Forbidden: {text}")


def too_many_requests(retry_after_s: int) -> Refusal:
    """Return a 429 with its waiting time in whole seconds."""
    return Refusal(429, f"Too Many Requests: retry after {retry_after_s}", retry_after_s=retry_after_s)


_TRUE_WORDS = {"true", "yes", "1"}


class Params:
    """The parameters of one call. Form fields arrive as texts, JSON bodies typed; both are read alike."""

    def __init__(self, fields: Mapping[str, Json]) -> None:
        self._fields = dict(fields)

    def to_json(self) -> JsonObject:
        """Return a copy of everything that was sent, for the record of calls."""
        return dict(self._fields)

    def has(self, name: str) -> bool:
        """Whether the parameter was sent and is not null."""
        return self._fields.get(name) is not None

    def text(self, name: str) -> str:
        """Return the text, "" when absent."""
        value = self._fields.get(name)
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str, default: int) -> int:
        """Return the whole number, or the default when it is absent or no number (Telegram does the same)."""
        value = self._fields.get(name)
        if isinstance(value, bool) or value is None:
            return default
        if isinstance(value, int | float):
            return int(value)
        if isinstance(value, str):
            digits = value.strip().removeprefix("-")
            if (
                digits.isascii() and digits.isdigit() and len(digits) < 19
            ):  # 64-bit ids have at most 19 digits
                return int(value)
        return default

    def flag(self, name: str) -> bool:
        """Return whether the parameter says yes."""
        value = self._fields.get(name)
        return value if isinstance(value, bool) else self.text(name).lower() in _TRUE_WORDS

    def nested(self, name: str, what: str) -> Json:
        """Return an object or list, decoded when it came as a JSON text; None when absent or empty.

        Refuses text that is no JSON: "can't parse reply keyboard markup JSON object" with `what` in place.
        """
        value = self._fields.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            decoded: Json = json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {what} JSON object") from None
        return decoded
