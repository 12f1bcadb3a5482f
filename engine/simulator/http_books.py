"""Public reads of books and prices, one token or many (protocol 5.1)."""

from collections.abc import Callable
from random import Random

from aiohttp import web

from engine.domain.units import Price, complement, format_scaled
from engine.simulator.books import WireBook, price_text
from engine.simulator.market import BookSide, Side
from engine.simulator.refusals import INVALID_PAYLOAD, NO_ORDERBOOK, PAYLOAD_TOO_LONG
from engine.simulator.replies import decode, json_text, refuse
from engine.simulator.venue import Venue

BATCH_READ_MAX = 500
"""Most tokens in one read (protocol 2.4)."""

_SIDES = frozenset(side.value for side in Side)
_Value = Callable[[WireBook, int], str | None]


def book_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the routes of books, midpoints, prices, spreads and last trades."""
    reads = _BookReads(venue)
    return [
        web.get("/book", reads.book),
        web.post("/books", reads.books),
        web.get("/midpoint", reads.midpoint),
        web.post("/midpoints", reads.midpoints),
        web.get("/price", reads.price),
        web.post("/prices", reads.prices),
        web.get("/spread", reads.spread),
        web.post("/spreads", reads.spreads),
        web.get("/last-trade-price", reads.last_trade_price),
    ]


class _BookReads:
    """Reads of the wire books. Batched answers come in any order and omit what is unknown."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._shuffle = Random(0)  # noqa: S311 - only has to differ from the order asked for

    async def book(self, request: web.Request) -> web.Response:
        token = request.query.get("token_id", "")
        if self._venue.find_book(token) is None:
            return refuse(NO_ORDERBOOK)
        told = await self._told([token])
        if isinstance(told, web.Response):
            return told
        return json_text(told[0]) if told else refuse(NO_ORDERBOOK)

    async def books(self, request: web.Request) -> web.Response:
        asked = await _asked(request)
        if isinstance(asked, web.Response):
            return asked
        told = await self._told([token for token, _ in asked])
        if isinstance(told, web.Response):
            return told
        self._shuffle.shuffle(told)
        return json_text(f"[{','.join(told)}]")

    async def _told(self, tokens: list[str]) -> list[str] | web.Response:
        """Return the books there are of these tokens, each once, or what a fault answers instead."""
        faults, venue = self._venue.book_faults, self._venue
        refusal = await faults.refusal(tokens, venue.now_ms())
        if refusal is not None:
            return refusal
        found = {token: pair for token in tokens if (pair := venue.find_book(token)) is not None}
        texts = {token: book.rest_text(index) for token, (book, index) in found.items()}
        return list(faults.spoil(texts, venue.now_ms()).values())

    async def midpoint(self, request: web.Request) -> web.Response:
        return self._single(request, "mid", _midpoint)

    async def midpoints(self, request: web.Request) -> web.Response:
        return await self._plural(request, _midpoint)

    async def spread(self, request: web.Request) -> web.Response:
        return self._single(request, "spread", _spread)

    async def spreads(self, request: web.Request) -> web.Response:
        return await self._plural(request, _spread)

    async def price(self, request: web.Request) -> web.Response:
        side = request.query.get("side", "")
        if side not in _SIDES:
            return refuse(INVALID_PAYLOAD)
        return self._single(request, "price", lambda book, index: _price(book, index, Side(side)))

    async def prices(self, request: web.Request) -> web.Response:
        asked = await _asked(request)
        if isinstance(asked, web.Response):
            return asked
        answer: dict[str, dict[str, str]] = {}
        for token, side in asked:
            found = self._venue.find_book(token)
            if found is not None and side in _SIDES:
                answer.setdefault(token, {})[side] = _price(found[0], found[1], Side(side)) or "0"
        return web.json_response(answer)

    async def last_trade_price(self, request: web.Request) -> web.Response:
        found = self._venue.find_book(request.query.get("token_id", ""))
        if found is None:
            return refuse(NO_ORDERBOOK)
        book, index = found
        if book.last_taker is None:
            return web.json_response({"price": "0.5", "side": ""})
        traded_index, side, price = book.last_taker
        own = price if traded_index == index else complement(price)
        return web.json_response({"price": price_text(own), "side": side.value})

    def _single(self, request: web.Request, name: str, value: _Value) -> web.Response:
        found = self._venue.find_book(request.query.get("token_id", ""))
        shown = None if found is None else value(*found)
        return refuse(NO_ORDERBOOK) if shown is None else web.json_response({name: shown})

    async def _plural(self, request: web.Request, value: _Value) -> web.Response:
        asked = await _asked(request)
        if isinstance(asked, web.Response):
            return asked
        found = {token: self._venue.find_book(token) for token, _ in asked}
        shown = {token: value(*pair) for token, pair in found.items() if pair is not None}
        return web.json_response({token: text for token, text in shown.items() if text is not None})


async def _asked(request: web.Request) -> list[tuple[str, str]] | web.Response:
    """Return (token, side or "") of each item of a batched read, or the refusal."""
    items = decode(await request.read())
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
