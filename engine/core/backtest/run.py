"""A recording through the feed core, the desk's own planner and a pessimistic fill model: the backtest.

The same guards, books and planner as the desk's, stepped by the recording's own times, so one recording has
one result. Pure: no clock, no I/O. What trades is what the recording watched, on the tick it was told; what
the catalogue says of a market's state today says nothing about then.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.core.backtest.fills import Taken, filled
from engine.core.dutch.best_kind import best_of, unsendable
from engine.core.dutch.detector import Detector
from engine.core.dutch.eligibility import ineligible, kinds_of
from engine.core.dutch.event_plan import DutchParams, Room, plan_kind, tokens_of
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import BooksAnswered, Checked, FeedInlet, FeedInput, Heard, Tracked
from engine.core.feed.proven_books import NEED_EVERY_BOOK, proven_books
from engine.domain.backtest import Attempt, BacktestResult, Episode, EventCourse
from engine.domain.book import LiveBook
from engine.domain.ids import ConditionId, EventId
from engine.domain.market import EventGroup
from engine.domain.plan import Plan, PlanKind
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms, Usdc

DAY_MS = 86_400_000
"""The cap per day counts UTC days."""


@dataclass(frozen=True, slots=True)
class BacktestTerms:
    """What the desk would have traded under."""

    params: DutchParams
    ticket: Usdc
    """Cap per plan."""
    day: Usdc
    """Cap per UTC day of the recording, and the wallet: what is bought pays for nothing else that day."""
    reviewed: Mapping[EventId, str]
    """Event id to the rules hash that a person has read."""
    latency_ms: Ms
    """From the book that made a plan to the matching of its orders."""


@dataclass(slots=True)
class _Window:
    """An open window, or a closed one that still waits for its last attempt."""

    event: EventGroup
    opened_ms: Ms
    first: Plan
    best: Plan
    closed_ms: Ms | None = None
    ended: Refusal | None = None
    attempts: list[Attempt] = field(default_factory=list)
    not_sent: str | None = None


@dataclass(frozen=True, slots=True)
class _Pending:
    """A plan whose orders are on their way."""

    window: _Window
    plan: Plan
    fired_ms: Ms
    due_ms: Ms


@dataclass(slots=True)
class _Course:
    """The counts of one event."""

    looks: int = 0
    planned: int = 0
    refusals: Counter[RefusalKind] = field(default_factory=Counter)
    barred: dict[PlanKind, Refusal] = field(default_factory=dict)
    kinds: list[PlanKind] = field(default_factory=list)
    """What it may be traded as, barred kinds included; held sets are never sold, a backtest holds none."""


class Backtest:
    """Steps through one or several runs of recorded inputs."""

    def __init__(self, terms: BacktestTerms) -> None:
        """Know no event yet: `know` tells of them before the input that begins to watch their tokens."""
        self._stored: dict[EventId, EventGroup] = {}
        self._events: dict[EventId, EventGroup] = {}
        self._terms = terms
        self._courses: dict[EventId, _Course] = {}
        self._detector = Detector()
        self._event_of: dict[ConditionId, EventId] = {}
        self._windows: list[_Window] = []
        self._open: dict[EventId, _Window] = {}
        self._pending: dict[EventId, _Pending] = {}
        self._taken = Taken()
        self._spent: Counter[int] = Counter()
        self._outlays: Counter[EventId] = Counter()
        self._unanswered = 0
        self._inlet: FeedInlet | None = None
        self._at_ms = Ms(0)

    def know(self, events: Iterable[EventGroup]) -> None:
        """Add events as the catalogue holds them; no others are planned. Their ids and codes are unique."""
        for event in events:
            self._stored[event.event_id] = event
            self._courses[event.event_id] = _Course()
            self._event_of |= {market.condition_id: event.event_id for market in event.markets}

    def begin(self, inlet: FeedInlet) -> None:
        """Begin a run with a feed core of its own; what the run before left open ends with it."""
        self._end_run()
        self._inlet = inlet
        self._detector = Detector()
        self._taken = Taken()

    def take(self, entries: Sequence[FeedInput]) -> None:
        """Give inputs to the feed core in order, and look at what they changed."""
        assert self._inlet is not None, "a run is begun before its inputs come"
        for entry in entries:
            self._settle(entry.at_ms)
            self._at_ms = entry.at_ms
            self._inlet.take(entry)
            if type(entry) is Heard:
                frames = self._inlet.frames
                if self._taken:
                    self._taken.hear(frames)
                for event_id in self._touched(self._inlet.feeds):
                    self._look(event_id)
            else:
                self._take_rare(entry, self._inlet.feeds)

    def _touched(self, feeds: Feeds) -> list[EventId]:
        """Take in the books that changed; returns the events that they belong to."""
        touched = feeds.take_touched()
        self._detector.update(touched, feeds)
        return sorted({self._event_of[of] for of in touched if of in self._event_of})

    def finish(self) -> BacktestResult:
        """End the last run; returns everything that was found."""
        self._end_run()
        events = sorted(self._stored.values(), key=lambda event: event.code)
        return BacktestResult(
            episodes=tuple(_episode(window) for window in self._windows),
            events=tuple(self._course(event) for event in events),
            unanswered=self._unanswered,
        )

    def _course(self, event: EventGroup) -> EventCourse:
        course = self._courses[event.event_id]
        by_kind = sorted(course.refusals.items(), key=lambda row: (-row[1], row[0].value))
        return EventCourse(event, course.looks, course.planned, tuple(by_kind), tuple(course.barred.items()))

    def _end_run(self) -> None:
        self._unanswered += len(self._pending)
        self._pending.clear()
        for window in self._open.values():
            window.closed_ms = self._at_ms
        self._open.clear()

    def _take_rare(self, entry: FeedInput, feeds: Feeds) -> None:
        match entry:
            case Tracked():
                self._track(entry, feeds)
            case BooksAnswered() | Checked():
                self._touched(feeds)
            case _:
                return
        for event_id in self._events:
            self._look(event_id)

    def _track(self, entry: Tracked, feeds: Feeds) -> None:
        ticks = {token.token_id: token.tick for token in entry.tokens}
        self._events = {}
        for event in self._stored.values():
            markets = []
            for market in event.markets:
                tick = ticks.get(market.yes)
                then = market.terms
                if tick is not None:
                    then = replace(
                        then, tick=tick, active=True, closed=False, accepting=True, resolution_status=""
                    )
                markets.append(replace(market, terms=then))
            if any(token in ticks for market in markets for token in (market.yes, market.no)):
                self._watch(replace(event, markets=tuple(markets)))
        self._detector.watch(self._events.values(), self._terms.params, feeds)

    def _watch(self, event: EventGroup) -> None:
        terms = self._terms
        course = self._courses[event.event_id]
        course.kinds = [kind for kind in kinds_of(event) if kind is not PlanKind.SELL_SET]
        asked = {
            kind: ineligible(event, terms.reviewed, allow_other=terms.params.allow_other, kind=kind)
            for kind in course.kinds
        }
        course.barred = {kind: refusal for kind, refusal in asked.items() if refusal is not None}
        self._events[event.event_id] = event

    def _look(self, event_id: EventId) -> None:
        """Plan an event if its best prices may pay, and open, follow or close its window."""
        event = self._events.get(event_id)
        course = self._courses[event_id]
        if event is None:
            return
        course.looks += 1
        if len(course.barred) == len(course.kinds):
            return
        window = self._open.get(event_id)
        if window is None and event_id not in self._detector.hot:
            return
        course.planned += 1
        planned = self._plan(event)
        if isinstance(planned, Refusal):
            course.refusals[planned.kind] += 1
            if window is not None:
                window.closed_ms, window.ended = self._at_ms, planned
                del self._open[event_id]
            return
        if window is None:
            window = self._open[event_id] = _Window(event, self._at_ms, planned, planned)
            self._windows.append(window)
        elif planned.margin.net > window.best.margin.net:
            window.best = planned
        self._fire(window, planned)

    def _plan(self, event: EventGroup) -> Plan | Refusal:
        """Plan on the books as they are shown, with every cap free."""
        return self._best(event, taken=None)

    def _room(self, event: EventGroup, *, free: bool) -> Room:
        """Return what a plan may cost under each cap: all of it, or what earlier fills have left.

        What was bought is held to the end of the recording, so it stays under the event's and the total cap.
        """
        terms = self._terms
        used = (0, 0, 0)
        if not free:
            day = self._spent[self._at_ms // DAY_MS]
            used = day, self._outlays[event.event_id], self._outlays.total()
        left = Usdc(max(0, terms.day - used[0]))
        return Room(
            ticket=terms.ticket,
            day=left,
            wallet=left,
            event=Usdc(max(0, terms.params.max_event - used[1])),
            total=Usdc(max(0, terms.params.max_total - used[2])),
        )

    def _best(self, event: EventGroup, *, taken: Taken | None) -> Plan | Refusal:
        """Return the best plan of all kinds that are not barred, as the desk chooses it."""
        assert self._inlet is not None, "a run is begun before it is looked at"
        terms, course = self._terms, self._courses[event.event_id]
        room = self._room(event, free=taken is None)
        found: dict[PlanKind, Plan | Refusal] = {}
        for kind in course.kinds:
            tokens, whole = tokens_of(event, kind), kind in NEED_EVERY_BOOK
            books = course.barred.get(kind) or proven_books(
                self._inlet.feeds, event, self._at_ms, tokens, whole=whole
            )
            if isinstance(books, Refusal):
                found[kind] = books
                continue
            shown = books if taken is None else {token: taken.left(book) for token, book in books.items()}
            found[kind] = plan_kind(
                kind, event, shown, wanted=None, params=terms.params, room=room, now_ms=self._at_ms
            )
        return best_of(found)

    def _fire(self, window: _Window, shown: Plan) -> None:
        """Send what is left of a plan after our own fills, one plan per event at a time.

        A plan that broke is the last one of its window: a desk asks a person then.
        """
        event_id = window.event.event_id
        if event_id in self._pending or any(attempt.broken for attempt in window.attempts):
            return
        plan = self._left_of(window.event, shown)
        if isinstance(plan, Refusal):
            window.not_sent = window.not_sent or f"left of it after earlier fills: {plan.text}"
            return
        form = unsendable(plan)
        if form is not None:
            window.not_sent = window.not_sent or form.text
            return
        due_ms = Ms(self._at_ms + self._terms.latency_ms)
        self._pending[event_id] = _Pending(window, plan, self._at_ms, due_ms)

    def _left_of(self, event: EventGroup, shown: Plan) -> Plan | Refusal:
        if not self._taken and not self._outlays:
            return shown
        return self._best(event, taken=self._taken)

    def _settle(self, before_ms: Ms) -> None:
        """Let every order arrive that was due before an input: on the books as they stood until then."""
        due = [pending for pending in self._pending.values() if pending.due_ms < before_ms]
        for pending in sorted(due, key=lambda found: (found.due_ms, found.plan.event_id)):
            assert self._inlet is not None, "a plan was made in a run"
            feeds, at_ms, event = self._inlet.feeds, pending.due_ms, pending.window.event
            books = {leg.token_id: feeds.live(leg.token_id, at_ms) for leg in pending.plan.legs}
            proven = {token: book for token, book in books.items() if isinstance(book, LiveBook)}
            attempt = filled(
                pending.plan,
                event,
                proven.get,
                self._taken,
                stress_levels=self._terms.params.stress_levels,
                fired_ms=pending.fired_ms,
                arrived_ms=at_ms,
            )
            self._spent[at_ms // DAY_MS] += attempt.spent
            self._outlays[event.event_id] += attempt.spent
            pending.window.attempts.append(attempt)
            del self._pending[event.event_id]


def _episode(window: _Window) -> Episode:
    assert window.closed_ms is not None, "every window is closed when its run ends"
    return Episode(
        event=window.event,
        opened_ms=window.opened_ms,
        closed_ms=window.closed_ms,
        ended=window.ended,
        first=window.first,
        best=window.best,
        attempts=tuple(window.attempts),
        not_sent=None if window.attempts else window.not_sent,
    )
