import hashlib
import random
from typing import Any

import pytest

from engine.core.feed.book import Book
from engine.core.feed.checksum import HashTerms, Tape, checksum, find_last_trade, hashed_head
from engine.domain.frames import BookTerms, WireLevel
from engine.domain.ids import ConditionId, TokenId
from engine.domain.units import Price
from tests.support.market_stream import NO, YES, ReferenceVenue, price_words

GOLDEN = "3dba1cee29f880571d211a8294c773c38c80c026"
TERMS = HashTerms(min_order_size="5", tick_size="0.01", neg_risk=True)


def wire(price: str, size: str) -> WireLevel:
    return WireLevel(price, size)


def golden_head(**changed: Any) -> bytes:
    """The synthetic book of protocol 5.1, whose checksum the official client gave."""
    book = Book(Price(100))
    bids = changed.get("bids", [("0.49", "25"), ("0.50", "100.5")])
    asks = changed.get("asks", [("0.53", "40"), ("0.52", "12.25")])
    assert book.replace([wire(*level) for level in bids], [wire(*level) for level in asks]) is None
    return hashed_head(
        ConditionId("0x" + "ab" * 32),
        TokenId("1234567890"),
        changed.get("timestamp", "1790000000000"),
        book,
        changed.get("terms", TERMS),
    )


def test_checksum_of_the_golden_book_is_the_official_one():
    assert checksum(golden_head(), "0.510") == GOLDEN


@pytest.mark.parametrize(
    "changed",
    [
        {"bids": [("0.49", "25"), ("0.5", "100.5")]},
        {"bids": [("0.49", "25"), ("0.50", "100.50")]},
        {"bids": [("0.49", "25")]},
        {"asks": [("0.53", "40"), ("0.52", "12.26")]},
        {"timestamp": "1790000000001"},
        {"terms": HashTerms("5.0", "0.01", neg_risk=True)},
        {"terms": HashTerms("5", "0.001", neg_risk=True)},
        {"terms": HashTerms("5", "0.01", neg_risk=False)},
    ],
)
def test_checksum_differs_when_any_text_differs(changed: dict[str, Any]):
    assert checksum(golden_head(**changed), "0.510") != GOLDEN


def test_checksum_covers_the_last_trade_price_verbatim():
    assert checksum(golden_head(), "0.51") != GOLDEN
    assert checksum(golden_head(), "") != GOLDEN


def test_head_of_an_empty_side_lists_nothing():
    head = golden_head(bids=[])

    assert b'"bids":[],"asks":[{"price":"0.53"' in head


@pytest.mark.parametrize("seed", range(6))
def test_checksum_equals_the_published_recipe_on_random_books(seed: int):
    rng = random.Random(seed)
    venue = ReferenceVenue(tick=rng.choice([1, 10, 100]), last_trade=rng.choice(["", "0.820", "0.001"]))
    for price in rng.sample(range(1, 10_000 // venue.tick), 40):
        rank = price * venue.tick
        side = venue.bids if rank < 5000 else venue.asks
        side[rank] = f"{rng.randrange(1, 10**9) / 100:.2f}".rstrip("0").rstrip(".")
    for token in (YES, NO):
        book = Book(Price(venue.tick))
        bids, asks = venue.sides(token)
        levels = [[wire(price_words(p), size) for p, size in side.items()] for side in (bids, asks)]
        assert book.replace(*levels) is None, f"seed {seed}"
        terms = HashTerms("5", venue.tick_words, neg_risk=True)
        head = hashed_head(ConditionId(venue.condition), TokenId(token), str(venue.now_ms), book, terms)

        assert checksum(head, venue.last_trade) == venue.book(token)["hash"], f"seed {seed}"


@pytest.mark.parametrize("last_trade", ["", "0.001", "0.510", "0.820", "0.999"])
def test_find_last_trade_finds_whatever_the_venue_can_print(last_trade: str):
    head = golden_head()

    found = find_last_trade(head, checksum(head, last_trade), ("0.777",), everywhere=True)

    assert found == last_trade


def test_find_last_trade_of_a_different_book_finds_nothing():
    assert find_last_trade(golden_head(bids=[]), GOLDEN, ("0.510",), everywhere=True) is None


def test_find_last_trade_without_the_search_knows_only_the_likely_ones():
    head = golden_head()

    assert find_last_trade(head, GOLDEN, ("", "0.490"), everywhere=False) is None
    assert find_last_trade(head, GOLDEN, ("", "0.510"), everywhere=False) == "0.510"


def test_find_last_trade_takes_a_likely_text_that_the_search_has_not():
    head = golden_head()
    four_decimals = hashlib.sha1(head + b'0.5105"}').hexdigest()

    assert find_last_trade(head, four_decimals, (), everywhere=True) is None
    assert find_last_trade(head, four_decimals, ("0.5105",), everywhere=True) == "0.5105"


def test_tape_starts_as_never_traded():
    assert Tape().last_trade == ""
    assert "" in Tape().likely()


@pytest.mark.parametrize(
    ("price", "expected"),
    [("0.82", {"0.820", "0.180"}), ("0.5", {"0.500"}), ("0.0005", {"0.0005", "0.9995"})],
)
def test_tape_announces_the_price_and_its_complement(price: str, expected: set[str]):
    tape = Tape()

    tape.announce(price)

    assert expected <= set(tape.likely())
    assert tape.last_trade == "", "only a checksum tells which of the two the books quote"


def test_tape_adopts_and_keeps_the_previous_text_likely():
    tape = Tape()

    tape.adopt("0.510")
    tape.adopt("0.520")
    tape.adopt("0.520")

    assert tape.last_trade == "0.520"
    assert tape.likely()[0] == "0.520"
    assert "0.510" in tape.likely()


def test_terms_take_over_only_what_was_told():
    told = BookTerms(min_order_size="15", tick_size=None, neg_risk=None, last_trade_price="0.5")

    assert TERMS.updated(told) == HashTerms("15", "0.01", neg_risk=True)
    assert TERMS.updated(BookTerms(None, "0.001", False, None)) == HashTerms("5", "0.001", neg_risk=False)
    assert TERMS.updated(BookTerms(None, None, None, None)) == TERMS
