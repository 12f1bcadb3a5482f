"""What is kept of the market: which books, and what people hear when they cannot be kept.

History is worth nothing against trading: a refused write closes no gate, it is counted and told once.
"""

from engine.core.state import Desk
from engine.domain.book import LiveBook
from engine.domain.effects import Count, Effect, KeepSnapshots, RaiseAlert
from engine.domain.events import HistoryPruned, HistoryRefused, SnapshotsKept, SnapshotsLost
from engine.domain.history import KeptSnapshot
from engine.domain.units import Ms
from engine.domain.views import Alert, Severity

SNAPSHOTS = "snapshots_total"
PRUNED = "history_pruned_total"


def snapshots_due(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Keep every book that is proven now; a doubtful, crossed or one-sided one is left out."""
    tokens = [t for group in desk.events.values() for m in group.markets for t in (m.yes, m.no)]
    books = [book for token in tokens if isinstance(book := desk.feeds.live(token, at_ms), LiveBook)]
    if not books:
        return []
    return [KeepSnapshots(tuple(_kept(book, at_ms) for book in books))]


def snapshots_kept(desk: Desk, event: SnapshotsKept) -> list[Effect]:
    """Count a batch; after a failure say that history goes on."""
    effects: list[Effect] = [Count(SNAPSHOTS, "kept", event.kept)]
    if event.conflated:
        effects.append(Count(SNAPSHOTS, "conflated", event.conflated))
    if desk.snapshots_lost:
        desk.snapshots_lost = False
        text = "books are kept again; those of the time between are missing"
        effects.append(_alert("history:back", Severity.INFO, text, "nothing to do"))
    return effects


def snapshots_lost(desk: Desk, event: SnapshotsLost) -> list[Effect]:
    """Count what is missing, and tell people once until books are kept again."""
    effects: list[Effect] = [Count(SNAPSHOTS, "lost", event.lost)]
    if not desk.snapshots_lost:
        desk.snapshots_lost = True
        next_step = "trading goes on; every further round of books is tried, and you hear when one is kept"
        effects.append(
            _alert("history:books", Severity.WARN, f"books are not kept: {event.reason}", next_step)
        )
    return effects


def pruned(_desk: Desk, event: HistoryPruned) -> list[Effect]:
    """Count what retention took out."""
    taken = event.pruned
    kinds = (("snapshots", taken.snapshots), ("catalogue_reads", taken.catalogue_reads))
    return [Count(PRUNED, kind, rows) for kind, rows in kinds if rows]


def refused(_desk: Desk, event: HistoryRefused) -> list[Effect]:
    """Say that a catalogue or a pruning was not stored; alerts of one key are one incident."""
    next_step = "trading goes on; it is tried again the next time it is due"
    return [
        Count("engine_errors", "history"),
        _alert("history:store", Severity.WARN, event.reason, next_step),
    ]


def _alert(key: str, severity: Severity, text: str, next_step: str) -> RaiseAlert:
    return RaiseAlert(Alert(key, severity, subject="market history", text=text, next_step=next_step))


def _kept(book: LiveBook, at_ms: Ms) -> KeptSnapshot:
    return KeptSnapshot(
        token_id=book.token_id,
        received_ms=at_ms,
        venue_ms=book.venue_ms,
        hash=book.hash,
        tick=book.tick,
        bids=book.bids,
        asks=book.asks,
    )
