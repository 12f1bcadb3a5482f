"""When a catalogue that could not be read is tried again: sooner than the next refresh, and ever less often.

The pauses are random between nothing and a ceiling that doubles (full jitter), so that many desks that lost
the venue together do not come back together. The randomness arrives inside the event.
"""

from engine.core.state import Desk
from engine.domain.effects import Count, Effect, RaiseAlert, ReadCatalogue, SetTimer
from engine.domain.events import CatalogueFailed
from engine.domain.units import Ms
from engine.domain.views import Alert, Severity

RETRY_TIMER = "catalogue"
FIRST_CEILING_MS = 2_000
LAST_CEILING_MS = 60_000
"""A fifth of the usual period: a venue that is back is noticed within a minute."""


def pause_ms(failures: int, entropy: int) -> Ms:
    """Return the pause after this many failures in a row, at least one; `entropy` has 40 bits or more."""
    assert failures > 0, f"expected at least one failure, was {failures}"
    doublings = min(failures - 1, LAST_CEILING_MS.bit_length())
    return Ms(entropy % (min(LAST_CEILING_MS, FIRST_CEILING_MS << doublings) + 1))


def catalogue_failed(desk: Desk, event: CatalogueFailed) -> list[Effect]:
    """Keep the last catalogue, say so, and try again after a pause."""
    desk.catalogue_failures += 1
    return [
        Count("engine_errors", "catalogue"),
        RaiseAlert(
            Alert(
                key="catalogue",
                severity=Severity.WARN,
                subject="catalogue",
                text=f"the catalogue could not be read: {event.reason}",
                next_step="the last one stays in force, and the read is tried again within a minute",
            )
        ),
        SetTimer(RETRY_TIMER, Ms(event.at_ms + pause_ms(desk.catalogue_failures, event.entropy))),
    ]


def retry_timer(desk: Desk, _at_ms: Ms) -> list[Effect]:
    """Read again, unless a refresh was faster and succeeded."""
    return [ReadCatalogue()] if desk.catalogue_failures else []
