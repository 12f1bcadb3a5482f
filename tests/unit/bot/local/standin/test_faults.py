import pytest

from bot.local.standin.faults import ALL_BURST, CHAT_BURST, Faults
from engine.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def faults(clock):
    return Faults(clock)


def waits(faults, calls, *, chat_id=1001, method="sendmessage"):
    """The waiting times of refused calls; 0 for those that pass."""
    refusals = [faults.refuse_call(method, chat_id) for _ in range(calls)]
    return [refusal.retry_after_s if refusal else 0 for refusal in refusals]


def test_faults_are_off_at_the_start(faults):
    assert faults.to_json() == {
        "flood": False,
        "outage": False,
        "too_many": {"calls": 0, "retry_after": 1},
        "lose_answers": 0,
    }
    assert waits(faults, 100) == [0] * 100
    assert not faults.lose_answer()


def test_too_many_refuses_that_many_calls_of_any_method(faults):
    faults.switch({"too_many": {"calls": 2, "retry_after": 3}})

    first = faults.refuse_call("getme", 0)
    rest = waits(faults, 3)

    assert first.to_json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 3",
        "parameters": {"retry_after": 3},
    }
    assert rest == [3, 0, 0]


def test_lose_answers_counts_down(faults):
    faults.switch({"lose_answers": 2})

    assert [faults.lose_answer() for _ in range(3)] == [True, True, False]


def test_switch_leaves_unnamed_switches_alone(faults):
    faults.switch({"outage": True, "lose_answers": 4})
    faults.switch({"flood": True})

    assert faults.to_json()["outage"] is True
    assert faults.to_json()["lose_answers"] == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"floods": True},
        {"flood": 1},
        {"outage": "yes"},
        {"lose_answers": True},
        {"lose_answers": "3"},
        {"too_many": 5},
        {"too_many": {}},
        {"too_many": {"calls": "x"}},
        {"outage": True, "too_many": 5},
    ],
)
def test_switch_refuses_a_wrong_shape_and_changes_nothing(faults, fields):
    before = faults.to_json()

    with pytest.raises(ValueError, match="expected"):
        faults.switch(fields)

    assert faults.to_json() == before


def test_flood_lets_a_short_burst_pass_then_one_a_second(faults, clock):
    faults.switch({"flood": True})

    burst = waits(faults, CHAT_BURST + 2)
    clock.advance(1_000)
    later = waits(faults, 2)

    assert burst == [0] * CHAT_BURST + [1, 1]
    assert later == [0, 1]


def test_flood_waiting_time_is_rounded_up_to_whole_seconds(faults, clock):
    faults.switch({"flood": True})
    waits(faults, CHAT_BURST)
    clock.advance(999)

    assert waits(faults, 1) == [1]
    clock.advance(1)
    assert waits(faults, 1) == [0]


def test_flood_refused_calls_cost_nothing(faults, clock):
    faults.switch({"flood": True})
    waits(faults, CHAT_BURST + 50)
    clock.advance(1_000)

    assert waits(faults, 1) == [0]


def test_flood_limits_all_chats_together(faults):
    faults.switch({"flood": True})

    passed = [waits(faults, 1, chat_id=chat_id)[0] for chat_id in range(1, ALL_BURST + 6)]

    assert passed == [0] * ALL_BURST + [1] * 5


@pytest.mark.parametrize("method", ["answercallbackquery", "getme", "setwebhook", "deletemessage"])
def test_flood_leaves_other_methods_alone(faults, method):
    faults.switch({"flood": True})

    assert waits(faults, 100, method=method) == [0] * 100


@pytest.mark.parametrize("method", ["sendmessage", "editmessagetext", "editmessagereplymarkup"])
def test_flood_counts_sends_and_edits(faults, method):
    faults.switch({"flood": True})

    assert waits(faults, CHAT_BURST + 1, method=method)[-1] == 1


def test_flood_switched_off_and_on_begins_anew(faults):
    faults.switch({"flood": True})
    waits(faults, CHAT_BURST)
    faults.switch({"flood": False})
    off = waits(faults, 3)
    faults.switch({"flood": True})

    assert off == [0, 0, 0]
    assert waits(faults, 1) == [0]
