"""Every row of both tables, both sides of every boundary, and which row comes first."""

from dataclasses import replace
from typing import Any

import pytest

from engine.core.spread.book_watch import BookWatch
from engine.core.spread.regime import BOTH, LIMITS, PULLS, Regime, Stance, judge
from engine.domain.gate import Hold
from engine.domain.quote import Held, Pull
from engine.domain.units import Ms, Price, Size
from engine.domain.venue_state import VenueState
from engine.domain.views import Gate
from tests.support.builders import NOW, shares
from tests.support.quotes import ASK, BID, MARKET, QUIET, knobs, quoted_market, signs

STALE = BookWatch(Ms(NOW - 1))
RECOVERING = BookWatch(Ms(NOW - 2_000), Ms(NOW - 1_999))
PULLED: dict[Pull, dict[str, Any]] = {
    Pull.KILL: {"gate": Gate.HALTED},
    Pull.HALT: {"gate": Gate.REDUCING},
    Pull.STOPPED: {"is_granted": False},
    Pull.VENUE: {"venue": VenueState.RESTARTING},
    Pull.RULES: {"rules_changed": True},
    Pull.TICK: {"tick_changed": True},
    Pull.STALE: {"book": STALE},
    Pull.CAPS: {"cap_reached": True},
    Pull.JUMP: {"swing": 50_000},
}


def stance(market=MARKET, settings=None, **changes):
    return judge(signs(**changes), market, settings or knobs(), NOW)


def ending(in_ms, **changes):
    return stance(quoted_market(ends_ms=Ms(NOW + in_ms)), knobs(halt_before_s=60), **changes)


def test_every_pull_has_one_row_and_every_row_is_tested():
    assert sorted(pull.name for pull, _ in PULLS) == sorted(pull.name for pull in Pull)
    assert {*PULLED, Pull.ENDING} == set(Pull)
    reached = {Regime.QUIET, Regime.HALTED, *(row[0] for row in LIMITS)}
    assert reached == set(Regime)


def test_quiet_quotes_both_sides():
    assert stance() == QUIET


@pytest.mark.parametrize("pull", PULLED)
def test_each_cause_by_itself_pulls_everything(pull):
    found = stance(**PULLED[pull])

    assert (found.pulls, found.sides) == ((pull,), ())
    assert found.regime is (Regime.EVENT if pull is Pull.JUMP else Regime.HALTED)


def test_all_causes_are_told_the_severest_first():
    every = {key: value for changes in PULLED.values() for key, value in changes.items()} | {
        "gate": Gate.HALTED
    }

    assert stance(**every).pulls == (
        Pull.KILL,
        Pull.STOPPED,
        Pull.VENUE,
        Pull.RULES,
        Pull.TICK,
        Pull.STALE,
        Pull.CAPS,
        Pull.JUMP,
    )


@pytest.mark.parametrize("gate", [gate for gate in Gate if gate is not Gate.RUN])
def test_no_gate_but_run_lets_quotes_rest(gate):
    assert stance(gate=gate).pulls == ((Pull.KILL if gate is Gate.HALTED else Pull.HALT),)


@pytest.mark.parametrize(
    ("venue", "may_quote"),
    [
        (VenueState.RUN, True),
        (VenueState.RESTARTING, False),
        (VenueState.POST_ONLY, True),
        (VenueState.CANCEL_ONLY, False),
        (VenueState.DOWN, False),
    ],
)
def test_post_only_mode_may_quote_again_and_a_425_may_not(venue, may_quote):
    """The gate is paused by the venue's hold all the while; quotes are post-only."""
    found = stance(gate=Gate.PAUSED, holds=frozenset({Hold.VENUE}), venue=venue)

    assert found.pulls == (() if may_quote else (Pull.VENUE,))


@pytest.mark.parametrize("beside", [hold for hold in Hold if hold is not Hold.VENUE])
def test_post_only_mode_does_not_excuse_another_hold(beside):
    for holds in ({beside}, {beside, Hold.VENUE}):
        found = stance(gate=Gate.PAUSED, holds=frozenset(holds), venue=VenueState.POST_ONLY)
        assert found.pulls == (Pull.HALT,)


@pytest.mark.parametrize("gate", [Gate.STARTING, Gate.REDUCING])
def test_post_only_mode_does_not_excuse_a_gate_closed_for_another_reason(gate):
    found = stance(gate=gate, holds=frozenset({Hold.VENUE}), venue=VenueState.POST_ONLY)

    assert found.pulls == (Pull.HALT,)


def test_stale_recover_ms_keeps_the_pull_and_says_that_it_recovers():
    assert stance(book=RECOVERING) == Stance(Regime.HALTED, (Pull.STALE,), (), Held.RECOVERING)
    assert stance(book=replace(RECOVERING, again_ms=Ms(NOW - 2_000))) == QUIET
    assert stance(book=STALE).why is None


@pytest.mark.parametrize(
    ("in_ms", "regime"),
    [
        (120_001, Regime.QUIET),
        (120_000, Regime.REDUCE_ONLY),
        (60_001, Regime.REDUCE_ONLY),
        (60_000, Regime.HALTED),
        (-1, Regime.HALTED),
    ],
)
def test_halt_before_s_reduces_only_and_then_quotes_nothing(in_ms, regime):
    found = ending(in_ms, net=shares(1))

    assert found.regime is regime
    assert found.pulls == ((Pull.ENDING,) if regime is Regime.HALTED else ())


def test_halt_before_s_leaves_a_market_without_an_end_alone():
    assert stance(quoted_market(ends_ms=None), knobs(halt_before_s=10**9)) == QUIET


@pytest.mark.parametrize(("net", "sides"), [(1, (ASK,)), (0, ()), (-1, (BID,))])
def test_reduce_only_quotes_the_side_that_lowers_the_inventory(net, sides):
    assert ending(100_000, net=Size(net)) == Stance(Regime.REDUCE_ONLY, (), sides, Held.REDUCE_ONLY)


@pytest.mark.parametrize(
    ("net", "sides"), [(999_999, BOTH), (1_000_000, (ASK,)), (-999_999, BOTH), (-1_000_000, (BID,))]
)
def test_inventory_max_is_reduce_only_when_reached(net, sides):
    assert stance(settings=knobs(inventory_max=shares(1)), net=Size(net)).sides == sides


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("tick", "swing", "regime"),
    [
        (100, 24_999, Regime.QUIET),
        (100, 25_000, Regime.TRENDING),
        (100, 49_999, Regime.TRENDING),
        (100, 50_000, Regime.EVENT),
        (10, 4_999, Regime.TRENDING),
        (10, 5_000, Regime.EVENT),
    ],
)
def test_jump_ticks_is_an_event_when_reached_and_half_of_it_a_trend(tick, swing, regime, sign):
    found = stance(quoted_market(tick=Price(tick)), knobs(jump_ticks=5), swing=sign * swing)

    assert found.regime is regime
    assert found.pulls == ((Pull.JUMP,) if regime is Regime.EVENT else ())


@pytest.mark.parametrize(("swing", "left"), [(30_000, BID), (-30_000, ASK)])
def test_trending_closes_the_side_that_the_price_moves_into(swing, left):
    assert stance(swing=swing) == Stance(Regime.TRENDING, (), (left,), Held.TRENDING)


@pytest.mark.parametrize(
    ("ticks", "adverse", "is_event"), [(2, 19_999, False), (2, 20_000, True), (0, 10**6, False)]
)
def test_tox_ticks_is_an_event_when_reached_and_never_at_zero(ticks, adverse, is_event):
    found = stance(settings=knobs(tox_ticks=ticks), adverse_micro=adverse)

    assert found == (Stance(Regime.EVENT, (), (), Held.TOXIC) if is_event else QUIET)


def test_toxic_flow_comes_before_reduce_only_and_that_before_a_trend():
    assert stance(adverse_micro=20_000, net=shares(1_000), swing=30_000).regime is Regime.EVENT
    assert stance(net=shares(1_000), swing=30_000).regime is Regime.REDUCE_ONLY
