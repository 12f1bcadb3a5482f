"""What a run of the feed core came to: inputs, counters and one hash over all its effects, in order.

Two runs with equal hashes did the same. The hash is SHA-256 over one line of JSON per effect: the time of its
input, the effect's kind and its fields in order, enums by their values.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from engine.core.feed.inlet import FeedInput
from engine.domain.effects import Count, Effect, RaiseAlert
from engine.domain.units import Ms

_CANONICAL = msgspec.json.Encoder(order="deterministic")


class FeedTally:
    """Adds up one run: every input, and what it brought."""

    def __init__(self) -> None:
        self.inputs: Counter[type] = Counter()
        self.counts: Counter[tuple[str, str]] = Counter()
        """Sums of the core's counters by metric and label."""
        self.effects = 0
        self.alerts = 0
        self.first_ms: Ms | None = None
        self.last_ms: Ms | None = None
        self._sha = hashlib.sha256()

    def note(self, entry: FeedInput, effects: tuple[Effect, ...]) -> None:
        """Count an input and take its effects into the hash."""
        self.note_inputs((entry,))
        if effects:
            self.note_effects(entry.at_ms, effects)

    def note_inputs(self, entries: Sequence[FeedInput]) -> None:
        """Count inputs, in order."""
        self.inputs.update(map(type, entries))
        if entries:
            if self.first_ms is None:
                self.first_ms = entries[0].at_ms
            self.last_ms = entries[-1].at_ms

    def note_effects(self, at_ms: Ms, effects: Iterable[Effect]) -> None:
        """Take the effects of one input into the hash."""
        for effect in effects:
            self.effects += 1
            if isinstance(effect, Count):
                self.counts[effect.metric, effect.label] += effect.by
            elif isinstance(effect, RaiseAlert):
                self.alerts += 1
            self._sha.update(_CANONICAL.encode((at_ms, type(effect).__name__, effect)) + b"\n")

    def by_label(self, metric: str) -> dict[str, int]:
        """Return a counter's sums by label, in the order of the labels."""
        return {label: by for (name, label), by in sorted(self.counts.items()) if name == metric}

    @property
    def total(self) -> int:
        """How many inputs there were."""
        return self.inputs.total()

    def digest(self) -> str:
        """Return the hash over all effects so far, as hex."""
        return self._sha.hexdigest()
