"""What can be wrong with one market message, told as a `Fault` with what was expected and found.

Pure judgements; nothing is changed here.
"""

from collections.abc import Iterable

from engine.core.feed.book import Book
from engine.core.feed.table import Fault, Reason
from engine.domain.frames import BookDelta, BookSnapshot, LevelChange
from engine.domain.ids import ConditionId
from engine.domain.units import PRICE_ONE, TOUCHES, Ms, Price, format_price, parse_price

AHEAD_MS_MAX = 60_000
"""A venue time further ahead of ours is damage: believed, it would make every later snapshot look old. A
machine whose clock is so far behind must be set right before it trades."""


def misplaced(condition_id: ConditionId, message: BookDelta | BookSnapshot, at_ms: Ms) -> Fault | None:
    """Return why a message cannot be about this market now."""
    if message.condition_id != condition_id:
        return Fault(Reason.WRONG_MARKET, condition_id, message.condition_id)
    return too_far_ahead(message.venue_ms, at_ms)


def too_far_ahead(venue_ms: Ms, at_ms: Ms) -> Fault | None:
    """Return the fault of a venue time that cannot be."""
    if venue_ms > at_ms + AHEAD_MS_MAX:
        return Fault(Reason.TIME_AHEAD, f"about {at_ms} ms", f"{venue_ms} ms")
    return None


def backwards(seen_ms: Ms, venue_ms: Ms) -> Fault:
    """Return the fault of a message older than one already seen."""
    return Fault(Reason.BACKWARDS, f"venue time {seen_ms} or later", f"{venue_ms}")


def off_grid(book: Book, changes: Iterable[LevelChange]) -> Fault | None:
    """Return the fault of the first change whose price the book has no place for."""
    price = next((change.price for change in changes if not book.fits(change.price)), None)
    if price is None:
        return None
    return Fault(Reason.OFF_GRID, f"a multiple of {format_price(book.tick)}", price)


def suspicion(book: Book, last: LevelChange, *, known: bool) -> Fault | None:
    """Return what makes a changed book doubtful before its checksum is asked.

    `last` is the message's last change of the token, `known` whether every removed level was there.
    """
    bid, ask = book.best_bid(), book.best_ask()
    if (bid or 0) != TOUCHES[last.best_bid] or (ask or 0) != TOUCHES[last.best_ask]:
        told = _touch(Price(TOUCHES[last.best_bid]), Price(TOUCHES[last.best_ask]))
        return Fault(Reason.TOUCH, told, _touch(bid, ask))
    if book.crossed():
        return Fault(Reason.CROSSED, "a bid below the ask", _touch(bid, ask))
    if not known:
        return Fault(Reason.UNKNOWN_LEVEL, "a level to remove", f"none at {last.price}")
    return None


def build_book(snapshot: BookSnapshot, tick: Price) -> Book | Fault:
    """Return the snapshot as a book; its own tick, when it tells one, goes before `tick`."""
    told = snapshot.terms.tick_size
    if told is not None:
        try:
            tick = parse_price(told)
        except ValueError as error:
            return Fault(Reason.BAD_SNAPSHOT, "a tick between 0 and 1", str(error))
    if PRICE_ONE % tick:
        return Fault(Reason.BAD_SNAPSHOT, "a tick that divides 1 USDC", format_price(tick))
    book = Book(tick)
    fault = book.replace(snapshot.bids, snapshot.asks)
    if fault is not None:
        return Fault(Reason.BAD_SNAPSHOT, f"levels on the grid of {format_price(tick)}", fault.value)
    return book


def _touch(bid: Price | None, ask: Price | None) -> str:
    bid_text = format_price(bid) if bid else "none"
    ask_text = format_price(ask) if ask else "none"
    return f"bid {bid_text} and ask {ask_text}"
