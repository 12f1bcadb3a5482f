from engine.core.feed.book import Book
from engine.core.feed.rebuild import Held, Stamp, rebuild, stamp_of
from engine.domain.frames import LevelChange
from engine.domain.ids import TokenId
from engine.domain.market import Side
from engine.domain.units import Ms, Price
from tests.support.market_stream import YES, seeded_venue


def part(at: int, *levels: tuple[str, str]) -> Held:
    changes = tuple(
        LevelChange(
            token_id=TokenId("1"),
            price=price,
            size=size,
            side=Side.BUY,
            hash=f"hash{at}",
            best_bid="0",
            best_ask="1",
        )
        for price, size in levels
    )
    return Held(Stamp(Ms(at), str(at), f"hash{at}"), changes)


def has(expected: dict[int, int]):
    """Prove a book by its bids: price in 1e-4 -> whole shares."""
    return lambda book: {level.price: level.size // 10**6 for level in book.levels()[0]} == expected


def empty_book() -> Book:
    return Book(Price(100))


def test_rebuild_with_nothing_held_asks_only_whether_the_base_is_proven():
    assert rebuild(empty_book(), Ms(5), (), has({})) is not None
    assert rebuild(empty_book(), Ms(5), (), has({5000: 1})) is None


def test_rebuild_applies_what_is_newer_than_the_base():
    held = (part(6, ("0.5", "1")), part(7, ("0.51", "2")))

    book = rebuild(empty_book(), Ms(5), held, has({5000: 1, 5100: 2}))

    assert book is not None
    assert book.best_bid() == 5100


def test_rebuild_leaves_out_what_is_older_than_the_base():
    held = (part(3, ("0.4", "9")), part(4, ("0.41", "9")), part(7, ("0.5", "1")))

    assert rebuild(empty_book(), Ms(5), held, has({5000: 1})) is not None


def test_rebuild_tries_every_place_among_changes_of_the_same_millisecond():
    held = (part(5, ("0.4", "1")), part(5, ("0.41", "2")), part(5, ("0.42", "3")))

    assert rebuild(empty_book(), Ms(5), held, has({})) is not None
    assert rebuild(empty_book(), Ms(5), held, has({4200: 3})) is not None
    assert rebuild(empty_book(), Ms(5), held, has({4100: 2, 4200: 3})) is not None
    assert rebuild(empty_book(), Ms(5), held, has({4000: 1, 4100: 2, 4200: 3})) is not None
    assert rebuild(empty_book(), Ms(5), held, has({4000: 1, 4200: 3})) is None, "a gap inside is no place"


def test_rebuild_never_skips_what_is_newer():
    assert rebuild(empty_book(), Ms(5), (part(6, ("0.5", "1")),), has({})) is None


def test_rebuild_leaves_the_base_alone():
    base = empty_book()

    rebuild(base, Ms(5), (part(6, ("0.5", "1")),), has({5000: 1}))

    assert base.levels() == ((), ())


def test_rebuild_fails_on_a_price_off_the_base_grid():
    assert rebuild(empty_book(), Ms(5), (part(6, ("0.505", "1")),), lambda _: True) is None


def test_rebuild_leaves_an_unknown_removal_to_the_proof():
    assert rebuild(empty_book(), Ms(5), (part(6, ("0.3", "0")),), has({})) is not None


def test_stamp_is_what_the_snapshot_says_of_itself():
    venue = seeded_venue()
    (snapshot,) = venue.rest(YES)

    assert stamp_of(snapshot) == Stamp(Ms(venue.now_ms), str(venue.now_ms), venue.book(YES)["hash"])
    assert snapshot.bids[0].size == "5588.18"
