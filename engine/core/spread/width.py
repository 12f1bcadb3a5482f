"""How far from the fair value to quote: inventory skew, half-spread and rebate (strategy 5.2).

The skew moves both quotes against the inventory; the half-spread pays for volatility and for takers who know
more. Pure, in micro-dollars per share; costs are rounded up, income down.
"""

from math import isqrt

from engine.core.spread.micro import MICRO_ONE, clamped, to_micro, toward_zero, variance_of
from engine.core.spread.toxicity import Adverse
from engine.domain.quote import QuotedMarket, QuoteKnobs
from engine.domain.units import Ms, Price, Rounding, Size, divide

HOUR_MS = 3_600_000
PRIOR_FILLS = 8
"""The operator's `adverse_micro` weighs like so many fills: one lucky fill must not make quotes narrow."""
_ROOT = 1_000_000
"""Square roots of hours are held in 1e-6."""


def skew(knobs: QuoteKnobs, *, tick: Price, fair: int, sigma: int, net: Size, left_ms: Ms | None) -> int:
    """Return by how many micro the quotes move down at net inventory `net` (YES less NO; up if negative).

    Odd and monotone in `net`, 0 at 0, constant beyond `inventory_max`. Unknown time to resolution counts as
    the last hour, where the jump term is largest.
    """
    assert knobs.inventory_max > 0, "expected an inventory limit above 0"
    held = clamped(net, least=-knobs.inventory_max, most=knobs.inventory_max)
    hours = max(HOUR_MS, left_ms or 0)
    jump = knobs.jump_micro * variance_of(fair) // isqrt(hours * _ROOT * _ROOT // HOUR_MS)
    by_ticks = to_micro(tick) * knobs.skew_milliticks // 1_000
    weight = by_ticks + knobs.gamma_pct * sigma // 100 + jump
    return toward_zero(weight * held, knobs.inventory_max)


def rebate(market: QuotedMarket, fair: int) -> int:
    """Return what a filled share is paid back, in micro, rounded down: the makers' part of the fee."""
    spread = (fair * (MICRO_ONE - fair)) ** market.fee_exponent
    whole = 100 * (MICRO_ONE * MICRO_ONE) ** market.fee_exponent
    return int(market.rebate_pct * market.fee_rate_e6 * spread // whole)


def expected_adverse(knobs: QuoteKnobs, measured: Adverse) -> int:
    """Return the expected loss per filled share in micro, rounded up: the operator's until fills tell."""
    total = knobs.adverse_micro * PRIOR_FILLS + measured.micro * measured.fills
    return divide(total, PRIOR_FILLS + measured.fills, Rounding.UP)


def half_spread(knobs: QuoteKnobs, *, tick: Price, sigma: int, measured: Adverse, rebate_micro: int) -> int:
    """Return delta in micro, rounded up: the largest of floor, cost of moves, and adverse less rebate."""
    moves = divide(knobs.k_vol_pct * sigma + knobs.k_tox_pct * measured.micro, 100, Rounding.UP)
    floor = knobs.min_half_spread_ticks * to_micro(tick)
    return max(floor, moves, expected_adverse(knobs, measured) - rebate_micro)
