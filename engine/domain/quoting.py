"""What quoting a recording came to: fills, where the money came from, and how quietly it was done.

Values only. Money in micro-dollars, fair values in micro per share, sizes in micro-shares. What a fill earned
against the fair value, and what that fair value did afterwards, are told apart (strategy 5.8).
"""

from dataclasses import dataclass

from engine.domain.ids import ConditionId
from engine.domain.quote import QuoteSide
from engine.domain.units import SIZE_ONE, Ms, Price, Size, Usdc

SHARES_SQUARED = SIZE_ONE * SIZE_ONE
"""One share squared, in the units of `Quietness.net_squares`."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill of a quote."""

    at_ms: Ms
    side: QuoteSide
    """BID where net YES grew."""
    yes: Price
    """Price on the YES book."""
    size: Size
    fair: int
    """Fair value of YES known when it was filled."""
    fee: Usdc


@dataclass(frozen=True, slots=True)
class ProfitSplit:
    """Where the money came from; every part rounded down, so that their sum is never too good."""

    captured: Usdc
    """Fill against the fair value at the fill: the spread."""
    markouts: tuple[Usdc, ...]
    """How the fair value moved 10 s, 1 min and 10 min after each fill; those too near the end, until then."""
    mark: Usdc
    """How it moved from each fill to the end: what the inventory, held or closed since, gained or lost."""
    fees: Usdc
    rebates: Usdc
    """Estimated: our part of the takers' fees if every maker is paid his. Never booked."""
    rewards: Usdc
    """Estimated: our score's part of the pools under the terms assumed. Never booked."""

    @property
    def net(self) -> Usdc:
        """Cash and shares at the last fair value, less those at the start; no estimate is in it."""
        return Usdc(self.captured + self.mark - self.fees)

    def after(self, horizon: int) -> Usdc:
        """Return what is left once each fill's markout at a horizon (0, 1 or 2) is taken in."""
        return Usdc(self.captured + self.markouts[horizon] - self.fees)

    def __add__(self, other: "ProfitSplit") -> "ProfitSplit":
        """Return the split of both together."""
        pairs = zip(self.markouts, other.markouts, strict=True)
        return ProfitSplit(
            Usdc(self.captured + other.captured),
            tuple(Usdc(one + two) for one, two in pairs),
            Usdc(self.mark + other.mark),
            Usdc(self.fees + other.fees),
            Usdc(self.rebates + other.rebates),
            Usdc(self.rewards + other.rewards),
        )


@dataclass(frozen=True, slots=True)
class Quietness:
    """How much was sent, and what was held and where, second by second."""

    placed: int
    cancelled: int
    """Orders for which a cancel was sent."""
    refused: int
    """Orders that the venue would not take."""
    seconds: int
    """Looks of a second each: all the others here are counted among them."""
    quoted: int
    """With an order resting."""
    two_sided: int
    in_band: int
    """With a score in the market's reward band."""
    banded: int
    """With a reward band and a mid."""
    net_sum: int
    """Net YES, in micro-shares, added up over the seconds."""
    net_squares: int
    net_max: Size
    """Largest inventory, either way."""

    def __add__(self, other: "Quietness") -> "Quietness":
        """Return both together, second beside second."""
        return Quietness(
            self.placed + other.placed,
            self.cancelled + other.cancelled,
            self.refused + other.refused,
            self.seconds + other.seconds,
            self.quoted + other.quoted,
            self.two_sided + other.two_sided,
            self.in_band + other.in_band,
            self.banded + other.banded,
            self.net_sum + other.net_sum,
            self.net_squares + other.net_squares,
            max(self.net_max, other.net_max),
        )

    @property
    def net_variance(self) -> int:
        """Variance of the inventory around its mean, in shares squared, rounded down; 0 without a second."""
        if not self.seconds:
            return 0
        spread = self.seconds * self.net_squares - self.net_sum * self.net_sum
        return spread // (self.seconds * self.seconds * SHARES_SQUARED)


@dataclass(frozen=True, slots=True)
class Glance:
    """What stood at one second, for a picture."""

    at_ms: Ms
    fair: int
    bid: Price | None
    """Our dearest resting bid on the YES book."""
    ask: Price | None
    net: Size
    profit: Usdc
    """Cash and shares at this fair value, less those at the start."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """One strategy under one queue model, in one market."""

    strategy: str
    model: str
    executions: tuple[Execution, ...]
    split: ProfitSplit
    quietness: Quietness
    suppressed: tuple[tuple[str, int], ...]
    """How often each rule held something back, most often first."""
    trail: tuple[Glance, ...]
    """Thinned to a bounded number, evenly over time."""
    net: Size
    """Inventory at the end: YES less NO."""


@dataclass(frozen=True, slots=True)
class QuotedCourse:
    """One market with everything that quoted it."""

    condition_id: ConditionId
    code: str
    """Of its event."""
    name: str
    looks: int
    runs: tuple[Quoted, ...]
    """In the order of the strategies, each conservative first."""


@dataclass(frozen=True, slots=True)
class QuotingResult:
    """Everything that was quoted, and what could not be."""

    markets: tuple[QuotedCourse, ...]
    left_out: tuple[tuple[str, str], ...]
    """Names of markets and why they were not quoted."""

    def of(self, strategy: str, model: str) -> tuple[Quoted, ...]:
        """Return one strategy's runs under one model, market by market."""
        runs = (run for course in self.markets for run in course.runs)
        return tuple(run for run in runs if (run.strategy, run.model) == (strategy, model))
