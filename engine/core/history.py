"""What is kept of the market: which books, and what people hear when they cannot be kept.

History is worth nothing against trading: a refused write closes no gate, it is counted and told once.
"""

from engine.core.state import Desk, SnapshotRound
from engine.domain.book import LiveBook
from engine.domain.effects import Count, Effect, KeepSnapshots, RaiseAlert, SetTimer
from engine.domain.events import HistoryPruned, HistoryRefused, SnapshotsKept, SnapshotsLost
from engine.domain.history import KeptSnapshot
from engine.domain.units import Ms
from engine.domain.views import Alert, Severity

ROUND_TIMER = "snapshots"
SLICE = 50
"""Books looked at in one step: checksum and levels of one take some 100 us, and a kill waits for no more."""
SLICE_EVERY_MS = 20
"""So 5,000 tokens take 2 s of a round, a fifth of them busy."""
HAND_OVER = 1_000
"""Books handed over together: a commit of the market file."""
SNAPSHOTS = "snapshots_total"
PRUNED = "history_pruned_total"


def snapshots_due(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Begin a round through all books; one that is still under way is not begun anew."""
    if desk.snapshot_round is not None:
        return []
    desk.snapshot_round = SnapshotRound(
        [t for group in desk.events.values() for m in group.markets for t in (m.yes, m.no)]
    )
    return go_on(desk, at_ms)


def go_on(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Take the next books of the round that are proven now; doubtful and one-sided ones are left out."""
    under_way = desk.snapshot_round
    assert under_way is not None, "a round's timer ends with the round"
    tokens, under_way.left = under_way.left[:SLICE], under_way.left[SLICE:]
    books = (desk.feeds.live(token, at_ms) for token in tokens)
    under_way.taken += [kept_of(book, at_ms) for book in books if isinstance(book, LiveBook)]
    effects: list[Effect] = []
    if under_way.taken and (len(under_way.taken) >= HAND_OVER or not under_way.left):
        effects.append(KeepSnapshots(tuple(under_way.taken)))
        under_way.taken = []
    if under_way.left:
        return [*effects, SetTimer(ROUND_TIMER, Ms(at_ms + SLICE_EVERY_MS))]
    desk.snapshot_round = None
    return effects


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
    kinds = (
        ("snapshots", taken.snapshots),
        ("catalogue_reads", taken.catalogue_reads),
        ("signed", taken.signed),
    )
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


def kept_of(book: LiveBook, at_ms: Ms) -> KeptSnapshot:
    """Return how a book that is proven at this desk time is kept."""
    return KeptSnapshot(
        token_id=book.token_id,
        received_ms=at_ms,
        venue_ms=book.venue_ms,
        hash=book.hash,
        tick=book.tick,
        bids=book.bids,
        asks=book.asks,
    )
