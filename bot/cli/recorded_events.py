"""A recording and the stored catalogue's answer to it: what every backtest of the command line reads.

Finds out which events the recorded tokens belong to, steps a backtest through the files, and words what is
missing. Reads only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import click

from bot.cli.recorded_pieces import Course, shown_pieces
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import FeedInlet, FeedInput, Tracked
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup
from engine.domain.units import Ms
from engine.ports import StoreError
from engine.venue.wire import decode_books, decode_market
from storage.recording import Closed, Damaged, Opened
from storage.recording_lines import HeadLine
from storage.stored_events import read_codes, read_events

TOKENS_SHOWN = 5
"""A hint names at most so many tokens; --json lists all."""


class BacktestError(Exception):
    """There is nothing to test; the text says what was expected, what was found, and what happens next."""


class Stepped(Protocol):
    """What steps through the inputs of a recording: a backtest."""

    def know(self, events: Iterable[EventGroup]) -> None:
        """Add events as the catalogue holds them."""

    def begin(self, inlet: FeedInlet) -> None:
        """Begin a run with a feed core of its own."""

    def take(self, entries: Sequence[FeedInput]) -> None:
        """Take inputs in order."""


@dataclass(slots=True)
class EventReading:
    """What the recording told so far, and the catalogue's answer to it."""

    data_dir: Path
    wanted: str | None
    backtest: Stepped
    course: Course = field(default_factory=Course)
    inputs: int = 0
    first_ms: Ms | None = None
    last_ms: Ms | None = None
    head: HeadLine | None = None
    tokens: dict[TokenId, bool] = field(default_factory=dict)
    """Every watched token, and whether the catalogue knows it."""
    known: set[str] = field(default_factory=set)
    """Codes of the recording's events."""

    def take(self, entries: tuple[FeedInput, ...] | list[FeedInput]) -> None:
        """Look up what is watched for the first time, then step."""
        if not entries:
            return
        for entry in entries:
            if isinstance(entry, Tracked):
                self._look_up([token.token_id for token in entry.tokens])
        self.inputs += len(entries)
        self.first_ms = entries[0].at_ms if self.first_ms is None else self.first_ms
        self.last_ms = entries[-1].at_ms
        self.backtest.take(entries)

    def _look_up(self, tokens: list[TokenId]) -> None:
        new = [token for token in tokens if token not in self.tokens]
        found = read_events(self.data_dir, new)
        events = [event for event in found if event.code not in self.known]
        self.tokens |= dict.fromkeys(new, False)
        self.known |= {event.code for event in events}
        # An event known before may get more of its tokens watched later.
        for event in found:
            for market in event.markets:
                self.tokens |= {t: True for t in (market.yes, market.no) if t in self.tokens}
        self.backtest.know(event for event in events if self.wanted in (None, event.code))

    def told(self) -> dict[str, object]:
        """Return what an artefact says of the recording."""
        course = self.course
        return {
            "runs": course.runs,
            "inputs": self.inputs,
            "first_ms": self.first_ms,
            "last_ms": self.last_ms,
            "notes": course.notes,
            "damage": course.damage,
        }

    @property
    def unknown(self) -> tuple[TokenId, ...]:
        """Tokens of the recording that the catalogue does not have."""
        return tuple(token for token, found in self.tokens.items() if not found)


def demand_code(data_dir: Path, wanted: str) -> None:
    """Raise BacktestError if no stored event has this code."""
    codes = _catalogue(data_dir, None)
    if wanted not in codes:
        shown = ", ".join(codes[:8]) or "none"
        raise BacktestError(
            f"expected the code of a stored event, found {wanted!r}; stored in {data_dir}: {shown}. "
            f"`dutchdesk markets-sync --data {data_dir}` reads the catalogue again"
        )


def _catalogue(data_dir: Path, head: HeadLine | None) -> tuple[str, ...]:
    try:
        return read_codes(data_dir)
    except StoreError as error:
        raise BacktestError(
            f"expected the outcomes of the recorded events in {data_dir}: {error}. "
            f"{_next_step(data_dir, head)}"
        ) from None


def _next_step(data_dir: Path, head: HeadLine | None) -> str:
    venue = head.hosts.get("catalogue", head.mode) if head is not None else "the venue of the recording"
    return f"Run `dutchdesk markets-sync --data {data_dir}` with the TOML of {venue}, then this command again"


def run_recording(reading: EventReading, files: tuple[Path, ...]) -> None:
    """Step through the files; Ctrl-C ends the recording there, and says so."""
    course = reading.course
    try:
        for piece in shown_pieces(files, "backtest"):
            match piece:
                case Opened():
                    if piece.fresh:
                        reading.head = piece.head
                        _catalogue(reading.data_dir, piece.head)
                        feeds = Feeds(tokens_per_connection=piece.head.tokens_per_connection)
                        reading.backtest.begin(FeedInlet(feeds, decode_market, decode_books))
                    course.note(piece)
                    reading.take(piece.opening())
                case Closed() | Damaged():
                    course.note(piece)
                case _:
                    reading.take(list(piece))
    except KeyboardInterrupt:
        course.notes.append("stopped by Ctrl-C before its end")


def demand_something(reading: EventReading) -> None:
    """Refuse what holds no event to plan, with the reason."""
    course = reading.course
    if not reading.tokens:
        found = course.damage or ("no inputs" if course.files else "an empty file")
        raise BacktestError(
            f"expected a recording with watched markets, found {found}; make one with `dutchdesk record`"
        )
    if not reading.known:
        raise BacktestError(
            f"expected the recorded markets in the catalogue of {reading.data_dir}, found none of "
            f"{len(reading.tokens)} tokens ({_names(reading.unknown)}). "
            f"{_next_step(reading.data_dir, reading.head)}"
        )
    if reading.wanted is not None and reading.wanted not in reading.known:
        raise BacktestError(
            f"expected event {reading.wanted!r} in the recording, found: {', '.join(sorted(reading.known))}; "
            "name one of these"
        )


def hint(reading: EventReading) -> None:
    """Tell on standard error what was left out, and what to do about it."""
    unknown = reading.unknown
    if unknown:
        click.echo(
            f"left out, because the catalogue of {reading.data_dir} does not know them: {len(unknown)} of "
            f"{len(reading.tokens)} tokens ({_names(unknown)}). "
            f"{_next_step(reading.data_dir, reading.head)}; "
            f"`dutchdesk markets-resolve TOKEN --data {reading.data_dir}` tells what one is",
            err=True,
        )


def _names(tokens: tuple[TokenId, ...]) -> str:
    more = len(tokens) - TOKENS_SHOWN
    return ", ".join(tokens[:TOKENS_SHOWN]) + (f" and {more} more" if more > 0 else "")
