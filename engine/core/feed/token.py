"""One token's feed: its book, the newest checksum the venue gave for it, and the proof that both agree.

Says what a message does to the book as a fault or an event of `table`; states, throttling and alerts
are `engine.core.feed.feeds`'s. No time of its own, no I/O.

The checksum of a change covers the whole book after it, so one match proves the present book whatever came
before. Hence every other defence (touch, crossed, unknown level) only brings the check forward: a book that
the newest checksum confirms is right, and fetching it again would give the same one.
"""

from collections import Counter
from functools import lru_cache

from engine.core.feed.book import Book
from engine.core.feed.checksum import HashTerms, checksum, find_last_trade, hashed_head
from engine.core.feed.faults import backwards, build_book, misplaced, off_grid, suspicion
from engine.core.feed.rebuild import Held, Stamp, rebuild, stamp_of
from engine.core.feed.table import Fault, FeedEvent, FeedState, Reason
from engine.core.feed.throttle import FetchThrottle
from engine.core.feed.tracked import Shared, TrackedToken
from engine.domain.book import Level
from engine.domain.frames import BookDelta, BookSnapshot, BookTerms, LevelChange, TickChange
from engine.domain.units import Ms, Price

CHECK_EVERY = 100
"""Changes after which a book is checked at once, however busy it is."""
HELD_MAX = 256
"""Changes kept while a snapshot is fetched: two seconds of the busiest market seen (137 a second)."""
RIVAL_MS = 3_000
"""How long another book of our newest millisecond must stand before it is taken for the later one."""
CHECKS = "feed_hash_checks_total"
FRAMES = "feed_frames_total"


_terms = lru_cache(HashTerms)
"""Most markets have the same few terms: one object for all of them."""


class TokenFeed:
    """Mutable state of one token, moved by `engine.core.feed.feeds.Feeds` only."""

    __slots__ = (
        "_levels",
        "_rival_since_ms",
        "_shared",
        "_stamp",
        "_tally",
        "_tick_since_ms",
        "_unchecked",
        "base",
        "book",
        "delta",
        "epoch",
        "held",
        "last",
        "proven",
        "reason",
        "rival",
        "since_ms",
        "state",
        "terms",
        "throttle",
        "tick",
        "token",
    )

    def __init__(
        self,
        token: TrackedToken,
        shared: Shared,
        tally: Counter[tuple[str, str]],
        state: FeedState,
        at_ms: Ms,
    ) -> None:
        self.token = token
        self.tick = token.tick
        self.terms = _terms(token.min_order_size_text, token.tick_text, token.neg_risk)
        self.state = state
        self.since_ms = at_ms
        self.book: Book | None = None
        self._stamp: Stamp | None = None
        self.delta: BookDelta | None = None
        self.last: LevelChange | None = None
        """The newest message and its last change of this token, until somebody asks for their stamp."""
        self.proven = False
        self.base: Stamp | None = None
        """A REST book that the stream has not caught up with yet."""
        self.held: list[Held] = []
        """Changes that wait for a snapshot, at most `HELD_MAX`."""
        self.epoch = 0
        self.reason = Reason.NO_SNAPSHOT
        self.throttle = FetchThrottle(at_ms)
        self._shared = shared
        self._tally = tally
        self._tick_since_ms: Ms | None = None
        self._unchecked = 0
        self.rival: tuple[str, str] | None = None
        self._rival_since_ms = at_ms
        """Our newest checksum and another of its millisecond that the venue shows, and since when."""
        self._levels: tuple[tuple[Level, ...], tuple[Level, ...]] | None = None

    @property
    def stamp(self) -> Stamp | None:
        """The newest checksum seen, by venue time; it outlives the book and the connection."""
        if self.delta is not None and self.last is not None:
            self.stamp = Stamp(self.delta.venue_ms, self.delta.timestamp_text, self.last.hash)
        return self._stamp

    @stamp.setter
    def stamp(self, stamp: Stamp) -> None:
        self._stamp, self.delta, self.last = stamp, None, None

    def levels(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return bids and asks, best first; kept until the book changes."""
        assert self.book is not None, "expected a book"
        if self._levels is None:
            self._levels = self.book.levels()
        return self._levels

    def retell(self, token: TrackedToken) -> bool:
        """Take over what the catalogue says now; True if it puts the book on another grid.

        Only what changed in the catalogue counts: where the venue's own messages said otherwise, they stand.
        """
        before, self.token = self.token, token
        size, negative = token.min_order_size_text, token.neg_risk
        self.terms = self.terms.updated(
            BookTerms(
                min_order_size=None if size == before.min_order_size_text else size,
                tick_size=None,
                neg_risk=None if negative == before.neg_risk else negative,
                last_trade_price=None,
            )
        )
        return token.tick not in (before.tick, self.tick)

    def unsettle(self) -> None:
        """Have the next change of the market looked at with care."""
        self._shared.steady = False

    def drop(self) -> None:
        """Forget the book; held changes and the newest checksum stay."""
        self.book = self.base = self._levels = None
        self.proven = self._shared.steady = False

    def disconnect(self) -> None:
        """Keep the book, but nothing that depends on the order of the lost connection's messages."""
        self.base = None
        self.held.clear()
        self.proven = self._shared.steady = False

    def knows_tick(self, change: TickChange) -> bool:
        """Tell whether a change of tick is in the book already: told before, or older than what we have."""
        told_ms = self._tick_since_ms
        if told_ms is not None and change.venue_ms <= told_ms:
            return change.venue_ms < told_ms or change.new_tick == self.tick
        return self.stamp is not None and change.venue_ms < self.stamp.venue_ms

    def set_tick(self, tick: Price, tick_text: str, venue_ms: Ms | None) -> None:
        """Put later snapshots on a new grid; `venue_ms` is when the venue announced it."""
        self.tick, self._tick_since_ms = tick, venue_ms
        self.throttle.void()
        self.terms = HashTerms(self.terms.min_order_size, tick_text, self.terms.neg_risk)
        self.held.clear()
        self._shared.steady = False

    def verify(self) -> Fault | None:
        """Check the newest checksum against the book; the fault tells both."""
        assert self.book is not None, "expected a book"
        assert self.stamp is not None, "expected the checksum of the book"
        stamp, tape = self.stamp, self._shared.tape
        head = self._head(self.book, stamp, self.terms)
        self._unchecked = 0
        self._levels = None
        last_trade = find_last_trade(head, stamp.hash, tape.likely(), everywhere=True)
        if last_trade is None:
            self._tally[CHECKS, "mismatch"] += 1
            ours = checksum(head, tape.last_trade)
            at = f"at venue time {stamp.text}"
            return Fault(Reason.HASH, f"checksum {stamp.hash[:12]} {at}", f"{ours[:12]}")
        self._tally[CHECKS, "match" if last_trade == tape.last_trade else "adopted"] += 1
        tape.adopt(last_trade)
        self.proven = True
        return None

    def objection(self, delta: BookDelta, changes: list[LevelChange], at_ms: Ms) -> Fault | None:
        """Return why a change may not be applied at all; nothing is changed here."""
        if (fault := misplaced(self.token.condition_id, delta, at_ms)) is not None:
            return fault
        if self.stamp is not None and delta.venue_ms < self.stamp.venue_ms and self.base is None:
            return backwards(self.stamp.venue_ms, delta.venue_ms)
        if self.book is None:
            return None
        return off_grid(self.book, changes)

    def follows(self, check_every: int) -> bool:
        """Tell whether the book that has just taken `last` need not be checked at once.

        It must be when its touch is not the venue's, when it crosses, or after `check_every` messages.
        """
        self.proven = False
        self._unchecked += 1
        book, last = self.book, self.last
        assert book is not None and last is not None, "expected a book and its newest change"  # noqa: PT018
        return book.has_touch(last.best_bid, last.best_ask) and self._unchecked < check_every

    def examine(self, changes: list[LevelChange], *, known: bool) -> Fault | FeedEvent:
        """Check a doubtful book at once; `known` tells whether every level it removed was there."""
        assert self.book is not None, "expected a book"
        assert self.stamp is not None, "expected the checksum of the book"
        fault = self.verify()
        if fault is None:
            return FeedEvent.PROVEN
        self._keep(Held(self.stamp, tuple(changes)))
        return suspicion(self.book, changes[-1], known=known) or fault

    def take_delta(
        self, delta: BookDelta, changes: list[LevelChange], check_every: int
    ) -> Fault | FeedEvent | None:
        """Apply one message's changes of this token, to which there was no objection.

        None means that nothing is known to be wrong and the check may wait.
        """
        if self.book is None:
            self.hold(delta, changes)
            return Fault(Reason.FIRST_DELTA, "a snapshot first", f"a change at venue time {delta.venue_ms}")
        if self.base is None:
            return self._apply(self.book, delta, changes, check_every)
        if delta.venue_ms < self.base.venue_ms:
            self._tally[FRAMES, "superseded"] += 1
            return None
        if delta.venue_ms > self.base.venue_ms and not self.held:
            self.base = None
            return self._apply(self.book, delta, changes, check_every)
        return self._catch_up(self.book, self.base, delta, changes)

    def hold(self, delta: BookDelta, changes: list[LevelChange]) -> None:
        """Keep a change for the snapshot to come; its checksum is the newest now, unless it is an old one."""
        stamp = Stamp(delta.venue_ms, delta.timestamp_text, changes[-1].hash)
        if self.stamp is not None and stamp.venue_ms < self.stamp.venue_ms:
            self._tally[FRAMES, "superseded"] += 1
            return
        self.stamp, self.proven = stamp, False
        self._keep(Held(stamp, tuple(changes)))

    def _keep(self, part: Held) -> None:
        self.held.append(part)
        if len(self.held) > HELD_MAX:
            del self.held[0]

    def _apply(
        self, book: Book, delta: BookDelta, changes: list[LevelChange], check_every: int
    ) -> Fault | FeedEvent | None:
        known = True
        for change in changes:
            known = book.apply(change.side, change) is None and known
        # If one token appears twice in a message, only its last checksum and touch describe the book.
        self.last, self.delta = changes[-1], delta
        if self.follows(check_every) and known and self.state is FeedState.LIVE:
            return None
        return self.examine(changes, known=known)

    def _catch_up(
        self, book: Book, base: Stamp, delta: BookDelta, changes: list[LevelChange]
    ) -> Fault | FeedEvent:
        """Place a change of the REST book's own millisecond, or the first one after such changes."""
        if changes[-1].hash == base.hash:
            self._settle(book, base)
            return FeedEvent.PROVEN
        self.hold(delta, changes)
        assert self.stamp is not None, "holding a change sets the stamp"
        newest, terms = self.stamp, self.terms
        joined = rebuild(
            book,
            base.venue_ms,
            tuple(self.held),
            lambda candidate: self._proves(candidate, newest, terms, ()),
        )
        if joined is not None:
            self._settle(joined, newest)
            return FeedEvent.PROVEN
        if delta.venue_ms == base.venue_ms:
            return FeedEvent.UNCERTAIN
        return Fault(Reason.HASH, f"checksum {newest.hash[:12]}", "no order of changes that gives it")

    def take_snapshot(self, snapshot: BookSnapshot, at_ms: Ms) -> Fault | FeedEvent | None:
        """Replace the book by a stream snapshot: the dump on subscribing, or the book after a trade."""
        if (fault := misplaced(self.token.condition_id, snapshot, at_ms)) is not None:
            return fault
        if self.stamp is not None and snapshot.venue_ms < self.stamp.venue_ms:
            if self.base is None:
                return backwards(self.stamp.venue_ms, snapshot.venue_ms)
            self._tally[FRAMES, "superseded"] += 1
            return None
        book = build_book(snapshot, self.tick)
        if isinstance(book, Fault):
            self.stamp = stamp_of(snapshot)
            self.held.clear()
            return book
        if self._tick_is_outdated(snapshot, book):
            self._tally[FRAMES, "superseded"] += 1
            return None
        self.tick, self.terms = book.tick, self.terms.updated(snapshot.terms)
        if snapshot.terms.last_trade_price is not None:
            self._shared.tape.adopt(snapshot.terms.last_trade_price)
        self.epoch += 1
        self._settle(book, stamp_of(snapshot))
        self.proven = False
        if self.state is FeedState.LIVE:
            return None
        return self.verify() or FeedEvent.PROVEN

    def take_rest(self, snapshot: BookSnapshot, at_ms: Ms) -> bool:
        """Restore the book from a REST answer; False if it does not prove the present book.

        It must agree with its own checksum, and then either be newer than every change seen, or, with the
        changes held since, give the newest checksum seen. An old book is never taken for the present one.
        """
        book = build_book(snapshot, self.tick)
        fault = misplaced(self.token.condition_id, snapshot, at_ms)
        if isinstance(book, Fault) or fault is not None or self._tick_is_outdated(snapshot, book):
            self._tally[CHECKS, "rest_refused"] += 1
            return False
        stamp, newest, terms = stamp_of(snapshot), self.stamp, self.terms.updated(snapshot.terms)
        told = snapshot.terms.last_trade_price
        likely = () if told is None else (told,)
        if not self._proves(book, stamp, terms, likely):
            self._tally[CHECKS, "rest_refused"] += 1
            return False
        if newest is None or stamp.venue_ms > newest.venue_ms:
            self._settle(book, stamp)
            self.base = stamp  # the market is steady again only when the stream has caught up with it
        else:
            joined = rebuild(
                book,
                stamp.venue_ms,
                tuple(self.held),
                lambda candidate: self._proves(candidate, newest, terms, likely),
            )
            if joined is not None:
                self._settle(joined, newest)
            elif stamp.venue_ms == newest.venue_ms and self.is_outlasted(snapshot, at_ms):
                self._settle(book, stamp)
                self.base = stamp
            else:
                self._tally[CHECKS, "rest_behind"] += 1
                return False
        self._tally[CHECKS, "rest_match"] += 1
        self.tick, self.terms = book.tick, terms
        self.epoch += 1
        return True

    def is_outlasted(self, snapshot: BookSnapshot, at_ms: Ms) -> bool:
        """Tell whether the venue shows another book of our newest millisecond, and has done so for long.

        Several changes share a millisecond, so one look cannot tell which book is the later one. A stream
        that says nothing more while the venue stands by its book has lost the change between them.
        """
        assert self.stamp is not None, "expected a checksum"
        rival = (self.stamp.hash, snapshot.hash)
        if self.rival != rival:
            self.rival, self._rival_since_ms = rival, at_ms
            return False
        return at_ms - self._rival_since_ms >= RIVAL_MS

    def _settle(self, book: Book, stamp: Stamp) -> None:
        """Take over a book together with the checksum that proves it."""
        self.rival = None
        self.book, self.stamp, self.proven = book, stamp, True
        self.base = self._levels = None
        self._unchecked = 0
        self.held.clear()
        self._shared.steady = False

    def _head(self, book: Book, stamp: Stamp, terms: HashTerms) -> bytes:
        return hashed_head(self.token.condition_id, self.token.token_id, stamp.text, book, terms)

    def _proves(self, book: Book, stamp: Stamp, terms: HashTerms, likely: tuple[str, ...]) -> bool:
        head = self._head(book, stamp, terms)
        last_trade = find_last_trade(
            head, stamp.hash, (*likely, *self._shared.tape.likely()), everywhere=False
        )
        if last_trade is not None:
            self._shared.tape.adopt(last_trade)
        return last_trade is not None

    def _tick_is_outdated(self, snapshot: BookSnapshot, book: Book) -> bool:
        since = self._tick_since_ms
        return since is not None and book.tick != self.tick and snapshot.venue_ms <= since
