"""The ticket table: only a Send leads to orders, everything else costs nothing."""

from itertools import product

import pytest

from engine.domain.ticket import BUTTONS, MOVES, Move, Role, TicketState

T, M = TicketState, Move
ENDS = {T.DONE, T.BROKEN, T.MISSED, T.DROPPED, T.EXPIRED, T.REFUSED}


def after(state: TicketState) -> set[TicketState]:
    return {to for (start, _), to in MOVES.items() if start is state}


def reachable_from(start: TicketState) -> set[TicketState]:
    seen, todo = {start}, [start]
    while todo:
        for found in after(todo.pop()) - seen:
            seen.add(found)
            todo.append(found)
    return seen


def test_every_state_is_reachable_from_a_dry_card():
    assert reachable_from(T.DRY) == set(TicketState)


@pytest.mark.parametrize("state", [T.DRY, T.ARMED, T.SENDING])
def test_every_stage_can_end(state):
    assert reachable_from(state) & ENDS


def test_sending_is_reached_by_a_send_on_an_armed_card_alone():
    assert [row for row, to in MOVES.items() if to is T.SENDING] == [(T.ARMED, M.SEND)]


def test_an_armed_card_is_reached_by_a_confirm_on_a_dry_card_alone():
    assert [row for row, to in MOVES.items() if to is T.ARMED] == [(T.DRY, M.CONFIRM)]


@pytest.mark.parametrize(("state", "move"), list(product(T, BUTTONS)))
def test_a_button_moves_open_cards_only(state, move):
    if (state, move) in MOVES:
        assert state.is_open


@pytest.mark.parametrize("state", [T.DRY, T.ARMED])
def test_every_open_card_can_be_dropped_and_expires(state):
    assert MOVES[state, M.DROP] is T.DROPPED
    assert MOVES[state, M.EXPIRE] is T.EXPIRED


@pytest.mark.parametrize("state", [T.DRY, T.ARMED])
def test_worse_terms_lead_back_to_a_dry_card(state):
    assert MOVES[state, M.WORSE] is T.DRY


@pytest.mark.parametrize("state", [T.DROPPED, T.EXPIRED, T.REFUSED])
def test_what_never_sent_anything_stays_ended(state):
    assert after(state) == set()


def test_a_late_fill_may_make_a_missed_ticket_fuller():
    assert after(T.MISSED) == {T.BROKEN, T.DONE}


@pytest.mark.parametrize("state", [T.DONE, T.BROKEN])
def test_a_fill_that_the_venue_undoes_reopens_a_judged_ticket(state):
    assert after(state) - {state} == {T.MISSED, T.BROKEN, T.DONE} - {state}


def test_sending_cannot_be_dropped_or_expire():
    assert after(T.SENDING) == {T.REFUSED, T.DONE, T.BROKEN, T.MISSED}


def test_buttons_fit_the_payload_and_differ():
    assert len({move.value for move in BUTTONS}) == len(BUTTONS)
    assert all(len(move.value) == 2 for move in BUTTONS)


def test_no_button_can_name_the_desks_own_moves():
    assert BUTTONS.isdisjoint({M.WORSE, M.REFUSE, M.EXPIRE, M.COMPLETE, M.SHORT, M.NOTHING})


@pytest.mark.parametrize(
    ("role", "needed", "allowed"),
    [
        (Role.VIEWER, Role.VIEWER, True),
        (Role.VIEWER, Role.TRADER, False),
        (Role.TRADER, Role.VIEWER, True),
        (Role.TRADER, Role.ADMIN, False),
        (Role.ADMIN, Role.TRADER, True),
    ],
)
def test_each_role_includes_the_ones_before_it(role, needed, allowed):
    assert role.allows(needed) is allowed
