"""The venue's token buckets, two for each signer, and what its answers tell of them (protocol 2.3).

Levels count thousandths of a token, so that a rate per second adds itself every millisecond, exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from engine.domain.rates import TIERS, Bucket, Tier
from engine.domain.units import Ms

TOKEN = 1_000
OVERDRAWING = frozenset({"Standard", "Copper", "Bronze", "Silver", "Gold"})
"""Tiers whose cancels may take the bucket below zero. How far is not documented: here by one request."""


class Enforcement(Enum):
    """What happens to a request that its bucket does not admit."""

    ENFORCED = "enforced"
    WARNING = "warning"
    """It passes without being charged, its answer is marked."""
    OFF = "off"
    """Nothing is counted."""


class RetryStyle(Enum):
    """What a 429 says of when to come again."""

    TOLD = "told"
    MISSING = "missing"
    NEGATIVE = "negative"
    HUGE = "huge"


_ODD_RETRY = {RetryStyle.NEGATIVE: "-5", RetryStyle.HUGE: "86400"}


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request passes, and the headers that its answer carries."""

    passes: bool
    headers: Mapping[str, str]


@dataclass(slots=True)
class _Level:
    milli: int
    at_ms: Ms


class RateLimits:
    """The buckets of every signer. `tiers` names the tier of an address; all others have `tier`."""

    def __init__(self) -> None:
        self.tier: Tier = TIERS[0]
        self.tiers: dict[str, Tier] = {}
        self.enforcement = Enforcement.ENFORCED
        self.retry = RetryStyle.TOLD
        self._levels: dict[tuple[str, Bucket], _Level] = {}

    def admit(
        self, address: str, bucket: Bucket, cost: int, now_ms: Ms, *, sweeping: bool = False
    ) -> Admission:
        """Charge a request all or nothing; `sweeping` is a cancel of unnamed orders, of any cost."""
        tier = self.tiers.get(address.lower(), self.tier)
        rate, burst = _measures(tier, bucket)
        level = self._levels.setdefault((address.lower(), bucket), _Level(burst * TOKEN, now_ms))
        level.milli = min(burst * TOKEN, level.milli + rate * (now_ms - level.at_ms))
        level.at_ms = now_ms
        overdraws = bucket is Bucket.CANCELS and tier.name in OVERDRAWING
        needed = TOKEN if overdraws and (sweeping or cost <= burst) else cost * TOKEN
        fits = level.milli >= needed
        if fits and self.enforcement is not Enforcement.OFF:
            level.milli -= cost * TOKEN
        headers = {
            "Poly-RateLimit-Remaining": str(level.milli // TOKEN),
            "Poly-RateLimit-Reset": str(_up(now_ms + _up(burst * TOKEN - level.milli, rate), 1_000)),
            "Poly-RateLimit-Tier": tier.name,
        }
        if fits or self.enforcement is Enforcement.OFF:
            return Admission(passes=True, headers=headers)
        if self.enforcement is Enforcement.WARNING:
            return Admission(passes=True, headers=headers | {"Poly-RateLimit-Warning": "true"})
        wait_ms = _up(min(needed, burst * TOKEN) - level.milli, rate)
        return Admission(passes=False, headers=headers | self._retry_after(wait_ms))

    def peek(self, address: str, bucket: Bucket, now_ms: Ms) -> Mapping[str, str]:
        """Return the headers of an answer that was not charged."""
        return self.admit(address, bucket, 0, now_ms).headers

    def _retry_after(self, wait_ms: int) -> dict[str, str]:
        if self.retry is RetryStyle.MISSING:
            return {}
        return {"Retry-After": _ODD_RETRY.get(self.retry, str(max(_up(wait_ms, 1_000), 1)))}


def _measures(tier: Tier, bucket: Bucket) -> tuple[int, int]:
    """Return (tokens per second, most tokens) of one bucket."""
    if bucket is Bucket.ORDERS:
        return tier.order_rate, tier.order_burst
    return tier.cancel_rate, tier.cancel_burst


def _up(amount: int, step: int) -> int:
    """Divide, rounded up: a wait is never told too short."""
    return -(-amount // step)
