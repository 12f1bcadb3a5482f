"""The order table: every state can be reached and can end, evidence moves forward, a fill beats the rest."""

from itertools import product

import pytest

from engine.domain.ids import TicketId
from engine.domain.order import FINAL, TRANSITIONS, Evidence, OrderState, advance
from tests.support.builders import intent, order, shares

S, E = OrderState, Evidence
ENDS = {E.REFUSED, E.CANCELLED, E.PROVEN_DEAD, E.PAST_EXPIRY, E.ALL_FILLED}


def reachable_from(start: OrderState) -> set[OrderState]:
    seen, todo = {start}, [start]
    while todo:
        here = todo.pop()
        for after in {to for (state, _), to in TRANSITIONS.items() if state is here} - seen:
            seen.add(after)
            todo.append(after)
    return seen


def test_every_state_is_reachable_from_a_send():
    assert reachable_from(S.SENDING) == set(OrderState)


@pytest.mark.parametrize("state", [s for s in OrderState if not s.is_final])
def test_every_open_state_can_end(state):
    assert reachable_from(state) & FINAL


@pytest.mark.parametrize("state", [s for s in OrderState if not s.is_final and s is not S.SENDING])
@pytest.mark.parametrize("evidence", [E.CANCELLED, E.PROVEN_DEAD, E.PAST_EXPIRY, E.ALL_FILLED])
def test_every_sent_order_ends_on_every_proof_of_its_end(state, evidence):
    assert advance(state, evidence).is_final


@pytest.mark.parametrize("state", [s for s in OrderState if not s.is_final])
def test_a_whole_fill_ends_every_open_state_as_filled(state):
    assert advance(state, E.ALL_FILLED) is S.FILLED


@pytest.mark.parametrize("state", list(FINAL))
def test_a_whole_fill_found_late_beats_every_other_end(state):
    assert advance(state, E.ALL_FILLED) is S.FILLED


@pytest.mark.parametrize("evidence", list(Evidence))
def test_filled_absorbs_everything(evidence):
    assert advance(S.FILLED, evidence) is S.FILLED


@pytest.mark.parametrize(("state", "evidence"), list(product(FINAL, Evidence)))
def test_a_final_state_moves_only_for_fills_and_for_an_order_found_alive(state, evidence):
    after = advance(state, evidence)

    if after is not state:
        assert evidence in {E.PART_FILLED, E.ALL_FILLED, E.RESTING}


@pytest.mark.parametrize("state", [S.DEAD, S.REJECTED])
def test_an_order_thought_dead_that_is_found_resting_lives_again(state):
    """Reliability E2: a tombstone that shows up is cancelled and alarmed, so it must become cancellable."""
    assert not advance(state, E.RESTING).is_final
    assert not advance(state, E.PART_FILLED).is_final


@pytest.mark.parametrize("state", [S.UNKNOWN, S.LIVE, S.PARTIAL, S.PENDING_CANCEL, S.DELAYED])
def test_a_refusal_is_terminal_only_straight_after_the_send(state):
    assert advance(state, E.REFUSED) is state


def test_an_unknown_order_is_not_moved_by_sending_a_cancel():
    assert advance(S.UNKNOWN, E.CANCEL_SENT) is S.UNKNOWN


@pytest.mark.parametrize(("state", "evidence"), list(product(OrderState, Evidence)))
def test_no_evidence_sends_an_order_back_to_sending(state, evidence):
    if state is not S.SENDING:
        assert advance(state, evidence) is not S.SENDING


@pytest.mark.parametrize("state", [S.LIVE, S.PARTIAL, S.DELAYED])
def test_what_is_known_to_be_alive_never_becomes_unknown(state):
    assert advance(state, E.UNANSWERED) is state


@pytest.mark.parametrize("state", [s for s in OrderState if not s.is_final])
def test_resting_never_hides_a_part_that_is_filled(state):
    partly = advance(state, E.PART_FILLED)

    assert advance(partly, E.RESTING) is partly


def test_open_and_final_states_are_told_apart_in_one_place():
    assert {s for s in OrderState if s.is_final} == set(FINAL)
    assert S.UNKNOWN not in FINAL


def test_order_remaining_is_never_negative():
    assert order(filled=shares(40)).remaining == shares(60)
    assert order(filled=shares(100.5)).remaining == 0


def test_intent_key_is_the_same_for_ever_and_differs_by_leg_and_generation():
    keys = {
        intent(0).key,
        intent(1).key,
        intent(0, generation=1).key,
        intent(0, ticket_id=TicketId("T-BBBBBB")).key,
    }

    assert len(keys) == 4
    assert intent(0).key == intent(0, created_ms=5, expiration_s=9).key
