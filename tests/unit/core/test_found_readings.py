"""Defects found by reading the path of money against its promises: one test each, named after the failure."""

from dataclasses import replace

import pytest

from engine.core.exposure.inventory import shares as shares_held
from engine.core.exposure.risk import reserved
from engine.core.halts.breakers import trip
from engine.core.state import Flight
from engine.domain.account import CancelReply
from engine.domain.commands import AskCancel, AskResume, Kill, OutcomeRef, PlaceOrder
from engine.domain.effects import (
    CancelEverything,
    ReadAccount,
    Reply,
    ResendOrders,
    SendBatch,
)
from engine.domain.events import (
    AccountReadFailed,
    CancelAnswered,
    CancelFailed,
    CatalogueRead,
    HostTold,
    Restored,
    UserLink,
)
from engine.domain.failure import PostClass, RejectKind
from engine.domain.gate import Breaker, Hold
from engine.domain.host import HostSign
from engine.domain.ids import EventId
from engine.domain.market import Side
from engine.domain.order import OrderState, Settlement, TimeInForce
from engine.domain.rates import Bucket
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import TicketState
from engine.domain.units import Ms, Price
from engine.domain.views import Gate
from tests.support.builders import (
    ANA,
    NOW,
    TICKET,
    accepted,
    answer,
    fill,
    intent,
    order,
    order_id,
    shares,
    ticket,
    trade,
)
from tests.support.desk_run import DeskRun, cancelled_ids, of_kind, only, refusal_of, timers

S = OrderState
TWO_HOURS_MS = 7_200_000
OVERLAP_MS = 600_000


@pytest.fixture
def run():
    return DeskRun().start()


def rests_for_hours(run):
    """One order that was meant to rest and has done so for two hours."""
    leg = run.sent_as(post_only=True, time_in_force=TimeInForce.GTC, expiration_s=0)[0]
    run.answer(*(accepted(run.order(order)) for order in run.desk.orders.values()))
    run.later(TWO_HOURS_MS)
    run.effects.clear()
    return leg


def reaches_back_to(effects, leg):
    """Tell that every read would hold a fill as old as the order."""
    reads = of_kind(effects, ReadAccount)
    return bool(reads) and all(read.since_ms <= leg.intent.created_ms - OVERLAP_MS for read in reads)


def test_a_read_that_ends_a_hold_reaches_back_to_the_oldest_order(run):
    leg = rests_for_hours(run)
    run.step(UserLink(run.at_ms, up=False))
    run.later(10_000).timer("blind")

    assert reaches_back_to(run.step(UserLink(run.at_ms, up=True)), leg)


def test_a_kills_reads_reach_back_to_the_oldest_order(run):
    leg = rests_for_hours(run)
    run.ask(Kill())

    assert reaches_back_to(run.later(1_000).timer("kill"), leg)


def test_a_resumes_read_reaches_back_to_the_oldest_order(run):
    leg = rests_for_hours(run)
    trip(run.desk, Breaker.REJECTS, "five", run.at_ms)

    assert reaches_back_to(run.ask(AskResume("", confirmed=True), ANA), leg)


def test_the_read_after_many_cancels_reaches_back_to_the_oldest_order(run):
    leg = rests_for_hours(run)
    fresh = [order(S.LIVE, order_id=order_id(n), what=intent(created_ms=run.at_ms)) for n in range(16)]
    run.desk.orders.update({o.order_id: o for o in fresh})

    assert reaches_back_to(run.cancel_says(CancelReply.CANCELLED, *fresh), leg)


def test_a_deferred_order_that_somebody_cancelled_is_not_sent_again(run):
    legs = run.sent_as(resend_until_ms=Ms(NOW + 60_000))
    effects = run.answer(*(answer(leg, PostClass.DEFERRED, "restarting") for leg in legs))
    due = next(name for name in timers(effects) if name.startswith("resend:"))
    run.ask(AskCancel(order_id=legs[0].order_id))

    effects = run.later(300).timer(due)

    again = {order_id for resent in of_kind(effects, ResendOrders) for order_id in resent.order_ids}
    assert again == {leg.order_id for leg in legs[1:]}
    assert run.order(legs[0]).state is S.UNKNOWN, "its end is proven like any other"


def test_an_order_cancelled_while_on_its_way_is_cancelled_again_as_soon_as_it_rests(run):
    leg = run.sent_as(post_only=True, time_in_force=TimeInForce.GTC, expiration_s=0)[0]
    run.ask(AskCancel(order_id=leg.order_id))

    assert leg.order_id in cancelled_ids(run.later(50).answer(accepted(leg)))


def test_not_found_to_a_cancel_that_left_before_the_order_was_known_proves_nothing(run):
    leg = run.sent()[0]
    asked_ms = run.at_ms
    run.ask(AskCancel(order_id=leg.order_id))
    run.later(100).answer(accepted(leg))
    run.later(20).step(CancelAnswered(run.at_ms, asked_ms, ((leg.order_id, CancelReply.NOT_FOUND),)))

    run.later(10).look_up(leg)

    assert not run.order(leg).state.is_final, "the reply is older than the order"
    assert reserved(run.desk) > 0


def test_an_order_unknown_for_two_minutes_trips_even_if_no_read_succeeds(run):
    run.answer(*(answer(leg, PostClass.UNKNOWN, "timed out") for leg in run.sent()))

    run.later(121_000).step(AccountReadFailed(run.at_ms, "HTTP 502"))

    assert Breaker.UNKNOWN in run.desk.standing.tripped


def test_a_kill_is_carried_out_even_if_more_was_sold_than_our_books_hold(run):
    sold = order(S.FILLED, what=intent(side=Side.SELL), filled=shares(100))
    run.restart((sold,), (ticket(TicketState.DONE),), fills=(fill(sold, side=Side.SELL),))
    run.read()

    assert shares_held(run.desk)[sold.intent.token_id] == -shares(100)
    assert of_kind(run.ask(Kill()), CancelEverything)


def test_one_trade_undone_for_two_orders_of_ours_counts_once(run):
    legs = run.sent()
    run.answer(*(accepted(leg) for leg in legs))
    both = trade(legs[0], name="both", settlement=Settlement.FAILED)
    maker = replace(both.makers[0], order_id=legs[1].order_id)
    run.read(replace(both, makers=(maker,)))

    assert not run.desk.standing.tripped


def test_a_trade_undone_before_a_restart_counts_with_the_next_one(run):
    kept = order(S.CANCELLED, filled=shares(40))
    undone = fill(kept, shares(40), name="before", settlement=Settlement.FAILED, matched_ms=run.at_ms)
    run.restart((kept,), (ticket(TicketState.MISSED),), fills=(undone,))
    run.read()
    assert not run.desk.standing.tripped

    run.later(1_000).read(trade(kept, shares(40), name="after", settlement=Settlement.FAILED))

    assert Breaker.FAILED_TRADES in run.desk.standing.tripped


def test_a_resume_forgets_the_trades_undone_before_it(run):
    legs = run.sent()
    run.answer(*(accepted(leg) for leg in legs))
    lost = [trade(legs[0], shares(10), name=f"t{n}", settlement=Settlement.FAILED) for n in range(3)]
    run.read(*lost[:2])
    assert Breaker.FAILED_TRADES in run.desk.standing.tripped
    run.ask(AskResume("", confirmed=True), ANA)
    run.later(10).read()

    run.later(10).read(*lost)

    assert not run.desk.standing.tripped


def on_its_way(run, *legs):
    """One more batch whose POST has not been answered."""
    run.desk.orders.update({leg.order_id: leg for leg in legs})
    run.desk.tickets[TICKET] = ticket()
    ids = tuple(leg.order_id for leg in legs)
    run.desk.flights[TICKET] = Flight(TICKET, EventId("event-fed3"), ids, run.at_ms, None)


def test_orders_that_found_nothing_to_match_are_no_rejects(run):
    for _ in range(5):
        ended = order(what=intent(time_in_force=TimeInForce.FAK))
        on_its_way(run, ended)
        run.answer(answer(ended, PostClass.REFUSED, "any words", reject=RejectKind.KILLED))
        assert run.order(ended).state is S.KILLED

    assert not run.desk.standing.tripped


def test_a_refused_key_counts_whatever_its_words_and_whatever_it_proves(run):
    for _ in range(3):
        legs = tuple(order(leg=leg) for leg in range(2))
        on_its_way(run, *legs)
        run.answer(*(answer(leg, PostClass.UNKNOWN, "denied", reject=RejectKind.AUTH) for leg in legs))

    assert Breaker.AUTH in run.desk.standing.tripped


def place(side, price):
    return PlaceOrder(
        outcome=OutcomeRef(code="fed3", name="hold"),
        side=side,
        price=Price(price),
        size=shares(10),
        time_in_force=TimeInForce.GTC,
        rests=True,
        lasts_ms=Ms(0),
    )


def test_an_order_that_is_just_being_committed_is_not_traded_against(run):
    bought = run.commit(only(run.ask(place(Side.BUY, 2_900), entropy=7), SendBatch))[0]
    run.answer(accepted(bought))
    run.read(trade(bought, settlement=Settlement.CONFIRMED))
    assert of_kind(run.ask(place(Side.SELL, 3_100), entropy=8), SendBatch), "not committed yet"

    refused = refusal_of(only(run.ask(place(Side.BUY, 3_100), entropy=9), Reply).view).refusal

    assert refused.kind is RefusalKind.SELF_TRADE


def test_a_cancel_all_that_got_no_answer_after_a_halted_start_is_repeated(run):
    run.restart((), (), halted="killed by ANA")
    effects = run.step(CancelFailed(run.at_ms, (), "timed out", everything=True))
    (name,) = [name for name in timers(effects) if name == "cancel-all"]

    assert of_kind(run.later(10_000).timer(name), CancelEverything)


def test_the_first_read_reaches_back_to_the_oldest_order_that_is_watched_as_a_tombstone(run):
    dead = order(S.DEAD, ever_unknown=True)
    run.later(TWO_HOURS_MS)
    ended_ms = Ms(run.at_ms - TWO_HOURS_MS + 60_000)
    effects = run.step(
        Restored(
            run.at_ms,
            (ticket(TicketState.MISSED),),
            (dead,),
            (),
            (),
            None,
            ended=((dead.order_id, ended_ms),),
        )
    )

    assert only(effects, ReadAccount).since_ms <= ended_ms - OVERLAP_MS


def test_a_catalogue_read_begun_before_the_clock_was_set_does_not_end_its_hold(run):
    began = run.at_ms
    run.later(100).step(HostTold(run.at_ms, HostSign.CLOCK_STEP, 9_000))
    run.later(100).step(CatalogueRead(run.at_ms, began, run.events, 0))
    run.later(10).read()
    assert Hold.CLOCK in run.desk.standing.holds

    run.later(100).step(CatalogueRead(run.at_ms, Ms(run.at_ms - 50), run.events, 0))
    run.later(10).read()
    assert run.desk.gate is Gate.RUN


def test_a_resend_may_use_the_tokens_kept_for_repairs(run):
    legs = run.sent_as(resend_until_ms=Ms(NOW + 60_000))
    effects = run.answer(*(answer(leg, PostClass.DEFERRED, "restarting") for leg in legs))
    (due,) = [name for name in timers(effects) if name.startswith("resend:")]
    left = run.desk.rates.remaining(Bucket.ORDERS, run.at_ms)
    run.desk.rates.take(Bucket.ORDERS, left - len(legs), run.at_ms)

    assert of_kind(run.timer(due), ResendOrders)
