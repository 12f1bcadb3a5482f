"""What the desk remembers about venue, heartbeats, cancels, breakers and runner. Values only."""

from collections import deque
from dataclasses import dataclass, field

from engine.core.dutch.detector import Detector
from engine.domain.ids import ConditionId, EventId, OrderId, PlanId, TicketId
from engine.domain.units import Ms, Usdc
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


@dataclass(slots=True)
class StandingGrant:
    """One `/dutch auto` ticket that is in force. It is never stored: a restart ends it."""

    ticket_id: TicketId
    event_id: EventId | None
    """The one event it is limited to; None for all."""
    budget: Usdc
    per_plan: Usdc
    expires_ms: Ms
    reserved: dict[TicketId, Usdc] = field(default_factory=dict)
    """Every ticket opened under it that has not come to nothing, with the most it may spend."""
    flying: list[TicketId] = field(default_factory=list)
    """Those whose end is not known yet."""
    sent: int = 0
    whole: int = 0
    failed: int = 0
    failed_in_a_row: int = 0
    pauses: dict[EventId, Ms] = field(default_factory=dict)
    """Until when an event takes no plan under it."""
    mend_pauses: dict[EventId, Ms] = field(default_factory=dict)
    """The same for a repair: the pause after a plan that failed must not keep its repair back."""
    given_up: dict[EventId, int] = field(default_factory=dict)
    """How many plans of an event in a row were given up before they were sent."""
    failed_merges: set[ConditionId] = field(default_factory=set)
    """Markets of which a merge had no effect: a person asks for the next one."""
    last: str = ""
    """One sentence about the newest thing it did."""
    shown: tuple[object, ...] = ()
    """What its card was last shown with."""
    revision: int = 0
    """Counts what its card was shown with."""


@dataclass(slots=True)
class Runner:
    """What is watched for windows, and what may be sent without a press."""

    detector: Detector = field(default_factory=Detector)
    dirty: set[EventId] = field(default_factory=set)
    """Hot events whose books changed since they were last planned."""
    planned_ms: dict[EventId, Ms] = field(default_factory=dict)
    """When an event was last planned because of the detector."""
    told_ms: dict[EventId, Ms] = field(default_factory=dict)
    """When an event's window was last announced."""
    grants: dict[TicketId, StandingGrant] = field(default_factory=dict)
    """Standing grants in force."""
    sent_plans: set[PlanId] = field(default_factory=set)
    """Every plan that left, restored ones included: none of them is sent again without a press."""
    attempts: int = 0
    """Counts tickets opened without a press."""
