import itertools
import json
import random
from typing import get_args

import pytest

from engine.core.feed.feeds import Feeds
from engine.domain.book import LiveBook
from engine.domain.failure import VenueFailure
from engine.domain.frames import Frame, Malformed
from engine.domain.ids import TokenId
from engine.domain.units import Ms
from engine.venue.wire import decode_books, decode_market
from tests.support.feed_bench import LINE
from tests.support.market_stream import NO, YES, ReferenceVenue, seeded_venue

REASONS = {
    "depth",
    "encoding",
    "hash",
    "json",
    "market",
    "price",
    "repeated_key",
    "shape",
    "size",
    "tick",
    "timestamp",
    "token",
    "touch",
}
ODD_OBJECTS: tuple[object, ...] = (None, True, 5, -1, 1e300, "", "x", [], {}, [[]], [None])
ODD_VALUES = [
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b'""',
    b'"-0.1"',
    b'"1"',
    b'"0"',
    b'"\\ud83d"',
    b"{}",
    b"[]",
    b'"9999999999999999999999999"',
    b"9" * 400,
    b"[[[[[[[[]]]]]]]]",
]


def frames_of(venue: ReferenceVenue) -> list[bytes]:
    venue.now_ms += 10
    return [
        venue.dump(),
        venue.set_level("BUY", 4500, "12.5"),
        *venue.trade(4900),
        venue.change_tick(venue.tick),
    ]


def mutated(rng: random.Random, octets: bytes) -> bytes:
    """Return the frame with one to three kinds of damage."""
    damaged = bytearray(octets)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(damaged) + 1)
        match rng.randrange(6):
            case 0:
                del damaged[at:]
            case 1 if damaged:
                damaged[at % len(damaged)] ^= 1 << rng.randrange(8)
            case 2:
                damaged[at:at] = rng.randbytes(rng.randrange(1, 5))
            case 3:
                del damaged[at : at + rng.randrange(1, 40)]
            case 4:
                damaged[at:at] = damaged[max(0, at - 60) : at]
            case _:
                colon = damaged.find(b":", at)
                if colon >= 0:
                    damaged[colon + 1 : colon + 1 + rng.randrange(12)] = rng.choice(ODD_VALUES)
    return bytes(damaged)


@pytest.mark.parametrize("seed", range(5))
def test_mutated_frames_never_raise_and_stay_inside_the_labels(seed: int):
    rng = random.Random(seed)
    originals = frames_of(seeded_venue())
    refused = 0
    for _ in range(3000):
        octets = mutated(rng, rng.choice(originals))
        for frame in decode_market(octets):
            assert isinstance(frame, get_args(Frame)), f"seed {seed}: {octets!r}"
            if isinstance(frame, Malformed):
                refused += 1
                assert frame.reason in REASONS, f"seed {seed}: {octets!r}"
        answer = decode_books(octets)
        assert isinstance(answer, tuple | VenueFailure), f"seed {seed}: {octets!r}"
    assert refused > 1500, f"seed {seed}"


@pytest.mark.parametrize("seed", range(5))
def test_mutated_frames_never_give_a_live_book_that_no_venue_book_was(seed: int):
    """Damage may cost a resync; it may not change what is planned on."""
    rng = random.Random(seed)
    venue = seeded_venue()
    feeds = Feeds()
    feeds.track(venue.tokens(), Ms(venue.now_ms))
    feeds.link(LINE, up=True, at_ms=Ms(venue.now_ms))
    known = {venue.book(token)["hash"]: venue.sides(token) for token in (YES, NO)}
    lived = 0
    for step in range(1500):
        venue.now_ms += 10
        rightly = rng.random() < 0.5
        originals = [venue.set_level("BUY", 4000 + 100 * rng.randrange(9), f"{step + 1}"), venue.dump()]
        known |= {venue.book(token)["hash"]: venue.sides(token) for token in (YES, NO)}
        octets = rng.choice(originals)
        for frame in decode_market(octets if rightly else mutated(rng, octets)):
            feeds.apply(LINE, frame, Ms(venue.now_ms))
        for token in (YES, NO):
            book = feeds.live(TokenId(token), Ms(venue.now_ms))
            if isinstance(book, LiveBook):
                lived += 1
                bids, asks = known[book.hash]
                assert [x.price for x in book.bids] == sorted(bids, reverse=True), f"seed {seed}, step {step}"
                assert [x.price for x in book.asks] == sorted(asks), f"seed {seed}, step {step}"
        feeds.drain()
    assert lived > 300, f"seed {seed}"


def test_type_swaps_of_every_field_never_raise():
    venue = seeded_venue()
    for octets in frames_of(venue):
        message = json.loads(octets)
        target = message[0] if isinstance(message, list) else message
        for key, odd in itertools.product(list(target), ODD_OBJECTS):
            (frame,) = decode_market(json.dumps(target | {key: odd}))
            assert isinstance(frame, get_args(Frame)), (key, odd)
