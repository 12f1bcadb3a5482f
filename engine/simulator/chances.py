"""Seeded faults: one draw for each request, user event and trade, each kind of thing with draws of its own.

So the same seed and the same requests, events or trades meet the same faults, whatever the others are.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from random import Random

from engine.simulator.faults import EVENT_FAULTS, LEG_FAULTS, REQUEST_FAULTS, Fault, FaultKind
from engine.simulator.settlement import Odds

PARTS = 10_000
"""Rates count in parts of ten thousand requests, or user events."""
DRAWN = frozenset({*REQUEST_FAULTS, *LEG_FAULTS, FaultKind.REJECT_LEG, FaultKind.DELAY_LEG})
"""What a request may meet."""
_HTML_STATUSES = {FaultKind.HTML_INSTEAD: (200, 403, 502), FaultKind.HTML_ANSWER: (200, 403, 502)}


@dataclass(slots=True)
class Chances:
    """Rates per kind, in parts of 10,000; a request or an event meets one seeded fault at most.

    `delay_max_ms` bounds what waits; `request` names the requests that are drawn for ("" is any). `failed`
    and `retrying` are percent of trades.
    """

    seed: int
    rates: Mapping[FaultKind, int]
    delay_max_ms: int = 5_000
    request: str = ""
    failed: int = 0
    retrying: int = 0
    odds: Odds | None = field(init=False)
    """How trades settle, None for as usual."""
    _requests: int = field(default=0, init=False)
    _events: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Refuse kinds of nothing that is drawn for, and rates that are no probabilities."""
        strange = sorted(kind.value for kind in self.rates.keys() - DRAWN - EVENT_FAULTS)
        if strange:
            raise ValueError(f"expected faults of requests or events, found {strange}")
        for kinds in (DRAWN, EVENT_FAULTS):
            rates = [rate for kind, rate in self.rates.items() if kind in kinds]
            if any(rate < 0 for rate in rates) or sum(rates) > PARTS:
                raise ValueError(f"expected rates of 0 or more that sum to at most {PARTS}")
        if not 1 <= self.delay_max_ms <= 600_000:
            raise ValueError(f"expected a delay of 1 to 600000 ms, was {self.delay_max_ms}")
        odds = Odds(str(self.seed), self.failed, self.retrying, 1, self.delay_max_ms)
        self.odds = odds if self.failed or self.retrying else None

    def draw(self, call: str, body: bytes) -> Fault | None:
        """Return the fault of the next request, if it meets one."""
        if not call.startswith(self.request):
            return None
        self._requests += 1
        rng = Random(f"{self.seed}/{self._requests}")  # noqa: S311 - a replayable choice, not a secret
        kind = self._kind(DRAWN, rng)
        return None if kind is None else self._fault(kind, call, _entries(body), rng)

    def draw_event(self) -> Fault | None:
        """Return the fault of the next user event, if it meets one."""
        self._events += 1
        rng = Random(f"{self.seed}/event/{self._events}")  # noqa: S311 - a replayable choice, not a secret
        kind = self._kind(EVENT_FAULTS, rng)
        return None if kind is None else Fault(kind, delay_ms=rng.randrange(1, self.delay_max_ms + 1))

    def _kind(self, kinds: Collection[FaultKind], rng: Random) -> FaultKind | None:
        part = rng.randrange(PARTS)
        for kind in FaultKind:
            part -= self.rates.get(kind, 0) if kind in kinds else 0
            if part < 0:
                return kind
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
