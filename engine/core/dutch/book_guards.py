"""Whether the books of a plan may be believed together: present, on the market's tick, fresh, in step.

`LiveBook` already proves each book by the venue's checksum; these guards (strategy 3.9, 4 and 5) judge
them as a group and against the catalogue.
"""

from collections.abc import Mapping, Sequence

from engine.core.dutch.legs import Candidate, Want
from engine.core.dutch.params import DutchParams
from engine.domain.book import LiveBook
from engine.domain.ids import TokenId
from engine.domain.market import Side
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms, Price, format_price, is_on_grid


def unfit_books(
    wants: Sequence[Want], books: Mapping[TokenId, LiveBook], *, params: DutchParams, now_ms: Ms
) -> Refusal | None:
    """Return why the books of these orders cannot be planned on now, None if they can."""
    for want in wants:
        refusal = _unfit(want, books.get(want.token))
        if refusal is not None:
            return refusal
    heard = sorted((books[want.token].confirmed_ms, want.token, want.name) for want in wants)
    oldest, newest = heard[0], heard[-1]
    age = now_ms - oldest[0]
    if age > params.max_book_age_ms:
        return Refusal(
            RefusalKind.BOOK_AGE,
            f"expected every book confirmed within {params.max_book_age_ms} ms, found "
            f"{oldest[2]} {age} ms old; plan again when the feed is heard",
        )
    skew = newest[0] - oldest[0]
    if skew > params.max_leg_skew_ms:
        return Refusal(
            RefusalKind.BOOK_SKEW,
            f"expected the books at most {params.max_leg_skew_ms} ms apart, found "
            f"{oldest[2]} {skew} ms behind; plan again when both are heard",
        )
    return None


def fit_wants(
    wants: Sequence[Want], books: Mapping[TokenId, LiveBook], *, params: DutchParams, now_ms: Ms
) -> tuple[Want, ...]:
    """Return the orders whose own book is there, on its tick, not crossed, fresh and in step with others."""
    fit = [want for want in wants if unfit_books((want,), books, params=params, now_ms=now_ms) is None]
    newest = max((books[want.token].confirmed_ms for want in fit), default=now_ms)
    together = [w for w in fit if newest - books[w.token].confirmed_ms <= params.max_leg_skew_ms]
    # One book alone in step makes no basket: then all are kept, and the skew is told.
    return tuple(together if len(together) > 1 else fit)


def _unfit(want: Want, book: LiveBook | None) -> Refusal | None:
    name, tick = want.name, want.market.terms.tick
    if book is None:
        return Refusal(
            RefusalKind.BOOK_NOT_LIVE, f"expected a live book for {name}, found none; wait for the feed"
        )
    if book.tick != tick:
        return _off_tick(
            f"expected {name} on the catalogue's tick {format_price(tick)}, found its "
            f"book on {format_price(book.tick)}; wait until both agree"
        )
    if want.side is Side.BUY and not book.asks:
        return empty(f"expected offers for {name}, found none; there is nothing to buy")
    if want.side is Side.SELL and not book.bids:
        return empty(f"expected bids for {name}, found none; there is nobody to sell to")
    if book.bids and book.asks and book.bids[0].price >= book.asks[0].price:
        return Refusal(
            RefusalKind.BOOK_CROSSED,
            f"expected bid below ask for {name}, found {format_price(book.bids[0].price)} / "
            f"{format_price(book.asks[0].price)}; wait until the book is proven again",
        )
    return None


def off_grid(candidates: Sequence[Candidate], worst: Sequence[Price]) -> Refusal | None:
    """Return why a level that would be walked cannot be ordered at: it is not on the market's tick."""
    for candidate, last in zip(candidates, worst, strict=True):
        buys = candidate.leg.side is Side.BUY
        for level in candidate.facing:
            if level.price > last if buys else level.price < last:
                break
            if not is_on_grid(level.price, candidate.leg.tick):
                word = "asks" if buys else "bids"
                return _off_tick(
                    f"expected {word} of {candidate.name} on the tick {format_price(candidate.leg.tick)}, "
                    f"found {format_price(level.price)}; wait until the book is read again"
                )
    return None


def empty(text: str) -> Refusal:
    """Return the refusal of a book without anything to trade with."""
    return Refusal(RefusalKind.BOOK_EMPTY, text)


def _off_tick(text: str) -> Refusal:
    return Refusal(RefusalKind.BOOK_TICK, text)
