"""A repair beside an order by itself that rests on the same event."""

from dataclasses import replace

import pytest

from engine.core.exposure.risk import review
from engine.core.repair.repair_plan import plan_repair
from engine.core.state import Flight
from engine.domain.plan import Plan
from engine.domain.refusal import Refusal
from engine.domain.repair import RepairWay
from engine.domain.ticket import Approved, TicketKind
from tests.support.builders import intent, order
from tests.support.builders import ticket as ticket_of
from tests.unit.core.test_repair_flow import broken_run


def reviewed(number):
    """What the review says of buying the missing third leg while an order rests on this leg's market."""
    run, ticket_id = broken_run()
    leg = run.desk.tickets[ticket_id].plan.legs[number]
    resting = order(what=replace(intent(), token_id=leg.token_id, condition_id=leg.condition_id))
    by_hand = replace(
        ticket_of(of=run.desk.tickets[ticket_id].plan),
        ticket_id=resting.intent.ticket_id,
        kind=TicketKind.ORDER,
    )
    run.desk.orders[resting.order_id] = resting
    run.desk.tickets[by_hand.ticket_id] = by_hand
    flight = Flight(by_hand.ticket_id, run.events[0].event_id, (resting.order_id,), run.at_ms, None)
    run.desk.flights[by_hand.ticket_id] = flight
    plan = plan_repair(run.desk, run.desk.flights[ticket_id], RepairWay.COMPLETE, run.at_ms)
    assert isinstance(plan, Plan)
    return review(run.desk, plan, run.at_ms)


@pytest.mark.parametrize(("number", "found"), [(0, Approved), (2, Refusal)])
def test_an_order_that_rests_on_another_market_keeps_no_repair_back(number, found):
    assert isinstance(reviewed(number), found)
