"""The venue's per-signer token buckets: tiers, and what an answer's headers tell (protocol 2.3). Facts only.

Two buckets, orders and cancels, each refilled per second up to a burst. A request is admitted all or nothing.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.units import Ms


class Bucket(Enum):
    """Which bucket a request is charged to."""

    ORDERS = "orders"
    CANCELS = "cancels"


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier: tokens per second and most tokens at once, of each bucket."""

    name: str
    order_rate: int
    order_burst: int
    cancel_rate: int
    cancel_burst: int


TIERS: tuple[Tier, ...] = (
    Tier("Standard", 40, 60, 80, 120),
    Tier("Copper", 60, 90, 120, 180),
    Tier("Bronze", 80, 120, 160, 240),
    Tier("Silver", 200, 300, 400, 600),
    Tier("Gold", 400, 600, 800, 1_200),
    Tier("Platinum", 450, 675, 900, 1_350),
    Tier("Diamond", 525, 787, 1_050, 1_575),
    Tier("Elite", 600, 900, 1_200, 1_800),
)
"""Lowest first (docs.polymarket.com, trading rate limits, read 2026-11-22)."""


@dataclass(frozen=True, slots=True)
class RateReading:
    """The `Poly-RateLimit-*` headers of one answer; `remaining` is negative where cancels are overdrawn."""

    bucket: Bucket
    remaining: int
    reset_s: int | None
    """Unix seconds of the venue's clock at which the bucket is full again; None if not told."""
    tier: str
    """The venue's word for the tier; empty if not told."""
    warning: bool


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """How long the venue asked to be left alone after a 429, clamped to 0.1 to 60 s (reliability B 10)."""

    wait_ms: Ms
    told: bool
    """False: the venue named no time, this is our own."""
