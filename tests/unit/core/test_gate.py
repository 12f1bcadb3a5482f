"""The gate: worked out from everything that stands, every reason shown, every change told without a storm."""

import pytest

from engine.core.gate import Held, Standing
from engine.core.halts import gate_watch
from engine.domain.commands import Kill, ShowStatus
from engine.domain.effects import Audit, ReadAccount, Reply
from engine.domain.events import AccountReadFailed, CancelAnswered, UserLink
from engine.domain.gate import Breaker, Hold
from engine.domain.rates import RetryAfter
from engine.domain.units import Ms
from engine.domain.venue_state import VenueNote, VenueSign
from engine.domain.views import Gate, Severity, StatusView
from tests.support.builders import ANA
from tests.support.desk_run import DeskRun, of_kind, only, timers


@pytest.fixture
def run():
    return DeskRun().start()


def gate(run):
    return run.desk.gate


def link(run, up):
    return run.step(UserLink(run.at_ms, up=up))


def gone_blind(run):
    effects = link(run, up=False)
    run.at_ms = timers(effects)["blind"]
    return run.timer("blind")


def audited(run):
    return [line.what for line in of_kind(run.effects, Audit) if line.what.startswith("gate")]


def test_the_severest_reason_decides_and_all_are_shown():
    standing = Standing(awaits=None)
    assert (standing.gate, standing.reasons) == (Gate.RUN, ())
    standing.holds[Hold.BLIND] = Held("blind")
    standing.holds[Hold.LAG] = Held("late")
    assert (standing.gate, standing.reasons) == (Gate.PAUSED, ("blind", "late"))
    standing.tripped[Breaker.REJECTS] = "five"
    assert (standing.gate, standing.reasons) == (Gate.REDUCING, ("rejects: five", "blind", "late"))
    standing.awaits = "reading"
    assert standing.gate is Gate.STARTING
    standing.halted = "killed"
    assert (standing.gate, standing.reasons[0]) == (Gate.HALTED, "killed")


def test_nothing_can_write_the_gate(run):
    with pytest.raises(AttributeError):
        run.desk.gate = Gate.RUN


def test_several_holds_stand_at_once_and_each_ends_by_itself(run):
    gone_blind(run)
    limited = VenueNote(VenueSign.CANCEL_ONLY, limited=RetryAfter(Ms(500), told=True))
    run.step(CancelAnswered(run.at_ms, run.at_ms, (), limited))
    view = only(run.ask(ShowStatus()), Reply).view
    assert isinstance(view, StatusView)
    for word in ("blind", "CANCEL_ONLY", "500 ms"):
        assert word in view.gate_reason

    run.later(500).timer("limited")
    link(run, up=True)
    run.read()
    assert set(run.desk.standing.holds) == {Hold.VENUE}
    assert gate(run) is Gate.PAUSED


def test_a_stream_away_for_less_than_ten_seconds_holds_nothing(run):
    link(run, up=False)
    assert timers(run.later(9_999).timer("blind"))["blind"] == run.at_ms + 1
    link(run, up=True)
    run.later(5_000).timer("blind")

    assert gate(run) is Gate.RUN


def test_flapping_counts_from_the_first_loss(run):
    link(run, up=False)
    run.later(6_000)

    assert timers(link(run, up=False))["blind"] == run.at_ms + 4_000


def test_a_blind_stream_closes_the_gate_until_it_is_back_and_a_read_is_complete(run):
    gone_blind(run)
    assert gate(run) is Gate.PAUSED

    run.read()
    assert gate(run) is Gate.PAUSED, "a read while it is blind opens nothing"
    run.later(100)
    assert of_kind(link(run, up=True), ReadAccount)
    run.read(asked_ms=run.at_ms - 1)
    assert gate(run) is Gate.PAUSED, "that read began before it was back"
    run.read()
    assert gate(run) is Gate.RUN


def test_a_cause_that_comes_back_before_the_read_keeps_its_hold(run):
    gone_blind(run)
    link(run, up=True)
    gone_blind(run)
    run.read()

    assert Hold.BLIND in run.desk.standing.holds


def test_a_pause_and_its_end_are_audited_and_announced_once(run):
    gone_blind(run)
    link(run, up=True)
    run.later(1_000).read()

    assert audited(run)[-2:].count("gate open") == 1
    told = [(alert.severity, alert.subject) for alert in run.alerts()]
    assert told == [(Severity.WARN, "paused"), (Severity.INFO, "orders may leave again")]


def test_twenty_pauses_in_a_minute_are_one_announcement_and_twenty_audit_lines(run):
    for _ in range(20):
        run.step(CancelAnswered(run.at_ms, run.at_ms, (), VenueNote(limited=RetryAfter(Ms(100), told=True))))
        run.later(100).timer("limited")
        run.later(10).read()

    assert gate(run) is Gate.RUN
    assert [alert.subject for alert in run.alerts()].count("paused") == 1
    assert audited(run).count("gate open") == 21


def test_a_pause_that_lasts_is_told_when_its_minute_comes(run):
    gone_blind(run)
    link(run, up=True)
    run.read()
    effects = gone_blind(run)
    due = timers(effects)[gate_watch.TELL_TIMER]
    assert [alert.subject for alert in run.alerts()].count("paused") == 1

    run.at_ms = due
    run.timer(gate_watch.TELL_TIMER)
    assert [alert.subject for alert in run.alerts()].count("paused") == 2


def test_a_kill_during_a_pause_is_a_halt_and_stays_one(run):
    gone_blind(run)
    run.ask(Kill(), ANA)
    link(run, up=True)
    run.later(500).read()

    assert gate(run) is Gate.HALTED
    assert run.desk.standing.halted == "killed by ana"


def test_a_failed_read_opens_nothing_and_says_so_during_the_start():
    run = DeskRun()
    run.step(AccountReadFailed(run.at_ms, "502"))

    assert gate(run) is Gate.STARTING
    assert "502" in run.desk.gate_reason
