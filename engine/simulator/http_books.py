"""Public reads of books and prices, one token or many (protocol 5.1)."""

from collections.abc import Callable, Mapping
from random import Random

from engine.domain.units import Price, complement, format_scaled
from engine.simulator.books import WireBook, price_text
from engine.simulator.market import BookSide, Side
from engine.simulator.refusals import INVALID_PAYLOAD, NO_ORDERBOOK, PAYLOAD_TOO_LONG
from engine.simulator.replies import decode, json_reply, json_text, refuse
from engine.simulator.rest import RestReply, RestRequest, Route
from engine.simulator.venue import Venue

BATCH_READ_MAX = 500
"""Most tokens in one read (protocol 2.4)."""

_SIDES = frozenset(side.value for side in Side)
_Value = Callable[[WireBook, int], str | None]


def book_routes(venue: Venue) -> list[Route]:
    """Return the routes of books, midpoints, prices, spreads and last trades."""
    reads = _BookReads(venue)
    return [
        Route("GET", "/book", reads.book),
        Route("POST", "/books", reads.books),
        Route("GET", "/midpoint", reads.midpoint),
        Route("POST", "/midpoints", reads.midpoints),
        Route("GET", "/price", reads.price),
        Route("POST", "/prices", reads.prices),
        Route("GET", "/spread", reads.spread),
        Route("POST", "/spreads", reads.spreads),
        Route("GET", "/last-trade-price", reads.last_trade_price),
    ]


def book_delay_ms(venue: Venue, request: RestRequest) -> int:
    """Return how long a read of books is held back by a scripted fault, zero for any other request."""
    if request.call == "GET /book":
        asked: object = [request.query]
    elif request.call == "POST /books":
        asked = decode(request.body)
    else:
        return 0
    items = asked if isinstance(asked, list) else []
    named = [str(item.get("token_id", "")) for item in items if isinstance(item, Mapping)]
    known = [token for token in named if venue.find_book(token) is not None]
    return venue.book_faults.hold_ms(known, venue.now_ms()) if known else 0


class _BookReads:
    """Reads of the wire books. Batched answers come in any order and omit what is unknown."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._shuffle = Random(0)  # noqa: S311 - only has to differ from the order asked for

    def book(self, request: RestRequest) -> RestReply:
        token = request.query.get("token_id", "")
        if self._venue.find_book(token) is None:
            return refuse(NO_ORDERBOOK)
        told = self._told([token])
        if isinstance(told, RestReply):
            return told
        return json_text(told[0]) if told else refuse(NO_ORDERBOOK)

    def books(self, request: RestRequest) -> RestReply:
        asked = _asked(request)
        if isinstance(asked, RestReply):
            return asked
        told = self._told([token for token, _ in asked])
        if isinstance(told, RestReply):
            return told
        self._shuffle.shuffle(told)
        return json_text(f"[{','.join(told)}]")

    def _told(self, tokens: list[str]) -> list[str] | RestReply:
        """Return the books there are of these tokens, each once, or what a fault answers instead."""
        faults, venue = self._venue.book_faults, self._venue
        refusal = faults.refusal(tokens, venue.now_ms())
        if refusal is not None:
            return refusal
        found = {token: pair for token in tokens if (pair := venue.find_book(token)) is not None}
        texts = {token: book.rest_text(index) for token, (book, index) in found.items()}
        return list(faults.spoil(texts, venue.now_ms()).values())

    def midpoint(self, request: RestRequest) -> RestReply:
        return self._single(request, "mid", _midpoint)

    def midpoints(self, request: RestRequest) -> RestReply:
        return self._plural(request, _midpoint)

    def spread(self, request: RestRequest) -> RestReply:
        return self._single(request, "spread", _spread)

    def spreads(self, request: RestRequest) -> RestReply:
        return self._plural(request, _spread)

    def price(self, request: RestRequest) -> RestReply:
        side = request.query.get("side", "")
        if side not in _SIDES:
            return refuse(INVALID_PAYLOAD)
        return self._single(request, "price", lambda book, index: _price(book, index, Side(side)))

    def prices(self, request: RestRequest) -> RestReply:
        asked = _asked(request)
        if isinstance(asked, RestReply):
            return asked
        answer: dict[str, dict[str, str]] = {}
        for token, side in asked:
            found = self._venue.find_book(token)
            if found is not None and side in _SIDES:
                answer.setdefault(token, {})[side] = _price(found[0], found[1], Side(side)) or "0"
        return json_reply(answer)

    def last_trade_price(self, request: RestRequest) -> RestReply:
        found = self._venue.find_book(request.query.get("token_id", ""))
        if found is None:
            return refuse(NO_ORDERBOOK)
        book, index = found
        if book.last_taker is None:
            return json_reply({"price": "0.5", "side": ""})
        traded_index, side, price = book.last_taker
        own = price if traded_index == index else complement(price)
        return json_reply({"price": price_text(own), "side": side.value})

    def _single(self, request: RestRequest, name: str, value: _Value) -> RestReply:
        found = self._venue.find_book(request.query.get("token_id", ""))
        shown = None if found is None else value(*found)
        return refuse(NO_ORDERBOOK) if shown is None else json_reply({name: shown})

    def _plural(self, request: RestRequest, value: _Value) -> RestReply:
        asked = _asked(request)
        if isinstance(asked, RestReply):
            return asked
        found = {token: self._venue.find_book(token) for token, _ in asked}
        shown = {token: value(*pair) for token, pair in found.items() if pair is not None}
        return json_reply({token: text for token, text in shown.items() if text is not None})


def _asked(request: RestRequest) -> list[tuple[str, str]] | RestReply:
    """Return (token, side or "") of each item of a batched read, or the refusal."""
    items = decode(request.body)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return refuse(INVALID_PAYLOAD)
    if len(items) > BATCH_READ_MAX:
        return refuse(PAYLOAD_TOO_LONG)
    return [(str(item.get("token_id", "")), str(item.get("side", ""))) for item in items]


def _touch(book: WireBook, index: int) -> tuple[Price, Price] | None:
    bid, ask = book.best(index, BookSide.BID), book.best(index, BookSide.ASK)
    return None if bid is None or ask is None else (bid, ask)


def _midpoint(book: WireBook, index: int) -> str | None:
    touch = _touch(book, index)
    return None if touch is None else format_scaled(sum(touch) * 5, 5)


def _spread(book: WireBook, index: int) -> str | None:
    touch = _touch(book, index)
    return None if touch is None else price_text(Price(touch[1] - touch[0]))


def _price(book: WireBook, index: int, side: Side) -> str | None:
    """Return the best price of the side named: BUY is the best bid, SELL the best ask."""
    best = book.best(index, BookSide.BID if side is Side.BUY else BookSide.ASK)
    return None if best is None else price_text(best)
