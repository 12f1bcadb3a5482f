"""What happens to the fair value after our fills: the cost of trading with those who know more.

Strategy 5.2 and 5.8. A markout is signed from our side: positive where the fair value went our way. Each
horizon takes the first fair value known at or after it, so a feed that freezes delays a markout but loses
none. Pure: fills and fair values come in with their times.
"""

from dataclasses import dataclass, replace

from engine.domain.quote import QuoteSide
from engine.domain.units import Ms, Size

HORIZONS_MS = (Ms(10_000), Ms(60_000), Ms(600_000))
"""10 s, 1 min and 10 min (strategy 5.8)."""
GUARDING = 2
"""Horizons that widen quotes: the first two. Ten minutes hold more drift than information; reported only."""
WINDOW = 32
"""Fills remembered per horizon: enough for a mean, few enough to forget last week's news."""
MEMORY_MS = Ms(1_800_000)
"""A markout counts for half an hour. One that closed both sides would else keep them closed for ever: without
quotes there are no fills that could tell that the news is over."""


@dataclass(frozen=True, slots=True)
class QuoteFill:
    """One execution of a quote."""

    side: QuoteSide
    """BID where net YES grew."""
    fair: int
    """Fair value of YES when it executed, in micro."""
    size: Size
    at_ms: Ms


@dataclass(frozen=True, slots=True)
class Markout:
    """How the fair value moved after one fill."""

    fill: QuoteFill
    horizon_ms: Ms
    micro: int
    """Per share, signed: negative is adverse."""


@dataclass(frozen=True, slots=True)
class Adverse:
    """Mean adverse move after our fills."""

    micro: int
    """Per share, weighted by size, rounded up; 0 where the moves were in our favour or none is known."""
    fills: int
    """Fills it rests on."""


UNMEASURED = Adverse(0, 0)


@dataclass(frozen=True, slots=True)
class Toxicity:
    """Fills that wait for a horizon, and the newest markouts, both by horizon; starts empty."""

    waiting: tuple[tuple[QuoteFill, ...], ...] = ((),) * len(HORIZONS_MS)
    """Oldest first."""
    seen: tuple[tuple[Markout, ...], ...] = ((),) * len(HORIZONS_MS)
    """Oldest first, at most `WINDOW` each, none older than `MEMORY_MS`."""


def filled(state: Toxicity, fill: QuoteFill) -> Toxicity:
    """Return the state with one more fill to watch; fills come in the order of their times."""
    return replace(state, waiting=tuple((*queue, fill) for queue in state.waiting))


def marked(state: Toxicity, *, fair: int, at_ms: Ms) -> tuple[Toxicity, tuple[Markout, ...]]:
    """Return the state once the fair value (micro) at `at_ms` is known, and the markouts that it settles.

    Markouts settled more than `MEMORY_MS` ago are forgotten.
    """
    state = _remembered(state, at_ms)
    fresh = tuple(
        tuple(_markout(fill, horizon, fair) for fill in queue if at_ms >= fill.at_ms + horizon)
        for queue, horizon in zip(state.waiting, HORIZONS_MS, strict=True)
        if queue and at_ms >= queue[0].at_ms + horizon
    )
    settled = tuple(markout for group in fresh for markout in group)
    if not settled:
        return state, ()
    waiting = tuple(
        tuple(fill for fill in queue if at_ms < fill.at_ms + horizon)
        for queue, horizon in zip(state.waiting, HORIZONS_MS, strict=True)
    )
    seen = tuple(
        (*known, *(one for one in settled if one.horizon_ms == horizon))[-WINDOW:]
        for known, horizon in zip(state.seen, HORIZONS_MS, strict=True)
    )
    return Toxicity(waiting, seen), settled


def _remembered(state: Toxicity, at_ms: Ms) -> Toxicity:
    if not any(known and _is_old(known[0], at_ms) for known in state.seen):
        return state
    kept = tuple(tuple(one for one in known if not _is_old(one, at_ms)) for known in state.seen)
    return replace(state, seen=kept)


def _is_old(markout: Markout, at_ms: Ms) -> bool:
    return at_ms - markout.fill.at_ms - markout.horizon_ms > MEMORY_MS


def adverse_move(state: Toxicity) -> Adverse:
    """Return the mean adverse move, the worse of 10 s and 1 min: what the half-spread and the regime use."""
    means = [_mean(known) for known in state.seen[:GUARDING] if known]
    return max(means, key=lambda mean: mean.micro, default=UNMEASURED)


def _markout(fill: QuoteFill, horizon_ms: Ms, fair: int) -> Markout:
    move = fair - fill.fair
    return Markout(fill, horizon_ms, move if fill.side is QuoteSide.BID else -move)


def _mean(known: tuple[Markout, ...]) -> Adverse:
    shares = sum(one.fill.size for one in known)
    loss = -sum(one.micro * one.fill.size for one in known)
    if loss <= 0:
        return Adverse(0, len(known))
    return Adverse(-(-loss // shares), len(known))
