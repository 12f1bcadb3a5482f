"""Whether the books of a plan may be believed together: present, on the market's tick, fresh, in step.

`LiveBook` already proves each book by the venue's checksum; these guards (strategy 3.9, 4 and 5) judge
them as a group and against the catalogue.
"""

from collections.abc import Mapping, Sequence

from engine.core.draft import Candidate, tokens_of
from engine.core.dutch_params import DutchParams
from engine.domain.book import LiveBook
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms, Price, format_price, is_on_grid


def unfit_books(
    event: EventGroup, books: Mapping[TokenId, LiveBook], *, params: DutchParams, now_ms: Ms
) -> Refusal | None:
    """Return why the books of this event cannot be planned on now, None if they can."""
    tokens = tokens_of(event)
    for token in tokens:
        refusal = _unfit(event, token, books.get(token))
        if refusal is not None:
            return refusal
    heard = sorted((books[token].confirmed_ms, token) for token in tokens)
    oldest, newest = heard[0], heard[-1]
    age = now_ms - oldest[0]
    if age > params.max_book_age_ms:
        return Refusal(
            RefusalKind.BOOK_AGE,
            f"expected every book confirmed within {params.max_book_age_ms} ms, found "
            f"{event.market_of(oldest[1]).name} {age} ms old; plan again when the feed is heard",
        )
    skew = newest[0] - oldest[0]
    if skew > params.max_leg_skew_ms:
        return Refusal(
            RefusalKind.BOOK_AGE,
            f"expected the books at most {params.max_leg_skew_ms} ms apart, found "
            f"{event.market_of(oldest[1]).name} {skew} ms behind; plan again when both are heard",
        )
    return None


def _unfit(event: EventGroup, token: TokenId, book: LiveBook | None) -> Refusal | None:
    market = event.market_of(token)
    if book is None:
        return _not_live(f"expected a live book for {market.name}, found none; wait for the feed")
    if book.tick != market.terms.tick:
        return _not_live(
            f"expected {market.name} on the catalogue's tick {format_price(market.terms.tick)}, found its "
            f"book on {format_price(book.tick)}; wait until both agree"
        )
    if not book.asks:
        return _not_live(f"expected offers for {market.name}, found none; there is nothing to buy")
    if book.bids and book.bids[0].price >= book.asks[0].price:
        return _not_live(
            f"expected bid below ask for {market.name}, found {format_price(book.bids[0].price)} / "
            f"{format_price(book.asks[0].price)}; wait until the book is proven again"
        )
    return None


def off_grid(candidates: Sequence[Candidate], worst: Sequence[Price]) -> Refusal | None:
    """Return why a level that would be walked cannot be ordered at: it is not on the market's tick."""
    for candidate, last in zip(candidates, worst, strict=True):
        for level in candidate.book.asks:
            if level.price > last:
                break
            if not is_on_grid(level.price, candidate.leg.tick):
                return _not_live(
                    f"expected asks of {candidate.name} on the tick {format_price(candidate.leg.tick)}, "
                    f"found {format_price(level.price)}; wait until the book is read again"
                )
    return None


def _not_live(text: str) -> Refusal:
    return Refusal(RefusalKind.BOOK_NOT_LIVE, text)
