"""The dead-man's switch: beats only while orders rest, one at a time, every id kept, strangers noticed."""

import pytest

from engine.core.account.heartbeat import PERIOD_MS
from engine.domain.account import CancelReply
from engine.domain.commands import Kill
from engine.domain.effects import ReadAccount, SendHeartbeat
from engine.domain.events import HeartbeatAnswered, HeartbeatFailed, HeartbeatMismatched
from engine.domain.gate import Breaker, Hold
from engine.domain.order import OrderState
from engine.domain.views import Gate
from tests.support.builders import ANA, accepted, order, ticket
from tests.support.desk_run import DeskRun, of_kind, only, timers


@pytest.fixture
def run():
    """A desk whose first beat has just left, because a batch was sent."""
    run = DeskRun().start()
    run.sent()
    return run


def gate(run):
    return run.desk.gate


def beats(effects):
    return [effect.heartbeat_id for effect in of_kind(effects, SendHeartbeat)]


def answered(run, name):
    return run.step(HeartbeatAnswered(run.at_ms, run.at_ms, name))


def failed(run, asked_ms=None):
    return run.step(HeartbeatFailed(run.at_ms, run.at_ms if asked_ms is None else asked_ms, "timed out"))


def mismatched(run, sent, expected):
    return run.step(HeartbeatMismatched(run.at_ms, run.at_ms, sent, expected))


def beat(run):
    return run.later(PERIOD_MS).timer("heartbeat")


def end_all(run):
    for leg in list(run.desk.orders.values()):
        run.answer(accepted(leg, leg.intent.size))


def test_nothing_is_sent_while_nothing_rests():
    run = DeskRun().start()
    run.later(60_000).read()

    assert beats(run.effects) == []
    assert "heartbeat" not in timers(run.effects)


def test_the_first_beat_leaves_with_the_first_order_and_carries_no_id(run):
    assert beats(run.effects) == [""]
    assert timers(run.effects)["heartbeat"] == run.at_ms + 4_000


def test_every_beat_carries_the_id_of_the_answer_before(run):
    answered(run, "a")
    assert beats(beat(run)) == ["a"]
    answered(run, "b")
    assert beats(beat(run)) == ["b"]


def test_orders_taken_over_from_a_ledger_are_kept_alive_too():
    run = DeskRun()
    leg = order(OrderState.LIVE)
    run.restart((leg,), (ticket(),))

    assert beats(run.effects) == [""]


def test_two_beats_are_never_on_their_way_at_once(run):
    assert beats(beat(run)) == []
    assert beats(beat(run)) == []


def test_beats_stop_when_nothing_rests_and_begin_again_with_the_kept_id(run):
    answered(run, "a")
    end_all(run)
    effects = beat(run)
    assert beats(effects) == []
    assert "heartbeat" not in timers(effects)

    run.later(1_000).read()
    run.desk.flights.clear()
    assert beats(run.sent(entropy=99) and run.effects[-20:]) == ["a"]


def test_after_a_kill_beats_go_on_until_a_read_shows_nothing_open(run):
    answered(run, "a")
    legs = list(run.desk.orders.values())
    run.ask(Kill(), ANA)
    assert beats(beat(run)) == ["a"], "what is not proven gone must still die by itself if this desk does"
    answered(run, "b")

    run.cancel_says(CancelReply.CANCELLED, *legs)
    run.later(70_000).read()
    assert run.desk.kill is None
    assert beats(beat(run)) == []


def test_one_miss_changes_nothing_and_two_close_the_gate(run):
    failed(run)
    assert gate(run) is Gate.RUN
    beat(run)
    failed(run)

    assert gate(run) is Gate.PAUSED
    assert Hold.HEARTBEAT in run.desk.standing.holds


def test_a_beat_without_any_answer_closes_the_gate_after_eight_seconds(run):
    beat(run)
    assert gate(run) is Gate.RUN
    beat(run)

    assert gate(run) is Gate.PAUSED


def test_a_late_failure_is_the_miss_that_the_timer_saw(run):
    asked = run.at_ms
    beat(run)
    failed(run.later(1_000), asked)

    assert run.desk.heart.misses == 1
    assert gate(run) is Gate.RUN


def test_a_beat_that_failed_late_is_made_up_for_at_once(run):
    asked = run.at_ms
    beat(run)

    assert beats(failed(run.later(1_000), asked)) == [""]


def test_an_answer_and_a_read_after_it_open_the_gate_again(run):
    failed(run)
    beat(run)
    failed(run)

    effects = answered(run, "b")
    assert only(effects, ReadAccount)
    assert gate(run) is Gate.PAUSED
    run.read()
    assert gate(run) is Gate.RUN


def test_missed_beats_hold_nothing_when_nothing_rests(run):
    failed(run)
    beat(run)
    failed(run)
    end_all(run)
    beat(run)
    run.read()

    assert gate(run) is Gate.RUN


def test_after_a_lost_answer_the_expected_id_is_taken_over(run):
    answered(run, "a")
    beat(run)
    failed(run)
    beat(run)

    assert beats(mismatched(run, "a", "b")) == ["b"]
    assert gate(run) is Gate.RUN


def test_a_process_that_begins_takes_over_the_chain_of_the_one_before(run):
    assert beats(mismatched(run, "", "z")) == ["z"]
    assert gate(run) is Gate.RUN


def test_an_unexpected_id_is_a_second_sender_and_halts(run):
    answered(run, "a")
    beat(run)
    mismatched(run, "a", "somebody's")

    assert gate(run) is Gate.HALTED
    assert Breaker.SECOND_SENDER in run.desk.standing.tripped
    alert = run.alerts()[-1]
    assert "somebody's" in alert.text
    assert "/resume" in alert.next_step


def test_a_second_mismatch_after_a_taken_over_id_is_a_second_sender(run):
    mismatched(run, "", "z")
    mismatched(run, "z", "y")

    assert gate(run) is Gate.HALTED
