"""Other projects' way from raw frames to a book, each through its own decoder; only the glue is ours.

Imported inside the environment of the peer alone, and by name, for no peer is a dependency of this project.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from json import loads
from typing import Any

from engine.domain.units import PRICE_ONE
from tests.benchmarks.bots import Books
from tests.benchmarks.ours import expect_tops
from tests.benchmarks.rounds import Engine
from tests.benchmarks.stream import Stream


class PolymarketClient:
    """polymarket-client: the JSON library and the event parser of its stream, as its socket calls them."""

    def __init__(self, stream: Stream) -> None:
        self._parse = import_module("polymarket._internal.streams.clob.market_protocol").parse_events
        self._events = 0
        self.take(stream.dump, ())

    def take(self, frames: Sequence[bytes], times: Sequence[int]) -> None:
        for raw in frames:
            events, dropped = self._parse(loads(raw.decode("utf-8")))
            assert not dropped, f"expected no frame refused, found {dropped} of {raw[:80]!r}"
            for event in events:
                self.keep(event)

    def keep(self, event: Any) -> None:
        """It keeps no book."""
        self._events += 1

    def verify(self, stream: Stream) -> None:
        expected = len(stream.frames) + len(stream.tops)
        assert self._events == expected, f"expected {expected} events, found {self._events}"


class PolymarketBooks(PolymarketClient):
    """The same with the plainest book on its events: our dictionaries, its Decimals."""

    def __init__(self, stream: Stream) -> None:
        self._books = Books()
        super().__init__(stream)

    def keep(self, event: Any) -> None:
        payload = event.payload
        if event.type == "price_change":
            for change in payload.price_changes:
                self._books.change(change.asset_id, change.side == "BUY", change.price, change.size)
        elif event.type == "book":
            sides = [{level.price: level.size for level in side} for side in (payload.bids, payload.asks)]
            self._books.replace(payload.asset_id, *sides)

    def verify(self, stream: Stream) -> None:
        expect_tops(self._books.tops(), stream)


class Nautilus:
    """nautilus_trader's Polymarket data client: decoder, handlers, local books; the data engine is a stub."""

    def __init__(self, stream: Stream) -> None:
        self._instruments = _nautilus_instruments(stream)
        component = import_module("nautilus_trader.common.component")
        clock = component.LiveClock()
        bus = component.MessageBus(
            trader_id=import_module("nautilus_trader.model.identifiers").TraderId("BENCH-001"), clock=clock
        )
        bus.register(endpoint="DataEngine.process", handler=lambda data: None)
        cache = import_module("nautilus_trader.cache.cache").Cache()
        for instrument in self._instruments.values():
            cache.add_instrument(instrument)
        self._loop = asyncio.new_event_loop()
        adapter = import_module("nautilus_trader.adapters.polymarket.data")
        self._client = adapter.PolymarketDataClient(
            loop=self._loop,
            http_client=None,
            msgbus=bus,
            cache=cache,
            clock=clock,
            instrument_provider=import_module("nautilus_trader.common.providers").InstrumentProvider(),
            config=import_module("nautilus_trader.adapters.polymarket.config").PolymarketDataClientConfig(),
            name=None,
        )
        for instrument in self._instruments.values():
            self._client._create_local_book(instrument.id)
        self.take(stream.dump, ())

    def take(self, frames: Sequence[bytes], times: Sequence[int]) -> None:
        handle = self._client._handle_raw_ws_message
        for raw in frames:
            handle(raw)

    def verify(self, stream: Stream) -> None:
        self._loop.close()
        books = self._client._local_books
        found = {token: books[instrument.id] for token, instrument in self._instruments.items()}
        expect_tops(_nautilus_tops(found), stream)


class NautilusParser:
    """Its decoder, `parse_to_deltas` and `OrderBook` alone: no client, no bus."""

    def __init__(self, stream: Stream) -> None:
        self._instruments = _nautilus_instruments(stream)
        self._shapes = import_module("nautilus_trader.adapters.polymarket.schemas.book")
        types = import_module("nautilus_trader.adapters.polymarket.websocket.types")
        self._decode = import_module("msgspec").json.Decoder(types.MARKET_WS_MESSAGE).decode
        self._book = import_module("nautilus_trader.model.book").OrderBook
        self._kind = import_module("nautilus_trader.model.enums").BookType.L2_MBP
        self._books: dict[str, Any] = {}
        self.take(stream.dump, ())

    def take(self, frames: Sequence[bytes], times: Sequence[int]) -> None:
        decode, quotes, snapshot = (
            self._decode,
            self._shapes.PolymarketQuotes,
            self._shapes.PolymarketBookSnapshot,
        )
        for raw in frames:
            message = decode(raw)
            for one in message if isinstance(message, list) else (message,):
                if isinstance(one, quotes):
                    self._change(one)
                elif isinstance(one, snapshot):
                    self._replace(one)

    def _change(self, message: Any) -> None:
        by_token: dict[str, list[Any]] = {}
        for change in message.price_changes:
            by_token.setdefault(change.asset_id, []).append(change)
        for token, changes in by_token.items():
            own = self._shapes.PolymarketQuotes(message.market, changes, message.timestamp)
            self._books[token].apply_deltas(own.parse_to_deltas(self._instruments[token], 0))

    def _replace(self, message: Any) -> None:
        instrument = self._instruments[message.asset_id]
        book = self._book(instrument.id, book_type=self._kind)
        book.apply_deltas(message.parse_to_snapshot(instrument, 0))
        self._books[message.asset_id] = book

    def verify(self, stream: Stream) -> None:
        expect_tops(_nautilus_tops(self._books), stream)


class Cryptofeed:
    """cryptofeed's containers: its JSON library and its compiled book on Decimals. The glue is ours."""

    def __init__(self, stream: Stream) -> None:
        self._loads = import_module("yapic.json").loads
        self._make = import_module("cryptofeed.types").OrderBook
        self._books: dict[str, Any] = {}
        self.take(stream.dump, ())

    def take(self, frames: Sequence[bytes], times: Sequence[int]) -> None:
        parse = self._loads
        for raw in frames:
            message = parse(raw)
            for one in message if isinstance(message, list) else (message,):
                if one["event_type"] == "price_change":
                    self._change(one["price_changes"])
                elif one["event_type"] == "book":
                    sides = (
                        {Decimal(level["price"]): Decimal(level["size"]) for level in one[side]}
                        for side in ("bids", "asks")
                    )
                    self._books[one["asset_id"]] = self._make(
                        "POLYMARKET", "X", **dict(zip(("bids", "asks"), sides, strict=True))
                    )

    def _change(self, changes: list[dict[str, str]]) -> None:
        for change in changes:
            book = self._books[change["asset_id"]].book
            levels = book.bids if change["side"] == "BUY" else book.asks
            price, size = Decimal(change["price"]), Decimal(change["size"])
            if size:
                levels[price] = size
            elif price in levels:
                del levels[price]
            book.bids.index(0), book.asks.index(0)

    def verify(self, stream: Stream) -> None:
        found = {
            token: tuple(round(side.index(0)[0] * PRICE_ONE) for side in (own.book.bids, own.book.asks))
            for token, own in self._books.items()
        }
        expect_tops({token: (bid, ask) for token, (bid, ask) in found.items()}, stream)


ENGINES: Mapping[str, Callable[[Stream], Engine]] = {
    "polymarket-parse": PolymarketClient,
    "polymarket-books": PolymarketBooks,
    "nautilus-client": Nautilus,
    "nautilus-parser": NautilusParser,
    "cryptofeed": Cryptofeed,
}


def _nautilus_tops(books: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    return {
        token: (
            round(float(book.best_bid_price()) * PRICE_ONE),
            round(float(book.best_ask_price()) * PRICE_ONE),
        )
        for token, book in books.items()
    }


def _nautilus_instruments(stream: Stream) -> dict[str, Any]:
    objects = import_module("nautilus_trader.model.objects")
    symbols = import_module("nautilus_trader.adapters.polymarket.common.symbol")
    option = import_module("nautilus_trader.model.instruments").BinaryOption
    found = {}
    for market in stream.markets:
        for token in market.tokens:
            instrument_id = symbols.get_polymarket_instrument_id(market.condition_id, token)
            step = objects.Price.from_str(market.tick_text)
            found[token] = option(
                instrument_id=instrument_id,
                raw_symbol=instrument_id.symbol,
                asset_class=import_module("nautilus_trader.model.enums").AssetClass.ALTERNATIVE,
                currency=import_module("nautilus_trader.model.currencies").USDC,
                price_precision=step.precision,
                price_increment=step,
                size_precision=6,
                size_increment=objects.Quantity.from_str("0.000001"),
                activation_ns=0,
                expiration_ns=1 << 62,
                maker_fee=Decimal(0),
                taker_fee=Decimal(0),
                ts_event=0,
                ts_init=0,
            )
    return found
