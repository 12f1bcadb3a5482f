import itertools

import pytest

from engine.core.feed.table import (
    IMPOSSIBLE,
    NOT_LIVE,
    REASONS,
    TRANSITIONS,
    FeedEvent,
    FeedState,
    Reason,
    next_state,
)
from engine.domain.views import Severity

PAIRS = frozenset(itertools.product(FeedState, FeedEvent))


def test_every_state_and_event_is_either_a_transition_or_impossible():
    assert TRANSITIONS.keys() | IMPOSSIBLE == PAIRS
    assert not TRANSITIONS.keys() & IMPOSSIBLE


@pytest.mark.parametrize("pair", sorted(IMPOSSIBLE, key=str), ids=str)
def test_impossible_pair_asserts(pair: tuple[FeedState, FeedEvent]):
    with pytest.raises(AssertionError, match="cannot happen"):
        next_state(*pair)


def test_only_a_matching_checksum_or_a_heard_connection_leads_to_live():
    arrivals = {
        (state, event) for (state, event), after in TRANSITIONS.items() if after is FeedState.LIVE
    } - {(FeedState.LIVE, event) for event in FeedEvent}

    assert arrivals == {
        (FeedState.WAITING, FeedEvent.PROVEN),
        (FeedState.UNPROVEN, FeedEvent.PROVEN),
        (FeedState.RESYNCING, FeedEvent.PROVEN),
        (FeedState.STALE, FeedEvent.HEARD),
    }


def test_link_down_always_leads_to_down():
    assert {next_state(state, FeedEvent.LINK_DOWN) for state in FeedState} == {FeedState.DOWN}


def test_reconnect_never_leads_to_live_or_resync():
    after = {TRANSITIONS[FeedState.DOWN, e] for e in (FeedEvent.LINK_UP_WITH_BOOK, FeedEvent.LINK_UP_EMPTY)}

    assert after == {FeedState.UNPROVEN, FeedState.WAITING}


def test_doubt_never_leaves_a_book_usable():
    after = {next_state(state, FeedEvent.DOUBTED) for state in FeedState}

    assert after == {FeedState.RESYNCING, FeedState.DOWN}


def test_every_state_is_reachable_and_can_become_live_again():
    reach = {state: {state} for state in FeedState}
    for _ in FeedState:
        for (state, _event), after in TRANSITIONS.items():
            for start, seen in reach.items():
                if state in seen:
                    reach[start] = seen | {after}

    assert reach[FeedState.DOWN] == set(FeedState)
    assert all(FeedState.LIVE in seen for seen in reach.values())


def test_every_state_but_live_tells_operators_why_it_may_not_be_planned_on():
    assert NOT_LIVE.keys() == set(FeedState) - {FeedState.LIVE}
    assert len(set(NOT_LIVE.values())) == len(NOT_LIVE)


def test_every_reason_has_a_sentence_and_a_label():
    assert REASONS.keys() == set(Reason)
    assert all(row.sentence and not row.sentence.endswith(".") for row in REASONS.values())
    assert all(reason.value.replace("_", "").isalpha() for reason in Reason)


def test_a_change_of_tick_is_no_warning_and_everything_else_is():
    loud = {reason for reason, row in REASONS.items() if row.severity is Severity.WARN}

    assert loud == set(Reason) - {Reason.TICK_CHANGE}
