"""What the venue pays makers: terms of its liquidity rewards, own shares, earnings and rebates. Values only.

None of it is realised before it is paid (protocol 8.2): `paid` tells what of a day's earnings is.
"""

from dataclasses import dataclass

from engine.domain.ids import ConditionId
from engine.domain.units import USDC_ONE, Ms, Price, Size, Usdc

DAY_MS = 86_400_000
PAYOUT_MIN = Usdc(USDC_ONE)
"""A day that earned less is not paid (protocol 8.2 and 8.3)."""
SHARE_ONE = 1_000_000
"""The whole pool, in the units of `PoolShare.share`."""


@dataclass(frozen=True, slots=True)
class RewardOffer:
    """The liquidity rewards of one market as the venue offers them (protocol 8.3)."""

    max_spread: Price
    """v: farthest distance from the mid that scores."""
    min_size: Size
    """Smallest order that scores."""
    daily: Usdc | None
    """Pool a day, rounded down; None where the source does not tell it."""
    min_age_ms: Ms | None = None
    """How long an order must have rested; None where the source does not tell it."""


@dataclass(frozen=True, slots=True)
class MarketOffer:
    """The offer of one market."""

    condition_id: ConditionId
    offer: RewardOffer


@dataclass(frozen=True, slots=True)
class PoolShare:
    """Our part of one market's pool as it is earned at present, in 1e-6, rounded down."""

    condition_id: ConditionId
    share: int


@dataclass(frozen=True, slots=True)
class Earned:
    """What one market's rewards or rebates came to on one day, rounded down."""

    day: int
    """UTC, as `utc_day` counts."""
    condition_id: ConditionId
    amount: Usdc


def utc_day(at_ms: Ms) -> int:
    """Return the UTC day of a time in days since 1970."""
    return at_ms // DAY_MS


def paid(rows: tuple[Earned, ...], day: int, now_ms: Ms) -> Usdc:
    """Return what is paid of a day's earnings: all of them once the day is over, nothing below a dollar."""
    total = sum(row.amount for row in rows if row.day == day)
    return Usdc(total if day < utc_day(now_ms) and total >= PAYOUT_MIN else 0)
