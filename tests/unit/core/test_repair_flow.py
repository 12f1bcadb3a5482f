"""A broken ticket and its three ways out: each a dry ticket, none acts at once, none worse than its card."""

import pytest

from engine.core.rate_governor import Purpose
from engine.core.repair.repair_plan import choose, options_of
from engine.domain.account import CancelReply
from engine.domain.commands import AskRepair, AskResume, OpenDutch
from engine.domain.effects import RaiseAlert, Reply, SaveFreeze, SendBatch, SetTimer, ShowTicket
from engine.domain.events import CardShown
from engine.domain.failure import PostClass
from engine.domain.market import Side
from engine.domain.order import Settlement, TimeInForce
from engine.domain.plan import Plan, PlanKind
from engine.domain.rates import Bucket
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.repair import RepairWay
from engine.domain.ticket import Move, TicketKind, TicketState
from engine.domain.views import Severity, TicketView
from tests.support.builders import (
    VIC,
    accepted,
    answer,
    event,
    levels,
    live_book,
    set_books,
    shares,
    trade,
)
from tests.support.desk_run import CARD, DeskRun, of_kind, only, refusal_of, timers

T, W = TicketState, RepairWay
WHOLE = shares(100)


def broken_run(*, settlement=Settlement.CONFIRMED, run=None):
    """Two legs filled at 0.30, the third refused."""
    run = run or DeskRun().start()
    legs = run.sent()
    refused = answer(legs[2], PostClass.REFUSED, "no liquidity")
    run.answer(accepted(legs[0], WHOLE), accepted(legs[1], WHOLE), refused)
    for number, leg in enumerate(legs[:2]):
        run.look_up(leg, trade(leg, name=f"t{number}", settlement=settlement))
    return run, next(iter(run.desk.tickets.values())).ticket_id


@pytest.fixture
def broken():
    return broken_run()


def ask(run, ticket_id, way=None, **how):
    return run.ask(AskRepair(ticket_id, way), entropy=99, **how)


def opened(run, ticket_id, way=None):
    """A dry repair ticket whose card is on the screen."""
    view = only(ask(run, ticket_id, way), Reply).view
    assert isinstance(view, TicketView), f"expected a card, was {view}"
    run.step(CardShown(run.at_ms, view.ticket.ticket_id, CARD))
    return run.desk.tickets[view.ticket.ticket_id]


def sent(run, ticket_id, way=None):
    """A repair that was confirmed and sent; the orders as committed."""
    ticket = opened(run, ticket_id, way)
    run.press(ticket, Move.CONFIRM)
    armed = run.later(1_000).desk.tickets[ticket.ticket_id]
    return ticket.ticket_id, run.commit(only(run.press(armed, Move.SEND), SendBatch))


def fill(run, *orders, price=None):
    run.answer(*(accepted(order, order.intent.size) for order in orders))
    for order in orders:
        name = f"repair-{order.order_id[:10]}"
        run.look_up(order, trade(order, name=name, price=price, settlement=Settlement.CONFIRMED))


def refusal(effects):
    return refusal_of(only(effects, Reply).view).refusal


def result(run, ticket_id):
    """The result on the last card of a ticket."""
    shown = [e.view for e in of_kind(run.effects, ShowTicket) if e.view.ticket.ticket_id == ticket_id]
    assert shown[-1].result is not None
    return shown[-1].result


def move_asks(run, *asks, size=500):
    run.books.shown |= set_books(run.events[0], *asks, size=size)


def test_a_broken_ticket_names_every_way_out_the_best_first(broken):
    run, ticket_id = broken

    options = run.desk.flights[ticket_id].repairs

    assert [option.way for option in options] == [W.COMPLETE, W.UNWIND, W.LEAVE]
    assert options[0].worth > 0 > options[1].worth > options[2].worth
    assert "Hike" in options[0].words


def test_a_press_on_complete_opens_a_dry_ticket_that_buys_the_missing_leg_alone(broken):
    run, ticket_id = broken

    ticket = opened(run, ticket_id, W.COMPLETE)

    assert (ticket.kind, ticket.state) == (TicketKind.REPAIR, T.DRY)
    assert ticket.plan is not None
    assert ticket.plan.kind is PlanKind.REPAIR
    assert [(leg.name, leg.side, leg.size) for leg in ticket.plan.legs] == [("Hike", Side.BUY, WHOLE)]
    assert not run.desk.committing, "nothing acts at once"


def test_a_press_on_unwind_opens_a_dry_ticket_that_sells_what_is_held(broken):
    run, ticket_id = broken

    plan = opened(run, ticket_id, W.UNWIND).plan

    assert plan is not None
    assert [(leg.name, leg.side, leg.limit) for leg in plan.legs] == [
        ("Cut", Side.SELL, 2_990),
        ("Hold", Side.SELL, 2_990),
    ]
    assert plan.spend_max == 0


def test_without_a_way_the_best_one_is_planned(broken):
    run, ticket_id = broken
    move_asks(run, 3_000, 3_000, 6_000)

    ticket = opened(run, ticket_id)

    assert ticket.subject == f"unwind {ticket_id}"


def test_a_purchase_goes_out_as_gtd_and_a_sale_as_fak(broken):
    run, ticket_id = broken
    _, (bought,) = sent(run, ticket_id, W.COMPLETE)
    assert bought.intent.time_in_force is TimeInForce.GTD

    other, ticket_id = broken_run()
    _, sold = sent(other, ticket_id, W.UNWIND)
    assert {(o.intent.time_in_force, o.intent.expiration_s) for o in sold} == {(TimeInForce.FAK, 0)}


def test_a_completed_set_is_done_and_its_event_free_after_the_pause(broken):
    run, ticket_id = broken
    repair, orders = sent(run, ticket_id, W.COMPLETE)

    fill(run, *orders)

    assert run.ticket(repair).state is T.DONE
    assert run.ticket(ticket_id).state is T.DONE
    assert run.desk.frozen == {}
    assert SaveFreeze(run.events[0].event_id, None) in run.effects
    assert refusal(run.ask(OpenDutch("fed3", None))).kind is RefusalKind.COOLING
    run.later(60_000)
    assert isinstance(run.told(OpenDutch("fed3", None)), TicketView)


def test_an_unwound_set_books_what_was_lost_to_the_micro_dollar(broken):
    run, ticket_id = broken
    _, orders = sent(run, ticket_id, W.UNWIND)

    fill(run, *orders)

    fills = run.desk.fills.values()
    paid = sum(f.cash + f.fee if f.side is Side.BUY else f.fee - f.cash for f in fills)
    card = result(run, ticket_id)
    assert run.ticket(ticket_id).state is T.DONE
    assert (card.sets, card.pairs, card.loose) == (0, 0, ())
    assert card.margin_if_held == -paid < 0
    assert run.desk.flights[ticket_id].repairs == ()


def test_a_repair_that_missed_leaves_the_ticket_broken_and_says_so(broken):
    run, ticket_id = broken
    repair, orders = sent(run, ticket_id, W.UNWIND)
    run.answer(
        accepted(orders[0], WHOLE), answer(orders[1], PostClass.REFUSED, "no orders found to match with FAK")
    )
    run.look_up(orders[0], trade(orders[0], name="sold", settlement=Settlement.CONFIRMED))

    assert run.ticket(repair).state is T.DONE
    assert run.ticket(ticket_id).state is T.BROKEN
    assert run.events[0].event_id in run.desk.frozen
    short = [a for a in run.alerts() if a.subject.startswith("repair short")]
    assert [a.severity for a in short] == [Severity.CRIT]
    assert "Hold" in short[0].text


def test_only_confirmed_shares_are_sold():
    run, ticket_id = broken_run(settlement=Settlement.MATCHED)

    assert refusal(ask(run, ticket_id, W.UNWIND)).kind is RefusalKind.NO_REPAIR
    assert isinstance(only(ask(run, ticket_id, W.COMPLETE), Reply).view, TicketView)


def test_unconfirmed_shares_are_given_back_by_buying_the_complement():
    run, ticket_id = broken_run(settlement=Settlement.MATCHED)
    for market in run.events[0].markets[:2]:
        run.books.shown[market.no] = live_book(market, market.no, levels((7_010, 500)))

    repair, orders = sent(run, ticket_id, W.UNWIND)
    fill(run, *orders)

    assert [(o.intent.name, o.intent.side) for o in orders] == [("NO Cut", Side.BUY), ("NO Hold", Side.BUY)]
    assert run.ticket(repair).state is T.DONE
    card = result(run, ticket_id)
    assert card.pairs == shares(200)
    assert card.loose == ()


def test_a_send_that_would_pay_more_than_the_card_goes_back_to_dry(broken):
    run, ticket_id = broken
    ticket = opened(run, ticket_id, W.COMPLETE)
    run.press(ticket, Move.CONFIRM)
    armed = run.later(1_000).desk.tickets[ticket.ticket_id]
    move_asks(run, 3_000, 3_000, 3_100)

    effects = run.press(armed, Move.SEND)

    assert of_kind(effects, SendBatch) == []
    after = run.ticket(ticket.ticket_id)
    assert after.state is T.DRY
    assert "moved" in after.note
    assert after.plan is not None
    assert after.plan.legs[0].limit == 3_100, "the card shows what it would cost now"


def test_a_send_that_could_lose_more_than_was_printed_because_bids_have_gone_goes_back_to_dry():
    run = DeskRun().start()
    with_bids(run, 2_900)
    first, *missed = run.sent()
    refused = [answer(order, PostClass.REFUSED, "no liquidity") for order in missed]
    run.answer(accepted(first, WHOLE), *refused)
    run.look_up(first, trade(first, name="t0", settlement=Settlement.CONFIRMED))
    ticket_id = first.intent.ticket_id
    ticket = opened(run, ticket_id, W.COMPLETE)
    assert len(ticket.plan.legs) == 2
    run.press(ticket, Move.CONFIRM)
    armed = run.later(1_000).desk.tickets[ticket.ticket_id]
    with_bids(run)

    effects = run.press(armed, Move.SEND)

    assert of_kind(effects, SendBatch) == []
    assert "more could be lost than was printed" in run.ticket(ticket.ticket_id).note


def with_bids(run, *bids):
    for market in run.events[0].markets:
        asks, below = levels((3_000, 500)), levels(*((bid, 500) for bid in bids))
        run.books.shown[market.yes] = live_book(market, market.yes, asks, below)


def test_a_leg_that_fills_late_is_not_bought_again(broken):
    run, ticket_id = broken
    ticket = opened(run, ticket_id, W.COMPLETE)
    run.press(ticket, Move.CONFIRM)
    armed = run.later(1_000).desk.tickets[ticket.ticket_id]
    missed = run.desk.orders[run.desk.flights[ticket_id].order_ids[2]]
    run.read(trade(missed, name="late", settlement=Settlement.CONFIRMED))

    assert run.ticket(ticket_id).state is T.DONE
    assert of_kind(run.press(armed, Move.SEND), SendBatch) == []


def test_a_way_out_that_buys_the_complement_says_that_no_is_bought_at_that_price():
    run, ticket_id = broken_run(settlement=Settlement.MATCHED)
    for market in run.events[0].markets[:2]:
        run.books.shown[market.no] = live_book(market, market.no, levels((7_010, 500)))

    options = options_of(run.desk, run.desk.flights[ticket_id], run.at_ms)

    words = next(option.words for option in options if option.way is W.UNWIND)
    assert words == "give back Cut by buying NO of it @ 0.701, Hold by buying NO of it @ 0.701"


def test_one_repair_at_a_time(broken):
    run, ticket_id = broken
    sent(run, ticket_id, W.COMPLETE)

    assert refusal(ask(run, ticket_id, W.UNWIND)).kind is RefusalKind.IN_FLIGHT


def test_a_purchase_beyond_the_printed_bound_is_not_offered(broken):
    run, ticket_id = broken
    move_asks(run, 3_000, 3_000, 9_900)

    found = refusal(ask(run, ticket_id, W.COMPLETE))

    assert found.kind is RefusalKind.NO_REPAIR
    assert "printed bound" in found.text


def test_after_a_change_of_the_rules_only_dumping_is_left(broken):
    run, ticket_id = broken
    run.later(1_000).read_catalogue(event(rules_text="Another text."))

    assert refusal(ask(run, ticket_id, W.COMPLETE)).kind is RefusalKind.NO_REPAIR
    assert isinstance(only(ask(run, ticket_id, W.UNWIND), Reply).view, TicketView)


def test_a_ticket_that_is_not_broken_has_nothing_to_repair():
    run = DeskRun().start()
    run.sent()
    ticket_id = next(iter(run.desk.tickets))

    assert refusal(ask(run, ticket_id)).kind is RefusalKind.NOT_BROKEN
    assert refusal(ask(run, "T-ZZZZZZ")).kind is RefusalKind.NOT_BROKEN


def test_a_viewer_repairs_nothing(broken):
    run, ticket_id = broken

    for way in (W.COMPLETE, W.LEAVE):
        assert refusal(ask(run, ticket_id, way, by=VIC)).kind is RefusalKind.ROLE


def test_what_is_left_is_told_every_ten_minutes_until_it_is_repaired(broken):
    run, ticket_id = broken
    effects = ask(run, ticket_id, W.LEAVE)
    timer = f"remind:{ticket_id}"
    assert timers(effects)[timer] == run.at_ms + 600_000
    assert of_kind(ask(run, ticket_id, W.LEAVE), SetTimer) == [], "one reminder, however often it is pressed"

    for _ in range(2):
        told = run.later(600_000).timer(timer)
        assert only(told, RaiseAlert).alert.key == f"left:{ticket_id}"
        assert timer in timers(told)

    _, orders = sent(run, ticket_id, W.COMPLETE)
    fill(run, *orders)
    assert run.later(600_000).timer(timer) == ()


def test_a_restart_takes_up_a_repair_with_the_ticket_it_is_about(broken):
    run, ticket_id = broken
    repair, orders = sent(run, ticket_id, W.COMPLETE)
    desk = run.desk
    frozen = ((run.events[0].event_id, desk.frozen[run.events[0].event_id]),)
    run.restart(
        tuple(desk.orders[o] for f in desk.flights.values() for o in f.order_ids),
        tuple(desk.tickets.values()),
        fills=tuple(desk.fills.values()),
        frozen=frozen,
    )
    run.read(
        *(trade(o, name=f"x{o.order_id[:8]}", settlement=Settlement.CONFIRMED) for o in orders),
    )
    for order in orders:
        run.cancel_says(CancelReply.NOT_FOUND, order)

    assert run.ticket(repair).state is T.DONE
    assert run.ticket(ticket_id).state is T.DONE
    assert run.desk.frozen == {}


def test_two_broken_tickets_in_a_row_stop_dutch_until_a_resume():
    groups = event("fed3"), event("cup3"), event("bowl3")
    run = DeskRun(*groups).start()
    for entropy, group in enumerate(groups[:2], 11):
        ticket = run.armed(code=group.code, entropy=entropy)
        legs = run.commit(only(run.press(ticket, Move.SEND), SendBatch))
        run.answer(accepted(legs[0], WHOLE), *(answer(o, PostClass.REFUSED, "gone") for o in legs[1:]))
        run.look_up(legs[0], trade(legs[0], name=f"{group.code}", settlement=Settlement.CONFIRMED))

    assert refusal(run.ask(OpenDutch("bowl3", None))).kind is RefusalKind.DUTCH_STOPPED
    assert [a.key for a in run.alerts() if a.severity is Severity.CRIT][-1] == "dutch stopped"

    run.ask(AskResume(confirmed=True))
    run.read()
    assert isinstance(run.told(OpenDutch("bowl3", None)), TicketView)


def planned(run, ticket_id, after_ms=0):
    return choose(run.desk, run.desk.flights[ticket_id], run.later(after_ms).at_ms)


def test_by_itself_the_best_way_is_taken_first(broken):
    run, ticket_id = broken

    found = planned(run, ticket_id)

    assert isinstance(found, Plan)
    assert [leg.side for leg in found.legs] == [Side.BUY]


def test_by_itself_only_dumping_is_left_when_time_is_over(broken):
    run, ticket_id = broken

    found = planned(run, ticket_id, after_ms=30_001)

    assert isinstance(found, Plan)
    assert {leg.side for leg in found.legs} == {Side.SELL}


def test_by_itself_a_leg_is_tried_once_more_at_one_more_tick_then_dumped_then_a_person_is_asked(broken):
    run, ticket_id = broken
    limits = []
    for way in (W.COMPLETE, W.COMPLETE, W.UNWIND):
        found = planned(run, ticket_id)
        assert isinstance(found, Plan)
        limits.append([(leg.side, leg.limit) for leg in found.legs])
        _, orders = sent(run, ticket_id, way)
        run.answer(*(answer(order, PostClass.REFUSED, "gone") for order in orders))

    assert limits[0] == [(Side.BUY, 3_000)]
    assert limits[1] == [(Side.BUY, 3_010)]
    assert {side for side, _ in limits[2]} == {Side.SELL}
    assert isinstance(planned(run, ticket_id), Refusal)


@pytest.mark.parametrize("way", [W.COMPLETE, W.UNWIND])
def test_the_worst_case_on_the_card_is_never_beyond_the_bound_that_was_printed(broken, way):
    run, ticket_id = broken
    printed = run.ticket(ticket_id).plan.risk

    risk = opened(run, ticket_id, way).plan.risk

    assert risk.hard <= printed.hard
    assert risk.bound <= printed.bound


def test_a_repair_may_use_the_order_tokens_that_are_kept_back_for_it(broken):
    run, ticket_id = broken
    ticket = opened(run, ticket_id, W.COMPLETE)
    run.press(ticket, Move.CONFIRM)
    armed = run.later(1_000).desk.tickets[ticket.ticket_id]
    rates = run.desk.rates
    rates.take(Bucket.ORDERS, rates.remaining(Bucket.ORDERS, run.at_ms) - 1, run.at_ms)
    assert rates.wait_ms(Bucket.ORDERS, 1, Purpose.PLAN, run.at_ms) != 0

    assert only(run.press(armed, Move.SEND), SendBatch).ticket.ticket_id == ticket.ticket_id
