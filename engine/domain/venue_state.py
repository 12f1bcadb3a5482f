"""What the venue takes at present, and what one answer says about it (protocol 4.5 and 10). Values only.

The table of transitions is `engine.core.halts.venue_watch`'s.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.rates import RateReading, RetryAfter
from engine.domain.units import Ms


class VenueState(Enum):
    """Which requests the venue serves; the value is the operator's word."""

    RUN = "RUN"
    RESTARTING = "RESTARTING"
    """The matching engine restarts (425): neither orders nor cancels, for about 90 s."""
    POST_ONLY = "POST_ONLY"
    """After a restart, about two minutes: only orders that would rest, and cancels."""
    CANCEL_ONLY = "CANCEL_ONLY"
    DOWN = "DOWN"
    """Trading is disabled: cancels are refused, too."""


class VenueSign(Enum):
    """What one answer, or the time that passed, says about the venue as a whole."""

    TAKES_ORDERS = "it judged an order that may match at once"
    TAKES_POST_ONLY = "it accepted a post-only order"
    TAKES_CANCELS = "it answered a cancel"
    RESTARTING = "its engine restarts"
    POST_ONLY = "it takes post-only orders only"
    CANCEL_ONLY = "it takes cancels only"
    DISABLED = "it takes nothing"
    TIME_OVER = "its time is over"
    """Not said by the venue: the time it named, or the usual one, has passed."""


@dataclass(frozen=True, slots=True)
class VenueNote:
    """What an answer to a POST or DELETE tells beside its verdicts."""

    sign: VenueSign | None = None
    until_ms: Ms | None = None
    """How long the state of `sign` is said to last from now (a 503's `retry_after_seconds`), if told."""
    limited: RetryAfter | None = None
    """Set for a 429."""
    rate: RateReading | None = None


NO_NOTE = VenueNote()
"""An answer that tells nothing beside its verdicts."""
