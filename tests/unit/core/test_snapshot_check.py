"""A REST book against its own checksum."""

from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from engine.core.feed.snapshot_check import checked_snapshot
from engine.core.feed.table import Fault, Reason
from engine.domain.frames import BookSnapshot
from engine.domain.history import KeptSnapshot
from engine.domain.units import PRICES, Ms
from tests.support.market_stream import NO, YES, seeded_venue

AT = Ms(1_790_000_000_123)


def rest_book() -> BookSnapshot:
    return seeded_venue().rest(YES)[0]


def test_book_that_agrees_comes_back_best_first_with_its_checksum():
    snapshot = rest_book()

    book = checked_snapshot(snapshot, AT)

    assert isinstance(book, KeptSnapshot)
    assert (book.hash, book.received_ms, book.venue_ms) == (snapshot.hash, AT, snapshot.venue_ms)
    assert [level.price for level in book.bids] == sorted(
        (PRICES[w.price] for w in snapshot.bids), reverse=True
    )
    assert [level.price for level in book.asks] == sorted(PRICES[w.price] for w in snapshot.asks)
    assert all(
        isinstance(checked_snapshot(other, AT), KeptSnapshot) for other in seeded_venue().rest(YES, NO)
    )


def test_last_trade_price_the_answer_does_not_tell_is_searched():
    snapshot = rest_book()
    untold = replace(snapshot, last_trade_price=UNSET)

    assert isinstance(checked_snapshot(untold, AT), KeptSnapshot)


def with_one_size_changed(snapshot: BookSnapshot) -> dict[str, Any]:
    first, *rest = snapshot.bids
    return {"bids": [replace(first, size="77.7"), *rest]}


@pytest.mark.parametrize(
    "change",
    [
        with_one_size_changed,
        lambda s: {"bids": s.bids[1:]},
        lambda s: {"timestamp_text": "1"},
        lambda s: {"hash": "0" * 40},
        lambda s: {"last_trade_price": "0.001"},
        lambda s: {"min_order_size": "77"},
    ],
)
def test_any_difference_is_a_mismatch_with_both_checksums(change):
    snapshot = rest_book()
    spoiled = replace(snapshot, **change(snapshot))

    fault = checked_snapshot(spoiled, AT)

    assert isinstance(fault, Fault)
    assert fault.reason is Reason.HASH
    assert spoiled.hash[:12] in fault.expected
    assert len(fault.found) == 12


@pytest.mark.parametrize("untold", ["min_order_size", "tick_size", "neg_risk"])
def test_book_without_its_terms_proves_nothing(untold):
    snapshot = rest_book()

    fault = checked_snapshot(replace(snapshot, **{untold: UNSET}), AT)

    assert isinstance(fault, Fault)
    assert fault.reason is Reason.BAD_SNAPSHOT


@pytest.mark.parametrize("tick", ["0.3", "0", "wide", "2"])
def test_tick_that_cannot_be_is_told(tick):
    snapshot = rest_book()

    fault = checked_snapshot(replace(snapshot, tick_size=tick), AT)

    assert isinstance(fault, Fault)
    assert fault.reason is Reason.BAD_SNAPSHOT
