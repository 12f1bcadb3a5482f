"""How trades settle: which status may follow which, and the courses that are scripted or drawn from a seed.

Pure: a course is fixed when its trade is matched, and a drawn one depends on the seed and the trade's id
alone, never on the order of events.
"""

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random

from engine.domain.units import Ms
from engine.simulator.orders import Trade, TradeStatus

_S = TradeStatus
FOLLOWS: dict[TradeStatus, frozenset[TradeStatus]] = {
    _S.UNBROADCAST: frozenset({_S.MATCHED, _S.MINED, _S.RETRYING, _S.FAILED}),
    _S.MATCHED: frozenset({_S.MINED, _S.RETRYING, _S.FAILED}),
    _S.MINED: frozenset({_S.CONFIRMED, _S.RETRYING, _S.FAILED}),
    _S.RETRYING: frozenset({_S.MINED, _S.FAILED}),
    _S.CONFIRMED: frozenset(),
    _S.FAILED: frozenset(),
}
"""What may follow a status (protocol 6, reliability A14 P8)."""
STEPS_MAX = 50
DELAY_MAX_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Wait:
    """The next status of a trade, and how long after the one before."""

    status: TradeStatus
    delay_ms: int


Course = tuple[Wait, ...]
"""Everything that will become of a trade; one that ends before a final status stays there for good."""


def check_course(start: TradeStatus, course: Course) -> None:
    """Raise ValueError for a course that the table does not allow, or that never comes to its end."""
    if len(course) > STEPS_MAX:
        raise ValueError(f"expected at most {STEPS_MAX} steps, were {len(course)}")
    before = start
    for wait in course:
        if wait.status not in FOLLOWS[before]:
            raise ValueError(f"{wait.status.value} cannot follow {before.value}")
        if not 0 <= wait.delay_ms <= DELAY_MAX_MS:
            raise ValueError(f"expected a delay of 0 to {DELAY_MAX_MS} ms, was {wait.delay_ms}")
        before = wait.status


@dataclass(frozen=True, slots=True)
class Plan:
    """How a trade starts and goes on."""

    start: TradeStatus
    course: Course

    def __post_init__(self) -> None:
        """Refuse what the venue would never show."""
        if self.start not in (_S.UNBROADCAST, _S.MATCHED):
            raise ValueError(f"expected a trade to start matched, was {self.start.value}")
        check_course(self.start, self.course)


@dataclass(frozen=True, slots=True)
class Odds:
    """Shares of trades in percent that fail and that are retried, and the range of every delay."""

    seed: str
    failed: int
    retrying: int
    delay_min_ms: int
    delay_max_ms: int

    def __post_init__(self) -> None:
        """Refuse shares beyond a hundred and ranges that are none."""
        if min(self.failed, self.retrying) < 0 or self.failed + self.retrying > 100:
            raise ValueError(f"expected shares of 0 to 100 in all, were {self.failed} and {self.retrying}")
        if not 0 <= self.delay_min_ms <= self.delay_max_ms <= DELAY_MAX_MS:
            raise ValueError(f"expected a range of delays, was {self.delay_min_ms} to {self.delay_max_ms} ms")

    def plan(self, trade_id: str) -> Plan:
        """Draw a trade's course: a failure comes after MATCHED, MINED or RETRYING, all alike likely."""
        rng = Random(f"{self.seed}/{trade_id}")  # noqa: S311 - a rehearsal must be repeatable
        drawn = rng.randrange(100)
        words: tuple[TradeStatus, ...] = (_S.MINED, _S.CONFIRMED)
        if drawn < self.failed:
            words = rng.choice(
                (
                    (_S.FAILED,),
                    (_S.MINED, _S.FAILED),
                    (_S.MINED, _S.RETRYING, _S.FAILED),
                    (_S.RETRYING, _S.FAILED),
                )
            )
        elif drawn < self.failed + self.retrying:
            words = rng.choice(
                ((_S.MINED, _S.RETRYING, _S.MINED, _S.CONFIRMED), (_S.RETRYING, _S.MINED, _S.CONFIRMED))
            )
        waits = tuple(Wait(word, rng.randint(self.delay_min_ms, self.delay_max_ms)) for word in words)
        return Plan(rng.choice((_S.MATCHED, _S.UNBROADCAST)), waits)


@dataclass(slots=True)
class _Every:
    """A plan for every n-th trade from now on."""

    nth: int
    plan: Plan
    seen: int = 0

    def hits(self) -> bool:
        self.seen += 1
        return self.seen % self.nth == 0


@dataclass(slots=True)
class Settlements:
    """Scripts and odds, and which step is due when.

    A trade takes the oldest script for the next trade, else that of every n-th, else what the odds draw, else
    the usual course: mined at half of `confirm_delay_ms` after the match, confirmed at the whole.
    """

    confirm_delay_ms: int
    odds: Odds | None = None
    _next: deque[Plan] = field(default_factory=deque)
    _every: _Every | None = None
    _due: list[tuple[Ms, int, str]] = field(default_factory=list)
    _ahead: dict[str, tuple[int, Course]] = field(default_factory=dict)
    _count: int = 0

    def script_next(self, plan: Plan, times: int) -> None:
        """Let the next trades go this way."""
        self._next.extend([plan] * times)

    def script_every(self, plan: Plan | None, nth: int) -> None:
        """Let every n-th trade from now on go this way, or none (None)."""
        self._every = None if plan is None else _Every(nth, plan)

    def calm(self) -> None:
        """Forget scripts and odds; trades that are on their way keep their course."""
        self._next.clear()
        self._every = self.odds = None

    def plan(self, trade_id: str) -> Plan:
        """Return how a trade that is being matched will settle."""
        nth = self._every is not None and self._every.hits()
        if self._next:
            return self._next.popleft()
        if nth and self._every is not None:
            return self._every.plan
        if self.odds is not None:
            return self.odds.plan(trade_id)
        half = self.confirm_delay_ms // 2
        return Plan(_S.MATCHED, (Wait(_S.MINED, half), Wait(_S.CONFIRMED, self.confirm_delay_ms - half)))

    def follow(self, trade: Trade, course: Course, now_ms: Ms) -> None:
        """Let a trade go on this way from now, whatever it was to do; raises ValueError if it cannot."""
        check_course(trade.status, course)
        self._ahead.pop(trade.id, None)
        self._schedule(trade.id, course, now_ms)

    def take_due(self, now_ms: Ms) -> tuple[str, TradeStatus] | None:
        """Return the next step that is due as (trade id, status), oldest first; None when nothing is."""
        while self._due and self._due[0][0] <= now_ms:
            due_ms, number, trade_id = heappop(self._due)
            ahead = self._ahead.get(trade_id)
            if ahead is None or ahead[0] != number:
                continue
            del self._ahead[trade_id]
            self._schedule(trade_id, ahead[1][1:], due_ms)
            return trade_id, ahead[1][0].status
        return None

    def _schedule(self, trade_id: str, course: Course, from_ms: Ms) -> None:
        if course:
            self._count += 1
            self._ahead[trade_id] = (self._count, course)
            heappush(self._due, (Ms(from_ms + course[0].delay_ms), self._count, trade_id))
