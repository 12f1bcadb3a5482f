"""Kill and halt: the gate closes first, cancels never wait, and nothing is claimed that is not proven."""

import pytest

from engine.domain.account import CancelReply
from engine.domain.commands import AskResume, Kill, OpenDutch
from engine.domain.effects import (
    Announce,
    CancelEverything,
    RaiseAlert,
    ReadAccount,
    Reply,
    ResendOrders,
    SaveHalt,
    SendBatch,
)
from engine.domain.events import AccountReadFailed, CancelFailed, StoreFailed
from engine.domain.failure import PostClass
from engine.domain.order import OrderState
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Move
from engine.domain.views import Gate, KillView, Severity
from tests.support.builders import ANA, BEN, accepted, answer, resting, shares, trade
from tests.support.desk_run import DeskRun, cancelled_ids, of_kind, only, refusal_of, timers
from tests.support.gates import shut

M = Move


@pytest.fixture
def run():
    return DeskRun().start()


def kill(run, by=ANA):
    return run.ask(Kill(), by)


def announced(effects):
    views = [effect.view for effect in of_kind(effects, Announce)]
    return [view for view in views if isinstance(view, KillView)]


def test_kill_closes_the_gate_before_its_first_effect_and_cancels_before_it_stores(run):
    effects = kill(run)

    assert run.desk.gate is Gate.HALTED
    assert isinstance(effects[0], CancelEverything)
    assert "ana" in (only(effects, SaveHalt).reason or "")


def test_kill_is_answered_at_once_with_what_is_believed_open(run):
    run.sent()

    view = only(kill(run), Reply).view

    assert isinstance(view, KillView)
    assert (view.asked, view.open_now) == (3, None)


@pytest.mark.parametrize("gate", list(Gate))
def test_kill_passes_at_every_gate(run, gate):
    shut(run.desk, gate)

    assert len(of_kind(kill(run), CancelEverything)) == 1
    assert run.desk.gate is Gate.HALTED


def _nothing(run):
    return ()


def _sending(run):
    return run.sent()


def _unknown(run):
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.UNKNOWN, "reset") for leg in legs))
    return legs


def _deferred(run):
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.DEFERRED, "425") for leg in legs))
    return legs


def _resting(run):
    legs = run.sent()
    run.answer(*(accepted(leg) for leg in legs))
    return legs


def _partly(run):
    legs = run.sent()
    run.answer(*(accepted(leg, shares(30)) for leg in legs))
    return legs


def _filled(run):
    legs = run.sent()
    run.answer(*(accepted(leg, shares(100)) for leg in legs))
    return legs


@pytest.mark.parametrize("state", [_nothing, _sending, _unknown, _deferred, _resting, _partly, _filled])
def test_kill_in_every_state_cancels_and_lets_nothing_more_leave(run, state):
    state(run)

    assert len(of_kind(kill(run), CancelEverything)) == 1

    run.effects.clear()
    for _ in range(30):
        run.later(1_000)
        for name in list(timers(run.effects)) or ["kill"]:
            run.timer(name)
    assert of_kind(run.effects, ResendOrders) == []
    assert of_kind(run.effects, SendBatch) == []


def test_cancel_all_is_repeated_until_a_complete_read_shows_nothing_open(run):
    legs = _resting(run)
    kill(run)

    for _ in range(3):
        effects = run.later(1_000).timer("kill")
        assert len(of_kind(effects, CancelEverything)) == 1
        assert len(of_kind(effects, ReadAccount)) == 1
        assert announced(run.read(rests=[resting(leg) for leg in legs])) == []

    run.cancel_says(CancelReply.CANCELLED, *legs)
    view = only(run.later(1_000).read(), Announce).view
    assert isinstance(view, KillView)
    assert view.open_now == 0
    assert run.later(1_000).timer("kill") == ()


def test_kill_reads_soon_and_keeps_reading_when_reads_and_cancels_fail(run):
    effects = kill(run)
    assert timers(effects)["kill"] - run.at_ms <= 1_000

    run.step(CancelFailed(run.at_ms, (), "timed out"))
    run.step(AccountReadFailed(run.at_ms, "timed out"))

    assert len(of_kind(run.later(1_000).timer("kill"), CancelEverything)) == 1


def test_a_read_begun_before_the_kill_confirms_nothing(run):
    began = run.at_ms
    run.later(50)
    kill(run)

    assert announced(run.later(50).read(asked_ms=began)) == []
    assert len(announced(run.read())) == 1


def test_an_unproven_order_keeps_the_kill_open(run):
    legs = run.sent()
    kill(run)
    run.answer(*(answer(leg, PostClass.UNKNOWN, "reset") for leg in legs))

    assert announced(run.later(1_000).read()) == []


def test_the_second_card_tells_what_is_still_held(run):
    legs = _filled(run)
    for n, leg in enumerate(legs):
        run.read(trade(leg, name=f"t{n}"))
    kill(run)

    (view,) = announced(run.later(500).read())

    assert any("100 sets" in line for line in view.still_held)


def test_an_answer_that_arrives_after_the_kill_is_still_cancelled_by_id(run):
    legs = run.sent()
    kill(run)

    effects = run.answer(*(accepted(leg) for leg in legs))

    assert cancelled_ids(effects) == {leg.order_id for leg in legs}


def test_deferred_orders_are_not_sent_again_after_a_kill(run):
    legs = _deferred(run)
    kill(run)

    effects = run.later(250).timer(next(n for n in timers(run.effects) if n.startswith("resend:")))

    assert of_kind(effects, ResendOrders) == []
    assert cancelled_ids(effects) == {leg.order_id for leg in legs}


def test_an_armed_card_cannot_be_sent_after_a_kill(run):
    card = run.armed()
    kill(run)

    effects = run.press(card, M.SEND)

    assert of_kind(effects, SendBatch) == []
    assert refusal_of(only(effects, Reply).view).refusal.kind is RefusalKind.HALTED


def test_a_second_kill_is_carried_out_like_the_first(run):
    kill(run)

    assert len(of_kind(kill(run, BEN), CancelEverything)) == 1
    assert "ben" in run.desk.gate_reason


def test_a_halt_stays_until_somebody_resumes_it(run):
    kill(run)
    for _ in range(5):
        run.later(10_000).read()

    assert run.desk.gate is Gate.HALTED


def test_a_resume_before_the_kill_is_confirmed_is_refused(run):
    run.sent()
    kill(run)

    effects = run.ask(AskResume(), ANA)

    assert refusal_of(only(effects, Reply).view).refusal.kind is RefusalKind.HALTED


def test_a_ledger_that_cannot_be_written_halts_the_desk_and_says_so(run):
    effects = run.step(StoreFailed(run.at_ms, "disk full"))

    assert run.desk.gate is Gate.HALTED
    assert "disk full" in run.desk.gate_reason
    assert [a.severity for a in run.alerts()] == [Severity.CRIT]
    assert len(of_kind(effects, SaveHalt)) == 1


def test_a_ledger_that_stays_broken_is_told_once(run):
    run.step(StoreFailed(run.at_ms, "disk full"))
    run.step(StoreFailed(run.at_ms, "disk full"))

    assert run.alerts()[-1].subject == "halt not stored"
    assert of_kind(run.step(StoreFailed(run.at_ms, "disk full")), RaiseAlert) == []


def test_a_halt_that_could_not_be_stored_is_stored_once_the_disk_is_mended(run):
    run.step(StoreFailed(run.at_ms, "disk full"))
    run.step(StoreFailed(run.at_ms, "disk full"))

    effects = run.later(5_000).timer("store")

    assert [saved.reason for saved in of_kind(effects, SaveHalt)] == [run.desk.gate_reason]
    assert run.later(5_000).timer("store") == ()


def test_a_halted_desk_still_answers_and_plans(run):
    kill(run)

    assert len(of_kind(run.ask(OpenDutch("fed3", shares(10))), Reply)) == 1


def test_a_restart_after_a_halt_is_halted_and_cancels_everything(run):
    effects = run.restart((), (), halted="killed by ana")
    run.read()

    assert len(of_kind(effects, CancelEverything)) == 1
    assert run.desk.gate is Gate.HALTED
    assert run.desk.gate_reason == "killed by ana"


def test_orders_seen_open_after_a_kill_go_by_id_too(run):
    legs = run.sent()
    kill(run)

    effects = run.read(rests=[resting(legs[0])])

    assert cancelled_ids(effects) == {legs[0].order_id}
    assert run.order(legs[0]).state is OrderState.PENDING_CANCEL
