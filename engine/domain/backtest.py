"""What a backtest found: windows that paid, what a desk's orders would have got in them, and the sums.

Values only, of the times and books that a recording holds. Money in micro-dollars, sizes in micro-shares.
"""

from dataclasses import dataclass

from engine.domain.ids import TokenId
from engine.domain.market import EventGroup
from engine.domain.plan import Plan, PlanKind
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms, Size, Usdc


@dataclass(frozen=True, slots=True)
class LegFill:
    """What one order of a plan got, and what became of the part that no set needed."""

    name: str
    token_id: TokenId
    wanted: Size
    filled: Size
    cost: Usdc
    """Paid for `filled`, fees included, each level rounded up."""
    dumped: Size
    """Filled beyond the complete sets; sold again at once, or worth nothing where no bid takes it."""
    proceeds: Usdc
    """What the sale of `dumped` brought after fees, each level rounded down."""

    @property
    def failed(self) -> bool:
        """Whether the order did not fill whole."""
        return self.filled < self.wanted


@dataclass(frozen=True, slots=True)
class Attempt:
    """One plan, sent as it was made and filled against the books of a latency later."""

    plan: Plan
    fired_ms: Ms
    arrived_ms: Ms
    legs: tuple[LegFill, ...]
    sets: Size
    """Complete sets."""
    payout: Usdc
    """What the complete sets pay when they are merged or resolved, rounded down."""
    result: Usdc
    """Payout and proceeds less all costs; a set counts in full although it pays later."""

    @property
    def spent(self) -> Usdc:
        """Cash out at the moment of the fills."""
        return Usdc(sum(leg.cost for leg in self.legs))

    @property
    def broken(self) -> bool:
        """Whether some leg filled less than the plan wanted."""
        return any(leg.failed for leg in self.legs)


@dataclass(frozen=True, slots=True)
class Episode:
    """A window: an event had a plan without a break from `opened_ms` to `closed_ms`."""

    event: EventGroup
    opened_ms: Ms
    closed_ms: Ms
    ended: Refusal | None
    """Why there was no plan any more; None if the recording ended first."""
    first: Plan
    """The plan at the moment the window opened."""
    best: Plan
    """The plan of the highest net margin; the first of equals."""
    attempts: tuple[Attempt, ...]
    not_sent: str | None
    """Why no order left although there was a plan; None if one did."""

    @property
    def duration_ms(self) -> Ms:
        """How long the window was open."""
        return Ms(self.closed_ms - self.opened_ms)

    @property
    def captured(self) -> Usdc:
        """What all attempts made or lost."""
        return Usdc(sum(attempt.result for attempt in self.attempts))

    @property
    def available(self) -> Usdc:
        """What the best plan would have made without latency: payout less cost, fees and fixed cost."""
        return available_of(self.best)


@dataclass(frozen=True, slots=True)
class EventCourse:
    """What happened to one event of the recording."""

    event: EventGroup
    looks: int
    """Times its books changed or a second passed."""
    planned: int
    """Times the best prices were good enough to ask the planner."""
    refusals: tuple[tuple[RefusalKind, int], ...]
    """Refusals of the planner by kind, most frequent first."""
    barred: tuple[tuple[PlanKind, Refusal], ...]
    """Kinds as which it may not be traded whatever it costs, and why."""


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """Everything of one backtest, in the order of the recording's time."""

    episodes: tuple[Episode, ...]
    events: tuple[EventCourse, ...]
    unanswered: int
    """Attempts that were under way when a run ended; they count for nothing."""

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt in the order of arrival."""
        found = [attempt for episode in self.episodes for attempt in episode.attempts]
        return tuple(sorted(found, key=lambda attempt: (attempt.arrived_ms, attempt.plan.event_id)))

    @property
    def equity(self) -> tuple[tuple[Ms, Usdc], ...]:
        """What all attempts had made after each of them; sets count in full although they pay later."""
        total, points = 0, []
        for attempt in self.attempts:
            total += attempt.result
            points.append((attempt.arrived_ms, Usdc(total)))
        return tuple(points)


def available_of(plan: Plan) -> Usdc:
    """Return what a plan makes if all goes as the books stand: before buffers, after the fixed cost."""
    return Usdc(plan.margin.if_held - plan.margin.fixed)
