"""Comparing ledgers: fills first, then orders, then the balance; idempotent, never partial."""

from dataclasses import replace

import pytest

from engine.core.account.differences import LAG_MS
from engine.domain.commands import OpenDutch
from engine.domain.effects import Audit, Count, LookUpOrder, RaiseAlert, ReadAccount, Reply, SaveProgress
from engine.domain.events import AccountReadFailed, Job, JobDue, LookUpFailed, OrderLookedUp, Restored
from engine.domain.failure import PostClass
from engine.domain.order import OrderState, Settlement
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import TicketState
from engine.domain.units import Ms, Usdc
from engine.domain.views import Gate, RefusalView, Severity
from tests.support.builders import (
    WALLET,
    accepted,
    answer,
    order,
    order_id,
    resting,
    shares,
    ticket,
    trade,
    usdc,
)
from tests.support.desk_run import DeskRun, cancelled_ids, of_kind, only, timers

S = OrderState
CONFIRMED = Settlement.CONFIRMED
WHOLE = shares(100)


@pytest.fixture
def run():
    return DeskRun().start()


def gate(run):
    return run.desk.gate


def settle(run, legs):
    """Fill and confirm every leg."""
    run.answer(*(accepted(leg, WHOLE) for leg in legs))
    for n, leg in enumerate(legs):
        run.look_up(leg, trade(leg, name=f"t{n}", settlement=CONFIRMED))


def test_the_first_complete_read_opens_the_gate():
    run = DeskRun()
    run.step(Restored(run.at_ms, (), (), (), (), None))
    assert gate(run) is Gate.STARTING

    run.step(AccountReadFailed(run.at_ms, "timed out"))
    assert gate(run) is Gate.STARTING
    assert "timed out" in run.desk.gate_reason

    run.read()
    assert gate(run) is Gate.RUN


def test_the_first_read_learns_the_balance_without_alarm():
    run = DeskRun().start(balance=usdc(123))

    assert run.desk.balance == usdc(123)
    assert run.alerts() == []


def test_a_failed_read_changes_no_order(run):
    legs = run.sent()
    before = dict(run.desk.orders)

    effects = run.step(AccountReadFailed(run.at_ms, "page 2 timed out"))

    assert run.desk.orders == before
    assert Count("engine_errors", "account_read") in effects
    assert {run.order(leg).state for leg in legs} == {S.SENDING}


def test_a_failed_look_up_changes_no_order(run):
    leg = run.sent()[0]

    effects = run.step(LookUpFailed(run.at_ms, leg.order_id, "502"))

    assert run.order(leg).state is S.SENDING
    assert effects == (Count("engine_errors", "look_up"),)


def test_the_job_reads_back_to_before_the_oldest_thing_that_matters(run):
    leg = run.sent()[0]
    run.later(3_600_000)

    asked = only(run.step(JobDue(run.at_ms, Job.RECONCILE)), ReadAccount)

    assert asked.since_ms <= leg.intent.created_ms - 600_000


def test_with_nothing_open_the_job_reads_the_overlap_only(run):
    asked = only(run.step(JobDue(run.at_ms, Job.RECONCILE)), ReadAccount)

    assert asked.since_ms == run.at_ms - 600_000


def test_an_unsettled_fill_keeps_the_read_reaching_back_to_it(run):
    legs = run.sent()
    run.answer(*(accepted(leg, WHOLE) for leg in legs))
    run.read(trade(legs[0], at_ms=run.at_ms))
    born = run.at_ms
    run.later(7_200_000)

    asked = only(run.step(JobDue(run.at_ms, Job.RECONCILE)), ReadAccount)

    assert asked.since_ms <= born - 600_000


def test_a_read_begun_before_a_send_says_nothing_about_it(run):
    began = run.at_ms
    leg = run.sent()[0]
    run.at_ms = leg.intent.expiration_s * 1_000 + 61_000

    run.read(asked_ms=began)

    assert run.order(leg).state is S.SENDING


def test_the_same_read_twice_has_no_second_effect(run):
    legs = run.sent()
    run.answer(*(accepted(leg, WHOLE) for leg in legs))
    trades = [trade(leg, name=f"t{n}") for n, leg in enumerate(legs)]
    run.read(*trades)
    before = (dict(run.desk.orders), dict(run.desk.fills), run.desk.balance)

    effects = run.read(*trades)

    assert effects == ()
    assert (run.desk.orders, run.desk.fills, run.desk.balance) == before


def test_fills_are_applied_before_absence(run):
    """A read that holds the trade but not the order any more means filled, not gone."""
    leg = run.sent()[0]
    run.answer(answer(leg, PostClass.UNKNOWN, "reset"))
    run.at_ms = leg.intent.expiration_s * 1_000 + 61_000
    for other in list(run.desk.orders.values()):
        if other.order_id != leg.order_id:
            run.answer(answer(other, PostClass.REFUSED, "invalid nonce"))

    run.read(trade(leg))

    assert run.order(leg).state is S.FILLED


def test_a_foreign_order_is_told_once_and_counted(run):
    foreign = replace(resting(order()), order_id=order_id("somebody"))

    effects = run.read(rests=[foreign])
    told = [alert.alert for alert in of_kind(effects, RaiseAlert) if foreign.order_id in alert.alert.key]
    assert [alert.severity for alert in told] == [Severity.CRIT]
    assert gate(run) is Gate.REDUCING
    assert Count("orders_foreign_total", "") in effects
    assert cancelled_ids(effects) == set(), "what is not ours is not touched without a kill"

    assert of_kind(run.read(rests=[foreign]), RaiseAlert) == []


def test_a_look_up_of_an_order_we_do_not_know_says_nothing(run):
    assert run.step(OrderLookedUp(run.at_ms, run.at_ms, order_id("somebody"), None, ())) == ()


def test_the_balance_is_compared_only_when_nothing_is_open(run):
    legs = run.sent()
    run.read(balance=usdc(900))
    assert run.desk.balance == WALLET

    settle(run, legs)
    assert run.alerts() == []


def test_a_rounding_of_the_fee_is_booked_as_an_adjustment_and_counted(run):
    settle(run, run.sent())
    booked = run.desk.balance

    effects = run.later(LAG_MS).read(balance=Usdc(booked - 30))

    assert Count("fee_adjustments_total", "") in effects
    assert "-0.00003" in only(effects, Audit).detail
    assert run.desk.balance == booked - 30
    assert of_kind(effects, RaiseAlert) == []


def test_an_adjustment_is_booked_once(run):
    settle(run, run.sent())
    lower = Usdc(run.desk.balance - 30)
    run.later(LAG_MS).read(balance=lower)

    assert run.read(balance=lower) == ()


def test_a_difference_larger_than_rounding_is_told(run):
    settle(run, run.sent())

    effects = run.later(LAG_MS).read(balance=Usdc(run.desk.balance - usdc(5)))

    alert = only(effects, RaiseAlert).alert
    assert "5.00" in alert.text
    assert of_kind(effects, Count) == []


def test_rounding_is_allowed_only_for_fills_that_were_charged(run):
    """Without a trade even a few micro-dollars are not ours."""
    effects = run.read(balance=Usdc(WALLET - 20))

    assert of_kind(effects, RaiseAlert) != []


def test_restart_sends_nothing_again_and_cancels_and_looks_up_what_was_on_its_way(run):
    sending = tuple(order(leg=n) for n in range(3))
    run.later(1_000)

    effects = run.restart(sending, (ticket(),))

    assert {run.order(leg).state for leg in sending} == {S.UNKNOWN}
    assert all(run.order(leg).ever_unknown for leg in sending)
    assert cancelled_ids(effects) == {leg.order_id for leg in sending}
    assert {f"lookup:{leg.order_id}" for leg in sending} <= set(timers(effects))
    assert run.desk.gate is Gate.STARTING
    for name in timers(effects):
        if name.startswith("lookup:"):
            assert len(of_kind(run.timer(name), LookUpOrder)) == 1


@pytest.mark.parametrize("state", [s for s in S if not s.is_final])
def test_restart_cancels_by_id_whatever_may_rest(run, state):
    kept = order(state)

    effects = run.restart((kept,), (ticket(),))

    assert cancelled_ids(effects) == {kept.order_id}
    assert not run.order(kept).state.is_final


def test_restart_leaves_proven_orders_alone(run):
    kept = (order(S.FILLED, filled=WHOLE), order(S.CANCELLED, 1), order(S.REJECTED, 2))

    effects = run.restart(kept, (ticket(),))

    assert cancelled_ids(effects) == set()
    assert {run.order(o).state for o in kept} == {S.FILLED, S.CANCELLED, S.REJECTED}


def test_restart_with_the_answer_lost_finds_the_fill_and_finishes_the_ticket(run):
    legs = tuple(order(leg=n) for n in range(3))
    run.later(2_000).restart(legs, (ticket(),))

    run.read(*(trade(leg, name=f"t{n}") for n, leg in enumerate(legs)))

    assert {run.order(leg).state for leg in legs} == {S.FILLED}
    assert run.ticket(ticket().ticket_id).state is TicketState.DONE


def test_restart_holds_back_the_room_of_what_is_unproven(run):
    from engine.core.exposure.risk import room

    run.restart((order(),), (ticket(),))
    run.read(balance=WALLET)

    assert room(run.desk, run.at_ms).wallet < WALLET


def test_restart_in_flight_blocks_the_event_until_all_is_proven(run):
    run.restart((order(),), (ticket(),))
    run.read()

    view = only(run.ask(OpenDutch("fed3", shares(10))), Reply).view

    assert isinstance(view, RefusalView)
    assert view.refusal.kind is RefusalKind.IN_FLIGHT


def test_restart_keeps_freezes(run):
    group = run.events[0]
    run.restart((), (), frozen=((group.event_id, "T-BBBBBB was filled only in part"),))

    assert run.desk.frozen == {group.event_id: "T-BBBBBB was filled only in part"}


def test_what_a_read_changed_is_stored_in_the_same_step(run):
    legs = run.sent()
    run.answer(answer(legs[0], PostClass.UNKNOWN, "reset"))

    saved = of_kind(run.read(trade(legs[0])), SaveProgress)

    assert {f.order_id for s in saved for f in s.fills} == {legs[0].order_id}
    assert saved[-1].orders[-1].state is S.FILLED


def test_reads_never_look_before_time_began():
    run = DeskRun()
    run.at_ms = Ms(5)

    effects = run.step(Restored(run.at_ms, (), (), (), (), None))

    assert only(effects, ReadAccount).since_ms == 0
