"""Breakers: each has its threshold, is told once with what next, and stays until a person re-arms it."""

from dataclasses import replace

import pytest

from engine.core.exposure.risk import closed
from engine.core.halts.breakers import BREAKERS, trip
from engine.core.state import Flight
from engine.domain.commands import AskResume
from engine.domain.effects import Audit, Count, RaiseAlert, Reply, SaveHalt, SendBatch
from engine.domain.events import CardShown, HostTold, PostAnswered
from engine.domain.failure import PostClass, RejectKind
from engine.domain.gate import Breaker, Hold
from engine.domain.host import HostSign
from engine.domain.ids import EventId, TicketId
from engine.domain.order import OrderState, Settlement
from engine.domain.ticket import Move
from engine.domain.views import Gate, TicketView
from tests.support.builders import ANA, TICKET, answer, intent, order, order_id, ticket, trade
from tests.support.desk_run import CARD, DeskRun, of_kind, only, timers


@pytest.fixture
def run():
    return DeskRun().start()


def gate(run):
    return run.desk.gate


def tripped(run):
    return set(run.desk.standing.tripped)


def posted(run, kind, reason="invalid nonce", reject=RejectKind.ORDER):
    """One more batch of two legs, of which each is answered alike."""
    legs = [order(leg=leg) for leg in range(2)]
    run.desk.orders.update({leg.order_id: leg for leg in legs})
    flight = Flight(TICKET, EventId("event-fed3"), tuple(leg.order_id for leg in legs), run.at_ms, None)
    run.desk.flights[TICKET] = flight
    run.desk.tickets[TICKET] = ticket()
    return run.step(PostAnswered(run.at_ms, tuple(answer(leg, kind, reason, reject=reject) for leg in legs)))


def told(run, sign, figure):
    return run.step(HostTold(run.at_ms, sign, figure))


def test_every_breaker_has_a_row_that_says_what_next():
    assert set(BREAKERS) == set(Breaker)
    for row in BREAKERS.values():
        assert row.gate in (Gate.REDUCING, Gate.HALTED)
        assert "/resume" in row.next_step


@pytest.mark.parametrize("breaker", Breaker)
def test_a_trip_closes_the_gate_stores_it_counts_it_and_tells_once(run, breaker):
    effects = trip(run.desk, breaker, "the detail", run.at_ms)

    assert gate(run) is BREAKERS[breaker].gate
    assert "the detail" in (only(effects, SaveHalt).reason or "")
    assert Count("breaker_trips_total", breaker.value) in effects
    assert of_kind(effects, Audit)
    assert only(effects, RaiseAlert).alert.next_step == BREAKERS[breaker].next_step
    assert trip(run.desk, breaker, "again", run.at_ms) == []


def test_a_reducing_desk_started_again_is_halted(run):
    stored = only(trip(run.desk, Breaker.REJECTS, "5 in a minute", run.at_ms), SaveHalt).reason
    run.restart((), (), halted=stored)
    run.read()

    assert gate(run) is Gate.HALTED
    assert "5 in a minute" in run.desk.gate_reason


def test_reducing_lets_pass_only_what_lowers_the_worst_case(run):
    trip(run.desk, Breaker.REJECTS, "5 in a minute", run.at_ms)

    assert closed(run.desk) is not None
    assert closed(run.desk, reduces=True) is None
    run.desk.standing.halted = "killed"
    assert closed(run.desk, reduces=True) is not None


def test_a_reducing_desk_sends_no_plan(run):
    card = run.armed()
    trip(run.desk, Breaker.UNKNOWN, "3 batches", run.at_ms)

    assert of_kind(run.press(card, Move.SEND), SendBatch) == []


def test_resume_lists_every_tripped_breaker_and_lifts_them_with_a_read(run):
    for breaker in (Breaker.REJECTS, Breaker.FOREIGN_ORDER):
        run.effects += trip(run.desk, breaker, f"found {breaker.name}", run.at_ms)
    view = only(run.ask(AskResume(), ANA), Reply).view
    assert isinstance(view, TicketView)
    assert "found REJECTS" in view.ticket.note
    assert "found FOREIGN_ORDER" in view.ticket.note

    run.step(CardShown(run.at_ms, view.ticket.ticket_id, CARD))
    run.press(view.ticket, Move.CONFIRM)
    effects = run.later(1_000).press(run.ticket(view.ticket.ticket_id), Move.SEND)
    assert only(effects, SaveHalt).reason is None
    assert gate(run) is Gate.STARTING
    run.later(10).read()
    assert gate(run) is Gate.RUN
    assert tripped(run) == set()


def test_five_refused_posts_in_a_minute_trip_and_legs_do_not_count(run):
    for _ in range(4):
        posted(run, PostClass.REFUSED)
        run.later(10_000)
    assert tripped(run) == set()

    posted(run, PostClass.REFUSED)
    assert tripped(run) == {Breaker.REJECTS}
    assert gate(run) is Gate.REDUCING


def test_refused_posts_over_more_than_a_minute_do_not_trip(run):
    for _ in range(10):
        posted(run, PostClass.REFUSED)
        run.later(15_001)

    assert tripped(run) == set()


def test_a_key_that_is_refused_three_times_halts(run):
    for _ in range(3):
        assert gate(run) is Gate.RUN
        posted(run, PostClass.REFUSED, reject=RejectKind.AUTH)

    assert tripped(run) == {Breaker.AUTH}
    assert gate(run) is Gate.HALTED


def test_an_accepted_post_in_between_ends_the_row_of_refused_keys(run):
    posted(run, PostClass.REFUSED, reject=RejectKind.AUTH)
    posted(run, PostClass.REFUSED, reject=RejectKind.AUTH)
    posted(run, PostClass.ACCEPTED)
    posted(run, PostClass.REFUSED, reject=RejectKind.AUTH)

    assert gate(run) is Gate.RUN


def test_a_batch_that_stays_unproven_for_two_minutes_trips(run):
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.UNKNOWN, "reset") for leg in legs))
    run.later(120_000).read(asked_ms=run.at_ms - 120_000)
    assert tripped(run) == set()

    run.later(1).read(asked_ms=run.at_ms - 120_001)
    assert tripped(run) == {Breaker.UNKNOWN}


def test_three_unproven_batches_at_once_trip(run):
    for number in range(3):
        assert tripped(run) == set()
        mine = replace(intent(), ticket_id=TicketId(f"T-UNKN{number}"))
        leg = order(OrderState.UNKNOWN, what=mine, order_id=order_id(number), last_send_ms=run.at_ms + 1)
        run.desk.orders[leg.order_id] = leg
        run.read()

    assert tripped(run) == {Breaker.UNKNOWN}


def test_two_failed_trades_within_ten_minutes_trip(run):
    legs = run.sent()
    for number, leg in enumerate(legs[:2]):
        assert tripped(run) == set()
        run.look_up(leg, trade(leg, name=f"t{number}", settlement=Settlement.FAILED, at_ms=run.at_ms))

    assert tripped(run) == {Breaker.FAILED_TRADES}


def test_one_failed_trade_told_twice_counts_once(run):
    leg = run.sent()[0]
    for _ in range(3):
        run.look_up(leg, trade(leg, settlement=Settlement.FAILED, at_ms=run.at_ms))

    assert tripped(run) == set()


def test_exposure_near_the_days_cap_trips():
    wide = DeskRun(day=110).start()
    wide.sent(sets=100)
    assert tripped(wide) == set()

    near = DeskRun(day=94).start()
    near.sent(sets=100)
    assert tripped(near) == {Breaker.EXPOSURE}


def test_three_late_turns_pause_and_ten_quiet_seconds_and_a_read_end_it(run):
    for _ in range(2):
        told(run, HostSign.LOOP_LAG, 300)
    assert gate(run) is Gate.RUN
    effects = told(run, HostSign.LOOP_LAG, 300)
    assert gate(run) is Gate.PAUSED

    run.at_ms = timers(effects)["lag"]
    run.timer("lag")
    run.read()
    assert gate(run) is Gate.RUN


def test_a_turn_a_second_late_pauses_while_nothing_is_open(run):
    told(run, HostSign.LOOP_LAG, 1_001)

    assert gate(run) is Gate.PAUSED


def test_a_turn_a_second_late_while_orders_are_open_halts(run):
    run.sent()
    told(run, HostSign.LOOP_LAG, 1_000)
    assert gate(run) is Gate.RUN
    told(run, HostSign.LOOP_LAG, 1_001)

    assert gate(run) is Gate.HALTED


def test_a_late_turn_during_the_start_is_no_news():
    run = DeskRun()
    told(run, HostSign.LOOP_LAG, 5_000)

    assert gate(run) is Gate.STARTING
    assert tripped(run) == set()


@pytest.mark.parametrize(
    ("sign", "breaker"),
    [
        (HostSign.COMMIT_SLOW, Breaker.COMMIT_SLOW),
        (HostSign.CRASH_LOOP, Breaker.CRASH_LOOP),
        (HostSign.OVERSENT, Breaker.OVERSENT),
    ],
)
def test_other_findings_of_the_shell_halt(run, sign, breaker):
    told(run, sign, 300)

    assert tripped(run) == {breaker}
    assert gate(run) is Gate.HALTED


def test_a_crash_loop_starts_halted():
    run = DeskRun()
    told(run, HostSign.CRASH_LOOP, 5)
    run.read()

    assert gate(run) is Gate.HALTED


def test_a_full_disk_pauses_until_it_has_room(run):
    told(run, HostSign.DISK_LOW, 3)
    assert Hold.DISK in run.desk.standing.holds
    assert "3 %" in run.desk.gate_reason

    told(run, HostSign.DISK_FINE, 10)
    run.read()
    assert gate(run) is Gate.RUN


def test_a_set_clock_pauses_until_the_venues_clock_is_measured(run):
    told(run, HostSign.CLOCK_STEP, -3_600_000)
    run.read()
    assert gate(run) is Gate.PAUSED

    run.read_catalogue()
    run.read()
    assert gate(run) is Gate.RUN


def test_a_breaker_does_not_hide_the_reason_of_a_kill(run):
    run.desk.standing.halted = "killed by ana"
    effects = trip(run.desk, Breaker.LOOP_LAG, "2000 ms", run.at_ms)

    assert run.desk.standing.halted == "killed by ana"
    assert "loop lag" in run.desk.gate_reason
    assert of_kind(effects, SaveHalt) == [], "the stored halt stays the first one"
