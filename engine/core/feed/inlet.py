"""Everything that can enter the feed core, as values, and the one way in: a live run and a replay share it.

An input carries its own time, so whoever takes the same inputs in the same order gets the same effects, byte
for byte. Raw bytes are decoded here by functions that are handed in. No clock, no I/O.
"""

from collections.abc import Callable
from typing import NamedTuple, assert_never

from engine.core.feed.feeds import Feeds
from engine.core.feed.tracked import TrackedToken
from engine.domain.effects import Effect
from engine.domain.failure import VenueFailure
from engine.domain.frames import BookSnapshot, Frame
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.units import Ms


class Tracked(NamedTuple):
    """These tokens, and no others, are watched from now on."""

    at_ms: Ms
    tokens: tuple[TrackedToken, ...]


class Linked(NamedTuple):
    """A connection came up or went down."""

    at_ms: Ms
    connection: ConnectionId
    up: bool


class Heard(NamedTuple):
    """One message of a connection, whatever its bytes are."""

    at_ms: Ms
    connection: ConnectionId
    raw: bytes


class BooksAnswered(NamedTuple):
    """REST answered: one body per request, for all the tokens that were asked for."""

    at_ms: Ms
    asked: tuple[TokenId, ...]
    bodies: tuple[bytes, ...]


class BooksRefused(NamedTuple):
    """A REST read of books came to nothing."""

    at_ms: Ms
    asked: tuple[TokenId, ...]
    reason: str


class Checked(NamedTuple):
    """A second has passed: what is due by time is done."""

    at_ms: Ms


FeedInput = Heard | Checked | Linked | Tracked | BooksAnswered | BooksRefused


class FeedInlet:
    """Gives inputs to a feed core."""

    def __init__(
        self,
        feeds: Feeds,
        decode_market: Callable[[bytes], tuple[Frame, ...]],
        decode_books: Callable[[bytes], tuple[BookSnapshot, ...] | VenueFailure],
    ) -> None:
        """Take the core and the venue's two decoders, which must be pure."""
        self.feeds = feeds
        self.frames: tuple[Frame, ...] = ()
        """What the newest message was, for whoever logs what was refused in it."""
        self._decode_market = decode_market
        self._decode_books = decode_books

    def take(self, entry: FeedInput) -> tuple[Effect, ...]:
        """Do what the input says at its own time; returns the effects in order."""
        if type(entry) is Heard:
            at_ms, connection, raw = entry
            frames = self.frames = self._decode_market(raw)
            if len(frames) == 1:  # nearly always, and adding tuples costs more than a change of a book
                return self.feeds.apply(connection, frames[0], at_ms)
            return tuple(x for frame in frames for x in self.feeds.apply(connection, frame, at_ms))
        return self._take_rare(entry)

    def _take_rare(self, entry: FeedInput) -> tuple[Effect, ...]:
        match entry:
            case Checked():
                return self.feeds.check(entry.at_ms)
            case Linked():
                return self.feeds.link(entry.connection, up=entry.up, at_ms=entry.at_ms)
            case Tracked():
                return self.feeds.track(entry.tokens, entry.at_ms)
            case BooksAnswered():
                return self._take_books(entry)
            case BooksRefused():
                return self.feeds.books_read_failed(entry.asked, entry.at_ms)
            case Heard():
                raise AssertionError("messages are not rare")
            case _:
                assert_never(entry)

    def _take_books(self, entry: BooksAnswered) -> tuple[Effect, ...]:
        """Take the books of an answer; one bad body fails the whole read, as it does for the desk."""
        books: list[BookSnapshot] = []
        for body in entry.bodies:
            read = self._decode_books(body)
            if isinstance(read, VenueFailure):
                return self.feeds.books_read_failed(entry.asked, entry.at_ms)
            books.extend(read)
        return self.feeds.books_read(entry.asked, books, entry.at_ms)
