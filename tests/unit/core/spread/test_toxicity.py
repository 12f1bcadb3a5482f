"""What our fills cost afterwards."""

from engine.core.spread.toxicity import (
    MEMORY_MS,
    UNMEASURED,
    WINDOW,
    Adverse,
    QuoteFill,
    Toxicity,
    adverse_move,
    filled,
    marked,
)
from engine.domain.quote import QuoteSide
from engine.domain.units import Ms, Size
from tests.support.quote_pricing import CENT, HALF, shares


def bought(at_ms=0, size=100, fair=HALF) -> QuoteFill:
    return QuoteFill(QuoteSide.BID, fair, shares(size), Ms(at_ms))


def sold(at_ms=0, size=100, fair=HALF) -> QuoteFill:
    return QuoteFill(QuoteSide.ASK, fair, shares(size), Ms(at_ms))


def after(*fills: QuoteFill, marks: tuple[tuple[int, int], ...]) -> Toxicity:
    state = Toxicity()
    for fill in fills:
        state = filled(state, fill)
    for at_ms, fair in marks:
        state, _ = marked(state, fair=fair, at_ms=Ms(at_ms))
    return state


def test_markout_is_signed_from_our_side():
    for fill, moves in ((bought(), -CENT), (sold(), CENT)):
        _, settled = marked(filled(Toxicity(), fill), fair=HALF - CENT, at_ms=Ms(10_000))
        assert [one.micro for one in settled] == [moves]


def test_each_horizon_settles_once_at_its_millisecond():
    state = filled(Toxicity(), bought(at_ms=500))
    told = []
    for at_ms in (10_499, 10_500, 10_501, 60_499, 60_500, 600_499, 600_500, 700_000):
        state, settled = marked(state, fair=HALF, at_ms=Ms(at_ms))
        told += [(at_ms, one.horizon_ms) for one in settled]

    assert told == [(10_500, 10_000), (60_500, 60_000), (600_500, 600_000)]
    assert state.waiting == ((), (), ())


def test_frozen_feed_settles_every_horizon_it_slept_through():
    _, settled = marked(filled(Toxicity(), bought()), fair=HALF + CENT, at_ms=Ms(700_000))

    assert [one.micro for one in settled] == [CENT] * 3


def test_nothing_measured_is_no_adverse_move():
    assert adverse_move(Toxicity()) == UNMEASURED
    assert adverse_move(after(bought(), marks=((9_999, 0 + CENT),))) == UNMEASURED


def test_adverse_move_is_the_mean_by_size_rounded_up():
    state = after(bought(size=300), bought(size=100, fair=HALF + 2 * CENT), marks=((10_000, HALF - 1),))

    assert adverse_move(state) == Adverse(5_001, 2)  # (300 x 1 + 100 x 20001) / 400 = 5001
    odd = after(bought(size=2), bought(size=1, fair=HALF + 1), marks=((10_000, HALF),))
    assert adverse_move(odd) == Adverse(1, 2)


def test_moves_in_our_favour_offset_and_are_no_gain():
    assert adverse_move(after(bought(), sold(), marks=((10_000, HALF + CENT),))) == Adverse(0, 2)
    assert adverse_move(after(bought(), marks=((10_000, HALF + CENT),))) == Adverse(0, 1)


def test_worse_of_ten_seconds_and_a_minute_counts_and_ten_minutes_do_not():
    marks = ((10_000, HALF - CENT), (60_000, HALF - 2 * CENT), (600_000, HALF - 9 * CENT))

    assert adverse_move(after(bought(), marks=marks)).micro == 2 * CENT


def test_window_forgets_the_oldest_fill():
    fills = [bought(fair=HALF + CENT), *(bought() for _ in range(WINDOW - 1))]
    marks = ((10_000, HALF),)

    assert adverse_move(after(*fills, marks=marks)).micro > 0
    assert adverse_move(after(*fills, bought(), marks=marks)) == Adverse(0, WINDOW)


def test_fill_of_a_fraction_of_a_share_weighs_its_size():
    small = QuoteFill(QuoteSide.BID, HALF + CENT, Size(10_000), Ms(0))

    assert adverse_move(after(small, bought(size=1), marks=((10_000, HALF),))).micro == 100  # 99.0099 up


def test_adverse_move_is_forgotten_half_an_hour_after_its_horizon_and_not_a_millisecond_sooner():
    """Both guarding horizons saw a loss; without fills nothing else would ever lift a closed market."""
    lost = ((10_000, HALF - CENT), (60_000, HALF - CENT))
    last = 60_000 + MEMORY_MS

    assert adverse_move(after(bought(), marks=(*lost, (last, HALF)))) == Adverse(CENT, 1)
    assert adverse_move(after(bought(), marks=(*lost, (last + 1, HALF)))) == UNMEASURED
