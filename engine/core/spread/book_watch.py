"""When a quoted book may be relied on again, and how far its mid has moved of late.

Stale means not confirmed, never not changed. Quotes go at once when a book is stale, and come back only
after the whole book was proven again and has stayed confirmed for a while (strategy 5.6, `stale_ms`).
Pure: the caller brings the time.
"""

from dataclasses import dataclass

from engine.domain.quote import QuoteKnobs
from engine.domain.units import Ms

NEVER = Ms(0)
"""Any proof is newer."""


@dataclass(frozen=True, slots=True)
class BookSeen:
    """What the feed says about the book now."""

    synced: bool
    """No gap is open; a book after a reconnect is not synced until it is proven."""
    confirmed_ms: Ms | None
    """When it was confirmed last; None: never."""
    proven_ms: Ms | None
    """When the whole book was proven last: by a snapshot, or by a hash of all of it that matched."""


@dataclass(frozen=True, slots=True)
class BookWatch:
    """What is known of one market's book; a new one waits for its first proof."""

    lost_ms: Ms = NEVER
    """When it was last seen to be stale."""
    again_ms: Ms | None = None
    """When it was proven after that; None while it is stale or not proven again."""


def watch_book(watch: BookWatch, seen: BookSeen, knobs: QuoteKnobs, at_ms: Ms) -> BookWatch:
    """Return the watch after a look at the book; look at least once per `stale_ms`."""
    confirmed = seen.confirmed_ms
    if not seen.synced or confirmed is None or at_ms - confirmed > knobs.stale_ms:
        return BookWatch(lost_ms=at_ms)
    proven = seen.proven_ms
    if watch.again_ms is None and proven is not None and proven >= watch.lost_ms:
        return BookWatch(watch.lost_ms, proven)
    return watch


def is_recovered(watch: BookWatch, knobs: QuoteKnobs, at_ms: Ms) -> bool:
    """Tell whether the book may be quoted on: proven again at least `stale_recover_ms` ago."""
    return watch.again_ms is not None and at_ms - watch.again_ms >= knobs.stale_recover_ms


@dataclass(frozen=True, slots=True)
class MidWindow:
    """Mids in force within the jump window, each with the time from which it was; oldest first."""

    mids: tuple[tuple[Ms, int], ...] = ()

    @property
    def swing(self) -> int:
        """Return the largest move to the present mid from one in the window, in micro; falls are negative."""
        if not self.mids:
            return 0
        now = self.mids[-1][1]
        rise = now - min(mid for _, mid in self.mids)
        fall = max(mid for _, mid in self.mids) - now
        return rise if rise >= fall else -fall


def seen_mid(window: MidWindow, mid: int | None, knobs: QuoteKnobs, at_ms: Ms) -> MidWindow:
    """Return the window after a look at the mid, in micro; None (no mid) only lets time pass.

    A mid counts for as long as it was in force at some time less than `jump_window_ms` ago, however long
    before it had been reached.
    """
    mids = window.mids
    if mid is not None and (not mids or mids[-1][1] != mid):
        mids = (*mids, (at_ms, mid))
    since = at_ms - knobs.jump_window_ms
    gone = 0
    while gone + 1 < len(mids) and mids[gone + 1][0] <= since:
        gone += 1
    return window if mids is window.mids and not gone else MidWindow(mids[gone:])
