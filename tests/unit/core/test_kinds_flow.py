"""NO baskets and sales of held sets from the chat to the result; caps and odds that a desk learns."""

from dataclasses import replace

import pytest

from engine.core.exposure.risk import review, room, success_pct
from engine.core.state import DAY_MS, Desk
from engine.core.tickets.settling import result_of
from engine.domain.commands import OpenDutch
from engine.domain.effects import Reply, SendBatch
from engine.domain.failure import PostClass
from engine.domain.market import Side
from engine.domain.order import Settlement, TimeInForce
from engine.domain.plan import Plan, PlanKind
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Move, Ticket, TicketState
from engine.domain.units import Price, complement
from engine.domain.views import RefusalView, TicketView
from tests.support.builders import accepted, answer, event, levels, live_book, plan, shares, trade, usdc
from tests.support.desk_run import DeskRun, dutch_params, only

BIDS = (4_500, 3_500, 3_000)
"""YES bids that add up to 1.10: after fees of 4 % some 8 cents a set are left."""


def dear(run: DeskRun, *bids: int, size: float = 200) -> None:
    """Lay out both books of every outcome around these YES bids."""
    for child, bid in zip(run.events[0].markets, bids or BIDS, strict=True):
        yes = live_book(child, child.yes, levels((bid + 20, size)), levels((bid, size)))
        no = live_book(
            child, child.no, levels((complement(yes.bids[0].price), size)), levels((10_000 - bid - 20, size))
        )
        run.books.shown |= {child.yes: yes, child.no: no}


def own(run: DeskRun, sets: float) -> None:
    """Hold settled YES shares of every outcome."""
    for child in run.events[0].markets:
        holding = run.desk.positions.holdings[child.yes]
        holding.bought = holding.confirmed = shares(sets)


def the_plan(ticket: Ticket) -> Plan:
    assert ticket.plan is not None
    return ticket.plan


def asked(run: DeskRun, **how) -> Plan:
    return the_plan(run.dry(**how))


@pytest.fixture
def run() -> DeskRun:
    started = DeskRun(
        per_ticket=2_000, day=5_000, dutch=dutch_params(max_leg_loss=usdc(9_999), max_residual=usdc(9_999))
    )
    started = started.start(usdc(5_000))
    dear(started)
    return started


def test_basket_of_no_is_sent_as_gtd_orders_that_buy(run):
    ticket = run.armed()
    batch = only(run.press(ticket, Move.SEND), SendBatch)

    assert batch.plan.kind is PlanKind.NO_SET
    assert {intent.side for intent in batch.intents} == {Side.BUY}
    assert {intent.time_in_force for intent in batch.intents} == {TimeInForce.GTD}
    assert {intent.token_id for intent in batch.intents} == {child.no for child in run.events[0].markets}
    assert len({intent.key for intent in batch.intents}) == len(batch.intents)


def test_basket_of_no_is_open_on_an_augmented_event_that_nobody_reviewed():
    wide = dutch_params(max_leg_loss=usdc(9_999), max_residual=usdc(9_999))
    run = DeskRun(event(augmented=True), per_ticket=2_000, day=5_000, dutch=wide, reviewed={})
    run.start(usdc(5_000))
    dear(run)

    assert asked(run).kind is PlanKind.NO_SET


def test_sets_held_are_sold_with_orders_that_never_rest_and_spend_nothing(run):
    own(run, 100)
    ticket = run.armed()
    batch = only(run.press(ticket, Move.SEND), SendBatch)

    assert (batch.plan.kind, batch.plan.spend_max) == (PlanKind.SELL_SET, 0)
    assert {intent.side for intent in batch.intents} == {Side.SELL}
    assert {(intent.time_in_force, intent.expiration_s) for intent in batch.intents} == {(TimeInForce.FAK, 0)}
    assert all(intent.size <= shares(100) for intent in batch.intents)


def test_sets_gone_since_the_card_are_not_sold(run):
    own(run, 100)
    ticket = run.armed()
    own(run, 99)

    view = only(run.press(ticket, Move.SEND), Reply).view

    assert isinstance(view, TicketView)
    assert view.ticket.state is TicketState.DRY
    assert "held, found 99" in view.ticket.note


def test_sold_sets_come_to_what_was_received_less_what_they_were_worth(run):
    own(run, 100)
    orders = run.sent()
    for number, leg in enumerate(orders):
        run.look_up(leg, trade(leg, name=f"sale-{number}", size=shares(100), price=BIDS[number]))

    flight = next(iter(run.desk.flights.values()))
    result = result_of(run.desk, flight)

    assert result.sets == shares(100)
    assert result.cash == -usdc(110)
    assert result.margin_if_held == usdc(10) - result.fees > 0


def test_what_a_broken_basket_of_no_can_lose_counts_the_dollar_that_all_but_one_leg_pay(run):
    """NO at 0.55 and 0.65 is held, the third was refused: one of the two pays whatever comes true."""
    orders = run.sent()
    size = orders[0].intent.size
    run.answer(
        *(accepted(leg, size) for leg in orders[:2]), answer(orders[2], PostClass.REFUSED, "no liquidity")
    )
    for number, leg in enumerate(orders[:2]):
        price = complement(Price(BIDS[number]))
        run.look_up(leg, trade(leg, name=f"no-{number}", price=price, settlement=Settlement.CONFIRMED))

    flight = next(iter(run.desk.flights.values()))
    paid = sum(leg.cash + leg.fee for leg in result_of(run.desk, flight).legs)
    assert run.ticket(flight.ticket_id).state is TicketState.BROKEN
    assert flight.risk is not None
    assert flight.risk.hard == paid - size
    assert flight.risk.bound <= flight.risk.hard
    assert flight.risk.hard <= the_plan(run.ticket(flight.ticket_id)).risk.hard, "as the card printed"


def test_a_conversion_between_the_orders_is_refused_for_sending(run):
    verdict = review(run.desk, replace(asked(run), kind=PlanKind.CONVERT), run.at_ms)

    assert isinstance(verdict, Refusal)
    assert verdict.kind is RefusalKind.NOT_SENDABLE
    assert verdict.text.startswith("expected ")


@pytest.mark.parametrize("knob", ["max_plan", "max_event", "max_total"])
def test_each_cap_in_dollars_shrinks_the_plan_and_is_named(knob):
    run = DeskRun(dutch=dutch_params(**{knob: usdc(45)})).start()

    found = asked(run, sets=None)

    assert found.spend_max <= usdc(45)
    assert found.limited_by.startswith(f"{knob}_usdc 45.00")


@pytest.mark.parametrize("knob", ["max_event", "max_total"])
def test_what_is_held_counts_under_the_caps(knob):
    run = DeskRun(dutch=dutch_params(**{knob: usdc(45)})).start()
    run.desk.positions.outlays[run.events[0].markets[0].condition_id] = usdc(40)

    view = only(run.ask(OpenDutch("fed3", None)), Reply).view

    assert getattr(room(run.desk, run.at_ms, run.events[0].event_id), knob.removeprefix("max_")) == usdc(5)
    if isinstance(view, RefusalView):
        assert view.refusal.kind is RefusalKind.CAPS
    else:
        assert isinstance(view, TicketView)
        assert the_plan(view.ticket).spend_max <= usdc(5)


def test_a_plan_beyond_a_cap_is_not_approved():
    run = DeskRun(dutch=dutch_params(max_event=usdc(45))).start()

    verdict = review(run.desk, plan(run.events[0], spend_max=usdc(46)), run.at_ms)

    assert isinstance(verdict, Refusal)
    assert "max_event_usdc" in verdict.text


def ended(desk: Desk, ticket: Ticket, *states: TicketState) -> None:
    for number, state in enumerate(states):
        key = type(ticket.ticket_id)(f"T-{number:06}")
        desk.tickets[key] = replace(ticket, ticket_id=key, state=state)


@pytest.mark.parametrize(
    ("states", "percent"),
    [
        ((), 80),
        ((TicketState.DONE,) * 10, 90),
        ((TicketState.DONE,) * 100, 95),
        ((TicketState.BROKEN,), 72),
        ((TicketState.BROKEN, TicketState.MISSED), 66),
        ((TicketState.BROKEN,) * 50, 50),
        ((TicketState.DROPPED,) * 50, 80),
    ],
)
def test_odds_start_at_the_terms_and_move_with_what_came_of_tickets(states, percent):
    run = DeskRun(dutch=dutch_params(success_pct=80)).start()
    sample = run.dry()
    del run.desk.tickets[sample.ticket_id]
    ended(run.desk, sample, *states)

    assert success_pct(run.desk, run.at_ms) == percent


def test_broken_tickets_that_a_restart_loads_however_old_do_not_weigh_on_the_odds():
    run = DeskRun(dutch=dutch_params(success_pct=80)).start()
    sample = run.dry()
    del run.desk.tickets[sample.ticket_id]
    ended(run.desk, sample, *(TicketState.BROKEN,) * 10)
    run.later(DAY_MS)

    assert success_pct(run.desk, run.at_ms) == 80
