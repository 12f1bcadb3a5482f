import pytest

from bot.local.people import ANA, BEN
from bot.local.standin.presses import ANSWER_WITHIN_MS, OPEN_PRESSES_MAX, Presses
from bot.local.standin.refusal import Refusal
from engine.clock import ManualClock

TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def presses(clock):
    return Presses(clock)


def refusal_text(presses, press_id, text=""):
    with pytest.raises(Refusal) as refused:
        presses.answer(press_id, text)
    assert refused.value.code == 400
    return refused.value.description


def test_press_is_answered_once(presses):
    press = presses.add(ANA, 1001, 5)

    assert presses.answer(press.press_id, "Sending") == press
    assert refusal_text(presses, press.press_id) == TOO_OLD


def test_press_is_answered_up_to_the_last_moment(presses, clock):
    press = presses.add(ANA, 1001, 5)
    clock.advance(ANSWER_WITHIN_MS)

    assert presses.answer(press.press_id, "") == press


def test_press_answered_later_is_refused(presses, clock):
    press = presses.add(ANA, 1001, 5)
    clock.advance(ANSWER_WITHIN_MS + 1)

    assert refusal_text(presses, press.press_id) == TOO_OLD


@pytest.mark.parametrize("press_id", ["", "0", "no such", "99999999999999999999"])
def test_press_unknown_is_refused(presses, press_id):
    assert refusal_text(presses, press_id) == TOO_OLD


def test_press_answer_may_have_200_characters_and_no_more(presses):
    press = presses.add(ANA, 1001, 5)

    assert refusal_text(presses, press.press_id, "x" * 201) == "Bad Request: MESSAGE_TOO_LONG"
    assert presses.answer(press.press_id, "x" * 200) == press


def test_press_ids_differ_between_people_and_restarts(presses, clock):
    ids = {presses.add(ANA, 1001, 5).press_id, presses.add(BEN, 1002, 5).press_id}
    clock.advance(1)
    ids.add(Presses(clock).add(ANA, 1001, 5).press_id)

    assert len(ids) == 3


def test_presses_never_answered_do_not_pile_up(presses):
    first = presses.add(ANA, 1001, 5)
    for _ in range(OPEN_PRESSES_MAX):
        last = presses.add(ANA, 1001, 5)

    assert refusal_text(presses, first.press_id) == TOO_OLD
    assert presses.answer(last.press_id, "") == last
