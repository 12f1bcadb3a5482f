"""What the venue's two token buckets still hold, as far as we know, and so what may leave (protocol 2.3).

A pure account: the caller brings the time. Tokens count in thousandths, so that refills lose nothing. It
starts at the lowest tier and learns from the headers of the answers; what it does not know it takes for
less.
"""

from dataclasses import dataclass, field
from enum import Enum

from engine.domain.rates import TIERS, Bucket, RateReading, RetryAfter, Tier
from engine.domain.units import Ms

MILLI = 1_000
ORDER_RESERVE = 15
"""Order tokens that only repairs may take: one batch of the largest size."""
CANCEL_RESERVE = 30
"""Cancel tokens that only a kill and repairs may take: a quarter of the lowest tier's burst."""
READING_AGE_MS = 250
"""How old a reading may be; the reserve bears what is refilled meanwhile, 10 tokens at the lowest tier."""
CANCEL_IDS_MAX = 80
"""Ids in one cancel: a cost above the burst less the reserve would never be admitted at the lowest tier."""


class Purpose(Enum):
    """What a request is for; repairs may use the reserves, a kill passes always."""

    PLAN = "plan"
    REPAIR = "repair"
    KILL = "kill"


@dataclass(slots=True)
class TokenBucket:
    """One bucket: what it held at `at_ms`, in thousandths of a token; negative when overdrawn."""

    rate: int
    burst: int
    held: int
    at_ms: Ms = field(default=Ms(0))

    def refill(self, at_ms: Ms) -> None:
        """Add what came since, to the burst at most: `rate` tokens a second are as many milli-tokens a ms."""
        passed = max(0, at_ms - self.at_ms)
        self.held = min(self.burst * MILLI, self.held + passed * self.rate)
        self.at_ms = Ms(max(self.at_ms, at_ms))

    def wait_ms(self, needed: int, at_ms: Ms) -> Ms | None:
        """Return how long until `needed` tokens are there, 0 for now, None for never."""
        if needed > self.burst:
            return None
        self.refill(at_ms)
        short = needed * MILLI - self.held
        return Ms(0) if short <= 0 else Ms(-(-short // self.rate))


@dataclass(slots=True)
class RateGovernor:
    """Both buckets of one signer, and until when the venue wants to be left alone."""

    tier: Tier = TIERS[0]
    orders: TokenBucket = field(init=False)
    cancels: TokenBucket = field(init=False)
    blocked_until_ms: Ms = field(default=Ms(0))

    def __post_init__(self) -> None:
        """Begin with full buckets of the lowest tier; the first answer's headers correct them."""
        self.orders = TokenBucket(self.tier.order_rate, self.tier.order_burst, self.tier.order_burst * MILLI)
        self.cancels = TokenBucket(
            self.tier.cancel_rate, self.tier.cancel_burst, self.tier.cancel_burst * MILLI
        )

    def wait_ms(self, bucket: Bucket, cost: int, purpose: Purpose, at_ms: Ms) -> Ms | None:
        """Return how long a request must wait, 0 if it may leave now, None if it can never be admitted.

        All or nothing; asking takes nothing. A kill's cancel-all never waits.
        """
        if purpose is Purpose.KILL:
            return Ms(0)
        reserve = _RESERVES[bucket] if purpose is Purpose.PLAN else 0
        waits = self._of(bucket).wait_ms(cost + reserve, at_ms)
        return None if waits is None else Ms(max(waits, self.blocked_until_ms - at_ms))

    def take(self, bucket: Bucket, cost: int, at_ms: Ms) -> None:
        """Charge a request that leaves; a kill may overdraw its bucket."""
        held = self._of(bucket)
        held.refill(at_ms)
        held.held -= cost * MILLI

    def learn(self, reading: RateReading, at_ms: Ms) -> None:
        """Take over what an answer's headers tell.

        A reading is as old as its answer took, and knows nothing of what left since: it never raises what
        we think is there, and lowers it only by more than such a while refills.
        """
        tier = next((t for t in TIERS if t.name.casefold() == reading.tier.casefold()), None)
        if tier is not None and tier is not self.tier:
            self._move_to(tier, at_ms)
        held = self._of(reading.bucket)
        held.refill(at_ms)
        held.held = min(held.held, reading.remaining * MILLI + held.rate * READING_AGE_MS)

    def limited(self, told: RetryAfter, at_ms: Ms) -> None:
        """Leave the venue alone after a 429 for as long as it said."""
        self.blocked_until_ms = Ms(max(self.blocked_until_ms, at_ms + told.wait_ms))

    def remaining(self, bucket: Bucket, at_ms: Ms) -> int:
        """Return whole tokens left, rounded down; negative when overdrawn."""
        held = self._of(bucket)
        held.refill(at_ms)
        return held.held // MILLI

    def _of(self, bucket: Bucket) -> TokenBucket:
        return self.orders if bucket is Bucket.ORDERS else self.cancels

    def _move_to(self, tier: Tier, at_ms: Ms) -> None:
        """Go on with a tier's figures: what was used of the old burst counts as used of the new one."""
        for held, rate, burst in (
            (self.orders, tier.order_rate, tier.order_burst),
            (self.cancels, tier.cancel_rate, tier.cancel_burst),
        ):
            held.refill(at_ms)
            used = held.burst * MILLI - held.held
            held.rate, held.burst, held.held = rate, burst, burst * MILLI - used
        self.tier = tier


_RESERVES = {Bucket.ORDERS: ORDER_RESERVE, Bucket.CANCELS: CANCEL_RESERVE}
