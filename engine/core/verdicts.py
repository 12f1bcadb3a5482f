"""Counts why events are not traded, once per change of mind: scans must not flood the counter."""

from engine.core.best_kind import unsendable
from engine.core.state import Desk
from engine.domain.effects import Count, Effect
from engine.domain.ids import EventId
from engine.domain.plan import Plan
from engine.domain.refusal import Refusal

PAYS = ""


def note_verdict(desk: Desk, event_id: EventId, planned: Plan | Refusal) -> list[Effect]:
    """Remember what a scan found of an event; return its count if that is another guard than before."""
    refusal = planned if isinstance(planned, Refusal) else unsendable(planned)
    label = PAYS if refusal is None else refusal.kind.value
    if desk.verdicts.get(event_id) == label:
        return []
    desk.verdicts[event_id] = label
    return [] if label == PAYS else [Count("dutch_refused_total", label)]
