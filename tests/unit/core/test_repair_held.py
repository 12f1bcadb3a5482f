"""What a repair takes for held and for missing, and the end that a repaired ticket keeps."""

from dataclasses import replace

from engine.core.repair.repair_plan import choose, plan_repair
from engine.core.state import enter_fill
from engine.domain.account import CancelReply
from engine.domain.effects import SaveFreeze, SendBatch
from engine.domain.failure import PostClass
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.repair import RepairWay
from engine.domain.ticket import Move, TicketState
from tests.support.builders import (
    accepted,
    answer,
    binary,
    event,
    fill,
    intent,
    levels,
    live_book,
    order,
    set_books,
    shares,
    trade,
    usdc,
)
from tests.support.desk_run import DeskRun, dutch_params, of_kind, only
from tests.unit.core import test_auto as auto
from tests.unit.core import test_auto_repair as auto_repair
from tests.unit.core.test_repair_flow import broken_run, opened


def sold_by_hand(run, ticket_id):
    for number, leg in enumerate(run.desk.tickets[ticket_id].plan.legs[:2]):
        what = replace(
            intent(), token_id=leg.token_id, condition_id=leg.condition_id, side=Side.SELL, size=leg.size
        )
        sale = fill(
            order(what=what), leg.size, f"hand{number}", side=Side.SELL, settlement=Settlement.CONFIRMED
        )
        enter_fill(run.desk, sale)


def test_nothing_is_bought_to_complete_shares_that_were_sold_by_hand():
    run, ticket_id = broken_run()
    sold_by_hand(run, ticket_id)

    found = plan_repair(run.desk, run.desk.flights[ticket_id], None, run.at_ms)

    assert isinstance(found, Refusal)
    assert found.kind is RefusalKind.NO_REPAIR


def test_a_grant_repairs_nothing_of_which_shares_were_sold_by_hand():
    run = DeskRun(event("fed3"), event("cpi3"), asks=auto.SHUT).start()
    auto.granted(run)
    sold_by_hand(run, auto_repair.broken(run))

    assert not of_kind(auto.looked(run, auto_repair.scan(run)), SendBatch)


def armed(run, ticket_id, way):
    ticket = opened(run, ticket_id, way)
    run.press(ticket, Move.CONFIRM)
    return run.later(1_000).desk.tickets[ticket.ticket_id]


def nearly_unwound(settlement=Settlement.CONFIRMED):
    """A ticket of whose shares 98 of 100 were sold: what is left is below the venue's minimum."""
    run, ticket_id = broken_run()
    ticket = armed(run, ticket_id, RepairWay.UNWIND)
    orders = run.commit(only(run.press(ticket, Move.SEND), SendBatch))
    run.answer(*(accepted(sale, shares(98)) for sale in orders))
    seen(run, orders, settlement)
    run.read()
    assert run.ticket(ticket_id).state is TicketState.DONE
    assert run.desk.frozen == {}
    return run, ticket_id, orders


def seen(run, orders, settlement):
    for sale in orders:
        run.look_up(sale, trade(sale, shares(98), name=f"r{sale.order_id[:8]}", settlement=settlement))


def test_a_pair_of_which_the_no_leg_is_missing_can_be_completed():
    run = DeskRun(binary(), asks=(3_000,))
    market = run.events[0].markets[0]
    for token, ask in ((market.yes, 3_000), (market.no, 5_000)):
        run.books.shown[token] = live_book(market, token, levels((ask, 500)), levels((ask - 100, 500)))
    yes, no = run.start().sent(code="btc")
    assert (yes.intent.token_id, no.intent.token_id) == (market.yes, market.no)
    run.answer(accepted(yes, yes.intent.size), answer(no, PostClass.REFUSED, "x"))
    run.look_up(yes, trade(yes, name="t", settlement=Settlement.CONFIRMED))

    ticket = armed(run, yes.intent.ticket_id, RepairWay.COMPLETE)

    assert of_kind(run.press(ticket, Move.SEND), SendBatch), run.ticket(ticket.ticket_id).note


def test_a_leg_short_by_less_than_the_minimum_order_can_be_completed():
    run = DeskRun().start()
    legs = run.sent()
    filled = (shares(100), shares(100), shares(98))
    run.answer(*(accepted(leg, size) for leg, size in zip(legs, filled, strict=True)))
    for number, (leg, size) in enumerate(zip(legs, filled, strict=True)):
        run.look_up(leg, trade(leg, size, name=f"t{number}", settlement=Settlement.CONFIRMED))
    run.cancel_says(CancelReply.CANCELLED, legs[2])
    run.later(70_000).read()
    run.books.shown |= set_books(run.events[0], 3_000, 3_000, 3_000)

    ticket = armed(run, legs[0].intent.ticket_id, RepairWay.COMPLETE)

    assert of_kind(run.press(ticket, Move.SEND), SendBatch), run.ticket(ticket.ticket_id).note


def test_a_restart_keeps_a_ticket_done_whose_rest_is_below_the_minimum():
    run, ticket_id, _ = nearly_unwound()
    desk = run.desk

    orders = (desk.orders[order_id] for flight in desk.flights.values() for order_id in flight.order_ids)
    run.restart(tuple(orders), tuple(desk.tickets.values()), fills=tuple(desk.fills.values()))

    assert run.ticket(ticket_id).state is TicketState.DONE
    assert (run.desk.frozen, run.desk.broken_in_a_row) == ({}, 0)


def test_a_repaired_ticket_does_not_break_again_when_its_event_is_delisted():
    run, ticket_id, orders = nearly_unwound(Settlement.MATCHED)
    run.desk.events.clear()

    seen(run, orders, Settlement.CONFIRMED)

    assert run.ticket(ticket_id).state is TicketState.DONE


def test_a_ticket_that_broke_again_after_a_repair_counts_once():
    run, ticket_id, orders = nearly_unwound(Settlement.MATCHED)
    before = run.desk.broken_in_a_row

    seen(run, orders, Settlement.FAILED)

    assert run.ticket(ticket_id).state is TicketState.BROKEN
    assert run.desk.broken_in_a_row == before == 1


def test_a_repair_that_is_offered_fits_the_cap_of_its_event():
    run = DeskRun(dutch=dutch_params(max_event=usdc(92), max_plan=usdc(1_000))).start()
    legs = run.sent()
    run.answer(
        *(accepted(leg, leg.intent.size) for leg in legs[:2]), answer(legs[2], PostClass.REFUSED, "no")
    )
    for number, leg in enumerate(legs[:2]):
        run.look_up(leg, trade(leg, name=f"t{number}", settlement=Settlement.CONFIRMED))
    run.books.shown |= set_books(run.events[0], 3_000, 3_000, 3_500)

    ticket = armed(run, legs[0].intent.ticket_id, RepairWay.COMPLETE)

    assert of_kind(run.press(ticket, Move.SEND), SendBatch), run.ticket(ticket.ticket_id).note


def test_a_grant_with_little_left_plans_a_repair_within_that():
    run, ticket_id = broken_run()

    plan = choose(run.desk, run.desk.flights[ticket_id], run.at_ms, most=usdc(10))

    assert not isinstance(plan, Refusal)
    assert plan.spend_max <= usdc(10)


def test_a_late_fill_that_makes_a_ticket_whole_lifts_its_own_freeze():
    run, ticket_id = broken_run()
    missed = run.desk.orders[run.desk.flights[ticket_id].order_ids[2]]

    run.read(trade(missed, name="late", settlement=Settlement.CONFIRMED))

    assert run.ticket(ticket_id).state is TicketState.DONE
    assert run.desk.frozen == {}
    assert SaveFreeze(run.events[0].event_id, None) in run.effects


def test_a_broken_ticket_whose_fills_are_all_undone_lifts_its_own_freeze():
    run, ticket_id = broken_run(settlement=Settlement.MATCHED)
    legs = [run.desk.orders[order_id] for order_id in run.desk.flights[ticket_id].order_ids]

    for number, leg in enumerate(legs[:2]):
        run.look_up(leg, trade(leg, name=f"t{number}", settlement=Settlement.FAILED))

    assert run.ticket(ticket_id).state is TicketState.MISSED
    assert run.desk.frozen == {}


def late_fill(run, ticket_id):
    missed = run.desk.orders[run.desk.flights[ticket_id].order_ids[2]]
    run.read(trade(missed, name="late", settlement=Settlement.CONFIRMED))
    assert run.ticket(ticket_id).state is TicketState.DONE


def test_an_event_frozen_for_two_broken_tickets_stays_so_while_one_of_them_is_broken():
    run, first = broken_run()
    event_id = run.events[0].event_id
    del run.desk.frozen[event_id]  # as /resume does
    run.later(10 * 60_000)
    run.books.shown |= set_books(run.events[0], 2_900, 3_000, 3_000)
    known = set(run.desk.tickets)
    _, second = broken_again(run, known)

    late_fill(run, second)
    assert first in run.desk.frozen[event_id], "the freeze is the other one's now"
    assert run.effects.count(SaveFreeze(event_id, None)) == 0

    late_fill(run, first)
    assert run.desk.frozen == {}


def broken_again(run, known):
    legs = run.sent()
    (ticket_id,) = {t for t in run.desk.tickets if t not in known and run.desk.flights.get(t)}
    run.answer(
        *(accepted(leg, leg.intent.size) for leg in legs[:2]), answer(legs[2], PostClass.REFUSED, "no")
    )
    for number, leg in enumerate(legs[:2]):
        run.look_up(leg, trade(leg, name=f"u{number}", settlement=Settlement.CONFIRMED))
    assert run.ticket(ticket_id).state is TicketState.BROKEN
    return run, ticket_id


def test_a_freeze_for_another_reason_outlasts_the_repair_of_a_ticket_that_broke_under_it():
    run = DeskRun().start()
    legs = run.sent()
    event_id = run.events[0].event_id
    run.freeze(event_id, "Cut of T-AAAAAA was filled beyond its size")
    run.answer(
        *(accepted(leg, leg.intent.size) for leg in legs[:2]), answer(legs[2], PostClass.REFUSED, "no")
    )
    for number, leg in enumerate(legs[:2]):
        run.look_up(leg, trade(leg, name=f"t{number}", settlement=Settlement.CONFIRMED))
    assert run.ticket(legs[0].intent.ticket_id).state is TicketState.BROKEN

    late_fill(run, legs[0].intent.ticket_id)

    assert "beyond its size" in run.desk.frozen[event_id]
