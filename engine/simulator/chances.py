"""Seeded faults: for every request one draw, so that the same seed and requests meet the same faults."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from engine.simulator.faults import LEG_FAULTS, REQUEST_FAULTS, Fault, FaultKind

PARTS = 10_000
"""Rates count in parts of ten thousand requests."""
DRAWN = frozenset({*REQUEST_FAULTS, *LEG_FAULTS, FaultKind.REJECT_LEG, FaultKind.DELAY_LEG})
_HTML_STATUSES = {FaultKind.HTML_INSTEAD: (200, 403, 502), FaultKind.HTML_ANSWER: (200, 403, 502)}


@dataclass(slots=True)
class Chances:
    """Rates per kind, in parts of 10,000; a request meets one seeded fault at most.

    `delay_max_ms` bounds what waits; `request` names the requests that are drawn for ("" is any).
    """

    seed: int
    rates: Mapping[FaultKind, int]
    delay_max_ms: int = 5_000
    request: str = ""
    _drawn: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Refuse kinds that are not of requests, and rates that are no probabilities."""
        strange = sorted(kind.value for kind in self.rates.keys() - DRAWN)
        if strange:
            raise ValueError(f"expected faults of requests, found {strange}")
        if any(rate < 0 for rate in self.rates.values()) or sum(self.rates.values()) > PARTS:
            raise ValueError(f"expected rates of 0 or more that sum to at most {PARTS}")
        if not 1 <= self.delay_max_ms <= 600_000:
            raise ValueError(f"expected a delay of 1 to 600000 ms, was {self.delay_max_ms}")

    def draw(self, call: str, body: bytes) -> Fault | None:
        """Return the fault of the next request, if it meets one."""
        if not call.startswith(self.request):
            return None
        self._drawn += 1
        rng = Random(f"{self.seed}/{self._drawn}")  # noqa: S311 - a replayable choice, not a secret
        part = rng.randrange(PARTS)
        for kind in FaultKind:
            part -= self.rates.get(kind, 0)
            if part < 0:
                return self._fault(kind, call, _entries(body), rng)
        return None

    def _fault(self, kind: FaultKind, call: str, entries: int, rng: Random) -> Fault:
        return Fault(
            kind,
            request=call,
            leg=rng.randrange(min(max(entries, 1), 15)),
            delay_ms=rng.randrange(1, self.delay_max_ms + 1),
            hold_ms=rng.randrange(1, self.delay_max_ms + 1),
            status=rng.choice(_HTML_STATUSES.get(kind, (0,))),
        )


def _entries(body: bytes) -> int:
    """Return how many entries a batch has; whatever is no list counts as one."""
    try:
        value = json.loads(body)
    except ValueError:
        return 1
    return len(value) if isinstance(value, list) else 1
