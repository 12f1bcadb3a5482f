"""How far a price moves: the running variance of its logit, and what that means in dollars at a horizon.

Strategy 5.1. In the logit a move from 0.02 to 0.03 weighs what it means; the price itself would call it
small. Integers throughout: logits in 1e-9. Pure: mids come with their times.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from math import isqrt

from engine.core.spread.decay import DECAY_ONE, decay
from engine.core.spread.micro import MICRO_ONE
from engine.domain.units import Ms

LOGIT_ONE = 1_000_000_000
_CONTEXT = Context(prec=28)
_MIDS = 20_000
"""A mid is a multiple of half a price unit: the cache holds every one."""
_SECOND_MS = 1_000
_START = Ms(0)


@dataclass(frozen=True, slots=True)
class Volatility:
    """Running variance of one market's mid; starts empty."""

    variance: int = 0
    """Decayed sum of (dx)^2 in 1e-18 per second, not yet divided by `weight`."""
    weight: int = 0
    """What the decayed times add up to, in 1e-18: 1 once many half-lives were seen."""
    mid: int | None = None
    """Newest mid in micro."""
    at_ms: Ms = _START


@lru_cache(maxsize=_MIDS)
def logit(mid: int) -> int:
    """Return ln(p / (1 - p)) of a price in micro, in 1e-9, rounded toward zero: odd around one half."""
    assert 0 < mid < MICRO_ONE, f"expected a price between 0 and 1, was {mid} micro"
    difference = _CONTEXT.subtract(_CONTEXT.ln(Decimal(mid)), _CONTEXT.ln(Decimal(MICRO_ONE - mid)))
    return int(_CONTEXT.multiply(difference, Decimal(LOGIT_ONE)))


def moved(state: Volatility, *, mid: int, at_ms: Ms, halflife_ms: Ms) -> Volatility:
    """Return the state after the mid, in micro, was seen at `at_ms`; also when it has not moved.

    Two mids of one millisecond, or a clock that steps back, count as one millisecond apart.
    """
    if state.mid is None:
        return Volatility(mid=mid, at_ms=at_ms)
    passed = max(1, at_ms - state.at_ms)
    left = decay(passed, halflife_ms)
    step = logit(mid) - logit(state.mid)
    fresh = step * step * _SECOND_MS * (DECAY_ONE - left) // (passed * DECAY_ONE)
    return Volatility(
        variance=state.variance * left // DECAY_ONE + fresh,
        weight=state.weight * left // DECAY_ONE + DECAY_ONE - left,
        mid=mid,
        at_ms=Ms(max(at_ms, state.at_ms)),
    )


def sigma(state: Volatility, fair: int, horizon_ms: Ms) -> int:
    """Return fv (1 - fv) sigma_x sqrt(h) in micro, rounded down; 0 before two mids were seen.

    Dividing by the weight seen so far makes the first minutes count in full: without it every market would
    seem calm when quoting begins.
    """
    if state.weight == 0:
        return 0
    at_horizon = isqrt(state.variance * DECAY_ONE * horizon_ms // (state.weight * _SECOND_MS))
    return fair * (MICRO_ONE - fair) * at_horizon // (MICRO_ONE * LOGIT_ONE)
