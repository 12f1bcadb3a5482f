"""A recording as a market channel: dumps are the newest books, messages go to who wants them."""

import json
from collections.abc import Iterable
from typing import Any, cast

import pytest

from engine.core.feed.feeds import Feeds
from engine.core.feed.tracked import TrackedToken
from engine.domain.book import LiveBook
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.units import Ms
from engine.simulator.recorded_books import RecordedBooks
from engine.simulator.recorded_stream import RecordedStream
from engine.venue.wire import decode_books, decode_market
from tests.support.market_stream import NO, YES, ReferenceVenue, seeded_venue

OTHER = {"condition": "0x" + "8e" * 32, "yes": "1" * 70, "no": "2" * 70}
LINE = ConnectionId(0)


class Wire:
    """The sending half of a connection."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.is_cut = False

    def send(self, frame: str, tokens: Iterable[str] = ()) -> None:
        self.sent.append(frame)

    def cut(self) -> None:
        self.is_cut = True


def subscribed(stream: RecordedStream, *tokens: str, **more: object) -> Wire:
    wire = Wire()
    assert stream.on_frame(cast(Any, wire), {"type": "market", "assets_ids": list(tokens), **more})
    return wire


def recorded(venue: ReferenceVenue) -> RecordedStream:
    """A stream that has played a market's first books and some of its life."""
    stream = RecordedStream()
    stream.tracked(venue.tokens("fed5 No change"))
    stream.heard(venue.dump())
    for number in range(20):
        venue.now_ms += 50
        side, price = ("BUY", 2900) if number % 2 else ("SELL", 5100)
        size = "0" if number % 7 == 6 else f"{number + 1}.25"
        stream.heard(venue.set_level(side, price + 100 * (number // 4), size))
    return stream


def live(venue: ReferenceVenue, frames: Iterable[str | bytes], token: str) -> LiveBook:
    """What a fresh feed core makes of frames; fails unless the checksum proves the book."""
    feeds, at_ms = Feeds(), Ms(venue.now_ms + 100)
    tokens: tuple[TrackedToken, ...] = venue.tokens()
    feeds.track(tokens, at_ms)
    feeds.link(LINE, up=True, at_ms=at_ms)
    for raw in frames:
        for frame in decode_market(raw):
            feeds.apply(LINE, frame, at_ms)
    book = feeds.live(TokenId(token), at_ms)
    assert isinstance(book, LiveBook), book
    return book


@pytest.mark.parametrize("traded", [False, True])
@pytest.mark.parametrize("token", [YES, NO])
def test_late_subscriber_gets_books_that_the_checksum_proves(token: str, traded: bool):
    venue = seeded_venue()
    stream = recorded(venue)
    if traded:
        venue.now_ms += 50
        for raw in venue.trade(4700):
            stream.heard(raw)
        venue.now_ms += 50
        stream.heard(venue.set_level("BUY", 3300, "5"))

    wire = subscribed(stream, YES, NO)

    assert live(venue, wire.sent, token).hash == venue.book(token)["hash"]


def test_dump_goes_on_with_the_recorded_messages():
    venue = seeded_venue()
    stream = recorded(venue)
    wire = subscribed(stream, YES, NO)
    for _ in range(3):
        venue.now_ms += 50
        stream.heard(venue.set_level("SELL", 5200, str(venue.now_ms % 1000 + 1)))

    assert len(wire.sent) == 4
    assert live(venue, wire.sent, YES).hash == venue.book(YES)["hash"]


def test_books_are_answered_as_the_venue_would():
    venue = seeded_venue()
    stream = recorded(venue)

    answer = decode_books(stream._books.answer([YES, NO, "9" * 70]))

    assert isinstance(answer, tuple), answer
    assert {book.token_id: book.hash for book in answer} == {t: venue.book(t)["hash"] for t in (YES, NO)}
    assert all(book.terms.min_order_size == "5" and book.terms.neg_risk for book in answer)


def test_recorded_answer_replaces_a_book_that_is_older():
    venue = seeded_venue()
    stream = recorded(venue)
    venue.now_ms += 50
    venue.set_level("BUY", 3100, "77")  # a change that the recording has lost
    stream.answered([json.dumps([venue.book(YES), venue.book(NO)]).encode(), b"<html>", b"7"])

    wire = subscribed(stream, YES, NO)

    assert live(venue, wire.sent, YES).hash == venue.book(YES)["hash"]


def test_older_answer_is_not_taken():
    venue = seeded_venue()
    before = json.dumps([venue.book(YES)]).encode()
    stream = recorded(venue)

    stream.answered([before])

    assert live(venue, subscribed(stream, YES, NO).sent, YES).hash == venue.book(YES)["hash"]


def test_message_goes_to_who_wants_one_of_its_tokens_and_to_nobody_else():
    mine, other = seeded_venue(), seeded_venue(**OTHER)
    stream = recorded(mine)
    wires = subscribed(stream, NO, initial_dump=False), subscribed(stream, other.yes, initial_dump=False)
    raw = mine.set_level("BUY", 4800, "3")

    stream.heard(raw)

    assert [wire.sent for wire in wires] == [[raw.decode()], []]


def test_array_is_whole_for_who_wants_all_and_cut_for_the_others():
    mine, other = seeded_venue(), seeded_venue(**OTHER)
    stream = RecordedStream()
    both, one = subscribed(stream, YES, NO, other.yes, other.no), subscribed(stream, other.no)
    raw = mine.dump()[:-1] + b"," + other.dump()[1:]

    stream.heard(raw)

    assert both.sent == [raw.decode()]
    (part,) = one.sent
    assert [book["asset_id"] for book in json.loads(part)] == [other.no]


def test_unsubscribed_token_is_sent_no_more():
    venue = seeded_venue()
    stream = recorded(venue)
    wire = subscribed(stream, YES, NO, initial_dump=False)
    assert stream.on_frame(cast(Any, wire), {"operation": "unsubscribe", "assets_ids": [YES, NO]})

    stream.heard(venue.set_level("BUY", 4800, "3"))

    assert wire.sent == []


def test_token_is_dumped_once_and_one_without_a_book_not_at_all():
    stream = recorded(seeded_venue())
    wire = subscribed(stream, YES)
    again = {"operation": "subscribe", "assets_ids": [YES]}
    unknown = {"operation": "subscribe", "assets_ids": ["9" * 70]}

    assert stream.on_frame(cast(Any, wire), again)
    assert stream.on_frame(cast(Any, wire), unknown)

    assert len(wire.sent) == 1


@pytest.mark.parametrize("frame", [[], {"type": "market"}, {"type": "user", "assets_ids": []}, "PING"])
def test_frame_that_is_no_subscription_closes_the_connection(frame: object):
    assert not RecordedStream().on_frame(cast(Any, Wire()), frame)


def test_what_is_no_message_is_repeated_as_it_was_but_for_pongs_and_what_is_no_text():
    stream = RecordedStream()
    wire = subscribed(stream, YES)
    for raw in (b"not json", b"PONG", b"\xff\xfe", b'{"event_type":"book"}', b"[1,2]", b'{"a":1}'):
        stream.heard(raw)

    assert wire.sent == ["not json", '{"event_type":"book"}', "[1,2]", '{"a":1}']
    assert stream.not_text == 1


@pytest.mark.parametrize(
    "raw",
    [
        b'{"event_type":"price_change","price_changes":[{"asset_id":"1"}]}',
        b'{"event_type":"price_change","price_changes":7}',
        b'{"event_type":"book","asset_id":"1","bids":[{"price":1}],"asks":7}',
        b'{"event_type":"tick_size_change"}',
        b"[" * 3_000 + b"]" * 3_000,
        b'{"event_type":["book"]}',
    ],
)
def test_broken_messages_of_a_recording_break_nothing(raw: bytes):
    venue = seeded_venue()
    stream = recorded(venue)

    stream.heard(raw)

    assert live(venue, subscribed(stream, YES, NO).sent, YES).hash == venue.book(YES)["hash"]


def test_new_tick_is_told_to_late_subscribers():
    venue = seeded_venue()
    stream = recorded(venue)
    venue.now_ms += 50
    stream.heard(venue.change_tick(10))

    (dump,) = subscribed(stream, YES, NO).sent

    assert {book["tick_size"] for book in json.loads(dump)} == {"0.001"}


def test_beginning_again_cuts_everybody_and_forgets_the_books():
    stream = recorded(seeded_venue())
    wire = subscribed(stream, YES)

    stream.begin_again()

    assert wire.is_cut
    assert not stream.subscribed
    assert subscribed(stream, YES).sent == []


def test_books_without_a_message_are_empty():
    books = RecordedBooks()
    books.describe(YES, {"tick_size": "0.01"})

    assert books.dump([YES]) is None
    assert books.answer([YES]) == b"[]"
