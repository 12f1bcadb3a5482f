"""Wire books: the golden checksum, the mirror, and every hash of thousands of streamed changes."""

import json
from collections.abc import Iterable
from dataclasses import replace

from engine.clock import ManualClock
from engine.domain.units import Ms, Price, Size, Usdc
from engine.simulator.books import WireBook, price_change_text
from engine.simulator.facts import LevelSet
from engine.simulator.market import BookSide, Side
from engine.simulator.sockets import RawFrame, Socket
from engine.simulator.venue import Venue
from tests.unit.simulator.bench_market import START_MS, spec
from tests.unit.simulator.book_reader import BookReader, book_hash, constants_of

GOLDEN = "3dba1cee29f880571d211a8294c773c38c80c026"


def golden_book() -> WireBook:
    """Return the book of the protocol page; its price texts are padded there, on purpose."""
    market = replace(
        spec("golden", neg_risk=True),
        condition_id="0x" + "ab" * 32,
        tokens=("1234567890", "9876543210"),
    )
    book = WireBook(market, START_MS)
    for side, cents, size in (
        (BookSide.BID, 49, 25_000_000),
        (BookSide.BID, 50, 100_500_000),
        (BookSide.ASK, 53, 40_000_000),
        (BookSide.ASK, 52, 12_250_000),
    ):
        book.apply(LevelSet(market.condition_id, side, Price(cents * 100), Size(size), False, START_MS))
    book.traded(0, Side.BUY, Price(5_100), START_MS)
    return book


def test_hash_golden_vector_of_the_spec_page():
    text = golden_book().rest_text(0)

    padded = json.loads(text.replace('"price":"0.5"', '"price":"0.50"'))
    assert book_hash(padded) == GOLDEN
    assert json.loads(text)["last_trade_price"] == "0.510"


def test_hash_of_our_own_text_matches_an_independent_routine_on_both_tokens():
    book = golden_book()

    for index in (0, 1):
        body = json.loads(book.rest_text(index))
        assert body["hash"] == book_hash(body) == book.hash(index)


def test_rest_book_has_the_best_level_last_and_unpadded_texts():
    body = json.loads(golden_book().rest_text(0))

    assert body["bids"] == [{"price": "0.49", "size": "25"}, {"price": "0.5", "size": "100.5"}]
    assert body["asks"] == [{"price": "0.53", "size": "40"}, {"price": "0.52", "size": "12.25"}]
    assert list(body)[:6] == ["market", "asset_id", "timestamp", "hash", "bids", "asks"]


def test_complement_book_is_the_exact_mirror():
    book = golden_book()

    mirror = json.loads(book.rest_text(1))

    assert mirror["bids"] == [{"price": "0.47", "size": "40"}, {"price": "0.48", "size": "12.25"}]
    assert mirror["asks"] == [{"price": "0.51", "size": "25"}, {"price": "0.5", "size": "100.5"}]
    assert mirror["last_trade_price"] == "0.510"
    assert book.best_texts(1) == ("0.48", "0.5")


def test_dump_and_event_carry_only_the_fields_of_production():
    book = golden_book()

    dump, event = json.loads(book.dump_text(0)), json.loads(book.event_text(0))

    plain = {"market", "asset_id", "timestamp", "hash", "bids", "asks", "event_type"}
    assert set(event) == plain
    assert set(dump) == plain | {"tick_size", "last_trade_price"}
    assert dump["hash"] == event["hash"] == book.hash(0)


def test_level_of_size_zero_is_removed_and_an_empty_side_is_told():
    book = golden_book()
    for cents in (49, 50):
        gone = LevelSet("x", BookSide.BID, Price(cents * 100), Size(0), False, Ms(START_MS + 1))
        book.apply(gone)

    frame = json.loads(price_change_text(book, gone, mirror_first=True))

    first, second = frame["price_changes"]
    assert (first["side"], first["price"], first["size"]) == ("SELL", "0.5", "0")
    assert (second["side"], second["price"], second["size"]) == ("BUY", "0.5", "0")
    assert (second["best_bid"], second["best_ask"]) == ("0", "0.52")
    assert (first["best_bid"], first["best_ask"]) == ("0.48", "1")
    assert frame["timestamp"] == str(START_MS + 1)
    assert json.loads(book.rest_text(0))["bids"] == []


class FrameTap(Socket):
    """A subscriber that keeps its frames in a list."""

    def __init__(self) -> None:
        self.number = 1
        self.tokens: set[str] = set()
        self.texts: list[str] = []
        self._holds = {}

    def send(self, frame: str | RawFrame, tokens: Iterable[str] = ()) -> None:
        assert isinstance(frame, str)
        self.texts.append(frame)


def test_hash_of_every_streamed_delta_is_right_over_thousands_of_steps():
    clock = ManualClock()
    venue = Venue(
        seed=3, clock=clock, frames_per_s=40, confirm_delay_ms=2_000, start_balance=Usdc(1_000_000_000)
    )
    markets = [market.spec for market in venue.flow.markets]
    tap = FrameTap()
    assert venue.market_stream.on_frame(
        tap, {"type": "market", "assets_ids": [token for market in markets for token in market.tokens]}
    )
    reader = BookReader(constants_of(markets))

    for _ in range(90 * 50):
        clock.advance(20)
        venue.advance()
    for text in tap.texts:
        reader.feed(text)

    assert reader.mismatches == []
    assert reader.kinds["price_change"] > 3_000
    assert reader.matches > 2 * reader.kinds["price_change"]
    for token, book in reader.books.items():
        found = venue.find_book(token)
        assert found is not None
        rest = json.loads(found[0].rest_text(found[1]))
        assert (rest["bids"], rest["asks"]) == (book["bids"], book["asks"])
