"""Short codes for the events of one read: known ones stay, new ones come in event-id order. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.domain.ids import EventId, event_code
from engine.domain.market import EventGroup


def coded(events: Sequence[EventGroup], known: Mapping[EventId, str]) -> tuple[EventGroup, ...]:
    """Return the events in event-id order, each with its own code; `known` are the codes of earlier reads."""
    codes = dict(known)
    taken = set(codes.values())
    ordered = sorted(events, key=lambda event: (len(event.event_id), event.event_id))
    for event in ordered:
        if event.event_id not in codes:
            codes[event.event_id] = _new_code(event, taken)
            taken.add(codes[event.event_id])
    return tuple(replace(event, code=codes[event.event_id]) for event in ordered)


def _new_code(event: EventGroup, taken: set[str]) -> str:
    outcomes = len(event.markets)
    try:
        return event_code(event.slug, outcomes, taken)
    except ValueError:  # every letter after this word is taken: the event's own number is unique
        return event_code(f"e{event.event_id}", outcomes, taken)
