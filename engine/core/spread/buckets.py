"""How often the quoter may place and cancel: token buckets, per market and one pair for all (strategy 5.6).

The operator's own ration, beside what the venue's limits leave (`engine.core.rate_governor`). Integers, and
the caller brings the time: a token is 60,000 parts, so that a millisecond refills `per_min` parts exactly and
no refill loses anything. Decisions ask for an `Allowance` and change nothing; what they decided is charged
afterwards.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.domain.quote import CancelQuote, PlaceQuote, QuoteAction, QuoteKnobs
from engine.domain.units import Ms

TOKEN = 60_000
"""Parts of a token: milliseconds of a minute."""


@dataclass(slots=True)
class Bucket:
    """What was left at `at_ms`, in parts of a token."""

    per_min: int
    """Tokens that a minute brings."""
    burst: int
    """Most tokens it holds."""
    parts: int
    at_ms: Ms

    def held(self, at_ms: Ms) -> int:
        """Return the whole tokens there are; a time before the newest one known brings nothing."""
        passed = max(0, at_ms - self.at_ms)
        self.parts = min(self.burst * TOKEN, self.parts + passed * self.per_min)
        self.at_ms = Ms(max(self.at_ms, at_ms))
        return self.parts // TOKEN

    def take(self, tokens: int, at_ms: Ms) -> None:
        """Take what the caller has seen to be there; asserts that it is."""
        held = self.held(at_ms)
        assert tokens <= held, f"expected at most {held} tokens to be taken, was {tokens}"
        self.parts -= tokens * TOKEN


@dataclass(slots=True)
class QuoteBuckets:
    """The pair of one market, or of all of them together."""

    quotes: Bucket
    cancels: Bucket
    cancel_reserve: int
    """Cancel tokens that soft cancels leave for hard pulls."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whole tokens that one decision may use."""

    quotes: int
    soft_cancels: int
    """What is above the reserve: replaces and soft cancels."""
    hard_cancels: int
    """Everything that is there, the reserve included: hard pulls."""


def full_buckets(
    *, quotes: tuple[int, int], cancels: tuple[int, int], cancel_reserve: int, at_ms: Ms
) -> QuoteBuckets:
    """Return full buckets; each pair is tokens per minute and burst. Also for the pair of all markets."""
    assert 0 <= cancel_reserve <= cancels[1], f"expected a reserve within the burst, was {cancel_reserve}"
    made = (Bucket(rate, burst, burst * TOKEN, at_ms) for rate, burst in (quotes, cancels))
    return QuoteBuckets(next(made), next(made), cancel_reserve)


def market_buckets(knobs: QuoteKnobs, at_ms: Ms) -> QuoteBuckets:
    """Return the full pair of one market, by its knobs."""
    return full_buckets(
        quotes=(knobs.max_quotes_per_min, knobs.quote_burst),
        cancels=(knobs.max_cancels_per_min, knobs.cancel_burst),
        cancel_reserve=knobs.cancel_reserve,
        at_ms=at_ms,
    )


def allowance(market: QuoteBuckets, everywhere: QuoteBuckets, at_ms: Ms) -> Allowance:
    """Return what both pairs have; asking takes nothing."""
    own, all_markets = market.cancels.held(at_ms), everywhere.cancels.held(at_ms)
    return Allowance(
        quotes=min(market.quotes.held(at_ms), everywhere.quotes.held(at_ms)),
        soft_cancels=max(0, min(own - market.cancel_reserve, all_markets - everywhere.cancel_reserve)),
        hard_cancels=min(own, all_markets),
    )


def charge(actions: Iterable[QuoteAction], market: QuoteBuckets, everywhere: QuoteBuckets, at_ms: Ms) -> None:
    """Take from both pairs what was decided: one a new order, one a cancel by id.

    The actions are those of one decision made with an `allowance` of this moment, so what they cost is
    there; asserts that it is. A `CancelAll` costs nothing: it is sent because nothing is left.
    """
    quotes = cancels = 0
    for action in actions:
        quotes += isinstance(action, PlaceQuote)
        cancels += isinstance(action, CancelQuote)
    for pair in (market, everywhere):
        pair.quotes.take(quotes, at_ms)
        pair.cancels.take(cancels, at_ms)
