"""The last look before money moves: the legs' books, read beside the stream between Send and the commit.

A proven book is the newest the stream has told. Only the venue itself knows whether there is a newer one
(protocol 5.4, point 5), so nothing is sent until a read begun after the press has shown none that the stream
still owes. Says when a Send may go on; what it then does is `engine.core.trading.dutch_flow`'s.
"""

from dataclasses import replace

from engine.core.state import Desk, Recheck
from engine.domain.effects import Effect, FetchBooks, SetTimer
from engine.domain.events import Asked, BooksRead
from engine.domain.ids import TicketId, TokenId
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms

TIMER = "recheck"
PATIENCE_MS = 2_000
"""From the press to giving up: the read takes one round trip, the stream runs 0.2 to 0.7 s behind."""


def begin(
    desk: Desk, asked: Asked, ticket_id: TicketId, version: int, tokens: tuple[TokenId, ...]
) -> list[Effect]:
    """Start the last look for a ticket; its Send waits until `due` returns it."""
    desk.rechecks[ticket_id] = Recheck(asked, ticket_id, version, tokens, asked.at_ms)
    return [FetchBooks(tokens, TIMER), *timer(desk, ticket_id)]


def timer(desk: Desk, ticket_id: TicketId) -> list[Effect]:
    """Return the timer that ends a Send's wait, nothing if it does not wait."""
    waiting = desk.rechecks.get(ticket_id)
    return [] if waiting is None else [SetTimer(f"{TIMER}:{ticket_id}", Ms(waiting.since_ms + PATIENCE_MS))]


def note_books(desk: Desk, read: BooksRead) -> None:
    """Note a read that has brought every leg's book; one without all of them is no look.

    Nor is one that began before the press: a Send given up a moment ago may have left it behind.
    """
    brought = {snapshot.token_id for snapshot in read.snapshots}
    for ticket_id, waiting in list(desk.rechecks.items()):
        if brought.issuperset(waiting.tokens) and read.asked_ms >= waiting.since_ms:
            desk.rechecks[ticket_id] = replace(waiting, answered=True)


def due(desk: Desk, at_ms: Ms) -> list[tuple[Recheck, Refusal | None]]:
    """Return and forget every Send that need not wait longer, with why it may not go on, if so."""
    ready: list[tuple[Recheck, Refusal | None]] = []
    for ticket_id, waiting in list(desk.rechecks.items()):
        owed = [token for token in waiting.tokens if desk.feeds.owes(token)]
        ticket = desk.tickets.get(ticket_id)
        if ticket is None or ticket.version != waiting.version:
            ready.append((waiting, None))  # nothing of it can be sent any more
        elif at_ms - waiting.since_ms >= PATIENCE_MS:
            # Late is late, whatever has come meanwhile: a look of long ago says nothing of now.
            ready.append((waiting, _too_late(waiting, len(owed))))
        elif waiting.answered and not owed:
            ready.append((waiting, None))
        else:
            continue
        del desk.rechecks[ticket_id]
    return ready


def _too_late(waiting: Recheck, owed: int) -> Refusal:
    found = f"no complete answer in {PATIENCE_MS // 1_000} s"
    if waiting.answered:
        found = f"{owed} that may be newer than what the stream has brought" if owed else "the answer too old"
    return Refusal(
        RefusalKind.BOOK_NOT_LIVE,
        f"expected the venue's own books to be ours right before sending, found {found}; nothing was sent, "
        "look at the card and press again",
    )
