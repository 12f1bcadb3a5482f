"""A recording through the feed core: the code of a live run, driven by the recording's own times.

At full speed nothing waits; at a factor a `Pace` says when a recorded time is due.
"""

import hashlib
from collections.abc import Callable, Sequence

from engine.clock import Clock
from engine.core.feed.feeds import Feeds, FeedStatus
from engine.core.feed.inlet import Checked, FeedInlet, FeedInput, Heard, Tracked
from engine.core.feed.tracked import TrackedToken
from engine.domain.book import LiveBook
from engine.domain.effects import Count
from engine.domain.failure import VenueFailure
from engine.domain.frames import BookSnapshot, Frame
from engine.domain.units import Ms
from engine.runtime.feed_tally import FeedTally


class Pace:
    """When recorded times are due, counted from the first one that was asked about."""

    def __init__(self, clock: Clock, speed: float) -> None:
        """Run `speed` times as fast as `clock`."""
        assert speed > 0, f"expected a speed above 0, was {speed}"
        self._clock = clock
        self._speed = speed
        self._began: tuple[Ms, Ms] | None = None

    def due_in_s(self, at_ms: Ms) -> float:
        """Return how many seconds are left until a recorded time, 0 when it has come."""
        now_ms = self._clock.now_ms()
        if self._began is None:
            self._began = at_ms, now_ms
        recorded_ms, real_ms = self._began
        return max(0.0, ((at_ms - recorded_ms) / self._speed - (now_ms - real_ms)) / 1000)


class Replay:
    """Runs of one recording, one after the other, added up in one tally."""

    def __init__(
        self,
        decode_market: Callable[[bytes], tuple[Frame, ...]],
        decode_books: Callable[[bytes], tuple[BookSnapshot, ...] | VenueFailure],
        *,
        wait_until: Callable[[Ms], None] | None = None,
    ) -> None:
        """Take the venue's decoders; `wait_until` returns when a recorded time has come."""
        self._decoders = decode_market, decode_books
        self._wait_until = wait_until
        self.after_check: Callable[[Ms], None] | None = None
        """Called once per recorded second, when every live book has been verified."""
        self._inlet: FeedInlet | None = None
        self.tracked: tuple[TrackedToken, ...] = ()
        self.tally = FeedTally()

    @property
    def feeds(self) -> Feeds:
        """The present run's feed core."""
        assert self._inlet is not None, "a run is begun before it is looked at"
        return self._inlet.feeds

    def begin(self, tokens_per_connection: int) -> None:
        """Begin a run as the live one did: with an empty feed core."""
        self._inlet = FeedInlet(Feeds(tokens_per_connection=tokens_per_connection), *self._decoders)
        self.tracked = ()

    def take(self, entries: Sequence[FeedInput]) -> None:
        """Give inputs to the core, in order."""
        assert self._inlet is not None, "a run is begun before its inputs come"
        take, wait_until = self._inlet.take, self._wait_until
        self.tally.note_inputs(entries)
        for entry in entries:
            if wait_until is not None:
                wait_until(entry.at_ms)
            effects = take(entry)
            if effects:
                self.tally.note_effects(entry.at_ms, effects)
            if type(entry) is not Heard:
                self._follow(entry)

    def _follow(self, entry: FeedInput) -> None:
        if isinstance(entry, Tracked):
            self.tracked = entry.tokens
        elif isinstance(entry, Checked) and self.after_check is not None:
            self.after_check(entry.at_ms)

    def count_rest(self) -> None:
        """Add up the counters that wait for the next check; the hash is not touched, no input caused them."""
        for effect in self.feeds.drain():
            if isinstance(effect, Count):
                self.tally.counts[effect.metric, effect.label] += effect.by

    def status(self) -> FeedStatus:
        """Return how the present run's market data stands at its newest input."""
        return self.feeds.status(self._now())

    def books(self) -> dict[str, LiveBook | None]:
        """Return every watched token's book, None where it is not live. Asks, so the run is over then."""
        now_ms = self._now()
        found = {token.token_id: self.feeds.live(token.token_id, now_ms) for token in self.tracked}
        return {token: book if isinstance(book, LiveBook) else None for token, book in found.items()}

    def _now(self) -> Ms:
        return Ms(0) if self.tally.last_ms is None else self.tally.last_ms


def books_digest(books: dict[str, LiveBook | None]) -> str:
    """Return one hash over all books: their tokens, checksums and levels, in the order of the tokens."""
    sha = hashlib.sha256()
    for token, book in sorted(books.items()):
        sha.update(f"{token} ".encode())
        if book is not None:
            sides = ((level.price, level.size) for side in (book.bids, book.asks) for level in side)
            sha.update(f"{book.hash} {book.tick} {len(book.bids)} {list(sides)}".encode())
        sha.update(b"\n")
    return sha.hexdigest()
