"""What a sent ticket comes to: done, broken or missed; matched is not settled; sums to the micro-dollar."""

from itertools import pairwise

import pytest

from engine.domain.account import CancelReply
from engine.domain.effects import LookUpOrder, RaiseAlert, SaveFreeze, SaveTicket, ShowTicket
from engine.domain.failure import PostClass
from engine.domain.order import OrderState, Settlement
from engine.domain.ticket import TicketState
from engine.domain.units import SIZE_ONE
from engine.domain.views import Severity
from tests.support.builders import accepted, answer, resting, shares, trade
from tests.support.desk_run import DeskRun, looked_up_ids, of_kind, only, timers

T = TicketState
WHOLE = shares(100)
CONFIRMED = Settlement.CONFIRMED


@pytest.fixture
def run():
    return DeskRun().start()


@pytest.fixture
def legs(run):
    return run.sent()


def the_ticket(run):
    return next(iter(run.desk.tickets.values()))


def result(run):
    """The result on the last card shown."""
    shown = of_kind(run.effects, ShowTicket)[-1].view.result
    assert shown is not None
    return shown


def fill_all(run, legs, *, settlement=Settlement.MATCHED):
    run.answer(*(accepted(leg, WHOLE) for leg in legs))
    for n, leg in enumerate(legs):
        run.look_up(leg, trade(leg, name=f"trade-{n}", settlement=settlement))


def refuse(leg):
    return answer(leg, PostClass.REFUSED, "not enough balance / allowance")


def test_all_legs_filled_is_done(run, legs):
    fill_all(run, legs)

    assert the_ticket(run).state is T.DONE
    assert result(run).sets == WHOLE


def test_matched_by_the_answers_alone_is_not_done_before_the_trades_are_read(run, legs):
    run.answer(*(accepted(leg, WHOLE) for leg in legs))

    assert the_ticket(run).state is T.SENDING
    assert not result(run).accounted


def test_done_is_matched_and_settling_until_the_venue_confirms(run, legs):
    fill_all(run, legs)
    assert result(run).accounted
    assert not result(run).settled

    for n, leg in enumerate(legs):
        run.look_up(leg, trade(leg, name=f"trade-{n}", settlement=CONFIRMED))

    assert result(run).settled


def test_settlement_of_some_legs_is_not_settlement(run, legs):
    fill_all(run, legs)

    run.look_up(legs[0], trade(legs[0], name="trade-0", settlement=CONFIRMED))

    assert not result(run).settled


def test_result_sums_equal_the_fills_to_the_micro_dollar(run, legs):
    run.answer(*(accepted(leg, WHOLE) for leg in legs))
    for n, leg in enumerate(legs):
        run.look_up(
            leg,
            trade(leg, shares(33.333333), price=2_911 + n, name=f"a{n}"),
            trade(leg, shares(66.666667), price=2_977 + n, name=f"b{n}"),
        )

    fills = run.desk.fills.values()
    card = result(run)
    assert card.cash == sum(f.cash for f in fills)
    assert card.fees == sum(f.fee for f in fills) > 0
    assert card.margin_if_held == 100 * SIZE_ONE - card.cash - card.fees
    assert sum(leg.cash + leg.fee for leg in card.legs) == card.cash + card.fees


def test_one_leg_unfilled_is_broken_frozen_and_told(run, legs):
    run.answer(accepted(legs[0], WHOLE), accepted(legs[1], WHOLE), refuse(legs[2]))
    run.look_up(legs[0], trade(legs[0], name="a"))
    effects = run.look_up(legs[1], trade(legs[1], name="b"))

    assert the_ticket(run).state is T.BROKEN
    assert only(effects, SaveFreeze).event_id == run.events[0].event_id
    assert run.events[0].event_id in run.desk.frozen
    alert = only(effects, RaiseAlert).alert
    assert alert.severity is Severity.CRIT
    assert legs[2].intent.name in alert.text
    assert legs[0].intent.name not in alert.text
    assert only(effects, ShowTicket).aloud, "a human must look"


def test_a_leg_filled_in_part_is_broken_too(run, legs):
    run.answer(accepted(legs[0], WHOLE), accepted(legs[1], WHOLE), accepted(legs[2], shares(40)))
    run.look_up(legs[0], trade(legs[0], name="a"))
    run.look_up(legs[1], trade(legs[1], name="b"))
    run.cancel_says(CancelReply.CANCELLED, legs[2])
    run.look_up(legs[2], trade(legs[2], shares(40), name="c"))

    assert the_ticket(run).state is T.BROKEN
    assert result(run).sets == shares(40), "complete sets are as many as the emptiest leg"
    assert [leg.filled for leg in result(run).legs] == [WHOLE, WHOLE, shares(40)]


def test_nothing_filled_is_missed_and_freezes_nothing(run, legs):
    run.answer(*(refuse(leg) for leg in legs))

    assert the_ticket(run).state is T.MISSED
    assert result(run).cash == result(run).fees == 0
    assert run.desk.frozen == {}


def test_an_unproven_leg_keeps_the_ticket_open(run, legs):
    run.answer(
        accepted(legs[0], WHOLE), accepted(legs[1], WHOLE), answer(legs[2], PostClass.UNKNOWN, "reset")
    )
    run.look_up(legs[0], trade(legs[0], name="a"))
    run.look_up(legs[1], trade(legs[1], name="b"))

    assert the_ticket(run).state is T.SENDING
    assert result(run).unknown == 1


def test_the_unproven_leg_turns_out_filled_and_the_ticket_is_done(run, legs):
    run.answer(
        accepted(legs[0], WHOLE), accepted(legs[1], WHOLE), answer(legs[2], PostClass.UNKNOWN, "reset")
    )
    for n, leg in enumerate(legs):
        run.look_up(leg, trade(leg, name=f"t{n}"))

    assert the_ticket(run).state is T.DONE
    assert run.desk.frozen == {}


def test_a_late_fill_after_missed_makes_it_broken(run, legs):
    run.answer(*(refuse(leg) for leg in legs))

    run.later(5_000).read(trade(legs[0]))

    assert the_ticket(run).state is T.BROKEN
    assert run.events[0].event_id in run.desk.frozen


def test_late_fills_can_make_a_broken_ticket_whole(run, legs):
    run.answer(accepted(legs[0], WHOLE), accepted(legs[1], WHOLE), refuse(legs[2]))
    run.look_up(legs[0], trade(legs[0], name="a"))
    run.look_up(legs[1], trade(legs[1], name="b"))
    assert the_ticket(run).state is T.BROKEN

    run.later(5_000).read(trade(legs[2], name="c"))

    assert the_ticket(run).state is T.DONE


def test_every_end_is_stored_under_a_claim_on_the_row_it_left(run, legs):
    before = the_ticket(run)
    run.answer(*(refuse(leg) for leg in legs))

    saved = of_kind(run.effects, SaveTicket)[-1]
    assert saved.ticket.state is T.MISSED
    assert saved.claim is not None
    assert (saved.claim.state, saved.claim.version) == (T.SENDING, before.version)
    assert saved.ticket.version == before.version + 1


def test_an_end_is_told_once(run, legs):
    run.answer(accepted(legs[0], WHOLE), refuse(legs[1]), refuse(legs[2]))
    for _ in range(4):
        run.later(1_000).read(trade(legs[0]))

    broken = [a for a in run.alerts() if a.key.startswith("broken:")]
    assert len(broken) == 1
    assert len(of_kind(run.effects, SaveFreeze)) == 1


def test_a_read_that_tells_nothing_new_shows_no_card(run, legs):
    fill_all(run, legs)

    effects = run.read(*(trade(leg, name=f"trade-{n}") for n, leg in enumerate(legs)))

    assert of_kind(effects, ShowTicket) == []


def test_trades_are_read_until_all_are_confirmed_and_then_no_more(run, legs):
    run.answer(*(accepted(leg, WHOLE) for leg in legs))
    timer = f"settle:{the_ticket(run).ticket_id}"
    assert timers(run.effects)[timer] == run.at_ms, "the trades are asked for at once"

    assert looked_up_ids(run.timer(timer)) == {leg.order_id for leg in legs}
    run.look_up(legs[0], trade(legs[0], name="t0", settlement=CONFIRMED))
    assert looked_up_ids(run.later(500).timer(timer)) == {legs[1].order_id, legs[2].order_id}

    for n, leg in enumerate(legs[1:], 1):
        run.look_up(leg, trade(leg, name=f"t{n}", settlement=CONFIRMED))
    assert of_kind(run.timer(timer), LookUpOrder) == []


def test_reads_for_settlement_slow_down_when_confirmation_does_not_come(run, legs):
    fill_all(run, legs)
    timer = f"settle:{the_ticket(run).ticket_id}"
    due = []
    for _ in range(80):
        run.at_ms = timers(run.effects)[timer]
        due.append(run.at_ms)
        run.timer(timer)

    pauses = [b - a for a, b in pairwise(due)]
    assert pauses[5] <= 1_000
    assert pauses[-1] >= 10_000


def test_a_leg_that_rests_is_cancelled_and_the_card_shows_the_wait(run, legs):
    run.answer(accepted(legs[0], WHOLE), accepted(legs[1], WHOLE), accepted(legs[2]))
    run.read(rests=[resting(legs[2])])

    assert the_ticket(run).state is T.SENDING
    assert result(run).legs[2].state is OrderState.PENDING_CANCEL


def test_result_card_names_the_venues_words_of_a_refused_leg(run, legs):
    run.answer(refuse(legs[0]), *(accepted(leg, WHOLE) for leg in legs[1:]))

    assert "not enough balance" in result(run).legs[0].reason
