"""The feed machine as tables: states, events, transitions, and the reasons for a resync in operator's words.

Tables only; `engine.core.feed.feeds` drives them.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.book import NotLive
from engine.domain.views import Severity


class FeedState(Enum):
    """How far one token's book can be trusted."""

    WAITING = "waiting"
    """Subscribed, no snapshot yet."""
    UNPROVEN = "unproven"
    """There is a book, but no checksum has confirmed it on this connection."""
    LIVE = "live"
    RESYNCING = "resyncing"
    """The book was dropped and a snapshot is wanted."""
    STALE = "stale"
    """Nothing has confirmed the book in time."""
    DOWN = "down"


class FeedEvent(Enum):
    """What can happen to one token's feed."""

    PROVEN = "proven"
    """The newest checksum matched the book."""
    DOUBTED = "doubted"
    """A fault that only a snapshot repairs."""
    UNCERTAIN = "uncertain"
    """A change of the REST snapshot's own millisecond: in it or after it, later messages tell."""
    SILENT = "silent"
    HEARD = "heard"
    LINK_DOWN = "link_down"
    LINK_UP_WITH_BOOK = "link_up_with_book"
    LINK_UP_EMPTY = "link_up_empty"


_S, _E = FeedState, FeedEvent

TRANSITIONS: dict[tuple[FeedState, FeedEvent], FeedState] = {
    (_S.WAITING, _E.PROVEN): _S.LIVE,
    (_S.WAITING, _E.DOUBTED): _S.RESYNCING,
    (_S.WAITING, _E.SILENT): _S.WAITING,
    (_S.WAITING, _E.HEARD): _S.WAITING,
    (_S.WAITING, _E.LINK_DOWN): _S.DOWN,
    (_S.UNPROVEN, _E.PROVEN): _S.LIVE,
    (_S.UNPROVEN, _E.DOUBTED): _S.RESYNCING,
    (_S.UNPROVEN, _E.UNCERTAIN): _S.UNPROVEN,
    (_S.UNPROVEN, _E.SILENT): _S.UNPROVEN,
    (_S.UNPROVEN, _E.HEARD): _S.UNPROVEN,
    (_S.UNPROVEN, _E.LINK_DOWN): _S.DOWN,
    (_S.LIVE, _E.PROVEN): _S.LIVE,
    (_S.LIVE, _E.DOUBTED): _S.RESYNCING,
    (_S.LIVE, _E.UNCERTAIN): _S.UNPROVEN,
    (_S.LIVE, _E.SILENT): _S.STALE,
    (_S.LIVE, _E.HEARD): _S.LIVE,
    (_S.LIVE, _E.LINK_DOWN): _S.DOWN,
    (_S.RESYNCING, _E.PROVEN): _S.LIVE,
    (_S.RESYNCING, _E.DOUBTED): _S.RESYNCING,
    (_S.RESYNCING, _E.SILENT): _S.RESYNCING,
    (_S.RESYNCING, _E.HEARD): _S.RESYNCING,
    (_S.RESYNCING, _E.LINK_DOWN): _S.DOWN,
    (_S.STALE, _E.DOUBTED): _S.RESYNCING,
    (_S.STALE, _E.SILENT): _S.STALE,
    # A connection heard again has lost nothing in between: it is one TCP stream.
    (_S.STALE, _E.HEARD): _S.LIVE,
    (_S.STALE, _E.LINK_DOWN): _S.DOWN,
    (_S.DOWN, _E.DOUBTED): _S.DOWN,
    (_S.DOWN, _E.LINK_DOWN): _S.DOWN,
    (_S.DOWN, _E.LINK_UP_WITH_BOOK): _S.UNPROVEN,
    (_S.DOWN, _E.LINK_UP_EMPTY): _S.WAITING,
}

IMPOSSIBLE: frozenset[tuple[FeedState, FeedEvent]] = frozenset(
    {
        # A link comes up only after it was down.
        *((state, _E.LINK_UP_WITH_BOOK) for state in FeedState if state is not _S.DOWN),
        *((state, _E.LINK_UP_EMPTY) for state in FeedState if state is not _S.DOWN),
        # Uncertain needs a book that a REST snapshot gave.
        (_S.WAITING, _E.UNCERTAIN),
        (_S.RESYNCING, _E.UNCERTAIN),
        # Being heard precedes whatever a frame brings.
        (_S.STALE, _E.PROVEN),
        (_S.STALE, _E.UNCERTAIN),
        # Nothing is read from a link that is down.
        (_S.DOWN, _E.PROVEN),
        (_S.DOWN, _E.UNCERTAIN),
        (_S.DOWN, _E.SILENT),
        (_S.DOWN, _E.HEARD),
    }
)

NOT_LIVE: dict[FeedState, NotLive] = {
    FeedState.WAITING: NotLive.WAITING,
    FeedState.UNPROVEN: NotLive.UNPROVEN,
    FeedState.RESYNCING: NotLive.RESYNCING,
    FeedState.STALE: NotLive.STALE,
    FeedState.DOWN: NotLive.DOWN,
}


class Reason(Enum):
    """Why a book is dropped and fetched again; the value is the metric's label."""

    FIRST_DELTA = "first_delta"
    HASH = "hash"
    TOUCH = "touch"
    CROSSED = "crossed"
    OFF_GRID = "off_grid"
    UNKNOWN_LEVEL = "unknown_level"
    BACKWARDS = "backwards"
    TIME_AHEAD = "time_ahead"
    WRONG_MARKET = "wrong_market"
    TICK_CHANGE = "tick_change"
    BAD_SNAPSHOT = "bad_snapshot"
    MISSED = "missed"
    MIRROR = "mirror"
    NO_SNAPSHOT = "no_snapshot"


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """How a reason is told to operators."""

    severity: Severity
    sentence: str


REASONS: dict[Reason, ReasonRow] = {
    Reason.FIRST_DELTA: ReasonRow(Severity.WARN, "a change came before any snapshot"),
    Reason.HASH: ReasonRow(Severity.WARN, "the venue's checksum does not match our book: a change was lost"),
    Reason.TOUCH: ReasonRow(Severity.WARN, "the venue's best prices differ from ours: a change was lost"),
    Reason.CROSSED: ReasonRow(Severity.WARN, "our book crosses and the checksum does not confirm it"),
    Reason.OFF_GRID: ReasonRow(Severity.WARN, "a price lies off the market's tick"),
    Reason.UNKNOWN_LEVEL: ReasonRow(Severity.WARN, "a level was removed that we do not have"),
    Reason.BACKWARDS: ReasonRow(Severity.WARN, "venue time went backwards on this market"),
    Reason.TIME_AHEAD: ReasonRow(Severity.WARN, "venue time is far ahead of this machine's clock"),
    Reason.WRONG_MARKET: ReasonRow(Severity.WARN, "a message names this token under another market"),
    Reason.TICK_CHANGE: ReasonRow(Severity.INFO, "the market's tick changed"),
    Reason.BAD_SNAPSHOT: ReasonRow(Severity.WARN, "a snapshot contradicts itself"),
    Reason.MISSED: ReasonRow(Severity.WARN, "the venue's book moved on and the stream did not tell"),
    Reason.MIRROR: ReasonRow(Severity.WARN, "the two outcomes' books contradict each other"),
    Reason.NO_SNAPSHOT: ReasonRow(Severity.WARN, "no book has been confirmed since subscribing"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What made a book doubtful, for the alert."""

    reason: Reason
    expected: str
    found: str


def next_state(state: FeedState, event: FeedEvent) -> FeedState:
    """Return the state after `event`; asserts that the pair can happen."""
    assert (state, event) not in IMPOSSIBLE, f"{event.name} cannot happen in {state.name}"
    return TRANSITIONS[state, event]
