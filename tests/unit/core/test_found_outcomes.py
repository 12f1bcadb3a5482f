"""Found by reading the specification against the code: what people are told, and what is counted."""

import pytest

from engine.core.exposure.risk import reserved
from engine.domain.account import CancelReply
from engine.domain.commands import OpenDutch
from engine.domain.effects import RaiseAlert, Reply, SaveTicket, SendBatch, ShowTicket
from engine.domain.events import BatchRefused, Job, JobDue
from engine.domain.failure import PostClass
from engine.domain.order import OrderState, Settlement
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Move, TicketState
from engine.domain.views import RefusalView
from tests.support.builders import accepted, answer, resting, shares, trade
from tests.support.desk_run import DeskRun, of_kind, only

T = TicketState
WHOLE = shares(100)
VOIDED = Settlement.FAILED


@pytest.fixture
def run():
    return DeskRun().start()


def shown_state(run):
    """State and sets on the last card shown."""
    view = of_kind(run.effects, ShowTicket)[-1].view
    return view.ticket.state, None if view.result is None else view.result.sets


def filled(run):
    legs = run.sent()
    run.answer(*(accepted(leg, WHOLE) for leg in legs))
    for n, leg in enumerate(legs):
        run.look_up(leg, trade(leg, name=f"t{n}"))
    return legs


def test_a_late_fill_that_breaks_a_missed_ticket_is_shown_on_its_card(run):
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.REFUSED, "invalid nonce") for leg in legs))

    run.later(5_000).read(trade(legs[0]))

    assert shown_state(run)[0] is T.BROKEN


def test_a_late_fill_that_completes_a_broken_ticket_is_shown_on_its_card(run):
    legs = run.sent()
    run.answer(
        accepted(legs[0], WHOLE),
        accepted(legs[1], WHOLE),
        answer(legs[2], PostClass.REFUSED, "invalid nonce"),
    )
    run.look_up(legs[0], trade(legs[0], name="a"))
    run.look_up(legs[1], trade(legs[1], name="b"))

    run.later(5_000).read(trade(legs[2], name="c"))

    assert shown_state(run) == (T.DONE, WHOLE)


def test_a_voided_fill_is_not_part_of_a_complete_set(run):
    """B19 and strategy 4.1: the shares are not held, so margin if held must not count them at one dollar."""
    legs = filled(run)

    run.later(2_000).read(trade(legs[0], name="t0", settlement=VOIDED))

    assert shown_state(run)[1] == 0


def test_a_voided_fill_reopens_a_done_ticket_as_broken_and_freezes_its_event(run):
    """Strategy 4.1: a failed trade reopens the plan as PARTIAL."""
    legs = filled(run)

    run.later(2_000).read(trade(legs[0], name="t0", settlement=VOIDED))

    assert next(iter(run.desk.tickets.values())).state is T.BROKEN
    assert run.events[0].event_id in run.desk.frozen


def test_the_reserve_of_a_voided_fill_is_released(run):
    """I18: reserved = released + consumed. The order has ended and its cash came back."""
    legs = filled(run)

    run.later(2_000).read(*(trade(leg, name=f"t{n}", settlement=VOIDED) for n, leg in enumerate(legs)))

    assert reserved(run.desk) == 0


def test_a_frozen_event_opens_no_new_ticket(run):
    """The freeze means no new plans, not only no Send at the end of two presses."""
    run.freeze(run.events[0].event_id)

    view = only(run.ask(OpenDutch("fed3", shares(10))), Reply).view

    assert isinstance(view, RefusalView)
    assert view.refusal.kind is RefusalKind.FROZEN


def test_a_frozen_event_is_not_proposed_as_a_window(run):
    run.freeze(run.events[0].event_id)

    assert of_kind(run.step(JobDue(run.at_ms, Job.DUTCH_SCAN)), RaiseAlert) == []


def test_an_order_judged_dead_that_shows_up_is_alarmed(run):
    """E2, B14: a tombstone that appears is cancelled, counted and alarmed."""
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.UNKNOWN, "timed out") for leg in legs))
    run.later(60_000)
    for leg in legs:
        run.timer(f"lookup:{leg.order_id}")
    run.later(10).cancel_says(CancelReply.NOT_FOUND, *legs)
    for leg in legs:
        run.later(10).look_up(leg)
    assert {run.order(leg).state for leg in legs} == {OrderState.DEAD}

    effects = run.later(30_000).read(rests=[resting(legs[0])])

    assert len(of_kind(effects, RaiseAlert)) == 1


def test_a_lost_claim_does_not_overwrite_the_row_that_won_it(run):
    """The row stands as another hand left it; writing REFUSED over it would hide orders that were sent."""
    batch = only(run.press(run.armed(), Move.SEND), SendBatch)

    effects = run.step(BatchRefused(run.at_ms, batch.ticket, "this ticket was already used"))

    assert [saved for saved in of_kind(effects, SaveTicket) if saved.claim is None] == []


def ended(run, last):
    """What storage holds of a ticket that ended well before the restart."""
    legs = run.sent()
    run.answer(accepted(legs[0], WHOLE), accepted(legs[1], WHOLE), last(legs[2]))
    for n, leg in enumerate(legs):
        if run.order(leg).filled:
            run.look_up(leg, trade(leg, name=f"t{n}", settlement=Settlement.CONFIRMED))
    return tuple(run.desk.orders.values()), tuple(run.desk.tickets.values()), tuple(run.desk.fills.values())


def test_a_restart_does_not_tell_a_broken_ticket_aloud_again(run):
    """Storage keeps the tickets of a day: each restart would call every operator to each of them."""
    orders, tickets, fills = ended(run, lambda leg: answer(leg, PostClass.REFUSED, "no"))
    assert tickets[0].state is T.BROKEN

    effects = run.later(60_000).restart(orders, tickets, fills=fills)

    assert [shown for shown in of_kind(effects, ShowTicket) if shown.aloud] == []


def test_a_restart_does_not_move_the_end_of_a_settled_ticket(run):
    orders, tickets, fills = ended(run, lambda leg: accepted(leg, WHOLE))
    when = run.desk.flights[tickets[0].ticket_id].ended_ms
    assert tickets[0].state is T.DONE

    run.later(3_600_000).restart(orders, tickets, fills=fills)

    assert run.desk.flights[tickets[0].ticket_id].ended_ms == when
