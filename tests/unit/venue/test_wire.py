import json
from typing import Any

import pytest

from engine.domain.failure import VenueFailure
from engine.domain.frames import (
    BestTouch,
    BookDelta,
    BookSnapshot,
    BookTerms,
    Ignored,
    LastTrade,
    LevelChange,
    Malformed,
    MarketResolved,
    NewMarket,
    TickChange,
    WireLevel,
)
from engine.domain.ids import EventId
from engine.domain.market import Side
from engine.domain.units import Ms, Price
from engine.venue.wire import decode_books, decode_market
from engine.venue.wire_shapes import StreamBook
from tests.support.market_stream import CONDITION, NO, START_MS, YES, seeded_venue

HASH = "56ab" * 10
OTHER_HASH = "91cd" * 10
BOOK = {
    "event_type": "book",
    "market": CONDITION,
    "asset_id": YES,
    "timestamp": str(START_MS),
    "hash": HASH,
    "bids": [{"price": "0.49", "size": "25"}, {"price": "0.50", "size": "100.5"}],
    "asks": [{"price": "0.52", "size": "12.250000"}],
}
CHANGE: dict[str, Any] = {
    "event_type": "price_change",
    "market": CONDITION,
    "timestamp": str(START_MS + 123),
    "price_changes": [
        {
            "asset_id": YES,
            "price": "0.50",
            "size": "80.5",
            "side": "BUY",
            "hash": HASH,
            "best_bid": "0.50",
            "best_ask": "0.52",
        },
        {
            "asset_id": NO,
            "price": "0.50",
            "size": "0",
            "side": "SELL",
            "hash": OTHER_HASH,
            "best_bid": "0",
            "best_ask": "1",
        },
    ],
}
TRADE = {
    "event_type": "last_trade_price",
    "market": CONDITION,
    "asset_id": YES,
    "price": "0.5",
    "size": "12.345678",
    "side": "BUY",
    "fee_rate_bps": "0",
    "timestamp": str(START_MS),
}
TICK = {
    "event_type": "tick_size_change",
    "market": CONDITION,
    "asset_id": YES,
    "old_tick_size": "0.01",
    "new_tick_size": "0.001",
    "timestamp": str(START_MS),
}


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def entry(**changed: object) -> bytes:
    """The change frame with its first entry altered; None takes a field out."""
    first = {k: v for k, v in (CHANGE["price_changes"][0] | changed).items() if v is not None}
    return raw(CHANGE | {"price_changes": [first, CHANGE["price_changes"][1]]})


def read(octets: bytes) -> tuple[BookSnapshot, ...]:
    """The books of a REST answer that is as documented."""
    books = decode_books(octets)
    assert isinstance(books, tuple), books
    return books


def reason(octets: bytes | str) -> str:
    (frame,) = decode_market(octets)
    assert isinstance(frame, Malformed), frame
    assert frame.detail
    assert len(frame.detail) < 400
    return frame.reason


def test_book_is_decoded_with_every_text_verbatim():
    (frame,) = decode_market(raw(BOOK))

    assert frame == StreamBook(
        condition_id=CONDITION,
        token_id=YES,
        timestamp_text=str(START_MS),
        hash=HASH,
        bids=[WireLevel("0.49", "25"), WireLevel("0.50", "100.5")],
        asks=[WireLevel("0.52", "12.250000")],
    )
    assert frame.venue_ms == START_MS
    assert frame.terms == BookTerms(None, None, None, None)


def test_book_on_subscribing_tells_the_terms_it_has():
    (frame,) = decode_market(raw(BOOK | {"tick_size": "0.01", "last_trade_price": ""}))

    assert isinstance(frame, BookSnapshot)
    assert frame.terms == BookTerms(None, "0.01", None, "")


@pytest.mark.parametrize("kind_last", [True, False])
def test_price_change_is_decoded_in_order_with_every_text_verbatim(kind_last: bool):
    kind = {"event_type": "price_change"}
    rest = {key: value for key, value in CHANGE.items() if key != "event_type"}
    compact = json.dumps(rest | kind if kind_last else kind | rest, separators=(",", ":")).encode()

    (frame,) = decode_market(compact)

    assert frame == BookDelta(
        condition_id=CONDITION,
        timestamp_text=str(START_MS + 123),
        changes=[
            LevelChange(
                token_id=YES,
                price="0.50",
                size="80.5",
                side=Side.BUY,
                hash=HASH,
                best_bid="0.50",
                best_ask="0.52",
            ),
            LevelChange(
                token_id=NO,
                price="0.50",
                size="0",
                side=Side.SELL,
                hash=OTHER_HASH,
                best_bid="0",
                best_ask="1",
            ),
        ],
    )
    assert frame.venue_ms == START_MS + 123


def test_trade_and_tick_change_are_decoded():
    told = LastTrade(CONDITION, YES, "0.5", START_MS, "12.345678", Side.BUY)
    assert decode_market(raw(TRADE)) == (told,)
    assert decode_market(raw(TICK)) == (TickChange(CONDITION, YES, Price(10), "0.001", START_MS),)


@pytest.mark.parametrize("odd", [{"size": 5}, {"size": "-1"}, {"size": "1e3"}, {"size": None}])
def test_trade_whose_size_cannot_be_read_keeps_its_price(odd):
    (trade,) = decode_market(raw(TRADE | odd))
    assert trade == LastTrade(CONDITION, YES, "0.5", START_MS, "", Side.BUY)


@pytest.mark.parametrize("odd", ["buy", "", 1, None, ["BUY"]])
def test_trade_whose_taker_is_not_certain_has_none(odd):
    (trade,) = decode_market(raw(TRADE | {"side": odd}))
    assert trade == LastTrade(CONDITION, YES, "0.5", START_MS, "12.345678", None)


def test_array_gives_its_messages_in_order():
    frames = decode_market(raw([BOOK, TRADE, CHANGE, {"event_type": "comet"}]))

    assert [type(frame) for frame in frames] == [StreamBook, LastTrade, BookDelta, Ignored]


def test_text_and_bytes_are_read_alike():
    assert decode_market(json.dumps(CHANGE)) == decode_market(raw(CHANGE))


def test_order_of_keys_blanks_and_new_fields_do_not_matter():
    turned = dict(reversed(CHANGE.items())) | {"server_id": "x", "flags": {"a": [1, 2.5, None]}}

    assert decode_market(json.dumps(turned, indent=3)) == decode_market(raw(CHANGE))


@pytest.mark.parametrize("pong", [b"PONG", "PONG"])
def test_pong_is_ignored_by_name(pong: bytes | str):
    assert decode_market(pong) == (Ignored("pong"),)


def test_best_bid_ask_is_read_whole():
    message = {
        "event_type": "best_bid_ask",
        "market": CONDITION,
        "asset_id": YES,
        "best_bid": "0.49",
        "best_ask": "1",
        "spread": "0.51",
        "timestamp": "1790000000123",
    }

    assert decode_market(raw(message)) == (BestTouch(CONDITION, YES, "0.49", "1", Ms(1_790_000_000_123)),)


def test_new_market_names_the_event_it_joins():
    message = {
        "event_type": "new_market",
        "id": "5",
        "market": CONDITION,
        "question": "Will it?",
        "assets_ids": [YES, NO],
        "event_message": {"id": "175664", "ticker": "x", "title": "y"},
        "tags": [],
    }

    assert decode_market(raw(message)) == (NewMarket(CONDITION, EventId("175664"), "Will it?"),)


@pytest.mark.parametrize("about", [{}, {"event_message": None}, {"event_message": {}}])
def test_new_market_without_an_event_names_none(about: dict[str, object]):
    message = {"event_type": "new_market", "market": CONDITION, "question": "Will it?"} | about

    assert decode_market(raw(message)) == (NewMarket(CONDITION, None, "Will it?"),)


def test_market_resolved_names_the_winner():
    message = {"event_type": "market_resolved", "market": CONDITION, "winning_asset_id": YES}

    assert decode_market(raw(message)) == (MarketResolved(CONDITION, YES),)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"event_type": "market_resolved", "market": "0xdead"}, "market"),
        ({"event_type": "market_resolved", "market": CONDITION, "winning_asset_id": "x"}, "token"),
        ({"event_type": "new_market", "market": 5}, "shape"),
        ({"event_type": "best_bid_ask", "market": CONDITION, "asset_id": YES, "best_bid": "2"}, "shape"),
    ],
)
def test_custom_message_that_is_not_as_documented_is_malformed(message: dict[str, object], reason: str):
    (frame,) = decode_market(raw(message))

    assert isinstance(frame, Malformed)
    assert frame.reason == reason


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"event_type": "comet"}, "other"),
        ({"channel": "l2", "data": {"bids": []}}, "envelope"),
        ({"data": [BOOK]}, "envelope"),
        ({"channel": "trades", "market": CONDITION}, "channel"),
        ({"type": "subscribed"}, "channel"),
    ],
)
def test_messages_of_other_kinds_are_ignored_under_few_labels(message: dict[str, object], kind: str):
    assert decode_market(raw(message)) == (Ignored(kind),)
    assert decode_market(raw([message, TRADE]))[0] == Ignored(kind)


def test_empty_array_gives_nothing():
    assert decode_market(b"[]") == ()


def test_one_bad_message_of_an_array_does_not_touch_the_others():
    bad = BOOK | {"bids": [{"price": "1.5", "size": "1"}]}

    frames = decode_market(raw([BOOK, bad, {"event_type": "book"}, 7, CHANGE]))

    assert [type(frame) for frame in frames] == [StreamBook, Malformed, Malformed, Malformed, BookDelta]
    assert [frame.reason for frame in frames if isinstance(frame, Malformed)] == ["price", "shape", "shape"]


def test_one_bad_level_refuses_its_whole_message():
    levels = [*BOOK["bids"], {"price": "0.51", "size": "-1"}]

    assert reason(raw(BOOK | {"bids": levels})) == "size"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"price": "0"}, "price"),
        ({"price": "1"}, "price"),
        ({"price": "1.0"}, "price"),
        ({"price": "2"}, "price"),
        ({"price": "-0.5"}, "price"),
        ({"price": "+0.5"}, "price"),
        ({"price": ""}, "price"),
        ({"price": "0.50001"}, "price"),
        ({"price": "5e-1"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "0.\u0665"}, "price"),
        ({"price": "0.5" + "0" * 60}, "price"),
        ({"price": 0.5}, "shape"),
        ({"price": None}, "shape"),
        ({"size": "-1"}, "size"),
        ({"size": "1e3"}, "size"),
        ({"size": "Infinity"}, "size"),
        ({"size": "0.1234567"}, "size"),
        ({"size": "9" * 13}, "size"),
        ({"size": "9" * 5000}, "size"),
        ({"size": 5}, "shape"),
        ({"side": "buy"}, "shape"),
        ({"side": "HOLD"}, "shape"),
        ({"hash": ""}, "shape"),
        ({"hash": "5" * 41}, "shape"),
        ({"best_bid": "1.01"}, "touch"),
        ({"best_ask": ""}, "touch"),
        ({"best_ask": "-1"}, "touch"),
        ({"best_bid": None}, "shape"),
        ({"asset_id": ""}, "shape"),
        ({"asset_id": "9" * 79}, "shape"),
        ({"asset_id": 12}, "shape"),
    ],
)
def test_change_with_a_field_not_as_documented_is_malformed(changed: dict[str, object], expected: str):
    assert reason(entry(**changed)) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (CHANGE | {"market": "0x12"}, "shape"),
        (CHANGE | {"market": CONDITION + "0"}, "shape"),
        (BOOK | {"market": "0x" + "g" * 64}, "market"),
        (BOOK | {"asset_id": "0x12"}, "token"),
        (BOOK | {"hash": "56AB" * 10}, "hash"),
        (CHANGE | {"timestamp": START_MS}, "shape"),
        (CHANGE | {"timestamp": ""}, "timestamp"),
        (CHANGE | {"timestamp": "-5"}, "timestamp"),
        (CHANGE | {"timestamp": "9" * 16}, "timestamp"),
        (CHANGE | {"price_changes": []}, "shape"),
        (CHANGE | {"price_changes": {}}, "shape"),
        (BOOK | {"bids": [{"price": "0.5", "size": "0"}]}, "size"),
        (BOOK | {"bids": None}, "shape"),
        (BOOK | {"bids": [["0.5", "1"]]}, "shape"),
        (BOOK | {"tick_size": "0.003"}, "tick"),
        (BOOK | {"tick_size": "0"}, "price"),
        (BOOK | {"tick_size": 0.01}, "shape"),
        (BOOK | {"neg_risk": "true"}, "shape"),
        (BOOK | {"last_trade_price": "1.5"}, "price"),
        (BOOK | {"min_order_size": "five"}, "size"),
        (TICK | {"new_tick_size": "0.007"}, "tick"),
        (TRADE | {"price": "1"}, "price"),
        ({"event_type": 5}, "shape"),
        ({}, "shape"),
        (5, "shape"),
        (None, "shape"),
        ("PONG", "shape"),
    ],
)
def test_message_not_as_documented_is_malformed(message: object, expected: str):
    assert reason(raw(message)) == expected


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", "json"),
        (b" ", "json"),
        (b"PONG ", "json"),
        (b"{", "json"),
        (raw(CHANGE)[:-1], "json"),
        (raw(CHANGE) + b"x", "json"),
        (raw(CHANGE).replace(b'"80.5"', b"NaN"), "json"),
        (raw(CHANGE).replace(b'"80.5"', b"Infinity"), "json"),
        (raw(CHANGE).replace(b'"80.5"', b"1e999"), "shape"),
        (raw(CHANGE).replace(b'"80.5"', b"1" * 5000), "shape"),
        (raw(CHANGE).replace(b'"80.5"', b'"\\ud800"'), "json"),
        (raw(CHANGE).replace(b'"80.5"', b'"8\xff"'), "encoding"),
        (b"\xef\xbb\xbf" + raw(CHANGE), "json"),
        (b"[" * 100_000, "shape"),
        (b'{"event_type":"book","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "depth"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "depth"),
        ("\ud800", "encoding"),
        (b"[" + b"0," * 5000 + b"0]", "shape"),
    ],
)
def test_bytes_that_are_no_message_are_malformed(octets: bytes | str, expected: str):
    assert reason(octets) == expected


@pytest.mark.parametrize(
    ("octets", "old", "new"),
    [
        (raw(CHANGE), b'"size": "80.5"', b'"size": "80.5", "size": "9"'),
        (raw(CHANGE), b'"price_changes"', b'"timestamp": "1", "price_changes"'),
        (raw(BOOK), b'"size": "25"', b'"size": "25", "size": "25"'),
        (raw(BOOK), b'"bids"', b'"asks": [], "bids"'),
        (raw(TRADE), b'"price"', b'"price": "0.1", "price"'),
    ],
)
def test_key_that_stands_twice_refuses_the_message(octets: bytes, old: bytes, new: bytes):
    assert reason(octets.replace(old, new, 1)) == "repeated_key"


def test_key_that_stands_twice_refuses_only_its_own_message_of_an_array():
    doubled = raw(BOOK).replace(b'"hash"', b'"hash": "", "hash"')

    frames = decode_market(b"[" + raw(CHANGE) + b"," + doubled + b"," + raw(TRADE) + b"]")

    assert [type(frame) for frame in frames] == [BookDelta, Malformed, LastTrade]


def test_colons_inside_texts_are_not_taken_for_keys():
    (frame,) = decode_market(raw(CHANGE | {"note": 'a":"b":'}))

    assert isinstance(frame, BookDelta)


def test_rest_answer_is_read_as_one_book_or_many():
    venue = seeded_venue(last_trade="0.510")
    one, many = raw(venue.book(YES)), raw([venue.book(YES), venue.book(NO)])

    book, *others = read(one)
    books = read(many)

    assert others == []
    assert books[0] == book
    assert book.terms == BookTerms("5", "0.01", True, "0.510")
    assert book.hash == venue.book(YES)["hash"]
    assert [level.price for level in book.bids] == ["0.47", "0.48", "0.49"], "best last, as on the wire"
    assert decode_books(b"[]") == ()


def test_large_rest_book_is_ordinary():
    venue = seeded_venue(tick=1)
    for step in range(1, 2001):
        venue.bids[step] = venue.asks[10_000 - step] = f"{step}.25"

    (book,) = read(raw(venue.book(YES)))

    assert len(book.bids) == len(book.asks) == 2003


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<html>busy</html>",
        b'{"error":"No orderbook exists for the requested token id"}',
        raw([BOOK | {"asks": [{"price": "0.5", "size": "-1"}]}]),
        raw([BOOK, BOOK | {"market": "?"}]),
        raw(BOOK).replace(b'"hash"', b'"hash": "", "hash"'),
        b'{"x":' * 100_000 + b"1" + b"}" * 100_000,
        b"null",
    ],
)
def test_rest_answer_not_as_documented_is_a_failure_in_words(octets: bytes):
    answer = decode_books(octets)

    assert isinstance(answer, VenueFailure)
    assert answer.reason.startswith("books: ")
    assert len(answer.reason) < 500
