"""Books as they are kept, and how long: the one place of the retention rule. Pure, no clock.

Old books answer slower questions: what happened within a minute is asked about today, how a market moved
within a day is asked about this month, and after that one book a day tells where it stood.
"""

from dataclasses import dataclass

from engine.domain.book import Level
from engine.domain.ids import TokenId
from engine.domain.units import Ms, Price

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WHOLE_MS = DAY_MS
"""Every snapshot younger than this stays: incidents are looked into on the day they happen."""
HOURLY_MS = 30 * DAY_MS
"""Up to this age one an hour stays: a month of hours (720 rows a token) shows a market's daily rhythm."""
READS_MS = HOURLY_MS
"""Catalogue reads older than this are forgotten, unless an event or market was last listed by them."""


@dataclass(frozen=True, slots=True)
class KeptSnapshot:
    """One token's whole book at one moment: bids dearest first, asks cheapest first, a side may be empty."""

    token_id: TokenId
    received_ms: Ms
    """Desk time at which this was the book."""
    venue_ms: Ms
    """Venue time of the newest change it holds."""
    hash: str
    """The venue's checksum that proved it."""
    tick: Price
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Snapshots from `since_ms` up to but without `until_ms`: the first of every `every_ms` stays."""

    since_ms: Ms
    until_ms: Ms
    every_ms: int
    """Counted from 1970, so that hours lie within days and a row that stays once stays the next time."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What retention took out, or would take out."""

    snapshots: int = 0
    catalogue_reads: int = 0
    signed: int = 0
    """Signed bytes of orders that ended long ago."""

    def __add__(self, more: "Pruned") -> "Pruned":
        """Return both together."""
        return Pruned(
            self.snapshots + more.snapshots,
            self.catalogue_reads + more.catalogue_reads,
            self.signed + more.signed,
        )


def thinned_spans(now_ms: Ms) -> tuple[Span, Span]:
    """Return the ages that are thinned, and how far; what is younger stays whole."""
    whole, hourly = Ms(now_ms - WHOLE_MS), Ms(now_ms - HOURLY_MS)
    return Span(hourly, whole, HOUR_MS), Span(Ms(0), hourly, DAY_MS)
