"""The venue's token buckets as its page describes them, written apart from the desk's own account."""

from dataclasses import dataclass, field
from fractions import Fraction

from engine.domain.rates import Tier


@dataclass
class ModelBuckets:
    """One signer's two buckets. All or nothing; what is not admitted costs nothing."""

    tier: Tier
    at_ms: int = 0
    tokens: dict[str, Fraction] = field(default_factory=dict)
    refused: int = 0
    admitted: dict[str, int] = field(default_factory=lambda: {"orders": 0, "cancels": 0})

    def __post_init__(self) -> None:
        self.tokens = {"orders": Fraction(self.tier.order_burst), "cancels": Fraction(self.tier.cancel_burst)}

    def ask(self, bucket: str, cost: int, at_ms: int) -> tuple[bool, int]:
        """Admit or refuse, and tell what remains, as the header does."""
        passed = Fraction(max(0, at_ms - self.at_ms), 1_000)
        self.at_ms = max(self.at_ms, at_ms)
        self._refill("orders", passed * self.tier.order_rate, self.tier.order_burst)
        self._refill("cancels", passed * self.tier.cancel_rate, self.tier.cancel_burst)
        if self.tokens[bucket] < cost:
            self.refused += 1
            return False, int(self.tokens[bucket])
        self.tokens[bucket] -= cost
        self.admitted[bucket] += cost
        return True, int(self.tokens[bucket])

    def _refill(self, bucket: str, by: Fraction, burst: int) -> None:
        self.tokens[bucket] = min(Fraction(burst), self.tokens[bucket] + by)
