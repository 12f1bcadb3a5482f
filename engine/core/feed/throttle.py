"""How often one token's book may be read over REST: burst 2, one more every 5 seconds. Pure integers."""

from engine.domain.units import Ms

REFILL_MS = 5_000
BURST = 2
FULL_MS = BURST * REFILL_MS
ANSWER_MS_MAX = 10_000
"""A read unanswered for so long is taken for lost; it is twice the whole-answer limit of a request."""


class FetchThrottle:
    """A token bucket kept as milliseconds of credit, with at most one read in flight."""

    __slots__ = ("_asked_ms", "_credit_ms", "_credited_ms", "_void")

    def __init__(self, at_ms: Ms) -> None:
        self._credit_ms = FULL_MS
        self._credited_ms = at_ms
        self._asked_ms: Ms | None = None
        self._void = False

    def ask(self, at_ms: Ms) -> bool:
        """Take one read if none is in flight and the bucket has one."""
        if self._asked_ms is not None and at_ms - self._asked_ms < ANSWER_MS_MAX:
            return False
        self._credit_ms = min(FULL_MS, self._credit_ms + max(0, at_ms - self._credited_ms))
        self._credited_ms = at_ms
        if self._credit_ms < REFILL_MS:
            return False
        self._credit_ms -= REFILL_MS
        self._asked_ms = at_ms
        self._void = False
        return True

    def void(self) -> None:
        """Have the answer of the read in flight left out: it may be from before what was just heard."""
        self._void = self._asked_ms is not None

    def answered(self) -> bool:
        """Note that the read in flight has ended, well or badly; False if its answer is to be left out."""
        counts = not self._void
        self._asked_ms, self._void = None, False
        return counts
