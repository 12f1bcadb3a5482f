"""What the desk remembers about its venue, its heartbeats, its cancels and its breakers. Values only."""

from collections import deque
from dataclasses import dataclass, field

from engine.domain.ids import OrderId, TicketId
from engine.domain.units import Ms
from engine.domain.venue_state import VenueState


@dataclass(slots=True)
class VenueWatch:
    """Where the venue stands, since when, and when that is taken to be over."""

    state: VenueState = VenueState.RUN
    since_ms: Ms = field(default=Ms(0))
    ends_ms: Ms = field(default=Ms(0))


@dataclass(slots=True)
class Heart:
    """The chain of heartbeats: the id of the last answer, and what is on its way."""

    heartbeat_id: str = ""
    beating: bool = False
    """The timer runs, because orders rest or may rest."""
    sent_ms: Ms | None = None
    """When the one on its way left; None while none is."""
    last_ms: Ms = field(default=Ms(0))
    """When the newest one left."""
    misses: int = 0
    unanswered: bool = True
    """An answer of ours may be lost, so the venue may be one id ahead. True at a start: a process before this
    one may have held the chain."""


@dataclass(slots=True)
class Tally:
    """What the breakers count."""

    rejects: deque[Ms] = field(default_factory=deque)
    """POSTs of the last minute of which a leg was refused."""
    auth: int = 0
    """POSTs in a row that the venue refused because of the key."""
    unknown_since: dict[TicketId, Ms] = field(default_factory=dict)
    """Since when a ticket has an unproven order."""
    lags: deque[Ms] = field(default_factory=deque)
    """When the loop was late."""


@dataclass(slots=True)
class Cancels:
    """Cancels that could not leave yet, or got no answer."""

    waiting: dict[OrderId, Ms] = field(default_factory=dict)
    """When each is to be sent, or sent again."""
    tries: dict[OrderId, int] = field(default_factory=dict)
    """How often in a row an id's cancel got no answer."""
