import random

import pytest

from engine.core.feed.book import Book, BookFault
from engine.domain.book import Level
from engine.domain.frames import WireLevel
from engine.domain.market import Side
from engine.domain.units import Price, Size, format_scaled, format_size


def wire(price: str, size: str) -> WireLevel:
    return WireLevel(price, size)


def book_of(tick: int, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> Book:
    book = Book(Price(tick))
    assert book.replace([wire(*level) for level in bids], [wire(*level) for level in asks]) is None
    return book


def three_a_side() -> Book:
    return book_of(
        100,
        [("0.47", "5"), ("0.48", "6"), ("0.49", "7")],
        [("0.53", "1"), ("0.52", "2"), ("0.51", "3")],
    )


def test_new_book_has_no_touch_and_no_levels():
    book = Book(Price(100))

    assert (book.best_bid(), book.best_ask()) == (None, None)
    assert book.levels() == ((), ())
    assert book.wire_texts() == ("", "")
    assert not book.crossed()


def test_replace_orders_levels_best_first():
    bids, asks = three_a_side().levels()

    assert bids == (
        Level(Price(4900), Size(7_000_000)),
        Level(Price(4800), Size(6_000_000)),
        Level(Price(4700), Size(5_000_000)),
    )
    assert asks == (
        Level(Price(5100), Size(3_000_000)),
        Level(Price(5200), Size(2_000_000)),
        Level(Price(5300), Size(1_000_000)),
    )


def test_wire_texts_keep_the_venue_order_with_the_best_level_last():
    bids, asks = three_a_side().wire_texts()

    assert bids == ('{"price":"0.47","size":"5"},{"price":"0.48","size":"6"},{"price":"0.49","size":"7"}')
    assert asks == ('{"price":"0.53","size":"1"},{"price":"0.52","size":"2"},{"price":"0.51","size":"3"}')


def test_wire_texts_keep_every_text_verbatim():
    book = book_of(10, [("0.50", "100.500"), ("0.820", "1")], [("0.99", "3"), ("0.991", "4.10")])

    assert book.wire_texts() == (
        '{"price":"0.50","size":"100.500"},{"price":"0.820","size":"1"}',
        '{"price":"0.991","size":"4.10"},{"price":"0.99","size":"3"}',
    )


def test_wire_texts_follow_every_change():
    book = three_a_side()
    book.wire_texts()

    assert book.apply(Side.BUY, wire("0.48", "66.6")) is None
    assert book.apply(Side.SELL, wire("0.52", "0")) is None

    assert '"0.48","size":"66.6"' in book.wire_texts()[0]
    assert book.wire_texts()[1] == '{"price":"0.53","size":"1"},{"price":"0.51","size":"3"}'


@pytest.mark.parametrize(
    ("side", "price", "bid", "ask"),
    [
        (Side.BUY, "0.50", 5000, 5100),
        (Side.BUY, "0.4", 4900, 5100),
        (Side.SELL, "0.50", 4900, 5000),
        (Side.SELL, "0.6", 4900, 5100),
    ],
)
def test_apply_moves_the_touch_only_for_a_better_level(side: Side, price: str, bid: int, ask: int):
    book = three_a_side()

    assert book.apply(side, wire(price, "9")) is None

    assert (book.best_bid(), book.best_ask()) == (bid, ask)


def test_apply_removing_the_best_levels_walks_to_the_next_and_to_empty():
    book = three_a_side()
    seen = []

    for price in ("0.49", "0.48", "0.47"):
        assert book.apply(Side.BUY, wire(price, "0")) is None
        seen.append(book.best_bid())

    assert seen == [4800, 4700, None]
    assert book.levels()[0] == ()


def test_apply_sets_the_total_and_does_not_add():
    book = three_a_side()

    book.apply(Side.SELL, wire("0.51", "2.25"))

    assert book.levels()[1][0] == Level(Price(5100), Size(2_250_000))


@pytest.mark.parametrize(("tick", "price"), [(100, "0.505"), (10, "0.5001"), (1000, "0.55"), (25, "0.5001")])
def test_apply_off_grid_price_is_refused_and_changes_nothing(tick: int, price: str):
    book = book_of(tick, [("0.5", "5")], [("0.6", "5")])
    before = book.wire_texts()

    assert book.apply(Side.BUY, wire(price, "1")) is BookFault.OFF_GRID
    assert not book.fits(price)
    assert book.wire_texts() == before


def test_apply_removal_of_an_unknown_level_is_told():
    book = three_a_side()
    before = book.levels()

    assert book.apply(Side.BUY, wire("0.30", "0")) is BookFault.UNKNOWN_LEVEL
    assert book.levels() == before


@pytest.mark.parametrize(
    ("bids", "asks", "fault"),
    [
        ([("0.505", "5")], [], BookFault.OFF_GRID),
        ([("0.5", "5"), ("0.50", "6")], [], BookFault.DOUBLE_LEVEL),
        ([], [("0.7", "5"), ("0.70", "5")], BookFault.DOUBLE_LEVEL),
        ([("0.5", "0")], [], BookFault.EMPTY_LEVEL),
        ([("0.5", "5")], [("0.6", "0.000")], BookFault.EMPTY_LEVEL),
    ],
)
def test_replace_with_a_fault_keeps_the_present_book(
    bids: list[tuple[str, str]], asks: list[tuple[str, str]], fault: BookFault
):
    book = three_a_side()
    before = book.levels(), book.wire_texts()

    assert book.replace([wire(*level) for level in bids], [wire(*level) for level in asks]) is fault
    assert (book.levels(), book.wire_texts()) == before


def test_replace_forgets_every_old_level():
    book = three_a_side()

    assert book.replace([wire("0.1", "1")], []) is None

    assert book.levels() == ((Level(Price(1000), Size(1_000_000)),), ())
    assert (book.best_bid(), book.best_ask()) == (1000, None)


@pytest.mark.parametrize(
    ("bid", "ask", "crossed"),
    [("0.50", "0.51", False), ("0.50", "0.50", True), ("0.51", "0.50", True), ("0.99", "0.01", True)],
)
def test_crossed_counts_a_locked_book(bid: str, ask: str, crossed: bool):
    assert book_of(100, [(bid, "1")], [(ask, "1")]).crossed() is crossed


@pytest.mark.parametrize(("bids", "asks"), [([("0.99", "1")], []), ([], [("0.01", "1")])])
def test_crossed_needs_both_sides(bids: list[tuple[str, str]], asks: list[tuple[str, str]]):
    assert not book_of(100, bids, asks).crossed()


@pytest.mark.parametrize("tick", [1, 10, 25, 50, 100, 1000])
def test_book_holds_the_extreme_levels_of_every_tick(tick: int):
    low, high = f"{tick / 10_000:.4f}", f"{1 - tick / 10_000:.4f}"

    book = book_of(tick, [(low, "1")], [(high, "2")])

    assert (book.best_bid(), book.best_ask()) == (tick, 10_000 - tick)


@pytest.mark.parametrize("tick", [0, -100, 30, 3])
def test_book_with_an_impossible_tick_asserts(tick: int):
    with pytest.raises(AssertionError, match="tick"):
        Book(Price(tick))


def test_copy_is_independent_both_ways():
    book = three_a_side()
    twin = book.copy()

    twin.apply(Side.BUY, wire("0.50", "1"))
    book.apply(Side.SELL, wire("0.51", "0"))

    assert (twin.best_bid(), twin.best_ask()) == (5000, 5100)
    assert (book.best_bid(), book.best_ask()) == (4900, 5200)
    assert "0.5" in twin.wire_texts()[0]


@pytest.mark.parametrize("seed", range(8))
def test_book_equals_plain_dictionaries_after_random_changes(seed: int):
    rng = random.Random(seed)
    tick = rng.choice([1, 10, 100])
    book = Book(Price(tick))
    plain: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}

    for _ in range(600):
        side = rng.choice(list(Side))
        price = rng.randrange(1, 10_000 // tick) * tick
        shares = rng.choice([0, 0, rng.randrange(1, 10**9)])
        level = wire(format_scaled(price, 4), format_size(Size(shares)))
        known = price in plain[side] or shares > 0
        assert (book.apply(side, level) is None) is known, f"seed {seed}"
        if shares:
            plain[side][price] = shares
        else:
            plain[side].pop(price, None)

    bids, asks = book.levels()
    assert [tuple((x.price, x.size) for x in bids)] == [
        tuple(sorted(plain[Side.BUY].items(), reverse=True))
    ], f"seed {seed}"
    assert [tuple((x.price, x.size) for x in asks)] == [tuple(sorted(plain[Side.SELL].items()))], (
        f"seed {seed}"
    )
    assert book.best_bid() == max(plain[Side.BUY], default=None), f"seed {seed}"
    assert book.best_ask() == min(plain[Side.SELL], default=None), f"seed {seed}"
