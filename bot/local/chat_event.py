"""What a person sees in the chat, as values: messages, edits, toasts, deletions, their marks and buttons.

The stand-in writes these events, the terminal reads them; both sides use the one pair of conversions here.
Offsets and lengths of marks count UTF-16 code units, as everywhere in the Bot API. No I/O here.
"""

from dataclasses import dataclass
from enum import Enum

from bot.wire import Json, JsonObject, as_list, as_object, read_bool, read_int, read_str


class MarkKind(Enum):
    """The kinds of text marks ("message entities") that the stand-in knows, under Telegram's names."""

    BOLD = "bold"
    ITALIC = "italic"
    UNDERLINE = "underline"
    STRIKE = "strikethrough"
    SPOILER = "spoiler"
    CODE = "code"
    PRE = "pre"
    LINK = "text_link"
    QUOTE = "blockquote"
    EXPANDABLE_QUOTE = "expandable_blockquote"
    TIME = "date_time"
    COMMAND = "bot_command"


@dataclass(frozen=True, slots=True)
class Mark:
    """One marked stretch of a text. `extra` holds the kind's own fields, such as the url of a link."""

    kind: MarkKind
    offset: int
    length: int
    extra: tuple[tuple[str, str | int], ...] = ()

    def to_json(self) -> JsonObject:
        """Return the Bot API's MessageEntity object."""
        fields: JsonObject = {"type": self.kind.value, "offset": self.offset, "length": self.length}
        fields.update(dict(self.extra))
        return fields

    @staticmethod
    def from_json(value: Json) -> "Mark":
        """Read `to_json` back; raises ValueError on anything else."""
        fields = as_object(value, "a mark")
        extra = tuple(
            (name, inner)
            for name, inner in fields.items()
            if name not in {"type", "offset", "length"} and isinstance(inner, str | int)
        )
        kind = MarkKind(read_str(fields, "type"))
        return Mark(kind, read_int(fields, "offset"), read_int(fields, "length"), extra)


class ButtonStyle(Enum):
    """Colour of a button (Bot API 9.4); PLAIN is the client's own colour."""

    PLAIN = ""
    PRIMARY = "primary"
    SUCCESS = "success"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class ButtonFace:
    """What a person sees of a button; `sends` is false for links and for buttons that copy a text."""

    label: str
    style: ButtonStyle = ButtonStyle.PLAIN
    sends: bool = True


class EventKind(Enum):
    """What happened in the chat."""

    MESSAGE = "message"
    EDIT = "edit"
    TOAST = "toast"
    DELETE = "delete"


BOT_SENDER = "bot"
"""`ChatEvent.sender` of what the bot did; otherwise a person's name."""


@dataclass(frozen=True, slots=True)
class ChatEvent:
    """One line of the transcript: what a person looking at chat `chat_id` saw at `at_ms`.

    A toast names the message whose button was pressed; `loud` is a notification with sound for a message and
    an answer shown as a dialog for a toast. A deletion has no text.
    """

    seq: int
    at_ms: int
    kind: EventKind
    chat_id: int
    message_id: int
    sender: str
    text: str = ""
    marks: tuple[Mark, ...] = ()
    rows: tuple[tuple[ButtonFace, ...], ...] = ()
    loud: bool = False

    @property
    def from_bot(self) -> bool:
        """Whether the bot did this."""
        return self.sender == BOT_SENDER

    @property
    def is_card(self) -> bool:
        """Whether this shows a text of the bot: a new message or an edit."""
        return self.from_bot and self.kind in {EventKind.MESSAGE, EventKind.EDIT}

    @property
    def buttons(self) -> tuple[ButtonFace, ...]:
        """All buttons in reading order; the terminal's numbers start at 1."""
        return tuple(face for row in self.rows for face in row)

    def to_json(self) -> JsonObject:
        """Return the event as the chat door sends it."""
        return {
            "seq": self.seq,
            "at_ms": self.at_ms,
            "kind": self.kind.value,
            "chat_id": self.chat_id,
            "message_id": self.message_id,
            "sender": self.sender,
            "text": self.text,
            "entities": [mark.to_json() for mark in self.marks],
            "buttons": [
                [{"label": face.label, "style": face.style.value, "sends": face.sends} for face in row]
                for row in self.rows
            ],
            "loud": self.loud,
        }

    @staticmethod
    def from_json(value: Json) -> "ChatEvent":
        """Read `to_json` back; raises ValueError on anything else."""
        fields = as_object(value, "a chat event")
        return ChatEvent(
            seq=read_int(fields, "seq"),
            at_ms=read_int(fields, "at_ms"),
            kind=EventKind(read_str(fields, "kind")),
            chat_id=read_int(fields, "chat_id"),
            message_id=read_int(fields, "message_id"),
            sender=read_str(fields, "sender"),
            text=read_str(fields, "text"),
            marks=tuple(Mark.from_json(mark) for mark in as_list(fields.get("entities"), "entities")),
            rows=tuple(_read_row(row) for row in as_list(fields.get("buttons"), "buttons")),
            loud=read_bool(fields, "loud"),
        )


def _read_row(value: Json) -> tuple[ButtonFace, ...]:
    faces = [as_object(face, "a button") for face in as_list(value, "a row of buttons")]
    return tuple(
        ButtonFace(read_str(face, "label"), ButtonStyle(read_str(face, "style")), read_bool(face, "sends"))
        for face in faces
    )


def utf16_length(text: str) -> int:
    """Return the length of `text` in UTF-16 code units, the Bot API's measure of offsets."""
    return len(text) + sum(character > "\uffff" for character in text)
