"""Inline keyboards: read from `reply_markup` with Telegram's checks, shown again in messages and events.

Facts: spec/telegram.md (b): callback data 1 to 64 bytes, at most 100 buttons, three styles, copied text at
most 256 characters. No state, no I/O.
"""

import json
from dataclasses import dataclass

from bot.local.chat_event import ButtonFace, ButtonStyle
from bot.local.standin.refusal import Params, Refusal, bad_request
from bot.wire import Json, JsonObject

BUTTONS_MAX = 100
DATA_BYTES_MAX = 64
COPY_CHARACTERS_MAX = 256
MARKUP_BYTES_MAX = 9_500


@dataclass(frozen=True, slots=True)
class SendsData:
    """A press comes back to the bot with this text."""

    payload: str


@dataclass(frozen=True, slots=True)
class OpensLink:
    """A press opens a page in the client; the bot hears nothing."""

    url: str


@dataclass(frozen=True, slots=True)
class CopiesText:
    """A press copies a text in the client; the bot hears nothing."""

    text: str


ButtonAct = SendsData | OpensLink | CopiesText


@dataclass(frozen=True, slots=True)
class Button:
    """One inline button."""

    label: str
    act: ButtonAct
    style: ButtonStyle = ButtonStyle.PLAIN

    def to_json(self) -> JsonObject:
        """Return the Bot API's InlineKeyboardButton."""
        fields: JsonObject = {"text": self.label}
        match self.act:
            case SendsData(payload):
                fields["callback_data"] = payload
            case OpensLink(url):
                fields["url"] = url
            case CopiesText(text):
                fields["copy_text"] = {"text": text}
        if self.style is not ButtonStyle.PLAIN:
            fields["style"] = self.style.value
        return fields

    def face(self) -> ButtonFace:
        """Return what a person sees of it."""
        return ButtonFace(self.label, self.style, isinstance(self.act, SendsData))


Keyboard = tuple[tuple[Button, ...], ...]
"""Rows of buttons; () is no keyboard."""


def keyboard_json(keyboard: Keyboard) -> JsonObject:
    """Return the Bot API's InlineKeyboardMarkup."""
    return {"inline_keyboard": [[button.to_json() for button in row] for row in keyboard]}


def faces(keyboard: Keyboard) -> tuple[tuple[ButtonFace, ...], ...]:
    """Return what a person sees of the keyboard."""
    return tuple(tuple(button.face() for button in row) for row in keyboard)


def read_keyboard(params: Params, *, inline_only: bool) -> Keyboard:
    """Return the inline keyboard of the call, () when there is none or a reply keyboard; raises Refusal.

    An edit can only carry an inline keyboard (`inline_only`).
    """
    markup = params.nested("reply_markup", "reply keyboard markup")
    if markup is None:
        return ()
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" not in markup:
        if inline_only and markup:
            raise bad_request("inline keyboard expected")
        return ()
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array')
    keyboard = tuple(row for row in (_read_row(row) for row in rows) if row)
    too_many = sum(len(row) for row in keyboard) > BUTTONS_MAX
    if too_many or len(json.dumps(markup, ensure_ascii=False).encode()) > MARKUP_BYTES_MAX:
        raise bad_request("REPLY_MARKUP_TOO_LONG")
    return keyboard


def _read_row(row: Json) -> tuple[Button, ...]:
    if not isinstance(row, list):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    return tuple(_read_button(button) for button in row)


def _cannot_parse(text: str) -> Refusal:
    return bad_request(f"can't parse inline keyboard button: {text}")


def _read_button(fields: Json) -> Button:
    if not isinstance(fields, dict):
        raise _cannot_parse("InlineKeyboardButton must be an Object")
    label = fields.get("text")
    if label is None:
        raise _cannot_parse('Can\'t find field "text"')
    if not isinstance(label, str):
        raise _cannot_parse('Field "text" must be of type String')
    if not label.strip():
        raise _cannot_parse('Field "text" must be non-empty')
    return Button(label, _read_act(fields), _read_style(fields.get("style")))


def _read_style(style: Json) -> ButtonStyle:
    if style is None:
        return ButtonStyle.PLAIN
    try:
        return ButtonStyle(style)
    except ValueError:
        raise bad_request("BUTTON_STYLE_INVALID") from None


def _read_act(fields: JsonObject) -> ButtonAct:
    url, payload, copied = fields.get("url"), fields.get("callback_data"), fields.get("copy_text")
    if isinstance(url, str) and url:
        if not url.startswith(("https://", "http://", "tg://")):
            raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
        return OpensLink(url)
    if isinstance(payload, str) and payload:
        if len(payload.encode()) > DATA_BYTES_MAX:
            raise bad_request("BUTTON_DATA_INVALID")
        return SendsData(payload)
    if isinstance(copied, dict):
        text = copied.get("text")
        if not isinstance(text, str) or not 0 < len(text) <= COPY_CHARACTERS_MAX:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
        return CopiesText(text)
    raise _cannot_parse("Text buttons are unallowed in the inline keyboard")
