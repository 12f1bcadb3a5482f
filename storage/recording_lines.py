"""The lines of a recording: one JSON object per input of the feed core, its kind first. No files here.

A message that is one line of valid JSON stands in its line as it came, byte for byte; any other is base64.
Which of the two is not guessed: a line is used only if reading it back gives the same bytes.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from engine.core.feed.inlet import (
    BooksAnswered,
    BooksRefused,
    Checked,
    FeedInput,
    Heard,
    Linked,
    Tracked,
)
from engine.core.feed.tracked import TrackedToken
from engine.domain.ids import ConditionId, ConnectionId, TokenId
from engine.domain.units import Ms, Price

FORMAT: Final = 1
"""Version of these lines; a reader refuses a newer one."""


class TokenLine(msgspec.Struct, frozen=True, gc=False):
    """A watched token as the catalogue described it."""

    token: str
    condition: str
    complement: str
    tick: int
    """In 1e-4 USDC."""
    tick_text: str
    min_text: str
    neg_risk: bool
    name: str


class HeadLine(msgspec.Struct, frozen=True, tag_field="k", tag="head"):
    """First line of every file."""

    format: int
    program: str
    mode: str
    hosts: dict[str, str]
    """Names of the hosts by what they serve; no path, no secret."""
    run: str
    """The same in all files of one run of the recorder."""
    file: int
    """Counts the run's files from 1; all but the first continue the one before."""
    began_ms: int
    tokens_per_connection: int
    tracked: list[TokenLine] = []
    """What was watched when a continuing file begins, for who starts reading here."""
    up: list[int] = []
    """Connections that were up then."""


class TrackLine(msgspec.Struct, frozen=True, tag_field="k", tag="track"):
    """These tokens are watched from now on."""

    t: int
    tokens: list[TokenLine]


class LinkLine(msgspec.Struct, frozen=True, tag_field="k", tag="link", gc=False):
    """A connection came up or went down."""

    t: int
    c: int
    up: bool


class FrameLine(msgspec.Struct, frozen=True, tag_field="k", tag="frame", gc=False):
    """A message, verbatim."""

    t: int
    c: int
    f: msgspec.Raw


class OddFrameLine(msgspec.Struct, frozen=True, tag_field="k", tag="frame64", gc=False):
    """A message that is not one line of JSON, in base64."""

    t: int
    c: int
    f: bytes


class BooksLine(msgspec.Struct, frozen=True, tag_field="k", tag="books"):
    """Bodies of a REST answer, verbatim."""

    t: int
    asked: list[str]
    bodies: list[msgspec.Raw]


class OddBooksLine(msgspec.Struct, frozen=True, tag_field="k", tag="books64"):
    """Bodies of a REST answer of which at least one is not one line of JSON, in base64."""

    t: int
    asked: list[str]
    bodies: list[bytes]


class NoBooksLine(msgspec.Struct, frozen=True, tag_field="k", tag="nobooks"):
    """A REST read failed."""

    t: int
    asked: list[str]
    why: str


class CheckLine(msgspec.Struct, frozen=True, tag_field="k", tag="check", gc=False):
    """A second has passed."""

    t: int


class EndLine(msgspec.Struct, frozen=True, tag_field="k", tag="end"):
    """Last line of a file that was closed in order."""

    t: int
    why: str
    """"rotated", "stopped", or what ended the recording before its time."""
    lost: int
    """Inputs known to be missing after this line."""


Line = (
    FrameLine
    | CheckLine
    | OddFrameLine
    | LinkLine
    | TrackLine
    | BooksLine
    | OddBooksLine
    | NoBooksLine
    | HeadLine
    | EndLine
)
DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_FRAMES = msgspec.json.Decoder(FrameLine)
_BOOKS = msgspec.json.Decoder(BooksLine)
_ENCODER = msgspec.json.Encoder()
_Verbatim = TypeVar("_Verbatim", FrameLine, BooksLine)
_MAKE = tuple.__new__


def encode(line: Line) -> bytes:
    """Return a line with its newline."""
    return _ENCODER.encode(line) + b"\n"


def encode_input(entry: FeedInput) -> bytes:
    """Return an input's line with its newline."""
    match entry:
        case Heard(at_ms, connection, raw):
            line = b'{"k":"frame","t":%d,"c":%d,"f":%b}' % (at_ms, connection, raw)
            if _reads_back(_FRAMES, line, raw, lambda found: bytes(found.f) == raw):
                return line + b"\n"
            return encode(OddFrameLine(at_ms, connection, raw))
        case BooksAnswered(at_ms, asked, bodies):
            told = _ENCODER.encode(asked)
            joined = b",".join(bodies)
            line = b'{"k":"books","t":%d,"asked":%b,"bodies":[%b]}' % (at_ms, told, joined)
            if _reads_back(_BOOKS, line, joined, lambda found: tuple(map(bytes, found.bodies)) == bodies):
                return line + b"\n"
            return encode(OddBooksLine(at_ms, list(asked), list(bodies)))
        case BooksRefused(at_ms, asked, reason):
            return encode(NoBooksLine(at_ms, list(asked), reason))
        case Checked(at_ms):
            return b'{"k":"check","t":%d}\n' % at_ms
        case Linked(at_ms, connection, up):
            return encode(LinkLine(at_ms, connection, up))
        case Tracked(at_ms, tokens):
            return encode(TrackLine(at_ms, [token_line(token) for token in tokens]))


def _reads_back(
    decoder: msgspec.json.Decoder[_Verbatim], line: bytes, raw: bytes, same: Callable[[_Verbatim], bool]
) -> bool:
    """Tell whether bytes put into a line come out of it as they went in, and are text."""
    if b"\n" in raw or b"\r" in raw:
        return False
    try:
        if not raw.isascii():
            raw.decode()
        return same(decoder.decode(line))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def input_of(line: Line) -> FeedInput | None:
    """Return the input of a line; None for a head or an end."""
    if type(line) is FrameLine:  # nearly always; a named tuple by its C constructor is half the cost
        return _MAKE(Heard, (line.t, line.c, bytes(line.f)))
    match line:
        case FrameLine() | OddFrameLine():
            return Heard(Ms(line.t), ConnectionId(line.c), bytes(line.f))
        case CheckLine():
            return Checked(Ms(line.t))
        case LinkLine():
            return Linked(Ms(line.t), ConnectionId(line.c), line.up)
        case TrackLine():
            return Tracked(Ms(line.t), tuple(tracked_token(token) for token in line.tokens))
        case BooksLine() | OddBooksLine():
            bodies: list[Any] = list(line.bodies)
            return BooksAnswered(Ms(line.t), _tokens(line.asked), tuple(bytes(body) for body in bodies))
        case NoBooksLine():
            return BooksRefused(Ms(line.t), _tokens(line.asked), line.why)
        case HeadLine() | EndLine():
            return None


def _tokens(texts: list[str]) -> tuple[TokenId, ...]:
    return tuple(TokenId(text) for text in texts)


def token_line(token: TrackedToken) -> TokenLine:
    """Return how a watched token is written."""
    return TokenLine(
        token.token_id,
        token.condition_id,
        token.complement,
        token.tick,
        token.tick_text,
        token.min_order_size_text,
        token.neg_risk,
        token.name,
    )


def tracked_token(line: TokenLine) -> TrackedToken:
    """Return the watched token that a line describes."""
    return TrackedToken(
        token_id=TokenId(line.token),
        condition_id=ConditionId(line.condition),
        complement=TokenId(line.complement),
        tick=Price(line.tick),
        min_order_size_text=line.min_text,
        tick_text=line.tick_text,
        neg_risk=line.neg_risk,
        name=line.name,
    )
