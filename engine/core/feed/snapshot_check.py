"""A REST book on its own: whether it agrees with the checksum the venue sent with it.

For commands that look at books without a feed. A running desk judges books by `engine.core.feed.token`, which
also knows what came before.
"""

from engine.core.feed.checksum import HashTerms, checksum, find_last_trade, hashed_head
from engine.core.feed.faults import build_book
from engine.core.feed.table import Fault, Reason
from engine.domain.frames import BookSnapshot
from engine.domain.history import KeptSnapshot
from engine.domain.units import Ms, parse_price


def checked_snapshot(snapshot: BookSnapshot, received_ms: Ms) -> KeptSnapshot | Fault:
    """Return the book if its checksum proves it, otherwise what was expected and found."""
    told = snapshot.terms
    if told.min_order_size is None or told.tick_size is None or told.neg_risk is None:
        return Fault(Reason.BAD_SNAPSHOT, "tick, minimum and neg-risk flag beside a book", "not all of them")
    try:
        tick = parse_price(told.tick_size)
    except ValueError as error:
        return Fault(Reason.BAD_SNAPSHOT, "a tick between 0 and 1", str(error))
    book = build_book(snapshot, tick)
    if isinstance(book, Fault):
        return book
    terms = HashTerms(told.min_order_size, told.tick_size, told.neg_risk)
    head = hashed_head(snapshot.condition_id, snapshot.token_id, snapshot.timestamp_text, book, terms)
    likely = () if told.last_trade_price is None else (told.last_trade_price,)
    if find_last_trade(head, snapshot.hash, likely, everywhere=not likely) is None:
        ours = checksum(head, told.last_trade_price or "")
        return Fault(Reason.HASH, f"checksum {snapshot.hash[:12]}", ours[:12])
    bids, asks = book.levels()
    return KeptSnapshot(
        token_id=snapshot.token_id,
        received_ms=received_ms,
        venue_ms=snapshot.venue_ms,
        hash=snapshot.hash,
        tick=book.tick,
        bids=bids,
        asks=asks,
    )
