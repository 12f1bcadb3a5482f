"""The venue's liquidity rewards: what an order scores, what that earns, and how wide to quote for it.

Strategy 5.4, protocol 8.3. Distances and prices in micro-dollars, scores in thousandths of a share that
stands at the mid. Pure. Rounded against us: our own score and income down, the others' score up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.core.spread.decay import DECAY_ONE, decay
from engine.core.spread.micro import MICRO_ONE, to_micro
from engine.domain.book import Level
from engine.domain.quote import RewardTerms
from engine.domain.units import PRICE_ONE, Price, Rounding, Size, Usdc, divide

MILLI_SHARE = 1_000
"""A size is in 1e-6 share; a score in 1e-3."""
ONE_SIDED_LEAST = Price(1_000)
"""Between this mid and its mirror image one side alone earns a third; outside it earns nothing."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How often both quotes of a pair are filled, by their distance from the fair value: at_fair 2^(-d/h)."""

    at_fair_milli: int
    """Fills of the pair per day at distance 0, in thousandths."""
    halving: int
    """Micro from which half of them are left."""


TYPICAL = Arrivals(at_fair_milli=24_000, halving=10_000)
"""Until fills are measured: once an hour at the fair value, half as often with every cent away from it."""


@dataclass(frozen=True, slots=True)
class PairTerms:
    """What fixes the choice of a half-spread besides its bounds."""

    rewards: RewardTerms
    size: Size
    """Of each of the two orders."""
    mid: int
    centre: int
    """Around which the pair is quoted: the fair value less the skew."""
    gain: int
    """Rebate less adverse selection per filled share; may be negative."""
    arrivals: Arrivals


def is_wanted(rewards: RewardTerms | None) -> bool:
    """Tell whether the market pays any rewards."""
    return rewards is not None and rewards.daily > 0 and rewards.max_spread > 0


def band_edge(rewards: RewardTerms, tick: Price) -> int:
    """Return the farthest distance from the mid that is quoted for rewards: v less one tick of safety."""
    return to_micro(Price(rewards.max_spread - tick))


def score(size: Size, *, distance: int, max_spread: Price, rounding: Rounding) -> int:
    """Return ((v - s) / v)^2 x size in thousandths of a share; zero at s = v and beyond."""
    assert distance >= 0, f"expected a distance, was {distance}"
    farthest = to_micro(max_spread)
    if distance >= farthest:
        return 0
    near = farthest - distance
    return divide(size * near * near, farthest * farthest * MILLI_SHARE, rounding)


def side_score(levels: Sequence[Level], mid: int, rewards: RewardTerms) -> int:
    """Return the score of one side of the YES book, which holds the mirrored NO orders; rounded up.

    A level smaller than the scoring minimum holds no order that scores.
    """
    return sum(
        score(
            level.size,
            distance=abs(to_micro(level.price) - mid),
            max_spread=rewards.max_spread,
            rounding=Rounding.UP,
        )
        for level in levels
        if level.size >= rewards.min_size
    )


def joint_score(one: int, two: int, mid: int) -> int:
    """Return what one maker's sides score together: the smaller, or near one half a third of the larger."""
    if _pays_one_side(mid):
        return max(min(one, two), max(one, two) // 3)
    return min(one, two)


def others_score(bids: Sequence[Level], asks: Sequence[Level], mid: int, rewards: RewardTerms) -> int:
    """Return the most that the makers of this book can score together; the book is without our own orders.

    The book does not tell whose an order is. Makers score most when all but the surplus of one side is quoted
    in balanced pairs and the surplus alone, so that is assumed.
    """
    one, two = side_score(bids, mid, rewards), side_score(asks, mid, rewards)
    if _pays_one_side(mid):
        return min(one, two) + divide(abs(one - two), 3, Rounding.UP)
    return min(one, two)


def income_per_day(rewards: RewardTerms, own: int) -> Usdc:
    """Return own score's part of the daily pool, rounded down: pool x own / (own + others)."""
    if own == 0:
        return Usdc(0)
    return Usdc(rewards.daily * own // (own + rewards.others_milli))


def is_thin(bids: Sequence[Level], asks: Sequence[Level], mid: int, rewards: RewardTerms) -> bool:
    """Tell whether one side holds less than a scoring order inside the band: thin, or with a gap."""
    farthest = to_micro(rewards.max_spread)
    return any(
        sum(level.size for level in side if abs(to_micro(level.price) - mid) < farthest) < rewards.min_size
        for side in (bids, asks)
    )


def worth_per_day(pair: PairTerms, delta: int) -> int:
    """Return what a pair quoted `delta` around its centre is expected to earn per day, in micro-dollars.

    Reward plus lambda(delta) z (delta + rebate - adverse).
    """
    one, two = (
        score(
            pair.size,
            distance=abs(pair.mid - price),
            max_spread=pair.rewards.max_spread,
            rounding=Rounding.DOWN,
        )
        for price in (pair.centre - delta, pair.centre + delta)
    )
    fills_milli = pair.arrivals.at_fair_milli * _left_at(delta, pair.arrivals.halving)
    spread = fills_milli * pair.size * (delta + pair.gain) // (1_000 * DECAY_ONE * MICRO_ONE)
    return income_per_day(pair.rewards, joint_score(one, two, pair.mid)) + spread


def best_half_spread(pair: PairTerms, least: int, tick: Price) -> int:
    """Return the half-spread worth most among `least` and the whole ticks from there to the band's edge.

    Never inside `least`, which is also the answer where it lies beyond the edge. Of equals the widest: it
    risks less for the same.
    """
    step = to_micro(tick)
    whole = range((least // step + 1) * step, band_edge(pair.rewards, tick) + 1, step)
    found: tuple[int, int] = max((worth_per_day(pair, delta), delta) for delta in (least, *whole))
    return found[1]


@lru_cache(maxsize=4_096)  # whole ticks, the same ones at every touch of a book
def _left_at(delta: int, halving: int) -> int:
    return decay(delta, halving)


def _pays_one_side(mid: int) -> bool:
    return to_micro(ONE_SIDED_LEAST) <= mid <= to_micro(Price(PRICE_ONE - ONE_SIDED_LEAST))
