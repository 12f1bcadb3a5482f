"""Which regime a market is in, and so what its quoter may do: two tables, read from the top (strategy 5.5).

`PULLS` names what takes everything off at once; `LIMITS` what closes one side or both to new quotes and lets
what rests go the soft way. Nothing here knows quotes or sends anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from engine.core.spread.book_watch import BookWatch, is_recovered
from engine.core.spread.micro import MICRO_PER_PRICE
from engine.domain.gate import Hold
from engine.domain.quote import Held, Pull, QuotedMarket, QuoteKnobs, QuoteSide
from engine.domain.units import Ms, Size
from engine.domain.venue_state import VenueState
from engine.domain.views import Gate

BOTH = (QuoteSide.BID, QuoteSide.ASK)


class Regime(Enum):
    """How a market is quoted; the value is the operator's word."""

    QUIET = "quiet"
    TRENDING = "trending"
    """The price moves: the side that it moves into is closed."""
    EVENT = "event"
    """It jumped, or takers know more than we do: no quotes."""
    REDUCE_ONLY = "reduce-only"
    """The end is near or the inventory is full: only what lowers the inventory."""
    HALTED = "no quotes"
    """Everything is off; the desk itself may well run."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Everything about one market, its venue and its desk that speaks for or against quoting now."""

    gate: Gate
    holds: frozenset[Hold]
    venue: VenueState
    is_granted: bool
    """A standing grant covers this market."""
    rules_changed: bool
    """Rules or terms differ from those that were granted."""
    tick_changed: bool
    """Something rests that was priced on another tick."""
    cap_reached: bool
    book: BookWatch
    swing: int
    """`MidWindow.swing`: micro, signed."""
    adverse_micro: int
    """Mean adverse move after our fills, micro per share; 0 or less where there is none."""
    net: Size
    """Inventory: YES less NO, signed."""


@dataclass(frozen=True, slots=True)
class Stance:
    """What follows from the signs."""

    regime: Regime
    pulls: tuple[Pull, ...]
    """Why everything goes at once, the severest first; empty: nothing has to."""
    sides: tuple[QuoteSide, ...]
    """Sides that may be quoted; what rests on another one is cancelled the soft way."""
    why: Held | None
    """Why a side is closed, or why nothing is quoted although the cause of a pull is over."""


@dataclass(frozen=True, slots=True)
class _Case:
    signs: Signs
    market: QuotedMarket
    knobs: QuoteKnobs
    at_ms: Ms

    @property
    def left_ms(self) -> int | None:
        ends = self.market.ends_ms
        return None if ends is None else ends - self.at_ms

    @property
    def jump_micro(self) -> int:
        return self.knobs.jump_ticks * self.market.tick * MICRO_PER_PRICE


def judge(signs: Signs, market: QuotedMarket, knobs: QuoteKnobs, at_ms: Ms) -> Stance:
    """Return the regime, and what the quoter may do in it."""
    case = _Case(signs, market, knobs, at_ms)
    pulls = tuple(pull for pull, holds in PULLS if holds(case))
    if pulls:
        regime = Regime.EVENT if pulls == (Pull.JUMP,) else Regime.HALTED
        recovering = pulls == (Pull.STALE,) and signs.book.again_ms is not None
        return Stance(regime, pulls, (), Held.RECOVERING if recovering else None)
    for regime, why, holds, sides in LIMITS:
        if holds(case):
            return Stance(regime, (), sides(signs), why)
    return Stance(Regime.QUIET, (), BOTH, None)


def _gate_is_closed(case: _Case) -> bool:
    """Tell whether the desk's gate forbids quotes; a hold for the venue alone is the venue's row to judge.

    The gate is closed to plain orders while the venue takes post-only ones, and every quote is post-only.
    """
    gate, holds = case.signs.gate, case.signs.holds
    if gate is Gate.PAUSED and holds == {Hold.VENUE}:
        return False
    return gate not in (Gate.RUN, Gate.HALTED)


def _end_is_near(case: _Case, *, times: int) -> bool:
    left = case.left_ms
    return left is not None and left <= times * case.knobs.halt_before_s * 1_000


def _is_toxic(case: _Case) -> bool:
    ticks = case.knobs.tox_ticks
    return ticks > 0 and case.signs.adverse_micro >= ticks * case.market.tick * MICRO_PER_PRICE


def _only_reduces(case: _Case) -> bool:
    return _end_is_near(case, times=2) or abs(case.signs.net) >= case.knobs.inventory_max


def _reducing(signs: Signs) -> tuple[QuoteSide, ...]:
    if signs.net == 0:
        return ()
    return (QuoteSide.ASK,) if signs.net > 0 else (QuoteSide.BID,)


def _away(signs: Signs) -> tuple[QuoteSide, ...]:
    """Return the side that the move leaves behind: a rising price takes asks."""
    return (QuoteSide.BID,) if signs.swing > 0 else (QuoteSide.ASK,)


Holds = Callable[[_Case], bool]
PULLS: tuple[tuple[Pull, Holds], ...] = (
    (Pull.KILL, lambda case: case.signs.gate is Gate.HALTED),
    (Pull.HALT, _gate_is_closed),
    (Pull.STOPPED, lambda case: not case.signs.is_granted),
    (Pull.VENUE, lambda case: case.signs.venue not in (VenueState.RUN, VenueState.POST_ONLY)),
    (Pull.RULES, lambda case: case.signs.rules_changed),
    (Pull.TICK, lambda case: case.signs.tick_changed),
    (Pull.STALE, lambda case: not is_recovered(case.signs.book, case.knobs, case.at_ms)),
    (Pull.ENDING, lambda case: _end_is_near(case, times=1)),
    (Pull.CAPS, lambda case: case.signs.cap_reached),
    (Pull.JUMP, lambda case: abs(case.signs.swing) >= case.jump_micro),
)
"""Every hard pull with its predicate, the severest first; one row each, all that hold are told."""
LIMITS: tuple[tuple[Regime, Held, Holds, Callable[[Signs], tuple[QuoteSide, ...]]], ...] = (
    (Regime.EVENT, Held.TOXIC, _is_toxic, lambda _: ()),
    (Regime.REDUCE_ONLY, Held.REDUCE_ONLY, _only_reduces, _reducing),
    (
        Regime.TRENDING,
        Held.TRENDING,
        # Half of a jump, in the same window: a move that goes on becomes one.
        lambda case: 2 * abs(case.signs.swing) >= case.jump_micro,
        _away,
    ),
)
"""What closes sides where nothing pulls: regime, reason, predicate, sides left open. The first row that holds
counts."""
