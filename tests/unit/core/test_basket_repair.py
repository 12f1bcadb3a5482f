"""Ways out of a broken basket of NO and of a broken sale of sets: which one wins, its bounds, its end."""

from dataclasses import replace

import pytest

from engine.core.repair.ways import price_remedies
from engine.core.tickets.settling import result_of
from engine.domain.commands import AskRepair
from engine.domain.effects import Reply, SendBatch
from engine.domain.events import CardShown
from engine.domain.failure import PostClass
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.plan import LegRisk, PlanKind
from engine.domain.repair import RepairWay
from engine.domain.ticket import Move, TicketState
from engine.domain.units import Price, complement
from engine.domain.views import TicketView
from tests.support.basket_oracle import BasketOracle, random_basket
from tests.support.builders import accepted, answer, shares, trade, usdc
from tests.support.desk_run import CARD, DeskRun, dutch_params, only
from tests.unit.core.test_kinds_flow import BIDS, dear, own, the_plan
from tests.unit.core.test_repair import case, leg

W = RepairWay
ORACLE_CASES = 30
HELD = ((9_600, 500),)


def basket(*legs, paid, **changes):
    return replace(case(*legs, paid=paid), **({"kind": PlanKind.NO_SET} | changes))


def best(of):
    return price_remedies(of).best


def orders(remedy):
    return [(t.leg, t.side, t.lots, t.limit, t.pairs) for t in remedy.trades]


def test_missing_no_is_bought_as_each_share_of_it_pays_beside_the_others():
    found = best(basket(leg(0, 100), leg(1, 100), leg(2, 0, asks=((9_600, 500),)), paid=180))

    assert (found.way, orders(found)) == (W.COMPLETE, [(2, Side.BUY, 10_000, 9_600, False)])
    assert (found.sets, found.worth) == (shares(200), usdc(200 - 180 - 96))


def test_no_that_costs_more_than_it_adds_is_not_bought_and_what_is_held_is_kept_where_it_pays():
    found = best(basket(leg(0, 100), leg(1, 100), leg(2, 0, asks=((9_990, 500),)), paid=90))

    assert found.way is W.COMPLETE, "a share of NO below a dollar adds to a basket of two"
    dear_one = basket(leg(0, 100, bids=((100, 500),)), leg(1, 100), paid=90)
    assert best(dear_one).way is W.LEAVE


def test_a_single_leg_that_pays_nothing_at_worst_is_sold():
    found = best(basket(leg(0, 100, bids=HELD), leg(1, 0), leg(2, 0), paid=97))

    assert (found.way, orders(found)) == (W.UNWIND, [(0, Side.SELL, 10_000, 9_600, False)])
    assert found.worth == usdc(96 - 97)


def test_the_largest_holding_alone_is_cut_to_the_second():
    found = best(basket(leg(0, 100, bids=HELD), leg(1, 40), paid=130))

    assert orders(found) == [(0, Side.SELL, 6_000, 9_600, False)]
    assert found.worth == usdc(40 + 57.6 - 130)


def test_unconfirmed_no_is_paired_with_yes():
    found = best(basket(leg(0, 100, bids=HELD, no_asks=((400, 500),), sellable=0), leg(1, 0), paid=97))

    assert [(t.pairs, t.token_id) for t in found.trades] == [(True, "no-0")]
    assert found.worth == usdc(96 - 97)


def test_what_cannot_be_sold_at_once_within_the_printed_bound_is_sold_in_equal_parts():
    """Were two of three sold and the third not, its outcome would take more than L0 as printed."""
    legs = [leg(number, 100, bids=HELD) for number in range(3)]
    asked = basket(*legs, leg(3, 0), paid=291, risk=LegRisk(bound=usdc(9), hard=usdc(97)))

    found = best(asked)

    assert found.way is W.UNWIND
    assert len({order.lots for order in found.trades}) == 1
    assert 0 < found.trades[0].lots < 10_000
    assert found.risk.hard <= usdc(97)


@pytest.mark.parametrize("seed", range(ORACLE_CASES))
def test_the_best_way_out_of_a_basket_is_the_brute_forces_to_the_micro_dollar(seed):
    asked = random_basket(seed)

    assert best(asked).worth == BasketOracle(asked).best(), f"seed {seed}"


@pytest.mark.parametrize("seed", range(100))
def test_no_way_out_of_a_basket_risks_more_than_was_printed_or_sends_what_the_venue_refuses(seed):
    asked = random_basket(f"bounds/{seed}")
    found = price_remedies(asked)

    hold = found.of(W.LEAVE)
    assert hold is not None
    assert found.best.worth >= hold.worth
    for remedy in found.ranked:
        assert remedy.risk.hard <= max(asked.risk.hard, hold.risk.hard), f"seed {seed}"
        assert sum(order.outlay_max for order in remedy.trades) <= asked.room
        for order in remedy.trades:
            assert order.size >= asked.legs[order.leg].min_size
            assert order.side is Side.BUY or order.size <= asked.legs[order.leg].sellable


@pytest.fixture
def run():
    wide = dutch_params(max_leg_loss=usdc(9_999), max_residual=usdc(9_999))
    started = DeskRun(per_ticket=2_000, day=5_000, dutch=wide).start(usdc(5_000))
    dear(started)
    return started


def broken(run, price_of):
    """Let the last leg of three be refused; returns the ticket's id and the orders."""
    sent = run.sent()
    run.answer(
        *(accepted(one, one.intent.size) for one in sent[:2]), answer(sent[2], PostClass.REFUSED, "no")
    )
    for number, one in enumerate(sent[:2]):
        run.look_up(
            one, trade(one, name=f"t{number}", price=price_of(number), settlement=Settlement.CONFIRMED)
        )
    ticket_id = sent[0].intent.ticket_id
    assert run.ticket(ticket_id).state is TicketState.BROKEN
    return ticket_id, sent


def repaired(run, ticket_id, way):
    view = only(run.ask(AskRepair(ticket_id, way), entropy=99), Reply).view
    assert isinstance(view, TicketView), view
    run.step(CardShown(run.at_ms, view.ticket.ticket_id, CARD))
    run.press(run.ticket(view.ticket.ticket_id), Move.CONFIRM)
    run.later(1_000)
    sent = run.commit(only(run.press(run.ticket(view.ticket.ticket_id), Move.SEND), SendBatch))
    run.answer(*(accepted(one, one.intent.size) for one in sent))
    for number, one in enumerate(sent):
        run.look_up(
            one,
            trade(one, name=f"r{number}", price=one.intent.price, settlement=Settlement.CONFIRMED),
        )
    return sent


def test_a_broken_basket_is_completed_and_its_card_adds_up(run):
    ticket_id, sent = broken(run, lambda number: complement(Price(BIDS[number])))
    flight = run.desk.flights[ticket_id]
    assert flight.repairs[0].way is W.COMPLETE

    (order,) = repaired(run, ticket_id, W.COMPLETE)

    assert (order.intent.token_id, order.intent.side) == (sent[2].intent.token_id, Side.BUY)
    assert run.ticket(ticket_id).state is TicketState.DONE
    result = result_of(run.desk, flight)
    assert result.payout == 2 * sent[0].intent.size
    assert run.desk.frozen == {}


def test_what_a_broken_basket_holds_pays_on_its_card_what_all_but_one_leg_pay(run):
    ticket_id, sent = broken(run, lambda number: complement(Price(BIDS[number])))

    result = result_of(run.desk, run.desk.flights[ticket_id])

    assert (result.sets, result.beyond) == (0, sent[0].intent.size)


def test_a_broken_sale_is_completed_by_selling_the_rest(run):
    own(run, 100)
    ticket_id, sent = broken(run, lambda number: BIDS[number])
    flight = run.desk.flights[ticket_id]
    assert flight.repairs[0].way is W.COMPLETE
    assert flight.repairs[0].words.startswith("sell ")
    assert flight.risk is not None
    assert flight.risk.hard == usdc(100 - 80) + sum(leg.fee for leg in result_of(run.desk, flight).legs)

    (order,) = repaired(run, ticket_id, W.COMPLETE)

    assert (order.intent.token_id, order.intent.side) == (sent[2].intent.token_id, Side.SELL)
    assert run.ticket(ticket_id).state is TicketState.DONE
    result = result_of(run.desk, flight)
    assert (result.sets, result.margin_if_held) == (shares(100), usdc(110) - usdc(100) - result.fees)


def test_a_broken_sale_is_unwound_by_buying_back_as_much_as_its_printed_bound_allows(run):
    own(run, 100)
    ticket_id, sent = broken(run, lambda number: BIDS[number])

    back = repaired(run, ticket_id, W.UNWIND)

    assert {one.intent.side for one in back} == {Side.BUY}
    assert {one.intent.token_id for one in back} == {one.intent.token_id for one in sent[:2]}
    (size,) = {one.intent.size for one in back}
    assert 0 < size < shares(100)
    flight = run.desk.flights[ticket_id]
    assert result_of(run.desk, flight).sets == shares(100) - size, "whole sets again"
    assert flight.risk is not None
    assert flight.risk.hard <= the_plan(run.ticket(ticket_id)).risk.hard
