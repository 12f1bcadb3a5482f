"""A key that stands twice in one object: at every place of every message, in any order and spelling."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from engine.domain.failure import VenueFailure
from engine.domain.frames import Ignored, Malformed
from engine.venue.wire import decode_books, decode_market
from tests.campaigns.judged_feeds import answer_words, listing_words, touch_words
from tests.support.market_stream import ReferenceVenue, seeded_venue

MARK = "the repeated key"


def messages() -> dict[str, bytes]:
    venue: ReferenceVenue = seeded_venue()
    venue.now_ms += 10
    return {
        "book": venue.dump(venue.yes),
        "price_change": venue.set_level("BUY", 4_500, "1"),
        "last_trade_price": venue.trade_words(5_000),
        "tick_size_change": venue.change_tick(10),
        "best_bid_ask": touch_words(venue, venue.now_ms),
        "new_market": listing_words(venue, venue.now_ms),
        "market_resolved": answer_words(venue, venue.now_ms),
        "rest": json.dumps([venue.book(venue.yes)], separators=(",", ":")).encode(),
    }


def objects(value: Any) -> list[dict[str, Any]]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict) else []) + [one for inner in inside for one in objects(inner)]


def escaped(key: str) -> str:
    """The same key, spelt so that a comparison of texts does not see it."""
    return '"' + "".join(f"\\u{ord(sign):04x}" for sign in key) + '"'


def repetitions(raw: bytes) -> Iterator[tuple[str, bytes]]:
    for at, found in enumerate(objects(json.loads(raw))):
        for key in found:
            for other in (found[key], "0.45"):
                for spelt in (json.dumps(key), escaped(key)):
                    message = json.loads(raw)
                    objects(message)[at][MARK] = other
                    text = json.dumps(message, separators=(",", ":"))
                    yield key, text.replace(json.dumps(MARK), spelt, 1).encode()


@pytest.mark.parametrize("kind", messages())
def test_message_with_a_key_twice_is_never_taken(kind: str):
    for key, octets in repetitions(messages()[kind]):
        if kind == "rest":
            assert isinstance(decode_books(octets), VenueFailure), (key, octets)
        else:
            (frame,) = decode_market(octets)
            assert isinstance(frame, Malformed | Ignored), (key, octets)
