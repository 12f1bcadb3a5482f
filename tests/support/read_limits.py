"""What the desk may ask of the venue's REST books, counted from outside (design 7, Books; protocol 5.4)."""

from engine.domain.effects import FetchBooks

BURST = 2
REFILL_MS = 5_000
PROBE_EVERY_MS = 1_000
PROBE = "probe"


class ReadLimits:
    """Asserts for every read: burst 2 and one more per 5 s a token, and one probe a second over all."""

    def __init__(self) -> None:
        self.resyncs = 0
        """Books asked for to resync them."""
        self.probes = 0
        """Requests made to hold books against the stream."""
        self._credit: dict[str, tuple[int, int]] = {}
        """By token: credit in milliseconds, and when it was counted."""
        self._probed_ms: int | None = None

    def note(self, effect: FetchBooks, at_ms: int) -> None:
        assert effect.tokens, "a read of nothing"
        assert len(set(effect.tokens)) == len(effect.tokens), "one token twice in a read"
        if effect.reason == PROBE:
            assert self._probed_ms is None or at_ms - self._probed_ms >= PROBE_EVERY_MS, (
                f"a second probe after {at_ms - (self._probed_ms or 0)} ms"
            )
            self.probes, self._probed_ms = self.probes + 1, at_ms
            return
        for token in effect.tokens:
            credit, since_ms = self._credit.get(token, (BURST * REFILL_MS, at_ms))
            credit = min(BURST * REFILL_MS, credit + at_ms - since_ms)
            assert credit >= REFILL_MS, (
                f"{token[:6]} read for {effect.reason} beyond burst {BURST} and 1 per 5 s"
            )
            self._credit[token] = (credit - REFILL_MS, at_ms)
            self.resyncs += 1
