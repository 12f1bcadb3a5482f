"""One order by itself: the same gates as every ticket, in one step, and terms the venue would take."""

from dataclasses import replace

import pytest

from engine.core.exposure.inventory import sellable
from engine.domain.account import CancelReply
from engine.domain.commands import AskCancel, Kill, OpenDutch, OutcomeRef, PlaceOrder
from engine.domain.effects import (
    Audit,
    CancelEverything,
    CancelOrders,
    Reply,
    SaveFreeze,
    SaveTicket,
    SendBatch,
)
from engine.domain.events import BatchRefused, Restored
from engine.domain.gate import Breaker
from engine.domain.ids import OrderId, TokenId
from engine.domain.market import Side
from engine.domain.order import OrderState, Settlement, TimeInForce
from engine.domain.plan import PlanKind
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import TicketKind, TicketState
from engine.domain.units import Ms, Price
from engine.domain.views import CancelView, Gate, TicketView
from tests.support.builders import ANA, BEN, VIC, accepted, event, shares, terms, trade, usdc
from tests.support.desk_run import DeskRun, cancelled_ids, of_kind, only, refusal_of

HOLD = OutcomeRef(code="fed3", name="hold")
DAY_MS = Ms(86_400_000)


def order_for(side=Side.BUY, price=3_100, size=10.0, tif=TimeInForce.GTD, **changes):
    usual = {"outcome": HOLD, "rests": False, "lasts_ms": Ms(0)}
    return PlaceOrder(
        side=side, price=Price(price), size=shares(size), time_in_force=tif, **{**usual, **changes}
    )


def resting(price=2_000, **changes):
    return order_for(price=price, tif=TimeInForce.GTC, rests=True, **changes)


def refused(run, command, by=BEN):
    effects = run.ask(command, by)
    assert not of_kind(effects, SendBatch), "a refused order must not be sent"
    return refusal_of(only(effects, Reply).view).refusal


def sent(run, command, by=BEN, entropy=7):
    batch = only(run.ask(command, by, entropy), SendBatch)
    return run.commit(batch)[0]


@pytest.fixture
def run():
    return DeskRun().start()


def held(run, settlement=Settlement.CONFIRMED, size=10.0):
    """Buy and have it settled."""
    order = sent(run, order_for(size=size))
    run.answer(accepted(order, order.intent.size))
    run.read(trade(order, settlement=settlement))
    return order


def test_an_order_goes_through_dry_and_armed_to_one_commit_under_both_witnesses(run):
    effects = run.ask(order_for())
    batch = only(effects, SendBatch)

    rows = [effect.ticket for effect in of_kind(effects, SaveTicket)]
    assert [row.state for row in rows] == [TicketState.DRY, TicketState.ARMED]
    assert batch.claim is not None
    assert (batch.claim.state, batch.claim.version) == (rows[-1].state, rows[-1].version)
    assert batch.ticket.state is TicketState.SENDING
    assert batch.ticket.kind is TicketKind.ORDER
    assert batch.plan.kind is PlanKind.ORDER
    assert batch.approved.plan_id == batch.grant.plan_id == batch.plan.plan_id
    assert batch.grant.spend_max == batch.plan.spend_max >= usdc(3.1)
    assert [a.what for a in of_kind(effects, Audit)] == ["ticket opened", "ticket confirm"]
    assert not of_kind(effects, Reply), "it is answered when the commit is reported"


def test_a_buy_that_matches_at_once_is_a_gtd_that_the_venue_ends_by_itself(run):
    intent = only(run.ask(order_for()), SendBatch).intents[0]

    assert intent.time_in_force is TimeInForce.GTD
    assert not intent.rests
    assert intent.expiration_s * 1_000 >= run.at_ms + 180_000
    assert intent.resend_until_ms <= intent.expiration_s * 1_000 - 180_000


def test_the_commit_answers_the_asker_and_what_is_left_is_cancelled_at_once(run):
    order = sent(run, order_for())
    answered = of_kind(run.effects, Reply)[-1].view
    effects = run.answer(accepted(order, shares(4)))

    assert isinstance(answered, TicketView)
    assert only(effects, CancelOrders).order_ids == (order.order_id,)
    assert run.ticket(order.intent.ticket_id).state is TicketState.SENDING


def test_an_order_filled_in_part_is_done_and_freezes_nothing(run):
    order = sent(run, order_for())
    run.answer(accepted(order, shares(4)))
    run.cancel_says(CancelReply.CANCELLED, order)
    run.later(50).look_up(order, trade(order, shares(4)))

    assert run.order(order).state is OrderState.CANCELLED
    assert run.ticket(order.intent.ticket_id).state is TicketState.DONE
    assert not of_kind(run.effects, SaveFreeze)


def test_a_commit_that_did_not_happen_refuses_the_ticket_and_frees_its_reserve(run):
    batch = only(run.ask(order_for()), SendBatch)
    effects = run.step(BatchRefused(run.at_ms, batch.ticket, "disk full"))

    assert run.ticket(batch.ticket.ticket_id).state is TicketState.REFUSED
    view = only(effects, Reply).view
    assert isinstance(view, TicketView)
    assert view.ticket.note == "nothing was sent: disk full"
    assert not run.desk.committing


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (order_for(price=3_105), RefusalKind.OFF_GRID),
        (order_for(size=4.0), RefusalKind.MIN_SIZE),
        (order_for(size=10.001), RefusalKind.SIZE_STEP),
        (order_for(price=2_000), RefusalKind.ORDER_TERMS),
        (order_for(tif=TimeInForce.FAK), RefusalKind.ORDER_TERMS),
        (order_for(tif=TimeInForce.GTC), RefusalKind.ORDER_TERMS),
        (order_for(Side.SELL, tif=TimeInForce.GTD), RefusalKind.ORDER_TERMS),
        (order_for(rests=True, tif=TimeInForce.FAK), RefusalKind.ORDER_TERMS),
        (order_for(rests=True, tif=TimeInForce.GTD), RefusalKind.ORDER_TERMS),
        (resting(price=3_100), RefusalKind.POST_ONLY),
        (resting(lasts_ms=DAY_MS), RefusalKind.ORDER_TERMS),
        (order_for(outcome=OutcomeRef(code="fed4", name="hold")), RefusalKind.UNKNOWN_CODE),
        (order_for(outcome=OutcomeRef(code="fed3", name="hodl")), RefusalKind.UNKNOWN_CODE),
        (order_for(outcome=OutcomeRef(token_id=TokenId("12"))), RefusalKind.UNKNOWN_CODE),
        (order_for(outcome=OutcomeRef(code="fed3", name="hold", is_no=True)), RefusalKind.BOOK_NOT_LIVE),
        (order_for(Side.SELL, tif=TimeInForce.FAK, price=2_000), RefusalKind.INVENTORY),
        (order_for(size=2_000.0), RefusalKind.CAPS),
    ],
)
def test_what_the_venue_or_a_cap_would_refuse_is_refused_here_with_a_reason(run, command, kind):
    found = refused(run, command)

    assert found.kind is kind
    assert "expected" in found.text


def test_viewers_send_no_orders(run):
    assert refused(run, order_for(), VIC).kind is RefusalKind.ROLE


def test_a_halted_desk_sends_no_order(run):
    run.ask(Kill(), ANA)

    assert refused(run, order_for()).kind is RefusalKind.HALTED


def test_a_frozen_event_takes_no_buy_and_lets_what_is_held_be_sold(run):
    held(run)
    run.freeze(run.events[0].event_id)

    assert refused(run, order_for()).kind is RefusalKind.FROZEN
    sell = only(run.ask(order_for(Side.SELL, 2_900, tif=TimeInForce.FAK)), SendBatch)
    assert sell.plan.spend_max == 0
    assert sell.intents[0].expiration_s == 0


def test_a_tripped_breaker_lets_what_is_held_be_sold_and_nothing_be_bought(run):
    held(run)
    run.desk.standing.tripped[Breaker.REJECTS] = "5 in 60 s"

    assert run.desk.gate is Gate.REDUCING
    assert refused(run, order_for()).kind is RefusalKind.HALTED
    assert only(run.ask(order_for(Side.SELL, 2_900, tif=TimeInForce.FAK)), SendBatch)


def test_shares_that_are_matched_and_not_confirmed_are_not_sold(run):
    held(run, Settlement.MATCHED)

    found = refused(run, order_for(Side.SELL, 2_900, tif=TimeInForce.FAK))
    assert found.kind is RefusalKind.INVENTORY
    assert "at most 0 confirmed" in found.text


def test_shares_under_a_sell_that_may_still_execute_are_not_sold_again(run):
    bought = held(run)
    sent(run, order_for(Side.SELL, 2_900, size=6.0, tif=TimeInForce.FAK), entropy=8)

    assert sellable(run.desk, bought.intent.token_id) == shares(4)
    assert (
        refused(run, order_for(Side.SELL, 2_900, size=5.0, tif=TimeInForce.FAK)).kind is RefusalKind.INVENTORY
    )


def test_an_order_of_our_own_is_not_traded_with(run):
    rest = sent(run, resting())
    run.answer(accepted(rest))
    mirrored = order_for(
        price=8_000, tif=TimeInForce.GTC, rests=True, outcome=OutcomeRef(code="fed3", name="Hold", is_no=True)
    )
    hold = run.events[0].markets[1]
    run.books.shown[hold.no] = run.books.shown[hold.yes]
    found = refused(run, mirrored)

    assert found.kind is RefusalKind.SELF_TRADE
    assert rest.order_id[:14] in found.text


def test_resting_orders_stand_beside_each_other_in_one_event(run):
    first = sent(run, resting())
    second = sent(run, resting(price=1_900), entropy=8)

    assert first.intent.rests
    assert second.intent.expiration_s == 0


def test_a_set_is_not_bought_beside_an_order_that_may_still_execute(run):
    sent(run, resting())
    run.later(10)

    assert refused(run, OpenDutch("fed3", None)).kind is RefusalKind.IN_FLIGHT


def test_a_resting_order_with_an_end_rests_as_long_as_asked(run):
    command = order_for(price=2_000, tif=TimeInForce.GTD, rests=True, lasts_ms=DAY_MS)
    intent = only(run.ask(command), SendBatch).intents[0]

    # The venue ends it a minute before the time on the wire.
    assert intent.expiration_s == (run.at_ms + DAY_MS + 60_000) // 1_000
    assert intent.post_only


def test_a_market_that_takes_no_orders_is_refused():
    open_event = event()
    shut = replace(
        open_event, markets=tuple(replace(m, terms=terms(accepting=False)) for m in open_event.markets)
    )

    assert refused(DeskRun(shut).start(), order_for()).kind is RefusalKind.NOT_TRADABLE


def cancelled(run, command, by=BEN):
    effects = run.ask(command, by)
    view = only(effects, Reply).view
    assert isinstance(view, CancelView), f"expected cancels, was {view}"
    return effects, view


def test_one_order_is_cancelled_by_the_beginning_of_its_id(run):
    order = sent(run, resting())
    run.answer(accepted(order))
    effects, view = cancelled(run, AskCancel(order_id=OrderId(order.order_id[:12])))

    assert view.order_ids == (order.order_id,)
    assert only(effects, CancelOrders).order_ids == (order.order_id,)
    assert run.order(order).state is OrderState.PENDING_CANCEL


def test_all_orders_of_an_event_or_of_the_account_are_cancelled_even_when_halted(run):
    order = sent(run, resting())
    run.answer(accepted(order))
    run.ask(Kill(), ANA)

    _, by_event = cancelled(run, AskCancel(code="fed3"))
    effects, everything = cancelled(run, AskCancel())

    assert by_event.order_ids == everything.order_ids == (order.order_id,)
    assert of_kind(effects, CancelEverything)


@pytest.mark.parametrize("command", [AskCancel(), AskCancel(code="fed3")])
def test_an_order_that_is_being_committed_when_all_are_cancelled_does_not_rest(run, command):
    batch = only(run.ask(resting()), SendBatch)
    run.ask(command)

    (order,) = run.commit(batch)
    effects = run.answer(accepted(order))

    assert cancelled_ids(effects) == {order.order_id}


def test_a_cancel_of_another_event_leaves_what_is_being_committed(run):
    run.read_catalogue(event(), event(event_id="other", code="other3"))
    batch = only(run.ask(resting()), SendBatch)
    run.ask(AskCancel(code="other3"))

    (order,) = run.commit(batch)

    assert cancelled_ids(run.answer(accepted(order))) == set()


@pytest.mark.parametrize("named", ["0x", "0xffffffffffff"])
def test_an_id_that_is_too_short_or_unknown_cancels_nothing(run, named):
    sent(run, resting())
    effects = run.ask(AskCancel(order_id=OrderId(named)))

    assert refusal_of(only(effects, Reply).view).refusal.kind is RefusalKind.UNKNOWN_ORDER
    assert not of_kind(effects, CancelOrders)


def test_a_viewer_cancels_nothing(run):
    effects = run.ask(AskCancel(), VIC)

    assert refusal_of(only(effects, Reply).view).refusal.kind is RefusalKind.ROLE


def test_an_order_cut_off_between_card_and_send_is_dropped_by_the_next_start(run):
    run.ask(order_for())
    ticket = next(t for t in run.desk.tickets.values() if t.kind is TicketKind.ORDER)
    armed = [e.ticket for e in of_kind(run.effects, SaveTicket)][-1]
    assert ticket.state is TicketState.SENDING

    fresh = DeskRun()
    fresh.step(Restored(fresh.at_ms, (armed,), (), (), (), None))
    assert fresh.ticket(armed.ticket_id).state is TicketState.DROPPED
