"""Counts why events are not traded, once per change of mind: scans must not flood the counter."""

from engine.core.state import Desk
from engine.domain.effects import Count, Effect
from engine.domain.ids import EventId
from engine.domain.plan import Plan
from engine.domain.refusal import Refusal


def note_verdict(desk: Desk, event_id: EventId, planned: Plan | Refusal) -> list[Effect]:
    """Remember what a scan found of an event; return the counts of guards that did not refuse it before.

    Where the side of YES is shut by one guard and the other kinds by another, each is counted.
    """
    labels = _labels(planned)
    before = desk.verdicts.get(event_id, ())
    desk.verdicts[event_id] = labels
    return [Count("dutch_refused_total", label) for label in labels if label not in before]


def _labels(planned: Plan | Refusal) -> tuple[str, ...]:
    """Return the guards that refused, each once; none for an event that pays."""
    if isinstance(planned, Plan):
        return ()
    kinds = (planned.kind, planned.beside)
    return tuple(dict.fromkeys(kind.value for kind in kinds if kind is not None))
