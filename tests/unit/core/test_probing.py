"""Legs sent one after the other: each only after the fill of the one before, and never past a guard."""

from dataclasses import replace

import pytest

from engine.core.exposure.risk import reserved
from engine.core.gate import Held
from engine.core.state import RepairRules
from engine.core.tickets.settling import result_of
from engine.domain.account import CancelReply
from engine.domain.book import NotLive
from engine.domain.commands import AskCancel, Kill, OpenDutch, OutcomeRef, PlaceOrder, StopAuto
from engine.domain.effects import Count, RaiseAlert, Reply, ResendOrders, SendBatch, ShowTicket
from engine.domain.events import BatchRefused, Job, JobDue, PostAnswered
from engine.domain.failure import PostClass
from engine.domain.gate import Breaker, Hold
from engine.domain.market import Side
from engine.domain.order import OrderState, Settlement, TimeInForce
from engine.domain.plan import Sequencing
from engine.domain.rates import Bucket, RetryAfter
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Claim, Move, TicketKind, TicketState
from engine.domain.units import Ms, Price
from engine.domain.venue_state import VenueNote
from engine.domain.views import RefusalView
from tests.support.builders import accepted, answer, event, levels, live_book, shares, trade, usdc
from tests.support.desk_run import DeskRun, dutch_params, looked_up_ids, of_kind, only
from tests.unit.core.test_auto import granted, looked, touched

T = TicketState
WHOLE = shares(100)
ORDER = ("Hike", "Cut", "Hold")
"""Thinnest first."""
DEPTHS = {"Cut": 400, "Hold": 500, "Hike": 150}
TIMEOUT_MS = 30_000


def laid_out(group=None, **asks):
    """Books without bids worth a dump, of different depth."""
    group = group or event()
    return {
        market.yes: live_book(market, market.yes, levels((asks.get(market.name, 3_000), DEPTHS[market.name])))
        for market in group.markets
    }


@pytest.fixture
def run():
    """A desk whose budget for held legs is below what a batch could leave, and enough for a sequence."""
    run = DeskRun(
        dutch=dutch_params(max_residual=usdc(61), min_profit=usdc(0.1)),
        repair=RepairRules(leg_timeout_ms=Ms(TIMEOUT_MS), cooldown_ms=Ms(60_000)),
    )
    run.books.shown = laid_out(Cut=3_200, Hold=3_300, Hike=2_500)
    return run.start()


def ticket_of(run):
    return next(iter(run.desk.tickets.values()))


def flight_of(run):
    return next(iter(run.desk.flights.values()))


def fill(run, order, size=WHOLE):
    """Answer the POST of one order, then read its trades back; return the effects of both."""
    name = f"trade-{order.order_id[:12]}"
    effects = run.answer(accepted(order, size))
    read = trade(order, size, name=name, settlement=Settlement.CONFIRMED)
    return (*effects, *run.look_up(order, read))


def next_leg(run, effects):
    """Do what the shell does with the one leg that is released."""
    (order,) = run.commit(only(effects, SendBatch))
    return order


def at_second(run):
    """The first leg is filled, the second is on its way."""
    (first,) = run.sent()
    return first, next_leg(run, fill(run, first))


def sends(effects):
    return [*of_kind(effects, SendBatch), *of_kind(effects, ResendOrders)]


def nothing_more_leaves(run):
    """Whatever comes later: books, time, reads."""
    effects = [*run.later(1_000).timer("feed"), *run.read(), *run.later(60_000).timer("feed")]
    return not sends(effects)


def unsent(run):
    return [leg.name for leg in result_of(run.desk, flight_of(run)).legs if not leg.is_sent]


def test_a_plan_that_no_batch_carries_is_planned_leg_by_leg_thinnest_first(run):
    plan = run.dry().plan

    assert plan is not None
    assert plan.sequencing is Sequencing.PROBE
    names = {leg.number: leg.name for leg in plan.legs}
    assert tuple(names[number] for number in plan.probe_order) == ORDER


def test_each_leg_leaves_alone_after_the_fill_of_the_one_before_and_all_filled_is_done(run):
    sent = list(run.sent())
    for _ in ORDER[1:]:
        sent.append(next_leg(run, fill(run, sent[-1])))
    effects = fill(run, sent[-1])

    assert [order.intent.name for order in sent] == list(ORDER)
    assert not sends(effects)
    assert ticket_of(run).state is T.DONE
    assert result_of(run.desk, flight_of(run)).sets == WHOLE
    assert sum(e.by for e in of_kind(run.effects, Count) if e.metric == "dutch_orders_placed") == len(ORDER)
    assert len({order.intent.key for order in sent}) == len(ORDER)
    assert {order.intent.plan_id for order in sent} == {ticket_of(run).plan.plan_id}


def test_further_legs_leave_under_the_one_send_and_its_witnesses(run):
    (first,) = run.sent()
    batch = only(fill(run, first), SendBatch)
    begun = only([e for e in run.effects if isinstance(e, SendBatch) and e is not batch], SendBatch)

    ticket = ticket_of(run)
    assert batch.claim == Claim(ticket.ticket_id, T.SENDING, ticket.version)
    assert (batch.approved, batch.grant, batch.plan) == (begun.approved, begun.grant, begun.plan)
    assert [intent.time_in_force for intent in batch.intents] == [TimeInForce.GTD]


def test_nothing_more_leaves_while_a_leg_is_on_its_way_or_partly_filled(run):
    (first,) = run.sent()

    assert not sends(run.timer("feed"))
    assert not sends(run.answer(accepted(first, shares(40))))
    assert not sends(run.later(500).timer("feed"))
    assert ticket_of(run).state is T.SENDING


def test_a_leg_that_fills_while_its_rest_is_cancelled_lets_the_next_leave(run):
    (first,) = run.sent()
    run.answer(accepted(first, shares(40)))

    effects = fill(run, first)

    assert only(effects, SendBatch).intents[0].name == ORDER[1]


def test_a_first_leg_that_does_not_fill_ends_it_as_missed(run):
    (first,) = run.sent()

    effects = run.answer(answer(first, PostClass.REFUSED, "not enough balance / allowance"))

    assert not sends(effects)
    assert ticket_of(run).state is T.MISSED
    assert unsent(run) == list(ORDER[1:])
    assert reserved(run.desk) == 0
    assert nothing_more_leaves(run)


def test_a_second_leg_that_fills_in_part_breaks_the_ticket_and_offers_repairs(run):
    _, second = at_second(run)
    run.answer(accepted(second, shares(40)))
    run.cancel_says(CancelReply.CANCELLED, second)
    run.later(500).look_up(second, trade(second, shares(40), name="part", settlement=Settlement.CONFIRMED))
    run.read(trade(second, shares(40), name="part", settlement=Settlement.CONFIRMED))

    assert ticket_of(run).state is T.BROKEN
    assert unsent(run) == [ORDER[2]]
    alert = next(e.alert for e in of_kind(run.effects, RaiseAlert) if e.alert.key.startswith("broken:"))
    assert ORDER[1] in alert.text
    assert ORDER[2] in alert.text
    assert flight_of(run).repairs
    assert nothing_more_leaves(run)


def test_repairs_take_over_what_a_sequence_has_left(run):
    _, second = at_second(run)
    run.answer(answer(second, PostClass.REFUSED, "no liquidity"))

    assert ticket_of(run).state is T.BROKEN
    assert ticket_of(run).ticket_id in run.desk.frozen[flight_of(run).event_id]
    assert flight_of(run).risk is not None
    words = " ".join(option.words for option in flight_of(run).repairs)
    assert "buy 2 legs" in words or all(name in words for name in ORDER[1:])


def test_what_is_still_to_be_sent_stays_reserved_until_the_sequence_ends(run):
    (first,) = run.sent()
    plan = ticket_of(run).plan
    before = reserved(run.desk)
    effects = fill(run, first)
    legs = {leg.name: leg for leg in plan.legs}

    assert before == sum(leg.outlay_max for leg in plan.legs)
    assert reserved(run.desk) == sum(legs[name].outlay_max for name in ORDER[1:])
    second = next_leg(run, effects)
    assert reserved(run.desk) == sum(legs[name].outlay_max for name in ORDER[1:])
    run.answer(answer(second, PostClass.REFUSED, "no liquidity"))
    assert reserved(run.desk) == 0


def dearer(run):
    run.books.shown |= laid_out(Cut=3_200, Hold=3_310, Hike=2_500)


def book_gone(run):
    run.books.down = NotLive.WAITING


def rules_announced(run):
    group = replace(run.events[0], rules_text="Something else wins.")
    run.read_catalogue(group)


@pytest.mark.parametrize("happens", [dearer, book_gone, rules_announced])
def test_a_guard_that_refuses_in_between_ends_the_sequence(run, happens):
    (first,) = run.sent()
    happens(run)

    effects = fill(run, first)

    assert not sends(effects)
    assert ticket_of(run).state is T.BROKEN
    assert unsent(run) == list(ORDER[1:])
    assert flight_of(run).stopped
    assert nothing_more_leaves(run)


def test_a_kill_in_between_ends_the_sequence_for_good(run):
    (first,) = run.sent()
    run.ask(Kill())

    assert flight_of(run).stopped
    assert not sends(fill(run, first))
    run.desk.standing.halted = None
    assert nothing_more_leaves(run)
    assert ticket_of(run).state is T.BROKEN


def test_a_leg_released_before_the_kill_is_taken_over_and_ends_it(run):
    (first,) = run.sent()
    batch = only(fill(run, first), SendBatch)
    run.ask(Kill())

    assert ticket_of(run).state is T.SENDING
    (second,) = run.commit(batch)
    run.answer(answer(second, PostClass.NOT_SENT, "the gate closed before the order left"))

    assert run.order(second).state is OrderState.REJECTED
    assert ticket_of(run).state is T.BROKEN
    assert unsent(run) == [ORDER[2]]


def test_a_cancel_of_the_event_ends_the_sequence_even_between_two_legs(run):
    (first,) = run.sent()
    batch = only(fill(run, first), SendBatch)
    run.ask(AskCancel(code="fed3"))
    (second,) = run.commit(batch)

    assert not sends(fill(run, second))
    assert ticket_of(run).state is T.BROKEN
    assert unsent(run) == [ORDER[2]]


def test_time_that_is_over_ends_the_sequence(run):
    (first,) = run.sent()
    run.later(TIMEOUT_MS + 1).timer("feed")

    assert flight_of(run).stopped
    assert not sends(fill(run, first))
    assert ticket_of(run).state is T.BROKEN


def test_a_leg_of_unknown_outcome_is_waited_for_and_never_sent_twice(run):
    (first,) = run.sent()
    effects = run.answer(answer(first, PostClass.UNKNOWN, "timed out"))

    assert not sends(effects)
    assert first.order_id in looked_up_ids([*effects, *run.later(1_000).timer(f"lookup:{first.order_id}")])
    name = f"trade-{first.order_id[:12]}"
    found = run.look_up(first, trade(first, name=name, settlement=Settlement.CONFIRMED))
    assert only(found, SendBatch).intents[0].name == ORDER[1]


def test_a_commit_that_does_not_happen_ends_the_sequence_with_what_is_held(run):
    (first,) = run.sent()
    batch = only(fill(run, first), SendBatch)

    run.step(BatchRefused(run.at_ms, batch.ticket, "the disk is full"))

    assert ticket_of(run).state is T.BROKEN
    assert unsent(run) == list(ORDER[1:])
    assert "the disk is full" in flight_of(run).stopped


@pytest.mark.parametrize("told", [True, False])
def test_a_restart_in_mid_sequence_sends_nothing_and_settles_what_is_held(run, told):
    first, second = at_second(run)
    fills = tuple(run.desk.fills.values())
    kept = (run.order(first), run.order(second))
    ticket = ticket_of(run)

    effects = [*run.restart(kept, (ticket,), fills=fills)]
    if told:
        bought = trade(second, name="late", settlement=Settlement.CONFIRMED)
        effects += run.look_up(second, bought)
        effects += run.read(bought, balance=usdc(1_000))
    effects += run.later(200_000).timer("feed")
    effects += run.read(balance=usdc(1_000))

    assert not sends(effects)
    assert unsent(run) == [ORDER[2]]
    assert run.ticket(ticket.ticket_id).state in ((T.BROKEN,) if told else (T.SENDING, T.BROKEN))


def test_a_restart_between_two_legs_breaks_the_ticket_at_once(run):
    (first,) = run.sent()
    fill(run, first)

    run.restart((run.order(first),), (ticket_of(run),), fills=tuple(run.desk.fills.values()))

    assert ticket_of(run).state is T.BROKEN
    assert unsent(run) == list(ORDER[1:])
    assert "restarted" in flight_of(run).stopped
    assert nothing_more_leaves(run)


def test_the_event_takes_no_other_plan_between_two_legs(run):
    (first,) = run.sent()
    fill(run, first)

    view = only(run.ask(OpenDutch("fed3", None), entropy=8), Reply).view
    assert isinstance(view, RefusalView)
    assert "in flight" in view.refusal.text


def test_no_order_of_our_own_may_meet_a_leg_to_come(run):
    run.sent()
    hold = run.events[0].markets[1]
    run.books.shown[hold.no] = live_book(hold, hold.no, levels((7_100, 100)))
    outcome = OutcomeRef(code="fed3", name="Hold", is_no=True)
    order = PlaceOrder(outcome, Side.BUY, Price(7_000), shares(10), TimeInForce.GTC, rests=True)

    view = only(run.ask(order, entropy=9), Reply).view

    assert isinstance(view, RefusalView)
    assert view.refusal.kind is RefusalKind.SELF_TRADE


def test_progress_is_shown_with_every_leg(run):
    (first,) = run.sent()
    second = next_leg(run, fill(run, first))

    shown = of_kind(run.effects, ShowTicket)[-1].view.result
    assert shown is not None
    assert [leg.name for leg in shown.legs] == list(ORDER)
    assert [leg.is_sent for leg in shown.legs] == [True, True, False]
    assert shown.legs[1].order_id == second.order_id
    assert shown.sets == 0


def put_off(run, order, wait_ms=500):
    """The venue takes no order for a moment: the same bytes may follow."""
    note = VenueNote(limited=RetryAfter(Ms(wait_ms), told=True))
    return run.step(PostAnswered(run.at_ms, (answer(order, PostClass.DEFERRED, "429"),), note))


def pause_over(run):
    run.later(1_000).timer("limited")
    run.read()


def test_a_leg_put_off_by_the_venue_is_sent_again_and_the_sequence_goes_on(run):
    _, second = at_second(run)

    put_off(run, second)
    assert not flight_of(run).stopped
    pause_over(run)
    effects = run.timer(f"resend:{second.intent.ticket_id}")

    assert only(effects, ResendOrders).order_ids == (second.order_id,)
    third = next_leg(run, fill(run, second))
    fill(run, third)
    assert ticket_of(run).state is T.DONE


def test_no_leg_leaves_while_the_desk_waits_and_the_next_one_does_after_it(run):
    (first,) = run.sent()
    run.desk.standing.holds[Hold.LAG] = Held("late")

    assert not sends(fill(run, first))
    run.desk.standing.holds.clear()
    effects = run.later(1_000).timer("feed")

    assert only(effects, SendBatch).intents[0].name == ORDER[1]


def test_a_resume_in_between_is_waited_for_until_its_read_has_come(run):
    (first,) = run.sent()
    run.desk.standing.rearm("resumed", run.at_ms)

    assert not sends(fill(run, first))
    effects = run.later(500).read(balance=run.desk.balance)

    assert only(effects, SendBatch).intents[0].name == ORDER[1]


@pytest.mark.parametrize("tripped", [True, False])
def test_a_breaker_or_a_halt_in_between_ends_a_sequence_that_buys(run, tripped):
    (first,) = run.sent()
    if tripped:
        run.desk.standing.tripped[Breaker.REJECTS] = "too many"
    else:
        run.desk.standing.halted = "somebody halted it"

    assert not sends(fill(run, first))
    run.desk.standing.tripped.clear()
    run.desk.standing.halted = None
    assert ticket_of(run).state is T.BROKEN
    assert nothing_more_leaves(run)


def test_a_leg_waits_for_tokens_of_the_rate_limit_until_the_time_is_over(run):
    (first,) = run.sent()
    run.desk.rates.take(Bucket.ORDERS, run.desk.rates.remaining(Bucket.ORDERS, run.at_ms), run.at_ms)

    assert not sends(fill(run, first))
    assert not flight_of(run).stopped
    assert only(run.later(1_000).timer("feed"), SendBatch).intents[0].name == ORDER[1]


def test_a_leg_put_off_by_the_venue_is_not_sent_again_after_its_sequence_has_ended(run):
    (first,) = run.sent()
    run.later(TIMEOUT_MS - 500)
    second = next_leg(run, fill(run, first))
    put_off(run, second)
    pause_over(run)
    assert flight_of(run).stopped

    effects = run.timer(f"resend:{second.intent.ticket_id}")

    assert not sends(effects)
    assert run.order(second).state is OrderState.UNKNOWN


@pytest.mark.parametrize("code", ["fed3", ""])
def test_a_cancel_while_the_first_leg_is_being_committed_lets_no_further_leg_leave(run, code):
    ticket = run.armed()
    batch = only(run.press(ticket, Move.SEND), SendBatch)
    run.ask(AskCancel(code=code))
    (first,) = run.commit(batch)

    assert not sends(fill(run, first))
    assert ticket_of(run).state is T.BROKEN
    assert "cancelled" in flight_of(run).stopped
    assert reserved(run.desk) == 0
    assert nothing_more_leaves(run)


def test_no_leg_is_released_in_the_very_moment_in_which_time_is_over(run):
    (first,) = run.sent()
    run.later(flight_of(run).witnesses[1].expires_ms - run.at_ms)

    assert not sends(fill(run, first))
    assert ticket_of(run).state is T.BROKEN


def test_a_restart_does_not_say_that_it_ended_a_sequence_that_was_over_before(run):
    (first,) = run.sent()
    dearer(run)
    fill(run, first)
    assert ticket_of(run).state is T.BROKEN

    run.restart((run.order(first),), (ticket_of(run),), fills=tuple(run.desk.fills.values()))

    assert ticket_of(run).state is T.BROKEN
    assert "restarted" not in flight_of(run).stopped
    assert flight_of(run).stopped


def under_a_grant(run):
    """The grant has sent the first leg of a sequence; returns the order."""
    run.books.shown = {}
    granted(run, code="fed3", budget=400)
    hike = run.events[0].markets[2]
    assert hike.name == "Hike"
    thin = {hike.yes: live_book(hike, hike.yes, levels((2_500, 100)))}
    run.books.shown = laid_out(Cut=3_200, Hold=3_300, Hike=2_500) | thin
    (first,) = run.commit(only(looked(run, touched(run)), SendBatch))
    assert len(flight_of(run).to_send) == len(ORDER) - 1
    return first


def test_a_sequence_under_a_grant_that_breaks_is_completed_without_a_press(run):
    first = under_a_grant(run)
    second = next_leg(run, fill(run, first))
    run.answer(answer(second, PostClass.REFUSED, "no liquidity"))
    broken = run.ticket(first.intent.ticket_id)
    assert broken.state is T.BROKEN

    batch = only(looked(run, run.later(1_000).step(JobDue(run.at_ms, Job.DUTCH_SCAN))), SendBatch)
    orders = run.commit(batch)
    for order in orders:
        fill(run, order, order.intent.size)

    assert (batch.ticket.kind, {order.intent.name for order in orders}) == (TicketKind.REPAIR, set(ORDER[1:]))
    # Less than the whole: sent together these two could lose more than one by one, as the card told.
    assert shares(90) < result_of(run.desk, run.desk.flights[broken.ticket_id]).sets < WHOLE
    assert run.ticket(broken.ticket_id).state is T.DONE


def test_the_end_of_its_grant_ends_a_sequence(run):
    first = under_a_grant(run)
    run.ask(StopAuto())

    assert not sends(fill(run, first))
    assert run.ticket(first.intent.ticket_id).state is T.BROKEN
    assert "standing grant" in flight_of(run).stopped
    assert nothing_more_leaves(run)
