"""When a book may be quoted on again, and what counts as a jump; both sides of each millisecond."""

import pytest

from engine.core.spread.book_watch import (
    BookSeen,
    BookWatch,
    MidWindow,
    is_recovered,
    seen_mid,
    watch_book,
)
from engine.domain.units import Ms
from tests.support.quotes import knobs

KNOBS = knobs(stale_ms=Ms(3_000), stale_recover_ms=Ms(2_000), jump_window_ms=Ms(2_000))
PROVEN = BookWatch(Ms(0), Ms(1))


def look(watch, at, *, confirmed=None, proven=None, synced=True):
    return watch_book(watch, BookSeen(synced, confirmed, proven), KNOBS, Ms(at))


@pytest.mark.parametrize(("age", "stale"), [(3_000, False), (3_001, True)])
def test_stale_ms_is_passed_by_a_millisecond_more(age, stale):
    watch = look(PROVEN, 10_000, confirmed=10_000 - age, proven=1)

    assert is_recovered(watch, KNOBS, Ms(10_000)) is not stale


@pytest.mark.parametrize(("passed", "recovered"), [(1_999, False), (2_000, True)])
def test_stale_recover_ms_runs_from_the_proof_after_it(passed, recovered):
    lost = look(PROVEN, 10_000, confirmed=1, proven=1)
    again = look(lost, 10_500, confirmed=10_400, proven=10_400)

    assert is_recovered(again, KNOBS, Ms(10_400 + passed)) is recovered


@pytest.mark.parametrize(("proven", "counts"), [(9_999, False), (10_000, True)])
def test_a_proof_from_before_the_book_was_lost_does_not_count(proven, counts):
    lost = look(PROVEN, 10_000, confirmed=1, proven=1)
    again = look(lost, 10_500, confirmed=10_400, proven=proven)

    assert is_recovered(again, KNOBS, Ms(60_000)) is counts


def test_a_second_proof_does_not_begin_the_recovery_anew():
    again = look(
        look(BookWatch(), 10_000, confirmed=10_000, proven=10_000), 11_000, confirmed=11_000, proven=11_000
    )

    assert is_recovered(again, KNOBS, Ms(12_000))


def test_a_book_that_is_lost_again_begins_anew():
    again = look(look(PROVEN, 10_000, synced=False, confirmed=9_999), 10_500, confirmed=10_400, proven=10_400)
    lost = look(again, 11_000, confirmed=10_999, proven=10_400, synced=False)

    assert not is_recovered(look(lost, 20_000, confirmed=20_000, proven=10_400), KNOBS, Ms(20_000))


def test_a_new_book_waits_for_its_first_proof():
    unproven = look(BookWatch(), 10_000, confirmed=10_000)
    proven = look(unproven, 10_000, confirmed=10_000, proven=10_000)

    assert not is_recovered(unproven, KNOBS, Ms(60_000))
    assert is_recovered(proven, KNOBS, Ms(12_000))


def test_a_book_never_confirmed_is_stale():
    assert look(PROVEN, 10_000, proven=1) == BookWatch(lost_ms=Ms(10_000))


def mids(*seen):
    window = MidWindow()
    for at, mid in seen:
        window = seen_mid(window, mid, KNOBS, Ms(at))
    return window


@pytest.mark.parametrize(("at", "swing"), [(5_000, 50_000), (6_999, 50_000), (7_000, 0)])
def test_jump_window_ms_counts_a_mid_that_stood_within_it(at, swing):
    """0.50 stood from 0 to 5,000, when it became 0.55: forgotten 2,000 ms after that."""
    assert mids((0, 500_000), (5_000, 550_000), (at, 550_000)).swing == swing


def test_a_fall_is_negative_and_a_return_is_the_move_from_the_extreme():
    assert mids((0, 500_000), (10, 450_000)).swing == -50_000
    assert mids((0, 500_000), (10, 450_000), (20, 500_000)).swing == 50_000


def test_slow_steps_add_up_within_the_window():
    assert mids((0, 500_000), (900, 510_000), (1_800, 520_000)).swing == 20_000


def test_no_mid_lets_time_pass_and_is_no_move():
    assert mids((0, None)).swing == 0
    assert mids((0, 500_000), (5_000, 550_000), (6_999, None)).swing == 50_000
    assert mids((0, 500_000), (5_000, 550_000), (7_000, None)).swing == 0


def test_a_window_keeps_only_what_it_needs():
    assert len(mids(*((at * 100, 500_000 + at % 2) for at in range(1_000))).mids) <= 21
