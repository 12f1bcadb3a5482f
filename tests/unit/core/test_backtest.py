"""The backtest: windows found where they are, fills that are never too good, the same answer every time."""

from dataclasses import replace

import pytest

from engine.core.backtest.run import Backtest, BacktestTerms
from engine.core.dutch.set_split import set_split
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import FeedInlet, Linked
from engine.domain.backtest import BacktestResult
from engine.domain.market import EventGroup, rules_hash
from engine.domain.plan import PlanKind
from engine.domain.refusal import RefusalKind
from engine.domain.units import Ms, parse_size
from engine.venue.wire import decode_books, decode_market
from tests.support.planner import WORKED_ASKS, group, params, usdc
from tests.support.recorded_event import START, RecordedEvent, with_other
from tests.support.recordings import LINE

SHUT = (*WORKED_ASKS[:2], (("0.30", "200"),))
"""The worked example of strategy 3.5 without its cheap third leg: a set costs 1.05."""
TOPS = ("0.45", "0.30", "0.20")


def shut(event: EventGroup | None = None) -> RecordedEvent:
    return RecordedEvent(SHUT, event, bids_under=TOPS)


def opened(*, after_ms: int = 2_500) -> RecordedEvent:
    """A recording in which the worked example's window opens after a while."""
    recording = shut()
    recording.wait(after_ms)
    recording.level(2, "0.20", "200")
    return recording


def backtested(
    recording: RecordedEvent, *, latency_ms: int = 250, day: str = "1000", **knobs
) -> BacktestResult:
    event = recording.event
    terms = BacktestTerms(
        params=params(**knobs),
        ticket=usdc("1000"),
        day=usdc(day),
        reviewed={event.event_id: rules_hash(event)},
        latency_ms=Ms(latency_ms),
    )
    backtest = Backtest(terms)
    backtest.know([event])
    backtest.begin(FeedInlet(Feeds(), decode_market, decode_books))
    backtest.take(recording.inputs)
    return backtest.finish()


def test_window_is_found_with_its_times_and_the_edge_of_the_worked_example():
    recording = opened(after_ms=2_500)
    recording.wait(4_000)
    recording.level(2, "0.20", "0")
    recording.wait(1_000)

    (episode,) = backtested(recording).episodes

    assert (episode.opened_ms - START, episode.duration_ms) == (2_500, 4_000)
    assert episode.ended is not None
    assert episode.ended.kind is RefusalKind.NO_EDGE
    margin = episode.best.margin
    assert episode.best.size == parse_size("180")
    assert margin.gross == usdc("7.40")
    assert margin.fee == usdc("4.463760")
    assert margin.safety == usdc("0.36")
    assert margin.net == usdc("2.556240")
    assert episode.available == usdc("2.916240")


def test_split_of_one_set_is_that_of_the_best_prices():
    recording = opened()
    recording.wait(1_000)
    (episode,) = backtested(recording).episodes

    split = set_split(episode.best, params())

    assert (split.gross, split.fee) == (usdc("0.05"), usdc("0.0247"))
    assert (split.slippage, split.buffer, split.safety) == (0, 0, usdc("0.002"))
    assert split.net == usdc("0.0233")


def test_complete_fill_captures_what_the_books_promised():
    recording = opened()
    recording.wait(1_000)

    result = backtested(recording)

    (attempt,) = result.attempts
    assert not attempt.broken
    assert attempt.arrived_ms == START + 2_750
    assert attempt.result == usdc("2.916240")
    assert result.equity == ((Ms(START + 2_750), usdc("2.916240")),)


def test_liquidity_that_goes_before_the_orders_arrive_is_not_filled_and_the_rest_is_dumped():
    recording = opened()
    recording.wait(100)
    recording.level(2, "0.20", "50")
    recording.wait(5_000)

    (attempt,) = backtested(recording).attempts

    assert [leg.filled for leg in attempt.legs] == [parse_size(size) for size in ("180", "180", "50")]
    assert attempt.sets == parse_size("50")
    assert [leg.proceeds for leg in attempt.legs] == [usdc("55.918720"), usdc("36.629320"), 0]
    assert attempt.result == usdc("-7.703720")
    assert -attempt.result <= attempt.plan.risk.bound <= attempt.plan.risk.hard


def test_best_bids_that_are_assumed_gone_make_the_dump_dearer():
    results = []
    for stress_levels in (0, 1, 2):
        recording = opened()
        recording.wait(100)
        recording.level(2, "0.20", "50")
        recording.wait(1_000)
        result = backtested(recording, stress_levels=stress_levels, success_pct=100)
        (attempt,) = result.attempts
        assert -attempt.result <= attempt.plan.risk.bound
        results.append(attempt.result)

    assert results == sorted(results, reverse=True)
    assert len(set(results)) == 3


def test_offer_dearer_than_the_limit_is_not_taken():
    recording = opened()
    recording.wait(100)
    recording.level(2, "0.20", "0")
    recording.wait(1_000)

    (attempt,) = backtested(recording).attempts

    assert attempt.legs[2].filled == 0
    assert attempt.sets == 0


def test_a_level_is_taken_once_until_it_shows_fresh_size():
    recording = opened()
    recording.wait(1_000)
    recording.level(2, "0.20", "0")
    recording.wait(1_000)
    recording.level(2, "0.20", "200")
    recording.wait(1_000)

    first, second = backtested(recording).episodes

    assert len(first.attempts) == 1
    assert second.attempts == ()
    assert second.not_sent is not None
    assert "after earlier fills" in second.not_sent


def test_levels_that_went_and_came_back_can_be_taken_again():
    recording = opened()
    recording.wait(1_000)
    recording.level(2, "0.20", "0")
    for outcome, pairs in enumerate(WORKED_ASKS[:2]):
        for price, _ in pairs:
            recording.level(outcome, price, "0")
    recording.wait(1_000)
    for outcome, pairs in enumerate(WORKED_ASKS[:2]):
        for price, size in pairs:
            recording.level(outcome, price, size)
    recording.level(2, "0.20", "200")
    recording.wait(1_000)

    result = backtested(recording)

    assert [attempt.result for attempt in result.attempts] == [usdc("2.916240")] * 2
    assert result.equity[-1][1] == usdc("5.832480")


def test_a_broken_plan_is_the_last_of_its_window():
    recording = opened()
    recording.wait(100)
    recording.level(2, "0.20", "50")
    recording.wait(1_000)
    recording.level(2, "0.20", "400")
    recording.level(0, "0.45", "1000")
    recording.level(1, "0.30", "1000")
    recording.wait(5_000)

    (episode,) = backtested(recording).episodes

    assert len(episode.attempts) == 1


def test_the_cap_per_day_ends_sending_and_not_the_windows():
    recording = opened()
    recording.wait(1_000)
    recording.level(0, "0.45", "1000")
    recording.level(1, "0.30", "1000")
    recording.level(2, "0.20", "1000")
    recording.wait(1_000)

    rich, poor = backtested(recording, day="1000"), backtested(recording, day="180")

    assert len(rich.attempts) == 2
    assert sum(attempt.spent for attempt in poor.attempts) <= usdc("180")


def test_a_lost_connection_closes_the_window_and_fills_nothing():
    recording = opened()
    recording.wait(100)
    recording.inputs.append(Linked(Ms(recording.now_ms), LINE, up=False))
    recording.wait(2_000)

    (episode,) = backtested(recording).episodes

    assert episode.ended is not None
    assert episode.ended.kind is RefusalKind.BOOK_NOT_LIVE
    (attempt,) = episode.attempts
    assert [leg.filled for leg in attempt.legs] == [0, 0, 0]
    assert attempt.result == 0


def test_orders_still_under_way_at_the_end_count_for_nothing():
    result = backtested(opened(), latency_ms=1_000)

    assert result.unanswered == 1
    assert result.attempts == ()
    (episode,) = result.episodes
    assert episode.ended is None


def test_slow_orders_are_filled_by_the_books_of_their_arrival():
    recording = opened()
    recording.wait(500)
    recording.level(2, "0.20", "0")
    recording.wait(1_000)

    fast, slow = backtested(recording, latency_ms=499), backtested(recording, latency_ms=501)

    assert [a.broken for a in fast.attempts] == [False]
    assert [a.broken for a in slow.attempts] == [True]


@pytest.mark.parametrize(
    ("event", "allow_other", "barred"),
    [
        (with_other(group()), False, RefusalKind.OTHER_OUTCOME),
        (with_other(group()), True, None),
        (replace(with_other(group()), augmented=True), False, RefusalKind.AUGMENTED),
        (replace(with_other(group()), augmented=True), True, RefusalKind.AUGMENTED),
    ],
)
def test_allowing_other_opens_closed_lists_and_never_augmented_ones(event, allow_other, barred):
    recording = shut(event)
    recording.level(2, "0.20", "200")
    recording.wait(1_000)

    result = backtested(recording, allow_other=allow_other)

    (course,) = result.events
    refusal = dict(course.barred).get(PlanKind.BUY_SET)
    assert (None if refusal is None else refusal.kind) is barred
    assert bool(result.episodes) is (barred is None)


def test_state_of_today_does_not_bar_what_traded_then():
    event = group()
    resolved = tuple(
        replace(m, terms=replace(m.terms, closed=True, accepting=False, resolution_status="resolved"))
        for m in event.markets
    )
    recording = shut(replace(event, markets=resolved))
    recording.level(2, "0.20", "200")
    recording.wait(1_000)

    assert len(backtested(recording).episodes) == 1


def test_prices_that_cannot_pay_cost_no_planning():
    recording = shut()
    recording.wait(1_000)
    for number in range(50):
        recording.level(0, "0.48", str(10 + number))
    recording.wait(1_000)

    (course,) = backtested(recording).events

    assert course.looks >= 50
    assert course.planned <= 5


def test_outcome_that_was_not_recorded_makes_no_set_and_costs_no_planning():
    event = group()
    recording = RecordedEvent(WORKED_ASKS[:2], replace(event, markets=event.markets[:2]))
    recording.event = event
    recording.wait(3_000)

    result = backtested(recording)

    assert result.episodes == ()
    (course,) = result.events
    assert course.planned <= 2


@pytest.mark.parametrize("augmented", [False, True])
def test_bids_that_bring_more_than_a_set_open_a_window_of_no_baskets(augmented):
    asks = [(("0.50", "500"),), (("0.40", "500"),), (("0.40", "500"),)]
    recording = RecordedEvent(asks, group(augmented=augmented))
    recording.wait(2_000)

    result = backtested(recording)

    (episode,) = result.episodes
    assert episode.best.kind is PlanKind.NO_SET
    (attempt,) = episode.attempts[:1]
    assert not attempt.broken
    assert attempt.result == episode.available > 0
